package db_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// OPS-06: a database is known again where it was, and a copy of it is not taken for it.
func TestPlaces(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	place := func(url string) string {
		t.Helper()
		d := dbtest.Open(t, url)
		word, err := d.Place(ctx)
		if err != nil || word == "" {
			t.Fatalf("%q: %v", word, err)
		}
		d.Close()
		return word
	}
	empty(t, func(t *testing.T, engine db.Engine, url string) {
		d := dbtest.Open(t, url)
		first, err := d.Place(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, "CREATE TABLE something (id BIGINT PRIMARY KEY)")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		d.Close()
		if again := place(url); again != first || first == "" {
			t.Errorf("%s: %q, then %q", engine, first, again)
		}
	})
	path := filepath.Join(t.TempDir(), "a.sqlite3")
	before := place(path)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "a.sqlite3")
	if err := os.WriteFile(other, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := place(other); got == before {
		t.Errorf("a copy is taken for what it was made of: %q", got)
	}
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	if got := place(path + ".moved"); got != before {
		t.Errorf("after another name was given to it, %q is %q", before, got)
	}
}

// OPS-02: nobody but its owner reads a database, nor what SQLite keeps beside it; one that was made with other modes is mended.
func TestNobodyElseReadsTheDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.sqlite3")
	for _, was := range []os.FileMode{0, 0o644, 0o666} {
		if was != 0 {
			if err := os.Chmod(path, was); err != nil {
				t.Fatal(err)
			}
		}
		d := dbtest.Open(t, path)
		if err := d.Write(context.Background(), func(tx *db.Tx) error {
			_, err := tx.Exec(context.Background(), "CREATE TABLE IF NOT EXISTS something (id BIGINT PRIMARY KEY)")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for _, end := range []string{"", "-wal", "-shm"} {
			info, err := os.Stat(path + end)
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode().Perm(); got != 0o600 {
				t.Errorf("%s has mode %o", info.Name(), got)
			}
		}
		d.Close()
	}
}
