package blob_test

import (
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/blob/blobtest"
)

func TestDisk(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) blob.Store {
		d, err := blob.OpenDisk(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		return d
	})
}

func TestMemory(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(*testing.T) blob.Store { return blob.NewMemory() })
}

func TestPath(t *testing.T) {
	t.Parallel()
	first, second := blob.Path("media_attachments/files", 109876543210987654, "original", ".png"), blob.Path("custom_emojis/images", 12, "static", ".png")
	if !strings.HasPrefix(first, "media_attachments/files/109/876/543/210/987/654/original/") || !strings.HasPrefix(second, "custom_emojis/images/000/000/012/static/") || !blob.ValidName(first) {
		t.Errorf("%s, %s", first, second)
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		n := blob.Name("media", ".png")
		if !blob.ValidName(n) || seen[n] || !strings.HasPrefix(n, "media/") || !strings.HasSuffix(n, ".png") {
			t.Fatalf("made the name %q", n)
		}
		seen[n] = true
	}
}
