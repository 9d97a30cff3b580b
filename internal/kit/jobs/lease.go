package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

const (
	// leaseName is the row of the one scheduler that acts.
	leaseName = "scheduler"
	// leaseFor is how long a lease holds without a sign of its owner: another takes over within that and a tick (E10: 30 s).
	leaseFor = 15 * time.Second
	// renewEvery is how often the owner renews it when nothing is due.
	renewEvery = 5 * time.Second
	// scheduleTick is how often the scheduler looks whether something is due.
	scheduleTick = time.Second
)

// scheduler is one that may act. Exactly one of all has the lease. Clocks decide only who tries to take it: what a scheduler
// emits is committed together with a look at its token, and a token that was taken over meanwhile commits nothing.
type scheduler struct {
	*Jobs
	process *Process
	log     *slog.Logger
	// token is of the lease that this one has, 0 for none; until is when it ends, renewed when it was renewed last.
	token          int64
	until, renewed time.Time
}

// Schedule emits what is due until ctx ends, if this process has the lease; any number may run it. The lease is given back at
// the end. Runs that were missed while nobody ran it are made up by a single one.
func (j *Jobs) Schedule(ctx context.Context, p *Process, log *slog.Logger) error {
	if err := j.enterSchedule(ctx); err != nil {
		return fmt.Errorf("entering the schedule: %w", err)
	}
	s := &scheduler{Jobs: j, process: p, log: log}
	t := time.NewTicker(scheduleTick)
	defer t.Stop()
	for {
		if err := s.step(ctx); err != nil && ctx.Err() == nil {
			log.Error("scheduling", "error", err)
		}
		select {
		case <-ctx.Done():
			own, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookkeepingPatience)
			defer cancel()
			return s.release(own)
		case <-t.C:
		}
	}
}

// step takes or renews the lease, and emits what is due.
func (s *scheduler) step(ctx context.Context) error {
	now := s.Clock.Now()
	if s.token != 0 && !now.Before(s.until) {
		s.token = 0 // nobody can say whether another has it by now
	}
	var err error
	switch {
	case s.token == 0:
		err = s.take(ctx, now)
	case now.Sub(s.renewed) >= renewEvery:
		err = s.DB.Write(ctx, func(tx *db.Tx) error { return s.hold(ctx, tx, now) })
	}
	if err != nil || s.token == 0 {
		return s.lost(err)
	}
	return s.lost(s.emitDue(ctx, now))
}

// lost makes of having lost the lease what it is: nothing wrong, once it is noticed.
func (s *scheduler) lost(err error) error {
	if errors.Is(err, ErrFenced) {
		s.token = 0
		s.log.Warn("another process is the scheduler by now")
		return nil
	}
	return err
}

// take takes the lease if it is free. Looking costs a read, so that those who wait write nothing.
func (s *scheduler) take(ctx context.Context, now time.Time) error {
	free, err := db.Exists(ctx, s.DB, "SELECT 1 FROM leases WHERE name = $1 AND expires_at <= $2", leaseName, db.Ms(now))
	if err != nil || !free {
		return err
	}
	var token int64
	err = s.DB.Write(ctx, func(tx *db.Tx) (err error) {
		token, err = db.Value[int64](ctx, tx, `UPDATE leases SET process_id = $1, token = token + 1, expires_at = $2 WHERE name = $3 AND expires_at <= $4
RETURNING token`, s.process.ID, db.Ms(now.Add(leaseFor)), leaseName, db.Ms(now))
		return err
	})
	if errs.IsNotFound(err) {
		return nil // another was faster
	}
	if err == nil {
		s.token, s.until, s.renewed = token, now.Add(leaseFor), now
	}
	return err
}

// hold renews the lease in a transaction, which fails if it is another's by now.
func (s *scheduler) hold(ctx context.Context, tx *db.Tx, now time.Time) error {
	n, err := tx.Exec(ctx, "UPDATE leases SET expires_at = $1 WHERE name = $2 AND process_id = $3 AND token = $4",
		db.Ms(now.Add(leaseFor)), leaseName, s.process.ID, s.token)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrFenced
	}
	tx.AfterCommit(func() { s.until, s.renewed = now.Add(leaseFor), now })
	return nil
}

// release lets another take the lease at once.
func (s *scheduler) release(ctx context.Context) error {
	if s.token == 0 {
		return nil
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE leases SET expires_at = 0 WHERE name = $1 AND process_id = $2 AND token = $3", leaseName, s.process.ID, s.token)
		return err
	})
}

type dueEntry struct {
	name string
	next int64
}

func (s *scheduler) emitDue(ctx context.Context, now time.Time) error {
	due, err := db.All(ctx, s.DB, func(r db.Row) (e dueEntry, err error) { return e, r.Scan(&e.name, &e.next) },
		"SELECT name, next_run_at FROM scheduled_runs WHERE next_run_at <= $1 ORDER BY next_run_at, name", db.Ms(now))
	if err != nil {
		return err
	}
	for _, e := range due {
		for _, r := range s.recurs {
			if r.Name != e.name {
				continue
			}
			if err := s.emitOne(ctx, r, e, now); err != nil {
				return fmt.Errorf("emitting %s: %w", e.name, err)
			}
		}
	}
	return nil
}

// emitOne emits a run and moves the entry on, past all that was missed. While the run before it waits or goes on there is no
// second one: that is counted.
func (s *scheduler) emitOne(ctx context.Context, r Recurring, e dueEntry, now time.Time) error {
	next := e.next + (db.Ms(now)-e.next)/r.Every.Milliseconds()*r.Every.Milliseconds() + r.Every.Milliseconds()
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := s.hold(ctx, tx, now); err != nil {
			return err
		}
		b := batch{Jobs: s.Jobs, now: now, due: now, key: "recurring"}
		if err := b.emit(ctx, tx, []Event{r.Event}); err != nil {
			return err
		}
		if b.last == 0 {
			_, err := tx.Exec(ctx, "UPDATE scheduled_runs SET next_run_at = $1, skipped = skipped + 1 WHERE name = $2", next, r.Name)
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE scheduled_runs SET last_run_at = $1, next_run_at = $2, owner = $3, token = $4, job_id = $5 WHERE name = $6",
			db.Ms(now), next, fmt.Sprintf("%s/%d", s.process.Host, s.process.ID), s.token, b.last, r.Name)
		return err
	})
}
