package redis

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

const (
	// patience is how long a command may take: a server answers in a millisecond, or is in trouble. Whoever asks can do without it.
	patience = time.Second
	// lookEvery is the pause between two looks at a server that was away.
	lookEvery = 250 * time.Millisecond
)

// watch keeps callers from waiting for a server that does not answer, one after the other: after the first, commands fail at once until the server
// has given a sign of life.
type watch struct {
	away   atomic.Bool
	ctx    context.Context //nolint:containedctx // of the looks at the server, as long as the client is open
	cancel context.CancelFunc
	looks  chan struct{} // holds a token while nobody looks
}

func newWatch() *watch {
	w := &watch{looks: make(chan struct{}, 1)}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.looks <- struct{}{}
	return w
}

// bound limits a command's time. A server that is away is not asked.
func (w *watch) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if w.away.Load() {
		return context.WithTimeout(ctx, 0)
	}
	return context.WithTimeout(ctx, patience)
}

// missed reports whether an error means that the server did not answer; the caller's own end does not.
func missed(caller context.Context, err error) bool {
	if err == nil || caller.Err() != nil || rueidis.IsRedisNil(err) || errors.Is(err, rueidis.ErrClosing) {
		return false
	}
	_, answered := rueidis.IsRedisErr(err)
	return !answered
}

// Do runs a command, and fails within a second when the server does not answer.
func (c *Client) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	bound, cancel := c.watch.bound(ctx)
	defer cancel()
	result := c.Client.Do(bound, cmd)
	if missed(ctx, result.Error()) {
		c.gone()
	}
	return result
}

// DoMulti runs several commands at once, as Do.
func (c *Client) DoMulti(ctx context.Context, cmds ...rueidis.Completed) []rueidis.RedisResult {
	bound, cancel := c.watch.bound(ctx)
	defer cancel()
	results := c.Client.DoMulti(bound, cmds...)
	for _, r := range results {
		if missed(ctx, r.Error()) {
			c.gone()
			break
		}
	}
	return results
}

// gone lets nobody ask the server until it answers again.
func (c *Client) gone() {
	w := c.watch
	w.away.Store(true)
	select {
	case <-w.looks:
	default:
		return // somebody looks already
	}
	go func() {
		defer func() { w.looks <- struct{}{} }()
		for {
			ctx, cancel := context.WithTimeout(w.ctx, patience)
			err := c.Client.Do(ctx, c.B().Ping().Build()).Error()
			cancel()
			if err == nil {
				w.away.Store(false)
				return
			}
			select {
			case <-w.ctx.Done():
				return
			case <-time.After(lookEvery):
			}
		}
	}()
}

// Close ends the connections. It may be called again.
func (c *Client) Close() {
	c.watch.cancel()
	c.Client.Close()
	token := <-c.watch.looks // nobody looks any more
	c.watch.looks <- token
}
