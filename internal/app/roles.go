package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/gomph/gomph/internal/kit/config"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// Roles are the parts of the work that a process may take on.
var Roles = []string{"web", "streaming", "worker", "scheduler"}

// Plan says what a process does.
type Plan struct {
	// Roles are some of Roles.
	Roles []string
	// Queues are the worker's, as written on the command line (see jobs.ParseShares); empty for all with weights of ours.
	Queues []string
	// Slots is how many jobs run at once; 0 sizes itself.
	Slots int
}

// standardShares are the weights when nothing was asked: local work first, nothing starved.
var standardShares = []jobs.Share{
	{Queue: jobs.Default, Weight: 8}, {Queue: jobs.Ingress, Weight: 4}, {Queue: jobs.Push, Weight: 4},
	{Queue: jobs.Mailers, Weight: 2}, {Queue: jobs.Pull, Weight: 1}, {Queue: jobs.Scheduler, Weight: 2},
}

// ParseQueues reads what --queues was given; see jobs.ParseShares.
func ParseQueues(values []string) (shares []jobs.Share, strict bool, err error) {
	if len(values) == 0 {
		return standardShares, false, nil
	}
	return jobs.ParseShares(values)
}

// shares are the queues of a worker. Unless an order was asked for, an eighth of the slots is kept for local work (requirement E4),
// and what others send, which waits for the database alone, has no more slots than that can use.
func (p Plan) shares() (shares []jobs.Share, strict bool, err error) {
	shares, strict, err = ParseQueues(p.Queues)
	if len(p.Queues) == 0 {
		shares = slices.Clone(shares)
		shares[0].Min = max(1, p.slots()/8)
		shares[1].Cap = busySlots * runtime.GOMAXPROCS(0)
	}
	return shares, strict, err
}

const (
	// slotsPerCore is how many jobs run at once: most are deliveries, which take a millisecond of a core and wait for some hundred.
	slotsPerCore = 64
	// busySlots is how many jobs a core that do not wait for others.
	busySlots = 16
)

// slots sizes a worker.
func (p Plan) slots() int {
	if p.Slots > 0 {
		return p.Slots
	}
	return slotsPerCore * runtime.GOMAXPROCS(0)
}

// Where says at which address a plan's roles are found; empty for those that listen to nobody.
func (p Plan) Where(c *config.Config) string {
	if !p.has("web") && !p.has("streaming") {
		return ""
	}
	return " on " + c.Address()
}

func (p Plan) has(role string) bool { return slices.Contains(p.Roles, role) }

// Run does a plan's work until ctx ends, then drains: it stops accepting, finishes what was taken, closes streams. The first
// part that fails stops all.
func (a *App) Run(ctx context.Context, p Plan) error {
	parts := map[string]func(context.Context) error{
		"heartbeat": a.Process.Heartbeat,
		"metrics":   a.serveMetrics,
		"hosts":     a.followHosts,
		"wake-ups":  func(ctx context.Context) error { a.listen(ctx); return nil },
	}
	if p.has("web") || p.has("streaming") {
		parts["revocations"] = a.Access.Listen
		parts["http"] = func(ctx context.Context) error { return a.serveHTTP(ctx, p) }
	}
	if p.has("worker") {
		parts["worker"] = func(ctx context.Context) error { return a.work(ctx, p) }
	}
	if p.has("scheduler") {
		parts["scheduler"] = func(ctx context.Context) error { return a.Jobs.Schedule(ctx, a.Process, a.Log) }
	}
	if p.has("web") || p.has("worker") {
		parts["pressure"] = func(ctx context.Context) error { return a.Jobs.Press(ctx, a.Log) }
	}
	if p.has("worker") || p.has("scheduler") {
		parts["observer"] = func(ctx context.Context) error { return a.Jobs.Observe(ctx, a.Log) }
	}
	if a.bucket != nil {
		parts["usage"] = a.keepUsage
	}
	if p.has("web") {
		if err := a.seeOrigins(ctx); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failures []error
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		wg.Go(func() {
			if err := parts[name](ctx); err != nil {
				err = fmt.Errorf("%s: %w", name, err)
				mu.Lock()
				failures = append(failures, err)
				mu.Unlock()
				stop(err)
			}
		})
	}
	wg.Wait()
	return errors.Join(failures...)
}

// every does something after each pause, until ctx ends.
func every(ctx context.Context, pause time.Duration, do func()) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			do()
		}
	}
}

func (a *App) work(ctx context.Context, p Plan) error {
	shares, strict, err := p.shares()
	if err != nil {
		return err
	}
	return a.Jobs.Work(ctx, jobs.WorkerOptions{
		Queues: shares, Strict: strict, Slots: p.slots(), Process: a.Process, Log: a.Log, OnDone: a.jobDone,
	})
}
