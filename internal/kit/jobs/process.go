package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
)

const (
	// heartbeatEvery and deadAfter together let a killed worker's jobs run elsewhere within a minute (requirement E15).
	heartbeatEvery = 5 * time.Second
	deadAfter      = 30 * time.Second
	// deadAtLast is when a process is taken for dead also by one that could not reach the database itself of late: it cannot know whether
	// others could, and they are likely to be back with it.
	deadAtLast = 5 * time.Minute
)

// Process is this process among those of the same Gomph.
type Process struct {
	ID int64
	// Slot makes this process's ids distinct.
	Slot int
	Host string

	db    *db.DB
	clock clock.Clock
	info  ProcessInfo
	// seen is when the others last had a sign of life, in milliseconds.
	seen atomic.Int64
	// pool is how many connections this process promised not to exceed.
	pool atomic.Int64

	mu sync.Mutex
	// failing is since when beats fail, back when they worked again after they had failed for some time.
	failing, back time.Time
	load          func() Load
	onBeat        []func(ctx context.Context, tx *db.Tx, p *Process) error
}

// Load is what a process tells of the work it does.
type Load struct {
	// Queues is as FormatShares writes it.
	Queues                    string
	Slots, Running, Abandoned int
}

// tell says who knows the load of this process; nil for nobody.
func (p *Process) tell(load func() Load) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load = load
}

// OnBeat has fn write something with each beat of the heart, in its transaction.
func (p *Process) OnBeat(fn func(ctx context.Context, tx *db.Tx, p *Process) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onBeat = append(p.onBeat, fn)
}

// silent reports whether the others may take this process for dead by now.
func (p *Process) silent() bool {
	return p.clock.Now().Sub(db.At(p.seen.Load())) >= deadAfter
}

// ProcessInfo describes a process to the others.
type ProcessInfo struct {
	Host    string
	PID     int
	Roles   string
	Version string
	// Alone says that no other server process can be alive (SQLite, whose file lock this process holds): jobs that others
	// were running are taken over at once.
	Alone bool
}

// Join enters the process and takes a free slot. Call Leave at the end, and Heartbeat meanwhile when it lives long.
func Join(ctx context.Context, d *db.DB, c clock.Clock, info ProcessInfo) (*Process, error) {
	p := &Process{ID: ids.At(c.Now()), Host: info.Host, db: d, clock: c, info: info}
	err := d.Write(ctx, func(tx *db.Tx) error {
		now := c.Now()
		if info.Alone {
			if _, err := tx.Exec(ctx, "DELETE FROM processes WHERE roles <> 'command'"); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "DELETE FROM processes WHERE seen_at < $1", db.Ms(now.Add(-deadAfter))); err != nil {
			return err
		}
		taken, err := db.Column[int64](ctx, tx, "SELECT slot FROM processes ORDER BY slot")
		if err != nil {
			return err
		}
		p.Slot = freeSlot(taken, int(p.ID&(ids.Slots-1)))
		if p.Slot < 0 {
			return errors.New("all 256 process slots are taken")
		}
		p.seen.Store(db.Ms(now))
		return p.enter(ctx, tx, now)
	})
	if db.IsUnique(err) { // two processes chose the same slot at once
		return Join(ctx, d, c, info)
	}
	if err != nil {
		return nil, fmt.Errorf("entering the process: %w", err)
	}
	return p, nil
}

func (p *Process) enter(ctx context.Context, tx *db.Tx, now time.Time) error {
	_, err := tx.Exec(ctx, "INSERT INTO processes (id, slot, host, pid, roles, version, started_at, seen_at, pool) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		p.ID, p.Slot, p.info.Host, p.info.PID, p.info.Roles, p.info.Version, db.Ms(now), db.Ms(now), p.pool.Load())
	return err
}

// freeSlot looks for a slot from a random start on, so that a slot is not soon reused.
func freeSlot(taken []int64, start int) int {
	is := map[int]bool{}
	for _, s := range taken {
		is[int(s)] = true
	}
	for i := range ids.Slots {
		if s := (start + i) % ids.Slots; !is[s] {
			return s
		}
	}
	return -1
}

// ErrEvicted says that the others took this process for dead, because its heartbeat was late, and that another has its slot by now: it must stop.
var ErrEvicted = errors.New("this process was silent for too long, and another has taken its place; restart it")

// Heartbeat keeps the process alive in the eyes of the others until ctx ends. A database that does not answer is waited
// for. A process that was taken for dead meanwhile enters again: what it ran then runs elsewhere, and its own ends of that are refused.
func (p *Process) Heartbeat(ctx context.Context) error {
	t := time.NewTicker(heartbeatEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if err := p.Beat(ctx); errors.Is(err, ErrEvicted) {
			return err
		}
	}
}

// Beat is one beat of the heart.
func (p *Process) Beat(ctx context.Context) error {
	now := p.clock.Now()
	p.mu.Lock()
	var load Load
	if p.load != nil {
		load = p.load()
	}
	also := slices.Clone(p.onBeat)
	p.mu.Unlock()
	err := p.beat(ctx, now, load, also)
	if err != nil && !errors.Is(err, ErrEvicted) && len(also) > 0 {
		err = p.beat(ctx, now, load, nil) // the others must know that it lives, whatever else could not be written
	}
	if db.IsUnique(err) {
		err = ErrEvicted
	}
	if err == nil {
		p.seen.Store(db.Ms(now))
	}
	p.noteBeat(err)
	return err
}

// noteBeat notes for how long beats failed. It goes by the machine's clock: what it is about is how long the database was away.
func (p *Process) noteBeat(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err != nil && p.failing.IsZero():
		p.failing = time.Now()
	case err == nil && !p.failing.IsZero():
		if time.Since(p.failing) >= heartbeatEvery {
			p.back = time.Now()
		}
		p.failing = time.Time{}
	}
}

// deadBefore is the moment such that processes whose last sign of life is older are dead, as far as this one can know.
func (p *Process) deadBefore() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	patience := deadAfter
	if !p.failing.IsZero() || !p.back.IsZero() && time.Since(p.back) < deadAfter {
		patience = deadAtLast
	}
	return db.Ms(p.clock.Now().Add(-patience))
}

func (p *Process) beat(ctx context.Context, now time.Time, load Load, also []func(context.Context, *db.Tx, *Process) error) error {
	return p.db.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE processes SET seen_at = $1, queues = $2, slots = $3, running = $4, abandoned = $5 WHERE id = $6",
			db.Ms(now), load.Queues, load.Slots, load.Running, load.Abandoned, p.ID)
		if err == nil && n == 0 {
			err = p.enter(ctx, tx, now)
		}
		for _, fn := range also {
			if err == nil {
				err = fn(ctx, tx, p)
			}
		}
		return err
	})
}

// Promise enters how many connections to the database this process opens at most, and gives what the others alive promised.
func (p *Process) Promise(ctx context.Context, pool int) (others int, err error) {
	p.pool.Store(int64(pool))
	err = p.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE processes SET pool = $1 WHERE id = $2", pool, p.ID)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("entering the size of the pool: %w", err)
	}
	// In a statement of its own: of two that enter at once, one at least sees the other.
	n, err := db.Value[int64](ctx, p.db, "SELECT CAST(COALESCE(SUM(pool), 0) AS BIGINT) FROM processes WHERE id <> $1 AND seen_at >= $2", p.ID, db.Ms(p.clock.Now().Add(-deadAfter)))
	return int(n), err
}

// Leave takes the process out: its slot is free and its jobs, if any are left, run elsewhere at once.
func (p *Process) Leave(ctx context.Context) error {
	p.mu.Lock()
	also := slices.Clone(p.onBeat)
	p.mu.Unlock()
	return p.db.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE jobs SET state = 0, worker = 0 WHERE state = 1 AND worker = $1", p.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM worker_settings WHERE scope = $1", strconv.FormatInt(p.ID, 10)); err != nil {
			return err
		}
		for _, fn := range also {
			if err := fn(ctx, tx, p); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "DELETE FROM processes WHERE id = $1", p.ID)
		return err
	})
}

// orphaned are running jobs whose process is gone. A worker leaves its own alone: they run here, whatever the others think.
const orphaned = `state = 1 AND worker <> $1 AND worker NOT IN (SELECT id FROM processes WHERE seen_at >= $2)`

// rescue frees the jobs of processes that are gone. This one is not, whatever its heartbeat; see tidy.
func (w *worker) rescue(ctx context.Context) error {
	alive := w.Process.deadBefore()
	stale, err := db.Exists(ctx, w.DB, "SELECT 1 FROM jobs WHERE "+orphaned, w.Process.ID, alive)
	if err != nil || !stale {
		return err
	}
	return w.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM processes WHERE id <> $1 AND seen_at < $2", w.Process.ID, alive); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, "UPDATE jobs SET state = 0, worker = 0 WHERE "+orphaned, w.Process.ID, alive)
		if err == nil && n > 0 {
			w.Log.Warn("jobs of a process that is gone run again", "jobs", n)
		}
		return err
	})
}

// ProcessView is a process as others see it.
type ProcessView struct {
	ID                        int64
	Host                      string
	PID                       int
	Roles, Version, Queues    string
	Slots, Running, Abandoned int
	// Pool is how many connections to the database it opens at most.
	Pool          int
	Started, Seen time.Time
}

// Processes lists the processes that showed a sign of life of late.
func (j *Jobs) Processes(ctx context.Context) ([]ProcessView, error) {
	return db.All(ctx, j.DB, func(r db.Row) (v ProcessView, err error) {
		var started, seen int64
		err = r.Scan(&v.ID, &v.Host, &v.PID, &v.Roles, &v.Version, &v.Queues, &v.Slots, &v.Running, &v.Abandoned, &v.Pool, &started, &seen)
		v.Started, v.Seen = db.At(started), db.At(seen)
		return v, err
	}, "SELECT id, host, pid, roles, version, queues, slots, running, abandoned, pool, started_at, seen_at FROM processes WHERE seen_at >= $1 ORDER BY host, pid, id",
		db.Ms(j.Clock.Now().Add(-deadAfter)))
}
