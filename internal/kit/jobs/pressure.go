package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

// Pressure is how much more there is to do than can be done. What is shed, and in which order, is written here (requirement A3): first what is
// wanted and not needed (queue pull gets only slots that nobody else has work for, and its turn when it starves), then what strangers send (their
// activities are refused and come again later). What people here do is never shed.
type Pressure int32

// The levels.
const (
	// Calm is when everything runs.
	Calm Pressure = iota
	// Late is when queues default or ingress are behind: pull waits.
	Late
	// Flooded is when they are far behind: activities of those whom nobody here follows are refused for now.
	Flooded
)

const (
	// pressEvery is how often a process looks how late the queues are.
	pressEvery = 2 * time.Second
	// What default and ingress may be late: their objectives (K5), and some times that.
	lateDefault, floodedDefault = 5 * time.Second, 30 * time.Second
	lateIngress, floodedIngress = 30 * time.Second, 2 * time.Minute
)

// pressureOf judges how long the oldest jobs have waited.
func pressureOf(ages map[Queue]time.Duration) Pressure {
	d, i := ages[Default], ages[Ingress]
	switch {
	case d >= floodedDefault || i >= floodedIngress:
		return Flooded
	case d >= lateDefault || i >= lateIngress:
		return Late
	}
	return Calm
}

// Pressure is the level in force.
func (j *Jobs) Pressure() Pressure { return Pressure(j.pressure.Load()) }

// oldestWaiting asks for the first row of the queues that tell how late everything is.
var oldestWaiting = func() string {
	var parts []string
	for _, q := range []Queue{Default, Ingress} {
		parts = append(parts, fmt.Sprintf("SELECT '%s', COALESCE((SELECT run_at FROM jobs WHERE state = 0 AND queue = '%s' AND run_at <= $1 ORDER BY run_at LIMIT 1), 0)", q, q))
	}
	return strings.Join(parts, " UNION ALL ")
}()

// Press keeps the pressure up to date until ctx ends.
func (j *Jobs) Press(ctx context.Context, log *slog.Logger) error {
	t := time.NewTicker(pressEvery)
	defer t.Stop()
	for {
		if err := j.press(ctx, log); err != nil && ctx.Err() == nil {
			log.Error("looking how late the queues are", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

func (j *Jobs) press(ctx context.Context, log *slog.Logger) error {
	now := j.Clock.Now()
	ages := map[Queue]time.Duration{}
	rows, err := j.DB.Query(ctx, oldestWaiting, db.Ms(now))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var queue string
		var due int64
		if err := rows.Scan(&queue, &due); err != nil {
			return err
		}
		if due > 0 {
			ages[Queue(queue)] = now.Sub(db.At(due))
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	level := pressureOf(ages)
	if was := Pressure(j.pressure.Swap(int32(level))); was != level {
		log.Warn("pressure changes what is done first", "level", int(level), "before", int(was), "default_late", ages[Default], "ingress_late", ages[Ingress], "requirement", "A3")
	}
	j.gauges.pressure.Set(float64(level))
	return nil
}
