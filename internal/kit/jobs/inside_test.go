package jobs

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

type tick struct{}

func (tick) Kind() string { return "test.tick" }

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		d := dbtest.SQLite(t)
		p, err := Join(ctx, d, clock.Real{}, ProcessInfo{})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := p.Heartbeat(ctx); err != nil {
			t.Errorf("stopped: %v", err)
		}
		seen, err := db.Value[int64](context.Background(), d, "SELECT seen_at FROM processes")
		if err != nil || db.At(seen).Sub(began) < deadAfter {
			t.Errorf("seen %v after the start, %v", db.At(seen).Sub(began), err)
		}
		time.Sleep(2 * deadAfter) // of the bubble's clock
		other, err := Join(context.Background(), d, clock.Real{}, ProcessInfo{})
		if err != nil {
			t.Fatal(err)
		}
		moveTo := func(slot int) {
			if err := d.Write(context.Background(), func(tx *db.Tx) error {
				_, err := tx.Exec(context.Background(), "UPDATE processes SET slot = $1 WHERE id = $2", slot, other.ID)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		moveTo((p.Slot + 1) % ids.Slots) // Join looks from a random start on: it may have taken the one that was given up
		here := func() int64 {
			n, err := db.Value[int64](context.Background(), d, "SELECT COUNT(*) FROM processes WHERE id = $1", p.ID)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if here() != 0 {
			t.Error("the others did not give it up")
		}
		if err := p.Beat(context.Background()); err != nil || here() != 1 {
			t.Errorf("one that the others gave up does not enter again: %v", err)
		}
		if err := d.Write(context.Background(), func(tx *db.Tx) error {
			_, err := tx.Exec(context.Background(), "DELETE FROM processes WHERE id = $1", p.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		moveTo(p.Slot)
		if err := p.Heartbeat(context.Background()); !errors.Is(err, ErrEvicted) {
			t.Errorf("one whose place another has: %v", err)
		}
	})
}

// Who could not reach the database itself does not know whether others could.
func TestAfterAnOutageNobodyIsGivenUpSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &Process{clock: clock.Real{}}
		patience := func() time.Duration { return time.Since(db.At(p.deadBefore())).Round(time.Second) }
		for _, step := range []struct {
			name string
			wait time.Duration
			beat error
			want time.Duration
		}{
			{"at first", 0, nil, deadAfter},
			{"a beat fails", 0, errors.New("no database"), deadAtLast},
			{"a moment later it works", time.Second, nil, deadAfter},
			{"it fails again", time.Second, errors.New("no database"), deadAtLast},
			{"and for long", time.Minute, errors.New("no database"), deadAtLast},
			{"then it works", time.Second, nil, deadAtLast},
			{"and goes on", deadAfter, nil, deadAfter},
		} {
			time.Sleep(step.wait) // of the bubble's clock
			p.noteBeat(step.beat)
			if got := patience(); got != step.want {
				t.Errorf("%s: others are given up after %s, not %s", step.name, got, step.want)
			}
		}
	})
}

func TestTheHeartBeatsWhateverElseCannotBeWritten(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := clock.NewFake(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
		p, err := Join(ctx, d, c, ProcessInfo{})
		if err != nil {
			t.Fatal(err)
		}
		p.OnBeat(func(ctx context.Context, tx *db.Tx, _ *Process) error {
			_, err := tx.Exec(ctx, "INSERT INTO job_minutes (minute) VALUES (1)")
			return err
		})
		c.Advance(time.Second)
		if err := p.Beat(ctx); err != nil {
			t.Error(err)
		}
		if seen, err := db.Value[int64](ctx, d, "SELECT seen_at FROM processes"); seen != db.Ms(c.Now()) || err != nil {
			t.Errorf("seen at %d, %v", seen, err)
		}
	})
}

func TestFreeSlots(t *testing.T) {
	t.Parallel()
	all := make([]int64, ids.Slots)
	for i := range all {
		all[i] = int64(i)
	}
	for _, c := range []struct {
		taken       []int64
		start, want int
	}{{nil, 7, 7}, {[]int64{7}, 7, 8}, {[]int64{255}, 255, 0}, {all[:255], 3, 255}, {all, 3, -1}} {
		if got := freeSlot(c.taken, c.start); got != c.want {
			t.Errorf("from %d with %d taken: %d", c.start, len(c.taken), got)
		}
	}
}

func TestBackoffGrowsAndHasJitter(t *testing.T) {
	t.Parallel()
	total, last := time.Duration(0), time.Duration(0)
	for n := 1; n < defaultAttempts; n++ {
		lo, hi := time.Duration(math.MaxInt64), time.Duration(0)
		for range 50 {
			d := Backoff(n)
			lo, hi = min(lo, d), max(hi, d)
		}
		if lo == hi || lo < time.Duration(n*n*n*n)*time.Second || hi < last {
			t.Errorf("attempt %d waits from %v to %v", n, lo, hi)
		}
		last, total = lo, total+lo
	}
	if total < 36*time.Hour || total > 72*time.Hour {
		t.Errorf("all attempts take %v", total)
	}
	if d := Backoff(1 << 30); d <= 0 || d > 48*time.Hour {
		t.Errorf("a huge attempt waits %v", d)
	}
}

func TestAProcessThatWasGivenUpTakesNothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := clock.NewFake(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
		j := New(Options{DB: d, IDs: ids.NewSource(c, 1), Clock: c})
		On(j, "tick", Policy{Queue: Default}, func(context.Context, tick) error { return nil })
		var workers [2]*worker
		for i := range workers {
			p, err := Join(ctx, d, c, ProcessInfo{})
			if err != nil {
				t.Fatal(err)
			}
			workers[i] = j.newWorker(WorkerOptions{Queues: []Share{{Queue: Default}}, Slots: 5, Process: p, Log: slog.New(slog.DiscardHandler)})
		}
		silent, other := workers[0], workers[1]
		do := func(fn func(tx *db.Tx) error) {
			t.Helper()
			if err := d.Write(ctx, fn); err != nil {
				t.Fatal(err)
			}
		}
		claim := func(w *worker) (n int) {
			t.Helper()
			do(func(tx *db.Tx) error {
				got := w.newClaims(turn{now: c.Now()})
				err := got.take(ctx, tx, Default, 1)
				n = len(got.got)
				return err
			})
			return n
		}
		do(func(tx *db.Tx) error { return j.Emit(ctx, tx, tick{}, tick{}) })
		if n := claim(silent); n != 1 {
			t.Errorf("took %d jobs", n)
		}
		c.Advance(deadAfter + time.Second)
		if err := silent.rescue(ctx); err != nil {
			t.Fatal(err)
		}
		if n, err := db.Value[int64](ctx, d, "SELECT COUNT(*) FROM jobs WHERE state = 1 AND worker = $1", silent.Process.ID); n != 1 || err != nil {
			t.Errorf("of its own jobs %d still run, %v: it would run them twice at once", n, err)
		}
		do(func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE processes SET seen_at = $1 WHERE id = $2", db.Ms(c.Now()), other.Process.ID)
			return err
		})
		if err := other.rescue(ctx); err != nil {
			t.Fatal(err)
		}
		if n := claim(silent); n != 0 {
			t.Errorf("when it was given up it took %d jobs", n)
		}
		if n := claim(other) + claim(other); n != 2 {
			t.Errorf("the other one took %d jobs", n)
		}
	})
}

type errand struct{}

func (errand) Kind() string { return "test.errand" }

// TestKeptSlotsDelayNobody: while slots are kept for another queue, work goes on as soon as one of the others is free, and not when
// the worker looks by itself.
func TestKeptSlotsDelayNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n, slots, kept, each = 200, 8, 2, 10 * time.Millisecond
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		d := dbtest.SQLite(t)
		p, err := Join(ctx, d, clock.Real{}, ProcessInfo{})
		if err != nil {
			t.Fatal(err)
		}
		j := New(Options{DB: d, IDs: ids.NewSource(clock.Real{}, p.Slot), Clock: clock.Real{}})
		On(j, "errand", Policy{Queue: Push}, func(context.Context, errand) error { time.Sleep(each); return nil })
		if err := d.Write(ctx, func(tx *db.Tx) error {
			for range n {
				if err := j.Emit(ctx, tx, errand{}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var done, took atomic.Int64
		if err := j.Work(ctx, WorkerOptions{
			Queues: []Share{{Queue: Default, Weight: 8, Min: kept}, {Queue: Push, Weight: 4}}, Slots: slots, Process: p, Log: slog.New(slog.DiscardHandler),
			OnDone: func(Done) {
				if done.Add(1) == n {
					took.Store(int64(time.Since(began)))
					cancel()
				}
			},
		}); err != nil {
			t.Fatal(err)
		}
		if least := n / (slots - kept) * each; done.Load() != n || time.Duration(took.Load()) > 2*least { // of the bubble's clock, which counts waiting alone
			t.Errorf("%d of %d done in %v, want about %v", done.Load(), n, time.Duration(took.Load()), least)
		}
	})
}
