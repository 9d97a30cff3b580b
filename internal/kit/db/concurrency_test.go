package db_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// slow keeps the database busy for some milliseconds; it can be interrupted.
const slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT COUNT(*) FROM n"

// Cancelled contexts once left SQLite connections that answered every later statement with "interrupted".
func TestCancelledCallersHarmNobody(t *testing.T) {
	t.Parallel()
	dbtest.Pooled(t, func(t *testing.T, d *db.DB) {
		things(t, d, 3)
		var wg sync.WaitGroup
		var cancelled atomic.Int64
		hasty := func(work func(ctx context.Context) error) {
			for range 30 {
				ctx, cancel := context.WithTimeout(bg, time.Duration(rand.Int64N(int64(3*time.Millisecond))))
				if err := work(ctx); err != nil {
					cancelled.Add(1)
				}
				cancel()
			}
		}
		for range 3 {
			wg.Go(func() {
				hasty(func(ctx context.Context) error {
					_, err := db.Value[int64](ctx, d, slow)
					return err
				})
			})
		}
		for w := range 2 {
			wg.Go(func() {
				hasty(func(ctx context.Context) error {
					return d.Write(ctx, func(tx *db.Tx) error {
						if _, err := tx.Exec(ctx, "INSERT INTO things (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING", 100+w, fmt.Sprint("hasty", w)); err != nil {
							return err
						}
						if _, err := db.Value[int64](ctx, tx, slow); err != nil {
							return err
						}
						_, err := tx.Exec(ctx, "DELETE FROM things WHERE id = $1", 100+w)
						return err
					})
				})
			})
		}
		for p := range 2 {
			wg.Go(func() {
				for i := range 30 {
					if n, err := db.Value[int64](bg, d, "SELECT COUNT(*) FROM things WHERE id <= 3"); err != nil || n != 3 {
						t.Errorf("a patient reader got %d, %v", n, err)
					}
					if err := d.Write(bg, func(tx *db.Tx) error { return insert(tx, 1000+100*p+i, fmt.Sprint("p", p, "-", i)) }); err != nil {
						t.Errorf("a patient writer got %v", err)
					}
				}
			})
		}
		wg.Wait()
		t.Logf("%d were cancelled", cancelled.Load())
		for range 20 { // every pooled connection gets its turn
			if _, err := db.Value[int64](bg, d, slow); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		}
		if n, err := db.Value[int64](bg, d, "SELECT COUNT(*) FROM things"); n != 63 || err != nil {
			t.Errorf("there are %d rows, %v: half a transaction stayed, or a whole one was lost", n, err)
		}
		idle(t, d)
	})
}

func TestConcurrentWriters(t *testing.T) {
	t.Parallel()
	dbtest.Pooled(t, func(t *testing.T, d *db.DB) {
		things(t, d, 1)
		write(t, d, func(tx *db.Tx) error {
			_, err := tx.Exec(bg, "UPDATE things SET name = '0'")
			return err
		})
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				for range 10 {
					err := d.Write(bg, func(tx *db.Tx) error {
						n, err := db.Value[string](bg, tx, "SELECT name FROM things WHERE id = 1"+tx.ForUpdate())
						if err != nil {
							return err
						}
						var k int
						if _, err := fmt.Sscan(n, &k); err != nil {
							return err
						}
						_, err = tx.Exec(bg, "UPDATE things SET name = $1 WHERE id = 1", fmt.Sprint(k+1))
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if got := names(t, d); got != "60" {
			t.Errorf("60 additions gave %s", got)
		}
	})
}

func TestConnectionsAreGivenBack(t *testing.T) {
	t.Parallel()
	dbtest.Pooled(t, func(t *testing.T, d *db.DB) {
		things(t, d, 20)
		scan := func(r db.Row) (int64, error) { return 0, errors.New("unreadable") }
		for range 30 { // more often than there are connections
			rows, err := d.Query(bg, "SELECT id FROM things ORDER BY id")
			if err != nil || !rows.Next() {
				t.Fatal("no row: ", err)
			}
			rows.Close() // abandoned after the first
			rows.Close()
			if rows.Next() {
				t.Error("a closed result gave a row")
			}
			if _, err := db.All(bg, d, scan, "SELECT id FROM things"); err == nil {
				t.Error("no error")
			}
			if _, err := db.Value[int64](bg, d, "SELECT name FROM things WHERE id = 1"); err == nil {
				t.Error("a text was read as a number")
			}
			if _, err := db.Value[int64](bg, d, "SELECT nothing FROM things"); err == nil {
				t.Error("an unknown column was found")
			}
			if _, err := db.Value[int64](bg, d, "SELECT id FROM things ORDER BY id"); err != nil { // 19 more rows are left
				t.Error(err)
			}
			if err := d.Write(bg, func(tx *db.Tx) error {
				_, err := tx.Exec(bg, "UPDATE nothing SET x = 1")
				return err
			}); err == nil {
				t.Error("no error")
			}
		}
		idle(t, d)
		if s := d.Stats(); s.Open > s.Max {
			t.Errorf("%d connections are open, %d may be", s.Open, s.Max)
		}
		if err := d.Ping(bg); err != nil {
			t.Error(err)
		}
	})
}

func TestWritersWaitForEachOtherOnlyAsLongAsTheyWant(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	things(t, d, 1)
	ctx, cancel := context.WithCancel(bg)
	write(t, d, func(*db.Tx) error {
		cancel()
		if err := d.Write(ctx, func(*db.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("waiting gave %v", err)
		}
		return nil
	})
	idle(t, d)
}

func TestDeadlocksAreTriedAgain(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	things(t, d, 2)
	meet := make(chan struct{})
	var runs, told atomic.Int64
	lock := func(first, second int) error {
		attempt := 0
		return d.Write(bg, func(tx *db.Tx) error {
			runs.Add(1)
			attempt++
			tx.AfterCommit(func() { told.Add(1) })
			if _, err := tx.Exec(bg, "SET LOCAL deadlock_timeout = '20ms'"); err != nil {
				return err
			}
			for i, id := range []int{first, second} {
				if _, err := tx.Exec(bg, "UPDATE things SET name = name || '+' WHERE id = $1", id); err != nil {
					return fmt.Errorf("wrapped: %w", err)
				}
				if i == 0 && attempt == 1 {
					select { // both hold their first row now
					case meet <- struct{}{}:
					case <-meet:
					}
				}
			}
			return nil
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
	// On a busy machine both find the deadlock, and meet again.
	if got := names(t, d); got != "n1++ n2++" || runs.Load() < 3 || told.Load() != 2 {
		t.Errorf("names are %s after %d runs; %d commits were told", got, runs.Load(), told.Load())
	}
}
