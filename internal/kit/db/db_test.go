package db_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

var bg = context.Background()

// things makes a table of the test's own with the rows 1…n, each named after its number.
func things(t *testing.T, d *db.DB, n int) {
	t.Helper()
	write(t, d, func(tx *db.Tx) error {
		if _, err := tx.Exec(bg, "CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT NOT NULL, parent BIGINT REFERENCES things (id))"); err != nil {
			return err
		}
		if _, err := tx.Exec(bg, "CREATE UNIQUE INDEX things_name ON things (name)"); err != nil {
			return err
		}
		rows := make([][]any, n)
		for i := range rows {
			rows[i] = []any{i + 1, fmt.Sprint("n", i+1)}
		}
		_, err := tx.ExecMany(bg, "INSERT INTO things (id, name) VALUES ($1, $2)", rows)
		return err
	})
}

func write(t *testing.T, d *db.DB, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := d.Write(bg, fn); err != nil {
		t.Fatal(err)
	}
}

// names are the names of all things, in order; the reading side gives them.
func names(t *testing.T, d *db.DB) string {
	t.Helper()
	list, err := db.Column[string](bg, d, "SELECT name FROM things ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, " ")
}

// idle waits until no connection is held any more.
func idle(t *testing.T, d *db.DB) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := t.Context(); d.Stats().Busy != 0; {
		select {
		case <-tick.C:
		case <-end.Done():
			t.Fatalf("connections are still held: %+v", d.Stats())
		}
	}
}

func insert(tx *db.Tx, id int, name string) error {
	_, err := tx.Exec(bg, "INSERT INTO things (id, name) VALUES ($1, $2)", id, name)
	return err
}

func TestTheReadingPoolRefusesToWrite(t *testing.T) {
	t.Parallel()
	dbtest.Pooled(t, func(t *testing.T, d *db.DB) {
		things(t, d, 3)
		for _, sql := range []string{
			"INSERT INTO things (id, name) VALUES (9, 'x')",
			"INSERT INTO things (id, name) VALUES (9, 'x') RETURNING id",
			"insert\ninto things (id, name) VALUES (9, 'x') RETURNING id",
			"UPDATE things SET name = 'x' WHERE id = 1",
			"UPDATE things SET name = 'x' WHERE id = 1 RETURNING id",
			"UPDATE things AS y SET name = 'x' WHERE y.id = 1 RETURNING y.id",
			"DELETE FROM things",
			"DELETE FROM things WHERE id = 1 RETURNING id",
			"WITH x AS (DELETE FROM things RETURNING id) SELECT id FROM x",
			"WITH x AS (UPDATE things AS y SET name = 'x' WHERE y.id = 1 RETURNING y.id) SELECT id FROM x",
			"WITH x AS (SELECT 1 AS n) INSERT INTO things (id, name) SELECT 9, 'x' FROM x RETURNING id",
			"CREATE TABLE others (id BIGINT)",
			"DROP TABLE things",
			"/* SELECT */ DELETE FROM things",
		} {
			if rows, err := d.Query(bg, sql); err == nil {
				for rows.Next() {
					t.Errorf("%s gave a row", sql)
				}
				if rows.Err() == nil {
					t.Errorf("%s was not refused", sql)
				}
				rows.Close()
			}
			var id int64
			if err := d.QueryRow(bg, sql).Scan(&id); err == nil {
				t.Errorf("%s gave row %d", sql, id)
			}
			if got := names(t, d); got != "n1 n2 n3" {
				t.Fatalf("%s wrote: %s", sql, got)
			}
		}
		n, err := db.Value[int64](bg, d, "SELECT COUNT(*) FROM things WHERE name <> 'delete from things; update it'")
		if err != nil || n != 3 {
			t.Errorf("a text that looks like a statement: %d, %v", n, err)
		}
		idle(t, d)
	})
}

func TestRollbackLeavesNothing(t *testing.T) {
	t.Parallel()
	dbtest.Pooled(t, func(t *testing.T, d *db.DB) {
		things(t, d, 1)
		boom := errors.New("boom")
		if err := d.Write(bg, func(tx *db.Tx) error { return errors.Join(insert(tx, 2, "x"), boom) }); !errors.Is(err, boom) {
			t.Errorf("the error became %v", err)
		}
		ctx, cancel := context.WithCancel(bg)
		if err := d.Write(ctx, func(tx *db.Tx) error { defer cancel(); return insert(tx, 2, "x") }); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled before the commit: %v", err)
		}
		if err := d.Write(ctx, func(*db.Tx) error { t.Error("ran for a cancelled caller"); return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled before the begin: %v", err)
		}
		func() {
			defer func() {
				if p := recover(); p != "boom" {
					t.Errorf("panicked with %v", p)
				}
			}()
			_ = d.Write(bg, func(tx *db.Tx) error {
				if err := insert(tx, 2, "x"); err != nil {
					t.Error(err)
				}
				panic("boom")
			})
		}()
		if got := names(t, d); got != "n1" {
			t.Errorf("there are %s", got)
		}
		write(t, d, func(tx *db.Tx) error { return insert(tx, 2, "y") })
		if got := names(t, d); got != "n1 y" {
			t.Errorf("afterwards there are %s", got)
		}
		idle(t, d)
	})
}

type thingID int64
type label string

func TestLists(t *testing.T) {
	t.Parallel()
	dbtest.Pooled(t, func(t *testing.T, d *db.DB) {
		things(t, d, 4)
		odd := label(`it's "odd" \ [1,2] ☃`)
		write(t, d, func(tx *db.Tx) error { return insert(tx, 5, string(odd)) })
		for _, c := range []struct {
			where string
			arg   any
			want  []int64
		}{
			{"id = ANY($1)", db.Array([]thingID{4, 1, 99, 1}), []int64{1, 4}},
			{"id = ANY($1)", db.Array([]thingID{}), nil},
			{"id = ANY($1)", db.Array[int64](nil), nil},
			{"id <> ALL($1)", db.Array([]int64{4, 1}), []int64{2, 3, 5}},
			{"id <> ALL($1)", db.Array[int64](nil), []int64{1, 2, 3, 4, 5}},
			{"name = ANY($1)", db.Texts([]label{odd, "n2", ""}), []int64{2, 5}},
			{"name = ANY($1)", db.Texts([]string{}), nil},
			{"name <> ALL($1)", db.Texts([]string{"n1", string(odd)}), []int64{2, 3, 4}},
			{"name <> ALL($1)", db.Texts[string](nil), []int64{1, 2, 3, 4, 5}},
			{"NOT (id = ANY($1)) AND id <> ALL($1)", db.Array([]int64{1, 2, 3}), []int64{4, 5}},
		} {
			sql := "SELECT id FROM things WHERE " + c.where + " ORDER BY id"
			for range 2 { // prepared, then reused
				got, err := db.Column[int64](bg, d, sql, c.arg)
				if err != nil || !slices.Equal(got, c.want) {
					t.Errorf("%s with %v: %v, %v", c.where, c.arg, got, err)
				}
			}
			write(t, d, func(tx *db.Tx) error {
				got, err := db.Column[int64](bg, tx, sql, c.arg)
				if !slices.Equal(got, c.want) {
					t.Errorf("in a transaction, %s with %v: %v", c.where, c.arg, got)
				}
				return err
			})
		}
	})
}

// Lists of every length that is asked for in another way, and two of different lengths at once.
func TestListsOfAllLengths(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d, 45)
		for n := range 45 {
			var in, out, want []int64
			for i := range int64(n) {
				in = append(in, i+1)
				if i%2 == 0 {
					out = append(out, i+1)
				} else {
					want = append(want, i+1)
				}
			}
			got, err := db.Column[int64](bg, d, "SELECT id FROM things WHERE id <> ALL($2) AND id = ANY($1) AND name <> $3 AND id = ANY($1) ORDER BY id", db.Array(in), db.Array(out), "none")
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%d and %d: %v, %v", len(in), len(out), got, err)
			}
		}
	})
}

func TestArgumentsBindByNumber(t *testing.T) {
	t.Parallel()
	dbtest.Pooled(t, func(t *testing.T, d *db.DB) {
		things(t, d, 12)
		for _, c := range []struct {
			sql  string
			args []any
			want string
		}{
			{"SELECT name FROM things WHERE name = $2 AND id = $1", []any{7, "n7"}, "n7"},
			{"SELECT name FROM things WHERE id = $3 AND name = $1 AND $2 <> ''", []any{"n5", "x", 5}, "n5"},
			{"SELECT name FROM things WHERE (id = $1 OR id - 1 = $1) AND name = $2 AND id > $1", []any{3, "n4"}, "n4"},
			{"SELECT name FROM things WHERE id = ANY($2) AND id > $1 AND id <> ALL($2) OR id = $11 AND id NOT IN ($3, $4, $5, $6, $7, $8, $9, $10)", []any{1, db.Array([]int64{2}), 3, 4, 5, 6, 7, 8, 9, 10, 11}, "n11"},
		} {
			if got, err := db.Value[string](bg, d, c.sql, c.args...); err != nil || got != c.want {
				t.Errorf("%s: %q, %v", c.sql, got, err)
			}
		}
		args := []any{2, db.Array([]int64{1, 2})}
		if _, err := db.Value[string](bg, d, "SELECT name FROM things WHERE id = $1 AND id = ANY($2)", args...); err != nil {
			t.Error(err)
		}
		if args[0] != 2 || fmt.Sprint(args[1]) != "{[1 2]}" {
			t.Errorf("the caller's arguments became %v", args)
		}
	})
}

func TestWhatErrorsMean(t *testing.T) {
	t.Parallel()
	dbtest.Pooled(t, func(t *testing.T, d *db.DB) {
		things(t, d, 2)
		if _, err := db.Value[string](bg, d, "SELECT name FROM things WHERE id = $1", 99); !errs.IsNotFound(err) {
			t.Errorf("no row: %v", err)
		}
		exec := func(sql string, args ...any) error {
			return d.Write(bg, func(tx *db.Tx) error {
				_, err := tx.Exec(bg, sql, args...)
				if err != nil {
					return fmt.Errorf("wrapped: %w", err)
				}
				return nil
			})
		}
		if err := d.Write(bg, func(tx *db.Tx) error {
			_, err := db.Value[int64](bg, tx, "DELETE FROM things WHERE id = $1 RETURNING id", 99)
			return err
		}); !errs.IsNotFound(err) {
			t.Errorf("no row of a DELETE: %v", err)
		}
		for _, c := range []struct {
			sql             string
			unique, foreign bool
		}{
			{"INSERT INTO things (id, name) VALUES (1, 'x')", true, false},
			{"INSERT INTO things (id, name) VALUES (9, 'n1')", true, false},
			{"INSERT INTO things (id, name, parent) VALUES (9, 'x', 99)", false, true},
			{"INSERT INTO things (id, name) VALUES (9, NULL)", false, false},
			{"INSERT INTO nothing (id) VALUES (9)", false, false},
			{"INSERT INTO things (id, name, parent) VALUES (9, 'x', 1)", false, false},
			{"DELETE FROM things WHERE id = 1", false, true},
		} {
			err := exec(c.sql)
			if db.IsUnique(err) != c.unique || db.IsForeign(err) != c.foreign {
				t.Errorf("%s: %v", c.sql, err)
			}
		}
		if db.IsUnique(nil) || db.IsForeign(errors.New("x")) {
			t.Error("other errors count too")
		}
		if ok, err := db.Exists(bg, d, "SELECT 1 FROM things WHERE id = $1", 9); !ok || err != nil {
			t.Errorf("exists: %v, %v", ok, err)
		}
		if ok, err := db.Exists(bg, d, "SELECT 1 FROM things WHERE id = $1", 99); ok || err != nil {
			t.Errorf("exists: %v, %v", ok, err)
		}
		idle(t, d)
	})
}

func TestAfterCommit(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d, 1)
		var told []string
		note := func(tx *db.Tx, what string) {
			tx.AfterCommit(func() { told = append(told, what+" sees "+names(t, d)) })
		}
		write(t, d, func(tx *db.Tx) error {
			note(tx, "first")
			note(tx, "second")
			if len(told) != 0 {
				t.Error("told before the commit")
			}
			return insert(tx, 2, "x")
		})
		if want := []string{"first sees n1 x", "second sees n1 x"}; !slices.Equal(told, want) {
			t.Errorf("told %q", told)
		}
		told = nil
		err := d.Write(bg, func(tx *db.Tx) error { note(tx, "lost"); return insert(tx, 2, "again") })
		if err == nil || told != nil {
			t.Errorf("rolled back (%v), and told %q", err, told)
		}
	})
}

func TestStatementsAreCounted(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d, 1)
		outer, all := db.Counting(bg)
		if _, err := db.Value[int64](outer, d, "SELECT 1"); err != nil {
			t.Fatal(err)
		}
		inner, part := db.Counting(outer)
		err := d.Write(inner, func(tx *db.Tx) error {
			if _, err := tx.ExecMany(inner, "INSERT INTO things (id, name) VALUES ($1, $2)", [][]any{{2, "a"}, {3, "b"}}); err != nil {
				return err
			}
			if _, err := tx.ExecMany(inner, "INSERT INTO things (id, name) VALUES ($1, $2)", nil); err != nil {
				return err
			}
			if _, err := db.Column[int64](inner, tx, "SELECT id FROM things"); err != nil {
				return err
			}
			_, err := tx.Exec(inner, "DELETE FROM things WHERE id = 99")
			return err
		})
		if err != nil || part.N() != 3 || all.N() != 4 {
			t.Errorf("counted %d and %d, %v", part.N(), all.N(), err)
		}
	})
}

func TestExecMany(t *testing.T) {
	t.Parallel()
	dbtest.Pooled(t, func(t *testing.T, d *db.DB) {
		things(t, d, 0)
		const n = 300
		rows := make([][]any, n)
		for i := range rows {
			rows[i] = []any{i, fmt.Sprint("x", i)}
		}
		const add = "INSERT INTO things (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING"
		write(t, d, func(tx *db.Tx) error {
			for round, want := range []int64{n, 0} {
				got, err := tx.ExecMany(bg, add, rows)
				if err != nil || got != want {
					return fmt.Errorf("round %d: %d rows, %w", round, got, err)
				}
			}
			got, err := tx.ExecMany(bg, "DELETE FROM things WHERE id < $1", [][]any{{10}, {20}, {20}})
			if got != 20 {
				t.Errorf("deleted %d", got)
			}
			return err
		})
		err := d.Write(bg, func(tx *db.Tx) error {
			_, err := tx.ExecMany(bg, "INSERT INTO things (id, name) VALUES ($1, $2)", [][]any{{1, "a"}, {2, "b"}, {2, "c"}, {3, "d"}})
			return err
		})
		if !db.IsUnique(err) {
			t.Errorf("a clash in the middle: %v", err)
		}
		if got, err := db.Value[int64](bg, d, "SELECT COUNT(*) FROM things"); got != n-20 || err != nil {
			t.Errorf("there are %d, %v", got, err)
		}
		idle(t, d)
	})
}

func TestTimes(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 2, 29, 23, 59, 59, 999_000_000, time.UTC)
	if !db.At(db.Ms(at)).Equal(at) || db.Ms(time.Time{}) != 0 || !db.At(0).IsZero() {
		t.Error("times do not survive")
	}
	if at := db.At(-1); at.IsZero() || at.Year() != 1969 {
		t.Errorf("before 1970: %v", at)
	}
}
