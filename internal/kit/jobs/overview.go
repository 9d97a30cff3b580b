package jobs

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

// lately is the stretch over which rates and waits are told.
const lately = 5 * time.Minute

// exactly counts all rows there are.
const exactly = math.MaxInt32

// Depth is what a queue holds now.
type Depth struct {
	Queue Queue `json:"queue"`
	// Waiting is due, Held is due and its lane is full, Later is not due yet.
	Waiting int64 `json:"waiting"`
	Held    int64 `json:"held"`
	Later   int64 `json:"later"`
	Running int64 `json:"running"`
	// Failing failed and will be tried again, Dead will not.
	Failing int64         `json:"failing"`
	Dead    int64         `json:"dead"`
	Oldest  time.Duration `json:"-"`
}

// depth counts a queue, each state up to a bound.
func (j *Jobs) depth(ctx context.Context, q Queue, now time.Time, most int64) (Depth, error) {
	d := Depth{Queue: q}
	var oldest, oldestHeld int64
	err := j.DB.QueryRow(ctx, `SELECT
  (SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE state = 0 AND queue = $1 AND run_at <= $2 LIMIT $3) a),
  (SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE state = 3 AND queue = $1 LIMIT $3) b),
  (SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE state = 0 AND queue = $1 AND run_at > $2 LIMIT $3) c),
  (SELECT COUNT(*) FROM jobs WHERE state = 1 AND queue = $1),
  (SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE state = 0 AND attempt > 0 AND queue = $1 LIMIT $3) d),
  (SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE state = 2 AND queue = $1 LIMIT $3) e),
  COALESCE((SELECT MIN(run_at) FROM jobs WHERE state = 0 AND queue = $1 AND run_at <= $2), 0),
  COALESCE((SELECT MIN(run_at) FROM (SELECT run_at FROM jobs WHERE state = 3 AND queue = $1 LIMIT $3) f), 0)`, string(q), db.Ms(now), most).
		Scan(&d.Waiting, &d.Held, &d.Later, &d.Running, &d.Failing, &d.Dead, &oldest, &oldestHeld)
	if err != nil {
		return d, fmt.Errorf("counting queue %s: %w", q, err)
	}
	if oldest == 0 || oldestHeld > 0 && oldestHeld < oldest {
		oldest = oldestHeld
	}
	if oldest > 0 {
		d.Oldest = now.Sub(db.At(oldest))
	}
	return d, nil
}

// Flow is what passed through a queue in a stretch of time, by all processes.
type Flow struct {
	Emitted, Succeeded, Failed, Later, Died, Abandoned, Statements int64
	// Busy is how long jobs ran, Connected how long connections to the database were in use, together.
	Busy, Connected time.Duration
	// Over is the time that was counted.
	Over  time.Duration
	waits [waitRanges]int64
}

// Runs is how many runs ended.
func (f Flow) Runs() int64 { return f.Succeeded + f.Failed + f.Later + f.Died }

// Wait is the time that a part of the jobs did not wait longer than.
func (f Flow) Wait(part float64) time.Duration { return quantile(f.waits, part) }

// a second's part of a number.
func (f Flow) per(n int64) float64 {
	if f.Over <= 0 {
		return 0
	}
	return float64(n) / f.Over.Seconds()
}

// Flows adds up the last whole minutes and the one that goes on, by queue; "" is all processes as a whole.
func (j *Jobs) Flows(ctx context.Context, over time.Duration) (map[Queue]Flow, error) {
	now := j.Clock.Now()
	first := now.Add(-over).Unix()/60 + 1
	out := map[Queue]Flow{}
	type part struct {
		queue, waits    string
		f               Flow
		busy, connected int64
	}
	list, err := db.All(ctx, j.DB, func(r db.Row) (p part, err error) {
		f := &p.f
		err = r.Scan(&p.queue, &f.Emitted, &f.Succeeded, &f.Failed, &f.Later, &f.Died, &f.Abandoned, &p.busy, &f.Statements, &p.connected, &p.waits)
		return p, err
	}, `SELECT queue, emitted, succeeded, failed, later, died, abandoned, busy, statements, connections, waits FROM job_minutes WHERE minute >= $1`, first)
	if err != nil {
		return nil, fmt.Errorf("reading what passed: %w", err)
	}
	for _, p := range list {
		f := out[Queue(p.queue)]
		f.Over = now.Sub(time.Unix(first*60, 0))
		f.Emitted, f.Succeeded, f.Failed, f.Later, f.Died = f.Emitted+p.f.Emitted, f.Succeeded+p.f.Succeeded, f.Failed+p.f.Failed, f.Later+p.f.Later, f.Died+p.f.Died
		f.Abandoned, f.Statements = f.Abandoned+p.f.Abandoned, f.Statements+p.f.Statements
		f.Busy += time.Duration(p.busy) * time.Millisecond
		f.Connected += time.Duration(p.connected) * time.Millisecond
		addWaits(&f.waits, p.waits)
		out[Queue(p.queue)] = f
	}
	return out, nil
}

// QueueView is a queue as an admin sees it.
type QueueView struct {
	Depth
	Paused  bool    `json:"paused"`
	Oldest  float64 `json:"oldest_seconds"`
	WaitP50 float64 `json:"wait_p50_seconds"`
	WaitP95 float64 `json:"wait_p95_seconds"`
	// Arrival, Rate and Failures are jobs a second of late.
	Arrival  float64 `json:"arrival_per_second"`
	Rate     float64 `json:"rate_per_second"`
	Failures float64 `json:"failures_per_second"`
}

// Overview is the state of all queues.
func (j *Jobs) Overview(ctx context.Context) ([]QueueView, error) {
	controls, err := j.Controls(ctx)
	if err != nil {
		return nil, err
	}
	flows, err := j.Flows(ctx, lately)
	if err != nil {
		return nil, err
	}
	out := make([]QueueView, 0, len(Queues))
	for _, q := range Queues {
		d, err := j.depth(ctx, q, j.Clock.Now(), exactly)
		if err != nil {
			return nil, err
		}
		f := flows[q]
		out = append(out, QueueView{
			Depth: d, Paused: controls.Paused[q], Oldest: d.Oldest.Seconds(), WaitP50: f.Wait(.5).Seconds(), WaitP95: f.Wait(.95).Seconds(),
			Arrival: f.per(f.Emitted), Rate: f.per(f.Runs()), Failures: f.per(f.Failed + f.Died),
		})
	}
	return out, nil
}

// LaneView is a lane as an admin sees it: for deliveries, another server.
type LaneView struct {
	Queue   Queue  `json:"queue"`
	Lane    string `json:"lane"`
	Waiting int64  `json:"waiting"`
	Held    int64  `json:"held"`
	Running int64  `json:"running"`
	Failing int64  `json:"failing"`
}

// Lanes lists the lanes with most work. It reads every row that waits.
func (j *Jobs) Lanes(ctx context.Context, most int) ([]LaneView, error) {
	return db.All(ctx, j.DB, func(r db.Row) (v LaneView, err error) {
		var queue string
		err = r.Scan(&queue, &v.Lane, &v.Waiting, &v.Held, &v.Running, &v.Failing)
		v.Queue = Queue(queue)
		return v, err
	}, `SELECT queue, lane, SUM(CASE WHEN state = 0 THEN 1 ELSE 0 END), SUM(CASE WHEN state = 3 THEN 1 ELSE 0 END), SUM(CASE WHEN state = 1 THEN 1 ELSE 0 END),
  SUM(CASE WHEN state = 0 AND attempt > 0 THEN 1 ELSE 0 END)
FROM jobs WHERE lane <> '' AND state <> 2 GROUP BY queue, lane ORDER BY COUNT(*) DESC, queue, lane LIMIT $1`, most)
}

// KindCount is how many rows there are of a reaction.
type KindCount struct {
	Queue Queue  `json:"queue"`
	Kind  string `json:"kind"`
	Rows  int64  `json:"rows"`
}

// Unknown counts the jobs that wait for a program that knows them; this one does not. It reads every row that waits.
func (j *Jobs) Unknown(ctx context.Context) ([]KindCount, error) {
	names := make([]string, 0, len(j.names))
	for n := range j.names {
		names = append(names, n)
	}
	return db.All(ctx, j.DB, func(r db.Row) (v KindCount, err error) {
		var queue string
		err = r.Scan(&queue, &v.Kind, &v.Rows)
		v.Queue = Queue(queue)
		return v, err
	}, "SELECT /* reads all, for an admin */ queue, kind, COUNT(*) FROM jobs WHERE state <> 2 AND kind <> ALL($1) GROUP BY queue, kind ORDER BY COUNT(*) DESC, queue, kind", db.Texts(names))
}
