package db_test

import (
	"testing"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

func TestCommitLasts(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		mark := func() string {
			t.Helper()
			if d.Engine() == db.SQLite { // the file's counter of changes, which other connections go by
				n, err := db.Value[int64](t.Context(), d, "PRAGMA data_version")
				if err != nil {
					t.Fatal(err)
				}
				return string(rune('a' + n%64))
			}
			s, err := db.Value[string](t.Context(), d, "SELECT pg_current_wal_flush_lsn()::text")
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		before := mark()
		if err := d.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if after := mark(); after == before {
			t.Errorf("nothing was written: %s", after)
		}
		if err := d.RoundTrip(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
