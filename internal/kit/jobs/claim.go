package jobs

import (
	"context"
	"slices"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

// The states of a row.
const (
	waits = 0
	runs  = 1
	died  = 2
	// aside is due and held back because its lane is full.
	aside = 3
)

// lanesAtOnce bounds the lanes whose set-aside rows are looked for in one transaction, a statement each.
const lanesAtOnce = 8

type claimed struct {
	id      int64
	queue   Queue
	name    string
	args    []byte
	lane    string
	attempt int64
	due     time.Time
}

func (c claimed) key() laneKey { return laneKey{c.queue, c.lane} }

// claims is what one transaction takes.
type claims struct {
	w    *worker
	turn turn
	now  time.Time
	// ready are the queues that may have more work than was claimed.
	ready map[Queue]bool
	lanes lanes
	got   []claimed
	// open are the lanes with rows set aside and room; aside those where rows were set aside just now, emptied those with none left.
	open           []laneKey
	aside, emptied []laneKey
	// seen is when the last row of each queue was due that was met.
	seen map[Queue]int64
}

func (c *claims) saw(q Queue, due int64) { c.seen[q] = max(c.seen[q], due) }

func (w *worker) newClaims(t turn) *claims {
	c := &claims{w: w, turn: t, now: t.now, ready: map[Queue]bool{}, seen: map[Queue]int64{}, lanes: lanes{held: map[laneKey]int{}}}
	for q := range t.ready {
		c.ready[q] = true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c.lanes.most = w.laneCap()
	for key, n := range w.lanes {
		c.lanes.held[key] = n
	}
	for key := range w.held { // in random order, which is fair
		if c.lanes.room(key) > 0 {
			c.open = append(c.open, key)
		}
	}
	return c
}

// fill gives the free slots away, queue by queue, until there is no slot or no work left.
func (c *claims) fill(ctx context.Context, tx *db.Tx) error {
	t := c.turn
	t.ready, t.running = c.ready, map[Queue]int{}
	for q, n := range c.turn.running {
		t.running[q] = n
	}
	for t.free > 0 {
		quotas := c.w.picker.give(t)
		if len(quotas) == 0 {
			return nil
		}
		for _, quota := range quotas {
			before := len(c.got)
			if err := c.take(ctx, tx, quota.queue, quota.n); err != nil {
				return err
			}
			n := len(c.got) - before
			t.free -= n
			t.running[quota.queue] += n
			if n < quota.n {
				c.w.picker.refund(quota.queue, quota.n-n)
				delete(t.ready, quota.queue)
			}
		}
	}
	return nil
}

// take claims up to n jobs of a queue: half of them from lanes that waited for room, if there are, the rest in order.
func (c *claims) take(ctx context.Context, tx *db.Tx, q Queue, n int) error {
	end := len(c.got) + n
	if err := c.takeHeld(ctx, tx, q, (n+1)/2); err != nil {
		return err
	}
	if err := c.takeWaiting(ctx, tx, q, end-len(c.got)); err != nil {
		return err
	}
	return c.takeHeld(ctx, tx, q, end-len(c.got))
}

// A claim is one statement. A process that the others gave up takes nothing: they would run it too.
const (
	claimWaiting = `WITH due AS MATERIALIZED (SELECT id FROM jobs WHERE state = 0 AND queue = $2 AND run_at <= $3 AND run_at >= $6 AND kind = ANY($4) ORDER BY run_at, id LIMIT $5`
	claimHeld    = `WITH due AS MATERIALIZED (SELECT id FROM jobs WHERE state = 3 AND queue = $2 AND lane = $3 AND kind = ANY($4) ORDER BY run_at, id LIMIT $5`
	takeDue      = `) UPDATE jobs SET state = 1, worker = $1, attempt = attempt + 1 WHERE `
	ifAlive      = ` AND EXISTS (SELECT 1 FROM processes WHERE id = $1) RETURNING id, queue, kind, args, lane, attempt, run_at`
)

// claim makes such a statement of what finds the rows.
func claim(tx *db.Tx, due string) string {
	return due + tx.SkipLocked() + takeDue + tx.Among("id", "SELECT id FROM due") + ifAlive
}

// takeWaiting claims in one statement, and sets aside what it should not have taken, whose lanes are full. Then it looks once
// more; what it did not find by then it finds in the next transaction.
func (c *claims) takeWaiting(ctx context.Context, tx *db.Tx, q Queue, n int) error {
	for looks := 0; n > 0 && looks < 2; looks++ {
		part, err := db.All(ctx, tx, scanClaimed, claim(tx, claimWaiting),
			c.w.Process.ID, string(q), db.Ms(c.now), db.Texts(c.w.kinds), n, c.w.heads.of(q))
		if err != nil {
			return err
		}
		sortClaimed(part)
		var over []int64
		for _, one := range part {
			c.saw(q, db.Ms(one.due))
			if c.lanes.take(one) {
				c.got = append(c.got, one)
				n--
				continue
			}
			over = append(over, one.id)
			c.keepAside(one.key())
		}
		if len(over) == 0 {
			return nil
		}
		if _, err := tx.Exec(ctx, "UPDATE jobs SET state = 3, worker = 0, attempt = attempt - 1 WHERE id = ANY($1)", db.Array(over)); err != nil {
			return err
		}
		if err := c.setAside(ctx, tx, q); err != nil {
			return err
		}
	}
	return nil
}

func (c *claims) keepAside(key laneKey) {
	if !slices.Contains(c.aside, key) {
		c.aside = append(c.aside, key)
	}
}

// takeHeld claims from lanes that have rows set aside, and room by now.
func (c *claims) takeHeld(ctx context.Context, tx *db.Tx, q Queue, n int) error {
	looked := 0
	for _, key := range slices.Clone(c.open) {
		if n <= 0 || looked == lanesAtOnce {
			return nil
		}
		want := min(n, c.lanes.room(key))
		if key.queue != q || want <= 0 {
			continue
		}
		looked++
		part, err := db.All(ctx, tx, scanClaimed, claim(tx, claimHeld), c.w.Process.ID, string(q), key.lane, db.Texts(c.w.kinds), want)
		if err != nil {
			return err
		}
		sortClaimed(part)
		for _, one := range part {
			c.lanes.take(one)
			c.got = append(c.got, one)
		}
		n -= len(part)
		if len(part) < want {
			c.emptied = append(c.emptied, key)
			c.open = slices.DeleteFunc(c.open, func(other laneKey) bool { return other == key })
		}
	}
	return nil
}

// sortClaimed puts rows in the order in which they were due; RETURNING promises none.
func sortClaimed(list []claimed) {
	slices.SortFunc(list, func(a, b claimed) int {
		if n := a.due.Compare(b.due); n != 0 {
			return n
		}
		return int(a.id - b.id)
	})
}

func scanClaimed(r db.Row) (claimed, error) {
	var c claimed
	var queue, args string
	var due int64
	err := r.Scan(&c.id, &queue, &c.name, &args, &c.lane, &c.attempt, &due)
	c.queue, c.args, c.due = Queue(queue), []byte(args), db.At(due)
	return c, err
}

// expireKeys lets go of the keys of jobs that wait for too long (requirement N15).
func (w *worker) expireKeys(ctx context.Context) error {
	const expired = "unique_until > 0 AND state <> 2 AND unique_until <= $1"
	now := db.Ms(w.Clock.Now())
	some, err := db.Exists(ctx, w.DB, "SELECT 1 FROM jobs WHERE "+expired, now)
	if err != nil || !some {
		return err
	}
	return w.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE jobs SET unique_key = '', unique_until = 0 WHERE "+expired+" AND state <> 1", now)
		return err
	})
}
