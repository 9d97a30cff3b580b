package db_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/services"
)

func files(texts map[string]string) fstest.MapFS {
	fs := fstest.MapFS{}
	for name, text := range texts {
		fs[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fs
}

// empty runs a test with the address of a database that has no schema.
func empty(t *testing.T, test func(t *testing.T, engine db.Engine, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, db.SQLite, filepath.Join(t.TempDir(), "odd name?#%20 ü.sqlite3"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, db.Postgres, services.Postgres(t))
	})
}

func steps(t *testing.T, engine db.Engine, texts map[string]string) []db.Migration {
	t.Helper()
	list, err := db.Migrations(files(texts), engine)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestSeveralMigrateAtOnce(t *testing.T) {
	t.Parallel()
	empty(t, func(t *testing.T, engine db.Engine, url string) {
		texts := map[string]string{
			"0001_base.sql":            "-- a comment; with a semicolon;\nCREATE TABLE a (\n  id BIGINT PRIMARY KEY\n);\n\nCREATE INDEX a_id ON a (id);\n",
			"0002_engine.sqlite.sql":   "CREATE TABLE b (engine TEXT);\nINSERT INTO b (engine) VALUES ('sqlite; yes')",
			"0002_engine.postgres.sql": "CREATE TABLE b (engine TEXT);\nINSERT INTO b (engine) VALUES ('postgres; yes')",
			"0003_more.sql":            "INSERT INTO a (id) VALUES (1);",
		}
		list := steps(t, engine, texts)
		var wg sync.WaitGroup
		taken := make([]int, 4)
		for i := range taken {
			d := dbtest.Open(t, url)
			wg.Go(func() {
				done, err := d.Migrate(bg, list)
				if err != nil {
					t.Error(err)
				}
				taken[i] = len(done)
			})
		}
		wg.Wait()
		if sum := taken[0] + taken[1] + taken[2] + taken[3]; sum != 3 {
			t.Errorf("the steps were taken %v times", taken)
		}
		d := dbtest.Open(t, url)
		if got, err := db.Value[string](bg, d, "SELECT engine FROM b"); err != nil || got != string(engine)+"; yes" {
			t.Errorf("the engine's own step wrote %q, %v", got, err)
		}
		if done, err := d.Migrate(bg, list); err != nil || len(done) != 0 {
			t.Errorf("again: %v, %v", done, err)
		}
		for _, c := range []struct {
			list []db.Migration
			want int
		}{{list, 0}, {list[:1], -2}, {append(list[:3:3], db.Migration{Version: 4}), 1}} {
			if n, err := d.Pending(bg, c.list); err != nil || n != c.want {
				t.Errorf("pending of %d: %d, %v", len(c.list), n, err)
			}
		}
	})
}

func TestAFailedStepLeavesNothing(t *testing.T) {
	t.Parallel()
	empty(t, func(t *testing.T, engine db.Engine, url string) {
		d := dbtest.Open(t, url)
		if n, err := d.Pending(bg, make([]db.Migration, 2)); n != 2 || err == nil {
			t.Errorf("pending of an empty database: %d, %v", n, err)
		}
		texts := map[string]string{"0001_good.sql": "CREATE TABLE a (id BIGINT);", "0002_half.sql": "CREATE TABLE b (id BIGINT);\nINSERT INTO c (id) VALUES (1);"}
		done, err := d.Migrate(bg, steps(t, engine, texts))
		if err == nil || !strings.Contains(err.Error(), "0002_half") || !strings.Contains(err.Error(), "INSERT INTO c") || len(done) != 1 {
			t.Errorf("migrating gave %v, %v", done, err)
		}
		texts["0002_half.sql"] = "CREATE TABLE b (id BIGINT);" // fails if the half step is still there
		if done, err := d.Migrate(bg, steps(t, engine, texts)); err != nil || len(done) != 1 {
			t.Errorf("repaired: %v, %v", done, err)
		}
	})
}

func TestNamesOfSteps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ names, err string }{
		{"0001_a.sql 0002_b.sql", ""},
		{"0001_a.sqlite.sql 0001_a.postgres.sql 0002_b.sql", ""},
		{"0001_a.sql 0003_b.sql", "0003_b.sql: expected number 0002"},
		{"0002_a.sql", "expected number 0001"},
		{"0001_a.sql 0001_b.sql", "expected number 0002"},
		{"0001_a.mysql.sql", "must be like"},
		{"0001_A.sql", "must be like"},
		{"1_a.sql", "must be like"},
		{"0001_a.sql notes.sql", "must be like"},
		{"0001_a.sql 0002_b.sqlite.sql 0003_c.sql", "expected number 0002"}, // the other engine lacks one
	} {
		texts := map[string]string{}
		for n := range strings.FieldsSeq(c.names) {
			texts[n] = "SELECT 1;"
		}
		list, err := db.Migrations(files(texts), db.Postgres)
		if c.err == "" && (err != nil || len(list) != 2) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %d steps, %v", c.names, len(list), err)
		}
	}
}

func TestOpeningWhatIsNotThere(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		filepath.Join(t.TempDir(), "no", "such", "folder", "x.sqlite3"),
		fmt.Sprintf("postgres://nobody:sesame@127.0.0.1:%d/x?sslmode=disable&connect_timeout=2", services.FreePort(t)),
		"postgres://[",
	} {
		d, err := db.Open(bg, db.Options{URL: url})
		if err == nil {
			d.Close()
			t.Errorf("%s was opened", url)
		} else if strings.Contains(err.Error(), "sesame") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}
