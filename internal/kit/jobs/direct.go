package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

// batch is the rows of one Emit. Where a worker of this very process has a slot to spare, a row is written as claimed by it,
// and the job starts with the commit: the row is there for the case that the process dies, but nobody has to look for it.
type batch struct {
	*Jobs
	now, due time.Time
	// key is the unique key of all rows, instead of their own; "" for their own.
	key  string
	rows [][]any
	// queues have rows that somebody must look for, by now; emitted counts all rows.
	queues  []Queue
	emitted map[Queue]int
	// last is the id of the last row that was written by itself, 0 when one with its key was there.
	last int64
}

// emit writes the rows that follow from events.
func (b *batch) emit(ctx context.Context, tx *db.Tx, events []Event) error {
	b.emitted = map[Queue]int{}
	for _, e := range events {
		reactions, ok := b.events[reflect.TypeOf(e)]
		if !ok {
			return fmt.Errorf("emitting %s: nothing is registered for it", e.Kind())
		}
		var args []byte
		for _, r := range reactions {
			if r.when != nil && !r.when(e) {
				continue
			}
			if args == nil {
				var err error
				if args, err = json.Marshal(e); err != nil {
					return fmt.Errorf("emitting %s: %w", e.Kind(), err)
				}
				if len(args) > maxArgs {
					return fmt.Errorf("emitting %s: %d bytes of arguments are too many", e.Kind(), len(args))
				}
			}
			if err := b.add(ctx, tx, r, e, args); err != nil {
				return fmt.Errorf("writing jobs: %w", err)
			}
		}
	}
	if _, err := tx.ExecMany(ctx, insertJob, b.rows); err != nil {
		return fmt.Errorf("writing jobs: %w", err)
	}
	if len(b.emitted) > 0 {
		tx.AfterCommit(func() {
			b.counts.emitted(b.now, b.emitted)
			if len(b.queues) > 0 {
				b.wake(b.queues)
			}
		})
	}
	return nil
}

func (b *batch) add(ctx context.Context, tx *db.Tx, r *reaction, e Event, args []byte) error {
	c := claimed{id: b.IDs.Next(), queue: r.policy.Queue, name: r.name, args: args, due: b.now}
	key := b.key
	if r.lane != nil {
		c.lane = r.lane(e)
	}
	if r.unique != nil && key == "" {
		key = r.unique(e)
	}
	due := b.due.Add(r.policy.Delay)
	until := int64(0)
	if key != "" {
		until = db.Ms(due.Add(r.policy.UniqueFor))
	}
	state, by := waits, int64(0)
	w := b.reserve(c, due)
	if w != nil {
		state, by, c.attempt = runs, w.Process.ID, 1
		tx.OnRollback(func() { w.giveBack(c) })
	} else if !due.After(b.now) {
		b.queues = append(b.queues, c.queue)
	}
	row := []any{c.id, string(c.queue), c.name, string(args), c.lane, key, until, state, by, c.attempt, due.UnixMilli(), b.now.UnixMilli()}
	if b.key == "" && (w == nil || key == "") {
		b.rows = append(b.rows, row)
		b.emitted[c.queue]++
		if w != nil {
			tx.AfterCommit(func() { w.launch(c) })
		}
		return nil
	}
	n, err := tx.Exec(ctx, insertJob, row...)
	if err != nil {
		return err
	}
	b.last = 0
	if n > 0 {
		b.last = c.id
		b.emitted[c.queue]++
	}
	if w != nil {
		tx.AfterCommit(func() {
			if n == 0 { // one with its key is there already
				w.giveBack(c)
				return
			}
			w.launch(c)
		})
	}
	return nil
}

// reserve finds a worker of this process that can start a job at once, and takes a slot of it.
func (b *batch) reserve(c claimed, due time.Time) *worker {
	if due.After(b.now) {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.workers {
		if w.reserve(c) {
			return w
		}
	}
	return nil
}

// reserve takes a slot for a job that is not yet written, unless others have waited for it, or the process is taken for dead.
// Half of the slots are left to those who wait.
func (w *worker) reserve(c claimed) bool {
	if w.Process.silent() {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	at := slices.IndexFunc(w.shares, func(s Share) bool { return s.Queue == c.queue })
	if at < 0 || w.closed || w.claiming || w.behind || w.busy >= w.slots/2 || !w.laneHasRoom(c) {
		return false
	}
	if limit := w.shares[at].Cap; limit > 0 && w.running[c.queue] >= limit {
		return false
	}
	w.hold(c)
	return true
}

// hold counts a job as running; mu is held.
func (w *worker) hold(c claimed) {
	w.wg.Add(1)
	w.busy++
	w.running[c.queue]++
	w.mine[c.id] = true
	if c.lane != "" {
		w.lanes[c.key()]++
	}
}

// letGo is the end of hold; mu is held.
func (w *worker) letGo(c claimed) {
	w.busy--
	w.running[c.queue]--
	if c.lane != "" {
		if w.lanes[c.key()]--; w.lanes[c.key()] == 0 {
			delete(w.lanes, c.key())
		}
	}
}

// giveBack frees the slot of a job that was never written. Should it have been written all the same, tidy finds it.
func (w *worker) giveBack(c claimed) {
	defer w.wg.Done()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.letGo(c)
	delete(w.mine, c.id)
}

// tidy frees rows that say that this worker runs them, and which it does not: a commit whose outcome nobody could learn.
func (w *worker) tidy(ctx context.Context) error {
	rows, err := db.Column[int64](ctx, w.DB, "SELECT id FROM jobs WHERE state = 1 AND worker = $1", w.Process.ID)
	if err != nil {
		return err
	}
	w.mu.Lock()
	rows = slices.DeleteFunc(rows, func(id int64) bool { return w.mine[id] })
	w.mu.Unlock()
	if len(rows) == 0 {
		return nil
	}
	return w.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE jobs SET state = 0, worker = 0 WHERE id = ANY($1) AND worker = $2 AND state = 1", db.Array(rows), w.Process.ID)
		return err
	})
}
