package sandbox

import (
	"context"
	"runtime"
)

// Half of the cores at most work on what strangers sent, so that pages do not wait (requirement B3): a quarter on what somebody waits for, a quarter
// on the rest. Below four cores that is one process of each kind, of which the second works when nothing else is to do.
var (
	prompt  = make(chan struct{}, quarter())
	patient = make(chan struct{}, max(1, quarter()/Threads(WhenIdle(context.Background()))))
)

// mostThreads bounds the threads of one process: more do not make the programs that we run much quicker.
const mostThreads = 4

func quarter() int { return max(1, runtime.NumCPU()/4) }

type idleKey struct{}

// WhenIdle marks work that nobody waits for: it has places of its own, and the kernel lets everything else go first.
func WhenIdle(ctx context.Context) context.Context { return context.WithValue(ctx, idleKey{}, true) }

func isIdle(ctx context.Context) bool { return ctx.Value(idleKey{}) != nil }

// Threads is how many threads one process may have that is started with this context.
func Threads(ctx context.Context) int {
	if isIdle(ctx) {
		return min(quarter(), mostThreads)
	}
	return 1
}

// Enter waits for a place to start a process in, as long as ctx lasts; leave gives it back. Do enters by itself.
func Enter(ctx context.Context) (leave func(), err error) {
	places := prompt
	if isIdle(ctx) {
		places = patient
	}
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
