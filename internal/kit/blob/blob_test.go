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
