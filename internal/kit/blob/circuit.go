package blob

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// enough failures, one after another, mean that it is not the files: two files that cannot be copied stand rarely next to each other.
	enough = 8
	// longestPause bounds the pause between two tries of a place that does not answer.
	longestPause = 15 * time.Second
)

// circuit lets files go while they get through. When they do not any more, it lets one go at a time, with growing pauses, until one does.
type circuit struct {
	first    time.Duration // the first pause
	patience time.Duration // how long it may stay shut
	turn     chan struct{} // is held, of one, by who tries while it is shut

	mu       sync.Mutex
	failures int           // one after another
	shut     chan struct{} // is closed when files go again; nil while they go
	since    time.Time     // when it was shut
	pause    time.Duration
}

func newCircuit(first, patience time.Duration) *circuit {
	return &circuit{first: first, patience: patience, turn: make(chan struct{}, 1)}
}

// enter waits until a file may go; trying is whether it is the only one.
func (c *circuit) enter(ctx context.Context) (trying bool, err error) {
	for {
		c.mu.Lock()
		shut, pause := c.shut, c.pause
		c.mu.Unlock()
		if shut == nil {
			return false, ctx.Err()
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-shut:
		case c.turn <- struct{}{}:
			timer := time.NewTimer(pause)
			select {
			case <-timer.C:
				return true, nil
			case <-ctx.Done():
			case <-shut:
			}
			timer.Stop()
			<-c.turn
		}
	}
}

// leave tells how it went. It is an error when the patience is at its end.
func (c *circuit) leave(trying bool, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if trying {
		<-c.turn
	}
	if err == nil {
		c.failures = 0
		if c.shut != nil {
			close(c.shut)
			c.shut = nil
		}
		return nil
	}
	c.failures++
	switch {
	case c.shut == nil && c.failures >= enough:
		c.shut, c.since, c.pause = make(chan struct{}), time.Now(), c.first
	case c.shut != nil && time.Since(c.since) >= c.patience:
		return fmt.Errorf("nothing got through for %s: %w", c.patience, err)
	case trying:
		c.pause = min(2*c.pause, longestPause, c.patience)
	}
	return nil
}

// jitter is a pause before the next try, from half to all of first doubled with each try.
func jitter(first time.Duration, try int) time.Duration {
	d := min(first<<min(try, 16), longestPause)
	return d/2 + rand.N(d/2+1)
}
