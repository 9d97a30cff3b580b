package jobs

import (
	"context"
	"slices"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

// batch is the rows of one Emit. Where a worker of this very process has a slot to spare, a row is written as claimed by it,
// and the job starts with the commit: the row is there for the case that the process dies, but nobody has to look for it.
type batch struct {
	*Jobs
	now, due time.Time
	rows     [][]any
	// queues have rows that somebody must look for, by now.
	queues []Queue
}

func (b *batch) add(ctx context.Context, tx *db.Tx, r *reaction, e Event, args []byte) error {
	c := claimed{id: b.IDs.Next(), queue: r.policy.Queue, name: r.name, args: args, created: b.now}
	key := ""
	if r.lane != nil {
		c.lane = r.lane(e)
	}
	if r.unique != nil {
		key = r.unique(e)
	}
	due := b.due.Add(r.policy.Delay)
	state, by := 0, int64(0)
	w := b.reserve(c, due)
	if w != nil {
		state, by, c.attempt = 1, w.Process.ID, 1
		tx.OnRollback(func() { w.giveBack(c) })
	} else if !due.After(b.now) {
		b.queues = append(b.queues, c.queue)
	}
	row := []any{c.id, string(c.queue), c.name, string(args), c.lane, key, state, by, c.attempt, due.UnixMilli(), b.now.UnixMilli()}
	if w == nil || key == "" {
		b.rows = append(b.rows, row)
		if w != nil {
			tx.AfterCommit(func() { w.launch(c) })
		}
		return nil
	}
	n, err := tx.Exec(ctx, insertJob, row...)
	if err != nil {
		return err
	}
	tx.AfterCommit(func() {
		if n == 0 { // one with its key is there already
			w.giveBack(c)
			return
		}
		w.launch(c)
	})
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
	if w.Process.silent() || w.capOf(c.queue) < 0 || !slices.ContainsFunc(w.Queues, func(s Share) bool { return s.Queue == c.queue }) {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.behind || w.busy >= w.Slots/2 || c.lane != "" && w.lanes[c.lane] >= w.laneCap() {
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
		w.lanes[c.lane]++
	}
}

// letGo is the end of hold; mu is held.
func (w *worker) letGo(c claimed) {
	w.busy--
	w.running[c.queue]--
	if c.lane != "" {
		if w.lanes[c.lane]--; w.lanes[c.lane] == 0 {
			delete(w.lanes, c.lane)
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
