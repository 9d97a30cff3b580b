package pubsub

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/gomph/gomph/internal/kit/redis"
)

const (
	// subscribeBatch is how many channels one SUBSCRIBE names, so that ten thousand of them do not stall the connection.
	subscribeBatch = 500
	// minBackoff and maxBackoff bound the wait between attempts to reach a server that is away; the wait doubles, with jitter.
	minBackoff = 50 * time.Millisecond
	maxBackoff = 5 * time.Second
)

// Redis is a bus between processes. All its subscriptions share one connection; publishing uses the client's shared ones.
type Redis struct {
	hub    *hub
	client *redis.Client
	prefix string

	mu    sync.Mutex
	dirty map[string]struct{} // channels whose need may have changed since the keeper looked
	asked uint64              // grows with every change
	known uint64              // the value of asked that the server has caught up with
	moved chan struct{}       // closed and renewed when known grows

	wake   chan struct{}
	cancel context.CancelFunc
	done   chan struct{}
}

var _ Bus = (*Redis)(nil)

// NewRedis makes a bus on a server. Channel names get the prefix there. Close the bus before the client.
func NewRedis(client *redis.Client, prefix string) *Redis {
	ctx, cancel := context.WithCancel(context.Background())
	r := &Redis{hub: newHub(), client: client, prefix: prefix, dirty: map[string]struct{}{}, moved: make(chan struct{}),
		wake: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{})}
	r.hub.changed = r.changed
	r.hub.ready = r.ready
	go r.keep(ctx)
	return r
}

// Publish implements Bus. After a broken connection it tries again, so a message may come twice.
func (r *Redis) Publish(ctx context.Context, msgs ...Message) error {
	if err := check(msgs); err != nil {
		return err
	}
	if r.hub.isClosed() {
		return ErrClosed
	}
	cmds := make(rueidis.Commands, 0, len(msgs))
	for _, m := range msgs {
		cmds = append(cmds, r.client.B().Publish().Channel(r.prefix+m.Channel).Message(rueidis.BinaryString(m.Payload)).Build().ToRetryable())
	}
	for _, res := range r.client.DoMulti(ctx, cmds...) {
		if err := res.Error(); err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
	}
	return nil
}

// Subscribe implements Bus.
func (r *Redis) Subscribe(channels ...string) *Subscription { return r.hub.subscribe(channels) }

// Close implements Bus.
func (r *Redis) Close() error {
	if r.hub.close() {
		r.cancel()
	}
	<-r.done
	return nil
}

// changed notes channels for the keeper. It is called under the hub's lock and must not wait.
func (r *Redis) changed(channels []string) {
	r.mu.Lock()
	for _, c := range channels {
		r.dirty[c] = struct{}{}
	}
	r.asked++
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Redis) ready(ctx context.Context) error {
	r.mu.Lock()
	want := r.asked
	for r.known < want {
		moved := r.moved
		r.mu.Unlock()
		select {
		case <-moved:
		case <-r.done:
			return ErrClosed
		case <-ctx.Done():
			return fmt.Errorf("waiting for subscriptions: %w", ctx.Err())
		}
		r.mu.Lock()
	}
	r.mu.Unlock()
	return nil
}

func (r *Redis) caughtUp(to uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = to
	close(r.moved)
	r.moved = make(chan struct{})
}

// take empties the list of changes.
func (r *Redis) take() (channels []string, asked uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.dirty {
		channels = append(channels, c)
	}
	clear(r.dirty)
	return channels, r.asked
}

// keep holds the subscribing connection until ctx ends, and makes a new one when it breaks.
func (r *Redis) keep(ctx context.Context) {
	defer close(r.done)
	backoff := minBackoff
	for again := false; ctx.Err() == nil; again = true {
		began := time.Now()
		r.connection(ctx, again)
		if time.Since(began) > maxBackoff {
			backoff = minBackoff // it had worked for a while
		}
		select {
		case <-ctx.Done():
		case <-time.After(backoff/2 + rand.N(backoff/2)):
		}
		backoff = min(backoff*2, maxBackoff)
	}
}

// connection serves the hub over one connection until that breaks or ctx ends. After a break, readers get the gap marker as soon
// as the server knows their channels again.
func (r *Redis) connection(ctx context.Context, again bool) {
	conn, release := r.client.Dedicate()
	defer release()
	defer conn.Close()
	lost := conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: func(m rueidis.PubSubMessage) {
		r.hub.deliver(Message{Channel: m.Channel[len(r.prefix):], Payload: []byte(m.Message)})
	}})
	_, asked := r.take() // all of it is among the names
	have := map[string]struct{}{}
	if conn.Do(ctx, conn.B().Ping().Build()).Error() != nil || r.follow(ctx, conn, have, r.hub.names()) != nil {
		return
	}
	r.caughtUp(asked)
	if again {
		r.hub.gap()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-lost:
			return
		case <-r.wake:
			channels, asked := r.take()
			if r.follow(ctx, conn, have, channels) != nil {
				return
			}
			r.caughtUp(asked)
		}
	}
}

// follow makes the connection listen to those of the channels that have readers, and to none of the others.
func (r *Redis) follow(ctx context.Context, conn rueidis.DedicatedClient, have map[string]struct{}, channels []string) error {
	var on, off []string
	for _, c := range channels {
		_, has := have[c]
		switch wanted := r.hub.wanted(c); {
		case wanted && !has:
			on = append(on, r.prefix+c)
			have[c] = struct{}{}
		case !wanted && has:
			off = append(off, r.prefix+c)
			delete(have, c)
		}
	}
	err := batches(on, func(names []string) error {
		return conn.Do(ctx, conn.B().Subscribe().Channel(names...).Build()).Error()
	})
	return errors.Join(err, batches(off, func(names []string) error {
		return conn.Do(ctx, conn.B().Unsubscribe().Channel(names...).Build()).Error()
	}))
}

func batches(names []string, do func([]string) error) error {
	for len(names) > 0 {
		n := min(len(names), subscribeBatch)
		if err := do(names[:n]); err != nil {
			return err
		}
		names = names[n:]
	}
	return nil
}
