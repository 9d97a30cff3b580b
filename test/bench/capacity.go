package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/jobs"
)

const (
	// naps arrive so many a second, by chance, and take so long each: 60 at once on average.
	napsPerSecond, napLength = 300, 200 * time.Millisecond
	// napsWait is how long the 95th of a hundred may wait when there are slots enough: much less than it takes.
	napsWait = 50 * time.Millisecond
	// napsFor is how long it is tried with one number of slots.
	napsFor = 20 * time.Second
	// adviceWithin is how far advice may be from what is found (requirement A4).
	adviceWithin = 0.2
)

// nap stands for work that waits for another server.
type nap struct{}

func (nap) Kind() string { return "bench.nap" }

// advice compares how many slots `gomph capacity` says that work needs with the least that are found to be enough.
func (q *jobBench) advice(ctx context.Context) error {
	next := time.Now().Truncate(time.Minute).Add(time.Minute) // what passed is counted by whole minutes
	time.Sleep(time.Until(next))
	if _, err := q.naps(ctx, 2*napsPerSecond, 50*time.Second); err != nil {
		return err
	}
	all, err := q.j.Capacity(ctx, time.Minute)
	if err != nil {
		return err
	}
	said := all[slices.IndexFunc(all, func(c jobs.Capacity) bool { return c.Queue == jobs.Pull })].Slots
	few, enough := said/2, 2*said // few are not enough
	for enough-few > 1 {
		n := (few + enough) / 2
		wait, err := q.naps(ctx, n, napsFor)
		if err != nil {
			return err
		}
		if wait <= napsWait {
			enough = n
		} else {
			few = n
		}
	}
	off := float64(said)/float64(enough) - 1
	q.report.add("slots that capacity advises, against those found to be enough", max(off, -off), "off", adviceWithin, "%d advised, %d found, for %d jobs a second of %s, by chance, of which 95 %% wait at most %s",
		said, enough, napsPerSecond, napLength, napsWait)
	return nil
}

// naps lets jobs arrive by chance for some time, and gives how long the 95th of a hundred waited for one of n slots.
func (q *jobBench) naps(ctx context.Context, n int, long time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t, ended := &tally{}, make(chan error, 1)
	go func() {
		ended <- q.j.Work(ctx, jobs.WorkerOptions{Queues: []jobs.Share{{Queue: jobs.Pull, Weight: 1}}, Slots: n, Process: q.p, Log: slog.New(slog.DiscardHandler), Drain: time.Second, OnDone: t.done})
	}()
	end := time.Now().Add(long)
	for at := time.Now(); at.Before(end); at = at.Add(time.Duration(rand.ExpFloat64() * float64(time.Second) / napsPerSecond)) { //nolint:gosec // no secret
		time.Sleep(time.Until(at))
		if err := q.j.DB.Write(ctx, func(tx *db.Tx) error { return q.j.Emit(ctx, tx, nap{}) }); err != nil {
			return 0, fmt.Errorf("writing a job: %w", err)
		}
	}
	if err := q.p.Beat(ctx); err != nil { // writes the counts
		return 0, err
	}
	cancel()
	if err := <-ended; err != nil {
		return 0, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.Sort(t.Naps)
	if len(t.Naps) == 0 {
		return 0, fmt.Errorf("no job ran in %s", long)
	}
	return t.Naps[len(t.Naps)*95/100], q.j.DB.Write(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		_, err := tx.Exec(context.WithoutCancel(ctx), "DELETE FROM jobs")
		return err
	})
}
