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
			if err := s.Put(ctx, "a/b/c.txt", strings.NewReader(body)); err != nil {
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
		if err := s.Put(ctx, "a/x", strings.NewReader("old")); err != nil {
			t.Fatal(err)
		}
		broken := io.MultiReader(strings.NewReader("new"), iotest.ErrReader(errors.New("gone")))
		if err := s.Put(ctx, "a/x", broken); err == nil {
			t.Fatal("storing half a file succeeded")
		}
		if got := read(t, s, "a/x"); got != "old" {
			t.Fatalf("read %q", got)
		}
	})
	t.Run("deletes", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		if err := s.Put(ctx, "a/x", strings.NewReader("x")); err != nil {
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
	t.Run("hostile names", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		for _, name := range []string{"", "/", "../x", "a/../../x", "a//b", "/etc/passwd", ".hidden", "a/.b", "A", "a\\b", "a\x00b", "a b", "%2e%2e/x", strings.Repeat("a", 300)} {
			if err := s.Put(ctx, name, strings.NewReader("x")); err == nil {
				t.Errorf("stored a file named %q", name)
			}
			if _, err := s.Open(ctx, name); !errs.IsNotFound(err) {
				t.Errorf("opening %q: %v", name, err)
			}
			if err := s.Delete(ctx, name); err != nil {
				t.Errorf("deleting %q: %v", name, err)
			}
		}
		if err := s.Put(ctx, "folder/x", strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(ctx, "folder"); !errs.IsNotFound(err) {
			t.Errorf("opening a folder: %v", err)
		}
	})
}
