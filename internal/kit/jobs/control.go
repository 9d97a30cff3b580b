package jobs

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

// maxSlots bounds what one process may be set to: each running job needs memory.
const maxSlots = 10_000

// Setting is what an admin set for workers that run.
type Setting struct {
	// Scope is "" for all workers, a host, or the id of a process. The narrower one holds.
	Scope string
	// Queues is as ParseShares reads it, with spaces between values; "" keeps what the worker was started with.
	Queues string
	// Slots is how many jobs run at once; 0 keeps what the worker was started with.
	Slots int
}

// check refuses what no worker could follow.
func (s Setting) check() error {
	if s.Queues != "" {
		if _, _, err := ParseShares(strings.Fields(s.Queues)); err != nil {
			return err
		}
	}
	if s.Slots < 0 || s.Slots > maxSlots {
		return fmt.Errorf("slots must be from 1 to %d", maxSlots)
	}
	return nil
}

// Set changes workers while they run; they follow within seconds. A setting of nothing brings back what they were started with.
func (j *Jobs) Set(ctx context.Context, s Setting) error {
	if err := s.check(); err != nil {
		return err
	}
	return j.DB.Write(ctx, func(tx *db.Tx) error {
		if s.Queues == "" && s.Slots == 0 {
			_, err := tx.Exec(ctx, "DELETE FROM worker_settings WHERE scope = $1", s.Scope)
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO worker_settings (scope, queues, slots, changed_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (scope) DO UPDATE SET queues = excluded.queues, slots = excluded.slots, changed_at = excluded.changed_at`,
			s.Scope, s.Queues, s.Slots, db.Ms(j.Clock.Now()))
		return err
	})
}

// Pause keeps every worker from taking jobs of a queue until it is resumed; those that run finish.
func (j *Jobs) Pause(ctx context.Context, q Queue) error {
	return j.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO paused_queues (queue, paused_at) VALUES ($1, $2) ON CONFLICT (queue) DO NOTHING", string(q), db.Ms(j.Clock.Now()))
		return err
	})
}

// Resume lets workers take jobs of a queue again.
func (j *Jobs) Resume(ctx context.Context, q Queue) error {
	return j.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM paused_queues WHERE queue = $1", string(q))
		return err
	})
}

// Controls is what admins set, and paused.
type Controls struct {
	Settings []Setting
	Paused   map[Queue]bool
}

// Controls reads what admins set, in one statement: each worker asks for it all the time.
func (j *Jobs) Controls(ctx context.Context) (Controls, error) {
	c := Controls{Paused: map[Queue]bool{}}
	settings, err := db.All(ctx, j.DB, func(r db.Row) (s Setting, err error) {
		var paused string
		err = r.Scan(&paused, &s.Scope, &s.Queues, &s.Slots)
		if paused != "" {
			c.Paused[Queue(paused)] = true
		}
		return s, err
	}, "SELECT queue, '' AS scope, '' AS queues, CAST(0 AS BIGINT) AS slots FROM paused_queues UNION ALL SELECT '' AS queue, scope, queues, slots FROM worker_settings")
	if err != nil {
		return c, fmt.Errorf("reading what was set for workers: %w", err)
	}
	c.Settings = slices.DeleteFunc(settings, func(s Setting) bool { return s.Queues == "" && s.Slots == 0 })
	return c, nil
}

// control follows what admins set. A database that does not answer leaves things as they are.
func (w *worker) control(ctx context.Context) {
	c, err := w.Controls(ctx)
	if err != nil {
		if ctx.Err() == nil {
			w.Log.Error("following what was set", "error", err)
		}
		return
	}
	w.controlled = time.Now()
	shares, strict, slots := w.Queues, w.Strict, w.Slots
	for _, scope := range []string{"", w.Process.Host, strconv.FormatInt(w.Process.ID, 10)} {
		for _, s := range c.Settings {
			if s.Scope != scope {
				continue
			}
			if s.Slots > 0 {
				slots = s.Slots
			}
			if set, setStrict, err := ParseShares(strings.Fields(s.Queues)); s.Queues != "" && err == nil {
				shares, strict = set, setStrict
			}
		}
	}
	w.arrange(shares, strict, slots, c.Paused)
}

// arrange lets an order and a number of slots hold from now on. Jobs that run beyond them finish.
func (w *worker) arrange(shares []Share, strict bool, slots int, paused map[Queue]bool) {
	active := slices.DeleteFunc(slices.Clone(shares), func(s Share) bool { return paused[s.Queue] })
	w.mu.Lock()
	same := w.picker != nil && slices.Equal(active, w.shares) && strict == w.strict && slots == w.slots
	w.shares, w.strict, w.slots = active, strict, slots
	w.mu.Unlock()
	if !same {
		w.picker = newPicker(active, strict)
	}
}

// load is what a worker tells the others of itself.
func (w *worker) load() Load {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Load{Queues: FormatShares(w.shares, w.strict), Slots: w.slots, Running: w.busy, Abandoned: w.abandoned}
}
