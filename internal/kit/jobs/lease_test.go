package jobs

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

var discard = slog.New(slog.DiscardHandler)

// ledger takes the runs out of the table and tells how many there were.
func ledger(t *testing.T, d *db.DB) (n int64) {
	t.Helper()
	if err := d.Write(context.Background(), func(tx *db.Tx) (err error) {
		n, err = tx.Exec(context.Background(), "DELETE FROM jobs")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func newScheduler(t *testing.T, d *db.DB, c clock.Clock, slot int, list ...Recurring) *scheduler {
	t.Helper()
	j := New(Options{DB: d, IDs: ids.NewSource(c, slot), Clock: c})
	On(j, "tick", Policy{Queue: Scheduler}, func(context.Context, tick) error { return nil })
	On(j, "tock", Policy{Queue: Scheduler}, func(context.Context, tock) error { return nil })
	j.Recurs(list)
	if err := j.enterSchedule(context.Background()); err != nil {
		t.Fatal(err)
	}
	p, err := Join(context.Background(), d, c, ProcessInfo{Host: "here"})
	if err != nil {
		t.Fatal(err)
	}
	return &scheduler{Jobs: j, process: p, log: discard}
}

type tock struct{}

func (tock) Kind() string { return "test.tock" }

func TestScheduleRunsEachTimeOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := clock.NewFake(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
		list := []Recurring{{Name: "hourly", Every: time.Hour, Event: tick{}}, {Name: "often", Every: time.Second, Event: tock{}}}
		all := []*scheduler{newScheduler(t, d, c, 1, list...), newScheduler(t, d, c, 2, list...), newScheduler(t, d, c, 3, list...)}
		for _, step := range []struct {
			wait time.Duration
			want int64
		}{{0, 0}, {time.Second, 1}, {0, 0}, {time.Minute, 2}, {time.Minute, 1}, {24 * time.Hour, 2}, {0, 0}} {
			c.Advance(step.wait)
			for _, s := range all {
				if err := s.step(ctx); err != nil {
					t.Error(err)
				}
			}
			if n := ledger(t, d); n != step.want {
				t.Errorf("%v later there were %d runs, not %d", step.wait, n, step.want)
			}
		}
		// What runs each second is not emitted again as long as its last run has not ended.
		for range 3 {
			c.Advance(time.Second)
			if err := all[0].step(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if n := ledger(t, d); n != 1 {
			t.Errorf("%d runs wait at once", n)
		}
		// The cadence does not drift: what was due at a full second is due at one.
		entries, err := all[1].Entries(ctx)
		if err != nil || len(entries) != 2 || entries[1].Skipped != 2 || entries[1].Owner == "" || entries[1].NextRun.Sub(c.Now()) != time.Second {
			t.Errorf("entries are %+v, %v", entries, err)
		}
		// A program that does not know an entry any more leaves it alone.
		c.Advance(24 * time.Hour)
		if err := newScheduler(t, d, c, 4, list[0]).step(ctx); err != nil || ledger(t, d) != 1 {
			t.Error("an entry that is not known ran", err)
		}
	})
}

// Five candidates, of which the acting one is killed, stopped, or cut off a hundred times: no run twice, none by one whose
// lease was taken over, and never a gap of more than half a minute (requirement E10).
func TestExactlyOneSchedulerActs(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // to be repeated
		start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		c := clock.NewFake(start)
		entry := Recurring{Name: "often", Every: 10 * time.Second, Event: tick{}}
		slots := 0
		fresh := func() *scheduler { slots++; return newScheduler(t, d, c, slots%ids.Slots, entry) }
		var all []*scheduler
		for range 5 {
			all = append(all, fresh())
		}
		ran, token := map[time.Duration]bool{}, int64(0)
		check := func() {
			t.Helper()
			n := ledger(t, d)
			if n == 0 {
				return
			}
			slot := c.Now().Sub(start).Truncate(entry.Every)
			entries, err := all[0].Entries(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if n > 1 || ran[slot] || entries[0].Token < token {
				t.Fatalf("%d runs at %v, where there was one: %v; token %d after %d", n, slot, ran[slot], entries[0].Token, token)
			}
			ran[slot], token = true, entries[0].Token
		}
		beats := 0
		beat := func() { // each ten seconds: often enough to be alive
			t.Helper()
			if beats++; beats%10 != 0 {
				return
			}
			for _, s := range all {
				if err := s.process.Beat(ctx); err != nil {
					t.Fatal(err)
				}
			}
		}
		// leader lets time go by until one acts.
		leader := func(within time.Duration) int {
			t.Helper()
			for waited := time.Duration(0); waited <= within; waited += scheduleTick {
				for _, i := range random.Perm(len(all)) {
					if err := all[i].step(ctx); err != nil {
						t.Fatal(err)
					}
					check()
				}
				for i, s := range all {
					if s.token != 0 && c.Now().Before(s.until) {
						return i
					}
				}
				c.Advance(scheduleTick)
				beat()
			}
			t.Fatalf("nobody acted for %v", within)
			return -1
		}
		for round := range 100 {
			i := leader(30 * time.Second)
			old := all[i]
			switch round % 3 {
			case 0: // killed
				all[i] = fresh()
			case 1: // stopped: the next look of another finds the lease free
				if err := old.release(ctx); err != nil {
					t.Fatal(err)
				}
				all[i] = fresh()
				leader(0)
			case 2: // cut off, or asleep: its clock stands still, and it wakes up after another took over
				frozen := clock.NewFake(c.Now().Add(entry.Every)) // so that something seems to be due
				all[i] = fresh()
				leader(30 * time.Second)
				old.Clock, old.until = frozen, frozen.Now().Add(time.Second)
				err := old.emitDue(ctx, frozen.Now().Add(time.Hour))
				if !errors.Is(err, ErrFenced) || ledger(t, d) != 0 {
					t.Fatalf("one that lost the lease emitted: %v", err)
				}
				if err := old.DB.Write(ctx, func(tx *db.Tx) error { return old.hold(ctx, tx, frozen.Now()) }); !errors.Is(err, ErrFenced) {
					t.Fatalf("its token was taken: %v", err)
				}
			}
			for range random.IntN(20) {
				c.Advance(scheduleTick)
				beat()
				for _, s := range all {
					if err := s.step(ctx); err != nil {
						t.Fatal(err)
					}
					check()
				}
			}
		}
		if total := int(c.Now().Sub(start) / entry.Every); len(ran) < total/3 {
			t.Errorf("of %d times %d ran", total, len(ran))
		}
	})
}

func TestScheduleUntilItIsStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := dbtest.SQLite(t)
		s := newScheduler(t, d, clock.Real{}, 1, Recurring{Name: "often", Every: 2 * time.Second, Event: tick{}})
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second+500*time.Millisecond)
		defer cancel()
		worked := make(chan error, 1)
		go func() {
			worked <- s.Work(ctx, WorkerOptions{Queues: []Share{{Queue: Scheduler}}, Slots: 1, Process: s.process, Log: discard})
		}()
		if err := s.Schedule(ctx, s.process, discard); err != nil {
			t.Error(err)
		}
		if err := <-worked; err != nil {
			t.Error(err)
		}
		entries, err := s.Entries(context.Background())
		if err != nil || len(entries) != 1 || entries[0].Outcome != "ok" || entries[0].Ended.IsZero() || entries[0].Skipped != 0 || entries[0].Missed {
			t.Errorf("after ten seconds: %+v, %v", entries, err)
		}
		free, err := db.Exists(context.Background(), d, "SELECT 1 FROM leases WHERE expires_at = 0")
		if !free || err != nil {
			t.Errorf("a clean stop keeps the lease: %v", err)
		}
	})
}

func TestMissedRunsAreSeen(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := clock.NewFake(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
		s := newScheduler(t, d, c, 1, Recurring{Name: "hourly", Every: time.Hour, Event: tick{}})
		missed := func(want bool) {
			t.Helper()
			warned := map[string]bool{}
			if err := s.observe(ctx, discard, warned); err != nil || warned["hourly"] != want {
				t.Errorf("missed: %v, %v", warned, err)
			}
		}
		missed(false)
		c.Advance(2*time.Hour + missedGrace)
		missed(false)
		c.Advance(time.Second)
		missed(true)
		w := s.newWorker(WorkerOptions{Queues: []Share{{Queue: Scheduler}}, Slots: 1, Process: s.process, Log: discard})
		run := func(end error) {
			t.Helper()
			if err := errors.Join(s.process.Beat(ctx), s.step(ctx)); err != nil {
				t.Fatal(err)
			}
			w.launch = func(c claimed) {
				w.done = append(w.done, ended{claimed: c, err: end, took: time.Second})
				w.letGo(c)
			}
			if _, err := w.round(ctx); err != nil {
				t.Fatal(err)
			}
			if err := w.settle(ctx); err != nil {
				t.Fatal(err)
			}
		}
		run(Dead(errors.New("no \x00 luck")))
		missed(true)
		if e, err := s.Entries(ctx); err != nil || e[0].Outcome != "no  luck" || e[0].Took != time.Second {
			t.Errorf("entries are %+v, %v", e, err)
		}
		c.Advance(time.Hour)
		run(nil)
		missed(false)
	})
}
