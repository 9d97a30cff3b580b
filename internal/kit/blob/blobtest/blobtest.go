// Package blobtest owns what every store of files must do, as one suite.
package blobtest

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/errs"
)

// Run asks a store everything; open makes an empty one.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	ctx := context.Background()
	read := func(t *testing.T, s blob.Store, name string) string {
		t.Helper()
		f, err := s.Open(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b, err := io.ReadAll(f)
		if err != nil || f.Size != int64(len(b)) {
			t.Fatalf("read %d of %d bytes: %v", len(b), f.Size, err)
		}
		return string(b)
	}
	t.Run("keeps and replaces", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		for _, body := range []string{"one", "another", ""} {
			if err := s.Put(ctx, "a/b/c.txt", strings.NewReader(body), -1); err != nil {
				t.Fatal(err)
			}
			if got := read(t, s, "a/b/c.txt"); got != body {
				t.Fatalf("read %q after storing %q", got, body)
			}
		}
	})
	t.Run("a broken upload leaves the old file", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		if err := s.Put(ctx, "a/x", strings.NewReader("old"), -1); err != nil {
			t.Fatal(err)
		}
		broken := io.MultiReader(strings.NewReader("new"), iotest.ErrReader(errors.New("gone")))
		if err := s.Put(ctx, "a/x", broken, -1); err == nil {
			t.Fatal("storing half a file succeeded")
		}
		if got := read(t, s, "a/x"); got != "old" {
			t.Fatalf("read %q", got)
		}
	})
	t.Run("deletes", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		if err := s.Put(ctx, "a/x", strings.NewReader("x"), -1); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.Delete(ctx, "a/x", "a/never"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Open(ctx, "a/x"); !errs.IsNotFound(err) {
			t.Fatalf("opening a deleted file: %v", err)
		}
	})
	t.Run("a body of another length is refused", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		for _, size := range []int64{2, 4} {
			if err := s.Put(ctx, "a/x", strings.NewReader("one"), size); err == nil {
				t.Errorf("3 bytes were kept as %d", size)
			}
		}
		if _, err := s.Stat(ctx, "a/x"); !errs.IsNotFound(err) {
			t.Errorf("something was kept: %v", err)
		}
		if err := s.Put(ctx, "a/x", strings.NewReader("one"), 3); err != nil {
			t.Fatal(err)
		}
		if info, err := s.Stat(ctx, "a/x"); err != nil || info.Name != "a/x" || info.Size != 3 || info.ModTime.IsZero() {
			t.Errorf("%+v, %v", info, err)
		}
	})
	t.Run("reads from any place", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		if err := s.Put(ctx, "a/x", strings.NewReader("0123456789"), 10); err != nil {
			t.Fatal(err)
		}
		f, err := s.Open(ctx, "a/x")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, at := range []struct {
			offset int64
			whence int
			want   string
		}{{4, io.SeekStart, "45"}, {1, io.SeekCurrent, "78"}, {-2, io.SeekEnd, "89"}, {0, io.SeekStart, "01"}} {
			if _, err := f.Seek(at.offset, at.whence); err != nil {
				t.Fatal(err)
			}
			two := make([]byte, 2)
			if _, err := io.ReadFull(f, two); err != nil || string(two) != at.want {
				t.Errorf("at %d of %d: %q, %v", at.offset, at.whence, two, err)
			}
		}
		if _, err := f.Seek(0, io.SeekEnd); err != nil {
			t.Fatal(err)
		}
		if n, err := f.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %d, %v", n, err)
		}
	})
	t.Run("walks in order", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		all := []string{"a-b/x", "a/b", "a/b-c", "a/b.c", "a/c/d", "a/c/e", "a0", "b/x"}
		for _, name := range all {
			if err := s.Put(ctx, name, strings.NewReader(name), int64(len(name))); err != nil {
				t.Fatal(err)
			}
		}
		walk := func(prefix, after string) string {
			var got []string
			if err := s.Walk(ctx, prefix, after, func(i blob.Info) error {
				if i.Size != int64(len(i.Name)) || i.ModTime.IsZero() {
					t.Errorf("told of %+v", i)
				}
				got = append(got, i.Name)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			return strings.Join(got, " ")
		}
		for _, c := range [][3]string{
			{"", "", strings.Join(all, " ")}, {"a/", "", "a/b a/b-c a/b.c a/c/d a/c/e"}, {"a/c", "", "a/c/d a/c/e"}, {"a/b", "a/b", "a/b-c a/b.c"},
			{"", "a/c/d", "a/c/e a0 b/x"}, {"", "b/x", ""}, {"never/", "", ""}, {"a", "a/c", "a/c/d a/c/e a0"},
		} {
			if got := walk(c[0], c[1]); got != c[2] {
				t.Errorf("%q after %q: %s", c[0], c[1], got)
			}
		}
		stop := errors.New("enough")
		if err := s.Walk(ctx, "", "", func(blob.Info) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("an error in the middle gave %v", err)
		}
	})
	t.Run("hostile names", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		for _, name := range []string{"", "/", "../x", "a/../../x", "a//b", "/etc/passwd", ".hidden", "a/.b", "A", "a\\b", "a\x00b", "a b", "%2e%2e/x", strings.Repeat("a", 300)} {
			if err := s.Put(ctx, name, strings.NewReader("x"), -1); err == nil {
				t.Errorf("stored a file named %q", name)
			}
			if _, err := s.Open(ctx, name); !errs.IsNotFound(err) {
				t.Errorf("opening %q: %v", name, err)
			}
			if err := s.Delete(ctx, name); err != nil {
				t.Errorf("deleting %q: %v", name, err)
			}
		}
		if err := s.Put(ctx, "folder/x", strings.NewReader("x"), -1); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(ctx, "folder"); !errs.IsNotFound(err) {
			t.Errorf("opening a folder: %v", err)
		}
	})
}
