package db_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

const add = "INSERT INTO things (id, name) VALUES ($1, $2)"

// later inserts without waiting.
func later(tx *db.Tx, id int, name string) error {
	return tx.Do(bg, fmt.Sprint("adding ", id), add, id, name)
}

func TestDeferredStatementsRunInTheirOrder(t *testing.T) {
	t.Parallel()
	dbtest.Pooled(t, func(t *testing.T, d *db.DB) {
		things(t, d, 1)
		write(t, d, func(tx *db.Tx) error {
			if err := later(tx, 2, "a"); err != nil {
				return err
			}
			if err := tx.DoMany(bg, "adding two", add, [][]any{{3, "b"}, {4, "c"}}); err != nil {
				return err
			}
			got, err := db.Column[string](bg, tx, "SELECT name FROM things WHERE id = ANY($1) ORDER BY id", db.Array([]int64{1, 2, 3, 4}))
			if want := []string{"n1", "a", "b", "c"}; !slices.Equal(got, want) {
				t.Errorf("a query after them saw %q", got)
			}
			if err != nil {
				return err
			}
			if err := tx.Do(bg, "renaming", "UPDATE things SET name = $1 WHERE id = ANY($2)", "d", db.Array([]int64{2})); err != nil {
				return err
			}
			if n, err := tx.Exec(bg, "DELETE FROM things WHERE name = ANY($1)", db.Texts([]string{"b", "d"})); n != 2 || err != nil {
				t.Errorf("a statement after them touched %d, %v", n, err)
			}
			return later(tx, 5, "e")
		})
		write(t, d, func(tx *db.Tx) error { return later(tx, 6, "f") })
		write(t, d, func(tx *db.Tx) error { return errors.Join(later(tx, 7, "g"), later(tx, 8, "h")) })
		write(t, d, func(*db.Tx) error { return nil })
		if got := names(t, d); got != "n1 c e f g h" {
			t.Errorf("there are %s", got)
		}
		idle(t, d)
	})
}

func TestManyDeferredStatements(t *testing.T) {
	t.Parallel()
	dbtest.Pooled(t, func(t *testing.T, d *db.DB) {
		things(t, d, 0)
		rows := make([][]any, 1201)
		for i := range rows {
			rows[i] = []any{i, fmt.Sprint("x", i)}
		}
		write(t, d, func(tx *db.Tx) error { return tx.DoMany(bg, "adding", add, rows) })
		if n, err := db.Value[int64](bg, d, "SELECT COUNT(*) FROM things"); n != 1201 || err != nil {
			t.Errorf("there are %d, %v", n, err)
		}
		if err := d.Write(bg, func(tx *db.Tx) error {
			rows[1200] = []any{5000, "x3"}
			for i := range rows[:1200] {
				rows[i] = []any{2000 + i, fmt.Sprint("y", i)}
			}
			return tx.DoMany(bg, "adding", add, rows)
		}); !db.IsUnique(err) {
			t.Errorf("a clash of the last: %v", err)
		}
		if n, err := db.Value[int64](bg, d, "SELECT COUNT(*) FROM things"); n != 1201 || err != nil {
			t.Errorf("afterwards there are %d, %v", n, err)
		}
	})
}

// Whatever fails among deferred statements, nothing of their transaction stays, and the error says what was being done.
func TestDeferredErrors(t *testing.T) {
	t.Parallel()
	dbtest.Pooled(t, func(t *testing.T, d *db.DB) {
		things(t, d, 1)
		clash := func(tx *db.Tx) error { return tx.Do(bg, "adding a twin", add, 9, "n1") }
		for name, fn := range map[string]func(tx *db.Tx) error{
			"alone":        clash,
			"the first":    func(tx *db.Tx) error { return errors.Join(clash(tx), later(tx, 2, "x")) },
			"the last":     func(tx *db.Tx) error { return errors.Join(later(tx, 2, "x"), clash(tx)) },
			"in between":   func(tx *db.Tx) error { return errors.Join(later(tx, 2, "x"), clash(tx), later(tx, 3, "y")) },
			"after others": func(tx *db.Tx) error { return errors.Join(insert(tx, 2, "x"), later(tx, 3, "y"), clash(tx)) },
			"before an answer": func(tx *db.Tx) error {
				if err := clash(tx); err != nil {
					return err
				}
				return insert(tx, 2, "x")
			},
			"before a query": func(tx *db.Tx) error {
				if err := clash(tx); err != nil {
					return err
				}
				_, err := db.Column[int64](bg, tx, "SELECT id FROM things")
				return err
			},
			"before a row": func(tx *db.Tx) error {
				if err := clash(tx); err != nil {
					return err
				}
				_, err := db.Value[int64](bg, tx, "SELECT id FROM things WHERE id = 77")
				return err
			},
		} {
			undone := false
			err := d.Write(bg, func(tx *db.Tx) error {
				tx.OnRollback(func() { undone = true })
				tx.AfterCommit(func() { t.Errorf("%s: told of a commit", name) })
				return fn(tx)
			})
			if !db.IsUnique(err) || !strings.Contains(err.Error(), "adding a twin") {
				t.Errorf("%s: %v", name, err)
			}
			if !undone {
				t.Errorf("%s: nobody was told of the rollback", name)
			}
			if got := names(t, d); got != "n1" {
				t.Fatalf("%s: there are %s", name, got)
			}
		}
		if err := d.Write(bg, func(tx *db.Tx) error { return tx.Do(bg, "writing nowhere", "INSERT INTO nothing (id) VALUES ($1)", 1) }); err == nil {
			t.Error("no error for an unknown table")
		}
		if err := d.Write(bg, func(tx *db.Tx) error { return errors.Join(later(tx, 2, "x"), errs.NotFound()) }); !errs.IsNotFound(err) {
			t.Errorf("the caller's error became %v", err)
		}
		ctx, cancel := context.WithCancel(bg)
		if err := d.Write(ctx, func(tx *db.Tx) error { defer cancel(); return later(tx, 2, "x") }); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled before the commit: %v", err)
		}
		if got := names(t, d); got != "n1" {
			t.Errorf("at the end there are %s", got)
		}
		write(t, d, func(tx *db.Tx) error { return later(tx, 2, "x") })
		idle(t, d)
	})
}

// An error that the caller passes over is still the end of the transaction.
func TestErrorsCannotBePassedOver(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	things(t, d, 1)
	for name, fn := range map[string]func(tx *db.Tx){
		"answered": func(tx *db.Tx) { _ = insert(tx, 9, "n1") },
		"deferred": func(tx *db.Tx) { _ = later(tx, 9, "n1"); _ = insert(tx, 3, "z") },
		"in a query": func(tx *db.Tx) {
			_ = later(tx, 9, "n1")
			_, _ = db.Value[int64](bg, tx, "SELECT 1")
			_ = later(tx, 4, "w")
		},
	} {
		if err := d.Write(bg, func(tx *db.Tx) error { fn(tx); return later(tx, 2, "x") }); err == nil {
			t.Errorf("%s: no error", name)
		}
		if err := d.Write(bg, func(tx *db.Tx) error { fn(tx); return nil }); err == nil {
			t.Errorf("%s, and nothing more: no error", name)
		}
		if got := names(t, d); got != "n1" {
			t.Errorf("%s: there are %s", name, got)
		}
	}
	idle(t, d)
}

// The waiting for the server is counted, for each of it costs as much as a short statement.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	d, w := wired(t)
	things(t, d, 1)
	read := func(tx *db.Tx) error { _, err := db.Value[int64](bg, tx, "SELECT COUNT(*) FROM things"); return err }
	remove := func(tx *db.Tx) error { _, err := tx.Exec(bg, "DELETE FROM things WHERE id > 1"); return err }
	for _, c := range []struct {
		name string
		want int64
		fn   func(tx *db.Tx) error
	}{
		{"nothing", 0, func(*db.Tx) error { return nil }},
		{"one deferred", 1, func(tx *db.Tx) error { return later(tx, 2, "a") }},
		{"three deferred", 1, func(tx *db.Tx) error { return errors.Join(later(tx, 3, "b"), later(tx, 4, "c"), later(tx, 5, "d")) }},
		{"one answered", 2, remove},
		{"a query, and deferred ones", 2, func(tx *db.Tx) error { return errors.Join(read(tx), later(tx, 2, "a"), later(tx, 3, "b")) }},
		{"deferred ones before a query", 2, func(tx *db.Tx) error { return errors.Join(later(tx, 4, "c"), later(tx, 5, "d"), read(tx)) }},
		{"two answered", 3, func(tx *db.Tx) error { return errors.Join(read(tx), remove(tx)) }},
		{"many at once", 2, func(tx *db.Tx) error {
			_, err := tx.ExecMany(bg, add, [][]any{{2, "a"}, {3, "b"}})
			return errors.Join(err, later(tx, 4, "c"))
		}},
		{"a failure, which is rolled back", 2, func(tx *db.Tx) error { return errors.Join(remove(tx), errs.NotFound()) }},
		{"a failure before anything was sent", 0, func(tx *db.Tx) error { return errors.Join(later(tx, 9, "a"), errs.NotFound()) }},
	} {
		run := func() {
			if err := d.Write(bg, c.fn); err != nil && !errs.IsNotFound(err) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		run() // prepares
		write(t, d, remove)
		before := w.trips.Load()
		run()
		if got := w.trips.Load() - before; got != c.want {
			t.Errorf("%s: %d round trips, not %d", c.name, got, c.want)
		}
		write(t, d, remove)
	}
}

// A commit whose answer is lost may have happened: nobody is told that it did.
func TestALostCommit(t *testing.T) {
	t.Parallel()
	for name, fn := range map[string]func(tx *db.Tx) error{
		"with COMMIT":    func(tx *db.Tx) error { return errors.Join(insert(tx, 2, "secondlast"), later(tx, 3, "lost")) },
		"without COMMIT": func(tx *db.Tx) error { return errors.Join(later(tx, 2, "secondlast"), later(tx, 3, "lost")) },
		"one alone":      func(tx *db.Tx) error { return later(tx, 3, "lost") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, w := wired(t)
			things(t, d, 1)
			cut := "lost"
			w.cut.Store(&cut)
			runs, undone := 0, 0
			err := d.Write(bg, func(tx *db.Tx) error {
				runs++
				tx.AfterCommit(func() { t.Error("told of a commit") })
				tx.OnRollback(func() { undone++ })
				return fn(tx)
			})
			if err == nil || runs != 1 || undone != 1 {
				t.Errorf("%v after %d runs, undone %d times", err, runs, undone)
			}
			w.cut.Store(nil)
			if got := names(t, d); got != "n1" && !strings.HasSuffix(got, " lost") {
				t.Errorf("half of it is there: %s", got)
			}
			write(t, d, func(tx *db.Tx) error { return later(tx, 9, "next") })
			idle(t, d)
		})
	}
}

// A deadlock among deferred statements is tried again, like any other.
func TestDeferredDeadlocksAreTriedAgain(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	things(t, d, 2)
	meet := make(chan struct{})
	lock := func(first, second int) error {
		attempt := 0
		return d.Write(bg, func(tx *db.Tx) error {
			attempt++
			if _, err := tx.Exec(bg, "SET LOCAL deadlock_timeout = '20ms'"); err != nil {
				return err
			}
			if _, err := tx.Exec(bg, "UPDATE things SET name = name || '+' WHERE id = $1", first); err != nil {
				return err
			}
			if attempt == 1 {
				select {
				case meet <- struct{}{}:
				case <-meet:
				}
			}
			return tx.Do(bg, "meeting", "UPDATE things SET name = name || '+' WHERE id = $1", second)
		})
	}
	var wg sync.WaitGroup
	for _, order := range [][2]int{{1, 2}, {2, 1}} {
		wg.Go(func() {
			if err := lock(order[0], order[1]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := names(t, d); got != "n1++ n2++" {
		t.Errorf("names are %s", got)
	}
}
