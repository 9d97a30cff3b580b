package pubsub

import (
	"context"
	"sync"
)

// hub knows who listens to what in this process. A message costs one map look-up and one send for each of its readers.
type hub struct {
	mu       sync.RWMutex
	channels map[string]map[*Subscription]struct{}
	all      map[*Subscription]struct{}
	closed   bool
	// changed is told, under mu, of channels that got their first or lost their last reader. Nil for a local bus.
	changed func(channels []string)
	// ready waits until the store knows the channels asked for so far. Nil for a local bus.
	ready func(ctx context.Context) error
}

func newHub() *hub {
	return &hub{channels: map[string]map[*Subscription]struct{}{}, all: map[*Subscription]struct{}{}}
}

// Subscription is one reader's queue. Read C until it is closed, then ask Err why.
type Subscription struct {
	// C gives the messages, in the order in which each channel had them. It is closed when the subscription ends.
	C <-chan Message

	hub      *hub
	queue    chan Message
	channels map[string]struct{} // guarded by hub.mu

	mu    sync.Mutex // guards what follows, and sending on queue against closing it
	ended bool
	err   error
}

func (h *hub) subscribe(channels []string) *Subscription {
	queue := make(chan Message, queueSize)
	s := &Subscription{C: queue, hub: h, queue: queue, channels: map[string]struct{}{}}
	h.mu.Lock()
	closed := h.closed
	if !closed {
		h.all[s] = struct{}{}
	}
	h.mu.Unlock()
	if closed {
		s.end(ErrClosed)
		return s
	}
	s.Add(channels...)
	return s
}

// Add listens to more channels; those already listened to stay as they are.
func (s *Subscription) Add(channels ...string) {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, alive := h.all[s]; !alive {
		return
	}
	var first []string
	for _, c := range channels {
		if c == "" || len(c) > MaxChannel {
			continue // nobody can publish there
		}
		readers := h.channels[c]
		if readers == nil {
			readers = map[*Subscription]struct{}{}
			h.channels[c] = readers
			first = append(first, c)
		}
		readers[s] = struct{}{}
		s.channels[c] = struct{}{}
	}
	h.notify(first)
}

// Remove stops listening to channels. Messages already queued still come.
func (s *Subscription) Remove(channels ...string) {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leave(s, channels)
}

// Ready waits until messages of all channels asked for so far will arrive. A reader that loads a state and then follows it
// subscribes, waits for Ready, and loads. In process it is always ready at once.
func (s *Subscription) Ready(ctx context.Context) error {
	if s.hub.ready == nil {
		return ctx.Err()
	}
	return s.hub.ready(ctx)
}

// Close ends the subscription. It may be called at any time and again.
func (s *Subscription) Close() { s.hub.drop([]*Subscription{s}, nil) }

// Dropped reports whether the subscription ended because its reader was too slow.
func (s *Subscription) Dropped() bool { return s.Err() == ErrSlow }

// Err is why the subscription ended: ErrSlow, ErrClosed, or nil after Close and before the end.
func (s *Subscription) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// offer queues a message and reports whether there was room (or no reader any more).
func (s *Subscription) offer(m Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return true
	}
	select {
	case s.queue <- m:
		return true
	default:
		return false
	}
}

func (s *Subscription) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.ended, s.err = true, err
	close(s.queue)
}

// deliver hands a message to the readers of its channel, and closes those that are behind.
func (h *hub) deliver(m Message) {
	h.mu.RLock()
	slow := offerAll(h.channels[m.Channel], m)
	h.mu.RUnlock()
	h.drop(slow, ErrSlow)
}

// gap tells every reader that messages may have been lost.
func (h *hub) gap() {
	h.mu.RLock()
	slow := offerAll(h.all, Message{})
	h.mu.RUnlock()
	h.drop(slow, ErrSlow)
}

func offerAll(readers map[*Subscription]struct{}, m Message) (slow []*Subscription) {
	for s := range readers {
		if !s.offer(m) {
			slow = append(slow, s)
		}
	}
	return slow
}

func (h *hub) drop(subs []*Subscription, reason error) {
	if len(subs) == 0 {
		return
	}
	for _, s := range subs {
		s.end(reason)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range subs {
		delete(h.all, s)
		names := make([]string, 0, len(s.channels))
		for c := range s.channels {
			names = append(names, c)
		}
		h.leave(s, names)
	}
}

// leave takes a reader from channels; mu is held.
func (h *hub) leave(s *Subscription, channels []string) {
	var last []string
	for _, c := range channels {
		if _, listens := s.channels[c]; !listens {
			continue
		}
		delete(s.channels, c)
		delete(h.channels[c], s)
		if len(h.channels[c]) == 0 {
			delete(h.channels, c)
			last = append(last, c)
		}
	}
	h.notify(last)
}

func (h *hub) notify(channels []string) {
	if h.changed != nil && len(channels) > 0 {
		h.changed(channels)
	}
}

// wanted reports whether anybody listens to a channel.
func (h *hub) wanted(channel string) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.channels[channel]) > 0
}

func (h *hub) isClosed() bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.closed
}

// names lists the channels that have readers.
func (h *hub) names() []string {
	h.mu.RLock()
	defer h.mu.RUnlock()
	names := make([]string, 0, len(h.channels))
	for c := range h.channels {
		names = append(names, c)
	}
	return names
}

// close ends all subscriptions and refuses new ones. It reports whether it was the first.
func (h *hub) close() bool {
	h.mu.Lock()
	first := !h.closed
	h.closed = true
	subs := make([]*Subscription, 0, len(h.all))
	for s := range h.all {
		subs = append(subs, s)
	}
	h.mu.Unlock()
	h.drop(subs, ErrClosed)
	return first
}
