package blob_test

import (
	"slices"
	"testing"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/blob/blobtest"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"cache/", "a/", "a/c", "a", "zz/", "a0"} {
		t.Run(prefix, func(t *testing.T) {
			t.Parallel()
			blobtest.Run(t, func(t *testing.T) blob.Store { return blob.Split(prefix, disk(t), blob.NewMemory()) })
		})
	}
}

func TestSplitKeepsApart(t *testing.T) {
	t.Parallel()
	under, rest := blob.NewMemory(), counting(blob.NewMemory())
	s := blob.Split("cache/", under, rest)
	put(t, rest, "cache/stray", "not seen")
	put(t, under, "media/stray", "not seen")
	for _, name := range []string{"avatars/1", "cache/1", "cache/2", "media/1", "media/2"} {
		put(t, s, name, body(name))
	}
	for _, c := range []struct {
		prefix, after string
		want          []string
	}{
		{"", "", []string{"avatars/1", "cache/1", "cache/2", "media/1", "media/2"}},
		{"", "cache/1", []string{"cache/2", "media/1", "media/2"}},
		{"", "media/1", []string{"media/2"}},
		{"cache/", "cache/1", []string{"cache/2"}},
		{"ca", "", []string{"cache/1", "cache/2"}},
		{"media/", "", []string{"media/1", "media/2"}},
	} {
		if got := walk(t, s, c.prefix, c.after); !slices.Equal(got, c.want) {
			t.Errorf("%q after %q: %v", c.prefix, c.after, got)
		}
	}
	if err := s.Delete(t.Context(), "cache/1", "media/1", "cache/2", "avatars/1"); err != nil {
		t.Fatal(err)
	}
	if got := walk(t, under, "", ""); !slices.Equal(got, []string{"media/stray"}) {
		t.Errorf("under has %v", got)
	}
	if got := walk(t, rest.Store, "", ""); !slices.Equal(got, []string{"cache/stray", "media/2"}) {
		t.Errorf("the rest has %v", got)
	}
}
