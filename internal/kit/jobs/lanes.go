package jobs

import (
	"context"

	"github.com/gomph/gomph/internal/kit/db"
)

const (
	// sweepAtOnce is how many rows at the head of a queue are looked at for such of full lanes, in one transaction.
	sweepAtOnce = 1000
	// maxHeldLanes bounds the lanes with rows set aside that a worker keeps in mind; the others follow when these are empty.
	maxHeldLanes = 5000
)

// laneKey names a lane: each queue has its own.
type laneKey struct {
	queue Queue
	lane  string
}

// laneCap is how many slots one lane may hold: a host that hangs must not take them all (requirement A5). mu is held.
func (w *worker) laneCap() int { return max(2, w.slots/20) }

// laneHasRoom says whether a job may start past those that wait; mu is held. Where rows of the lane are set aside, it may not.
func (w *worker) laneHasRoom(c claimed) bool {
	return c.lane == "" || w.lanes[c.key()] < w.laneCap() && !w.held[c.key()]
}

// lanes counts the slots that each lane holds, against what one lane may hold.
type lanes struct {
	held map[laneKey]int
	most int
}

func (l lanes) room(key laneKey) int { return l.most - l.held[key] }

// take gives a slot to a job's lane, unless it has all that it may have. Jobs without a lane are not limited.
func (l lanes) take(c claimed) bool {
	if c.lane == "" {
		return true
	}
	if l.room(c.key()) <= 0 {
		return false
	}
	l.held[c.key()]++
	return true
}

// full lists the lanes of a queue that may have no more.
func (l lanes) full(q Queue) []string {
	full := []string{}
	for key := range l.held {
		if key.queue == q && l.room(key) <= 0 {
			full = append(full, key.lane)
		}
	}
	return full
}

// setAside marks rows at the head of a queue as held whose lanes are full, so that no claim meets them again before their lane
// has room: each row is passed over once, and a claim costs the same however many wait for one host.
func (c *claims) setAside(ctx context.Context, tx *db.Tx, q Queue) error {
	full := c.lanes.full(q)
	rows, err := db.All(ctx, tx, func(r db.Row) (lane string, err error) {
		var due int64
		err = r.Scan(&lane, &due)
		c.saw(q, due)
		return lane, err
	}, `WITH head AS MATERIALIZED (SELECT id FROM jobs WHERE state = 0 AND queue = $2 AND run_at <= $3 AND run_at >= $5 ORDER BY run_at, id LIMIT $4`+tx.SkipLocked()+`)
UPDATE jobs SET state = 3 WHERE lane = ANY($1) AND `+tx.Among("id", "SELECT id FROM head")+` RETURNING lane, run_at`, db.Texts(full), string(q), db.Ms(c.now), sweepAtOnce, c.w.heads.of(q))
	if err != nil {
		return err
	}
	for _, lane := range rows {
		c.keepAside(laneKey{q, lane})
	}
	return nil
}

// heldLanes lists the lanes of a queue with rows set aside, by jumping from each to the next one in the index.
const heldLanes = `WITH RECURSIVE l(lane) AS (
  SELECT MIN(lane) FROM jobs WHERE state = 3 AND queue = $1
  UNION ALL
  SELECT (SELECT MIN(lane) FROM jobs WHERE state = 3 AND queue = $1 AND lane > l.lane) FROM l WHERE l.lane IS NOT NULL
) SELECT lane FROM l WHERE lane IS NOT NULL LIMIT $2`

// findHeld looks for rows that other workers set aside: this one may have room, and they may be gone.
func (w *worker) findHeld(ctx context.Context) error {
	w.mu.Lock()
	shares := w.shares
	w.mu.Unlock()
	for _, s := range shares {
		found, err := db.Column[string](ctx, w.DB, heldLanes, string(s.Queue), maxHeldLanes)
		if err != nil {
			return err
		}
		w.mu.Lock()
		for _, lane := range found {
			w.held[laneKey{s.Queue, lane}] = true
		}
		w.mu.Unlock()
	}
	return nil
}
