// Package dbtest owns databases for tests: one that is migrated and empty, on each engine.
package dbtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/schema"
	"github.com/gomph/gomph/internal/testkit/services"
)

// Each runs a test on SQLite and on PostgreSQL, each with a database of its own, in parallel.
func Each(t *testing.T, test func(t *testing.T, d *db.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, SQLite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, Postgres(t))
	})
}

// Pooled is Each with a third database: PostgreSQL behind PgBouncer in transaction mode.
func Pooled(t *testing.T, test func(t *testing.T, d *db.DB)) {
	t.Helper()
	Each(t, test)
	t.Run("pgbouncer", func(t *testing.T) {
		t.Parallel()
		test(t, Open(t, services.PgBouncer(t, PostgresURL(t))))
	})
}

// SQLite is a migrated database in a temporary file: a copy of one that is made once, for migrating takes most of a short test otherwise.
func SQLite(t testing.TB) *db.DB {
	t.Helper()
	empty, err := template()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "gomph.sqlite3")
	if err := os.WriteFile(path, empty, 0o600); err != nil {
		t.Fatal(err)
	}
	return Open(t, path)
}

// template is the file of a migrated database.
var template = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "gomph-template-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, "gomph.sqlite3")
	d, err := db.Open(context.Background(), db.Options{URL: path, Pool: 2})
	if err != nil {
		return nil, err
	}
	err = migrate(d)
	d.Close() // puts all into the one file
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// Postgres is a migrated database on the tests' private server.
func Postgres(t testing.TB) *db.DB {
	t.Helper()
	return Open(t, PostgresURL(t))
}

// PostgresURL is the address of a migrated database on the tests' private server.
func PostgresURL(t testing.TB) string {
	t.Helper()
	steps, err := schema.Migrations(db.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	return services.PostgresTemplate(t, fmt.Sprintf("gomph_%s", fingerprint(steps)), func(address string) error {
		d, err := db.Open(context.Background(), db.Options{URL: address, Pool: 2})
		if err != nil {
			return err
		}
		defer d.Close()
		return migrate(d)
	})
}

// Open opens a database until the test ends.
func Open(t testing.TB, url string) *db.DB {
	t.Helper()
	p := &plans{}
	d, err := db.Open(context.Background(), db.Options{URL: url, Pool: 6, Unsafe: true, OnText: p.saw})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.check(t, d)
		d.Close()
	})
	return d
}

func migrate(d *db.DB) error {
	steps, err := schema.Migrations(d.Engine())
	if err != nil {
		return err
	}
	_, err = d.Migrate(context.Background(), steps)
	return err
}
