package stream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/metric"
	"github.com/gomph/gomph/internal/kit/pubsub"
)

const (
	// workers is how many messages are worked on side by side; those of one channel stay in order.
	workers = 8
	// backlog is how many messages wait for a worker.
	backlog = 4096
	// joinLimit is longer than anybody takes from being looked up to being a client, and maxRevoked is how many revocations are
	// kept before older ones are forgotten.
	joinLimit  = time.Minute
	maxRevoked = 1000
	// renderLimit bounds the time for one event.
	renderLimit = 10 * time.Second
)

// hub knows who listens to what in this process.
type hub struct {
	Deps
	states states

	mu       sync.RWMutex
	sub      *pubsub.Subscription // nil while nothing runs
	closed   bool                 // no new clients
	clients  map[*client]struct{}
	viewers  map[accounts.ID]*viewer
	revoked  map[revokee]time.Time // of late
	topics   map[string]map[*subscription]struct{}
	channels map[string]int // how many need each channel
	left     chan struct{}  // closed and renewed when a client leaves

	queues []chan pubsub.Message
	gaps   chan struct{} // asks for all clients to look again

	started chan struct{} // closed when run listens
	start   sync.Once

	gauge  *metric.Gauge
	events *metric.Counter
	drops  *metric.Counter
	lag    *metric.Histogram
}

func newHub(d Deps) *hub {
	h := &hub{Deps: d, clients: map[*client]struct{}{}, viewers: map[accounts.ID]*viewer{}, revoked: map[revokee]time.Time{}, topics: map[string]map[*subscription]struct{}{}, channels: map[string]int{}, left: make(chan struct{}), gaps: make(chan struct{}, 1), started: make(chan struct{}),
		gauge:  d.Metrics.Gauge("streaming_clients", "Connections to the streaming API, by kind.", "kind"),
		events: d.Metrics.Counter("streaming_events_total", "Events handed to clients of the streaming API, by name.", "event"),
		drops:  d.Metrics.Counter("streaming_drops_total", "Connections to the streaming API that were ended or refused, and events that were lost, by reason.", "reason"),
		lag:    d.Metrics.Histogram("streaming_lag_seconds", "Time from a post's making to its being handed to the clients."),
	}
	for range workers {
		h.queues = append(h.queues, make(chan pubsub.Message, backlog))
	}
	return h
}

// run brings messages to workers until ctx ends or the bus is closed.
func (h *hub) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, q := range h.queues {
		g.Go(func() error { return h.work(ctx, q) })
	}
	g.Go(func() error { return h.shed(ctx) })
	g.Go(func() error { return h.listen(ctx) })
	err := g.Wait()
	h.mu.Lock()
	h.closed = true
	if h.sub != nil {
		h.sub.Close()
	}
	h.mu.Unlock()
	h.endAll(reasonDraining)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// listen reads the bus, and begins anew when the subscription was lost for being slow.
func (h *hub) listen(ctx context.Context) error {
	for {
		h.mu.Lock()
		sub := h.Bus.Subscribe(access.Channel)
		for c := range h.channels {
			sub.Add(c)
		}
		h.sub = sub
		h.mu.Unlock()
		h.start.Do(func() { close(h.started) })
		err := h.read(ctx, sub)
		sub.Close()
		if err != nil {
			return err
		}
		h.gap()
	}
}

func (h *hub) read(ctx context.Context, sub *pubsub.Subscription) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case m, open := <-sub.C:
			switch {
			case !open && errors.Is(sub.Err(), pubsub.ErrClosed):
				return fmt.Errorf("streaming: %w", sub.Err())
			case !open:
				return nil
			case m.Gap():
				h.gap()
			case m.Channel == access.Channel:
				h.revoke(access.ParseChange(m.Payload))
			default:
				h.enqueue(m)
			}
		}
	}
}

func (h *hub) enqueue(m pubsub.Message) {
	sum := uint32(2166136261) // FNV-1a: a channel's messages stay with one worker
	for i := range len(m.Channel) {
		sum = (sum ^ uint32(m.Channel[i])) * 16777619
	}
	select {
	case h.queues[sum%workers] <- m:
	default:
		h.drops.Inc(reasonOverloaded)
	}
}

func (h *hub) work(ctx context.Context, queue chan pubsub.Message) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case m := <-queue:
			own, cancel := context.WithTimeout(ctx, renderLimit)
			if err := h.handle(own, m); err != nil && ctx.Err() == nil {
				h.drops.Inc(reasonFailed)
				h.Log.ErrorContext(ctx, "an event could not be rendered", "error", err)
			}
			cancel()
		}
	}
}

// revoke ends the streams of tokens and people that may not stream any more. A login that changed otherwise is asked for again
// when its clients come back.
func (h *hub) revoke(change access.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remember(change, time.Now())
	for c := range h.clients {
		if change.User != 0 && change.User == c.who.user {
			c.end(reasonRevoked)
		}
		if slices.Contains(change.Tokens, c.who.token) {
			c.end(reasonRevoked)
		}
	}
}

// remember keeps a revocation in mind for those who are on their way in; mu is held.
func (h *hub) remember(change access.Change, now time.Time) {
	if len(h.revoked) >= maxRevoked {
		for who, at := range h.revoked {
			if now.Sub(at) > joinLimit {
				delete(h.revoked, who)
			}
		}
	}
	if change.User != 0 {
		h.revoked[revokee{user: change.User}] = now
	}
	for _, t := range change.Tokens {
		h.revoked[revokee{token: t}] = now
	}
}

// outdated reports whether a caller was looked up before a revocation; mu is held.
func (h *hub) outdated(who caller) bool {
	return !h.revoked[revokee{token: who.token}].Before(who.since) || !h.revoked[revokee{user: who.user}].Before(who.since)
}

// revokee is a token, or all of a login's.
type revokee struct {
	token access.TokenID
	user  access.UserID
}

var (
	errRevoked  = &failure{http.StatusUnauthorized, "Invalid access token"}
	errStopping = &failure{http.StatusServiceUnavailable, "The streaming server is restarting"}
	errFull     = &failure{http.StatusServiceUnavailable, "The streaming server is full"}
	errTooMany  = &failure{http.StatusTooManyRequests, "Too many connections"}
)

// join makes a client of a caller, with its taste loaded.
func (h *hub) join(ctx context.Context, who caller, kind string) (*client, error) {
	select {
	case <-h.started:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(readyWithin): // this process does not stream, and says so below
	}
	h.mu.Lock()
	v := h.viewers[who.account]
	var err error
	switch {
	case h.closed || h.sub == nil:
		err = errStopping
	case h.outdated(who):
		err = errRevoked
	case len(h.clients) >= h.MaxClients:
		err = errFull
	case v != nil && len(v.clients) >= maxPerAccount:
		err = errTooMany
	}
	if err != nil {
		h.mu.Unlock()
		if !errors.Is(err, errRevoked) {
			h.drops.Inc(reasonFull)
		}
		return nil, err
	}
	if v == nil {
		v = &viewer{id: who.account, clients: map[*client]struct{}{}}
		h.viewers[who.account] = v
		h.need(v.channels()...)
	}
	c := newClient(who, kind, v)
	v.clients[c] = struct{}{}
	h.clients[c] = struct{}{}
	h.gauge.Add(1, kind)
	h.mu.Unlock()
	if v.taste.Load() == nil {
		h.ready(ctx)
		if err := v.load(ctx, &h.Deps); err != nil {
			h.leave(c)
			return nil, err
		}
	}
	return c, nil
}

// leave forgets a client.
func (h *hub) leave(c *client) {
	c.end(reasonGone)
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, there := h.clients[c]; !there {
		return
	}
	c.mu.Lock()
	subs := c.subs
	c.subs = map[string]*subscription{}
	c.mu.Unlock()
	for _, s := range subs {
		h.remove(s)
	}
	delete(h.clients, c)
	delete(c.viewer.clients, c)
	if len(c.viewer.clients) == 0 {
		delete(h.viewers, c.viewer.id)
		h.unneed(c.viewer.channels()...)
	}
	h.gauge.Add(-1, c.kind)
	h.drops.Inc(c.why())
	close(h.left)
	h.left = make(chan struct{})
}

// subscribe adds a stream to a client; one that it has already stays as it is.
func (h *hub) subscribe(ctx context.Context, c *client, w wanted) error {
	h.mu.Lock()
	c.mu.Lock()
	_, has := c.subs[w.key()]
	full := len(c.subs) >= maxSubscriptions
	_, here := h.clients[c]
	if has || full || !here {
		c.mu.Unlock()
		h.mu.Unlock()
		if full && !has {
			return &failure{http.StatusTooManyRequests, "Too many streams on one connection"}
		}
		return nil
	}
	s := &subscription{wanted: w, client: c}
	c.subs[w.key()] = s
	c.mu.Unlock()
	for _, topic := range w.topics {
		if h.topics[topic] == nil {
			h.topics[topic] = map[*subscription]struct{}{}
		}
		h.topics[topic][s] = struct{}{}
		h.need(channelOf(topic))
	}
	h.mu.Unlock()
	h.ready(ctx)
	return nil
}

func (h *hub) unsubscribe(c *client, w wanted) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.mu.Lock()
	s := c.subs[w.key()]
	delete(c.subs, w.key())
	c.mu.Unlock()
	if s != nil {
		h.remove(s)
	}
}

// remove takes a subscription out of its topics; mu is held.
func (h *hub) remove(s *subscription) {
	for _, topic := range s.topics {
		delete(h.topics[topic], s)
		if len(h.topics[topic]) == 0 {
			delete(h.topics, topic)
		}
		h.unneed(channelOf(topic))
	}
}

// need and unneed count who needs a channel of the bus; mu is held.
func (h *hub) need(channels ...string) {
	for _, c := range channels {
		if h.channels[c]++; h.channels[c] == 1 && h.sub != nil {
			h.sub.Add(c)
		}
	}
}

func (h *hub) unneed(channels ...string) {
	for _, c := range channels {
		if h.channels[c]--; h.channels[c] == 0 {
			delete(h.channels, c)
			if h.sub != nil {
				h.sub.Remove(c)
			}
		}
	}
}

// ready waits until what was asked of the bus holds, for a bounded time.
func (h *hub) ready(ctx context.Context) {
	h.mu.RLock()
	sub := h.sub
	h.mu.RUnlock()
	if sub == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	_ = sub.Ready(ctx) // without it the stream begins when the bus is back
}

// endAll ends every client at once.
func (h *hub) endAll(reason string) {
	for _, c := range h.all() {
		c.end(reason)
	}
}

func (h *hub) all() []*client {
	h.mu.RLock()
	defer h.mu.RUnlock()
	out := make([]*client, 0, len(h.clients))
	for c := range h.clients {
		out = append(out, c)
	}
	return out
}

// gap asks for all clients that are there to be shed; asking again meanwhile changes nothing.
func (h *hub) gap() {
	select {
	case h.gaps <- struct{}{}:
	default:
	}
}

// shed ends all clients that are there, spread over a short time, whenever messages were lost: perhaps a revocation or a block
// was among them, and only coming back makes sure that nothing is missed.
func (h *hub) shed(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-h.gaps:
			h.spread(ctx, h.all(), reasonGap, shedOver)
		}
	}
}

// spread ends clients evenly over a time that grows with their number up to over.
func (h *hub) spread(ctx context.Context, list []*client, reason string, over time.Duration) {
	if len(list) == 0 {
		return
	}
	step := min(perClient, over/time.Duration(len(list)))
	tick := time.NewTicker(max(step, time.Microsecond))
	defer tick.Stop()
	for _, c := range list {
		c.end(reason)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// drain refuses new clients, ends those that are there over most of the time that is left, and waits until they are gone.
func (h *hub) drain(ctx context.Context) {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	over := time.Minute
	if end, ok := ctx.Deadline(); ok {
		over = max(0, time.Until(end)*3/4)
	}
	h.spread(ctx, h.all(), reasonDraining, over)
	for {
		h.mu.RLock()
		n, left := len(h.clients), h.left
		h.mu.RUnlock()
		if n == 0 {
			return
		}
		select {
		case <-left:
		case <-ctx.Done():
			return
		}
	}
}
