package jobs

import (
	"context"
	"math"
	"time"
)

// Capacity is what a queue needs, by Little's law: of a stretch of time in which jobs arrive at a rate and take so long each,
// rate times length run at once on average. Chance is allowed for by the root of that.
type Capacity struct {
	Queue Queue `json:"queue"`
	// Arrival is jobs a second, Runs what was done of them, retries included.
	Arrival float64 `json:"arrival_per_second"`
	Runs    float64 `json:"runs_per_second"`
	// Takes is the mean length of a run, Statements the mean number of statements.
	Takes      float64 `json:"mean_seconds"`
	Statements float64 `json:"mean_statements"`
	// Service is how many jobs a second one slot can do.
	Service float64 `json:"service_per_slot"`
	Slots   int     `json:"slots_needed"`
	// Connections to the database in use at once for it.
	Connections int `json:"connections_needed"`
	// Grows says that more arrives than is done.
	Grows bool `json:"grows"`
}

// Capacity tells what each queue would have needed over the last stretch of time.
func (j *Jobs) Capacity(ctx context.Context, over time.Duration) ([]Capacity, error) {
	flows, err := j.Flows(ctx, over)
	if err != nil {
		return nil, err
	}
	statements := int64(0)
	for _, q := range Queues {
		statements += flows[q].Statements
	}
	// The connections that all processes had in use at once, on average.
	connections := 0.0
	if f := flows[whole]; f.Over > 0 {
		connections = f.Connected.Seconds() / f.Over.Seconds()
	}
	out := make([]Capacity, 0, len(Queues))
	for _, q := range Queues {
		out = append(out, capacity(q, flows[q], connections, statements))
	}
	return out, nil
}

func capacity(q Queue, f Flow, connections float64, statements int64) Capacity {
	c := Capacity{Queue: q, Arrival: f.per(f.Emitted), Runs: f.per(f.Runs())}
	if f.Runs() == 0 {
		return c
	}
	c.Takes = f.Busy.Seconds() / float64(f.Runs())
	c.Statements = float64(f.Statements) / float64(f.Runs())
	// Retries are work too: what arrives is done as often as it was done of late.
	rate := math.Max(c.Arrival, c.Runs)
	c.Grows = c.Arrival > 1.1*c.Runs && f.Emitted-f.Runs() > 10
	c.Slots = staffed(rate * c.Takes)
	if c.Takes > 0 {
		c.Service = 1 / c.Takes
	}
	if statements > 0 && c.Runs > 0 {
		c.Connections = staffed(connections * float64(f.Statements) / float64(statements) * rate / c.Runs)
	}
	return c
}

// staffed is how many servers a load needs so that it seldom waits: the load itself, and its root for chance.
func staffed(load float64) int {
	if load <= 0 {
		return 0
	}
	return int(math.Ceil(load + math.Sqrt(load)))
}
