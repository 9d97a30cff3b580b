package stream

import (
	"slices"
	"sync"
)

// Reasons why a connection ends or an event is lost, as the metric names them.
const (
	reasonGone       = "gone"       // the client left
	reasonSlow       = "slow"       // its queue is full
	reasonStalled    = "stalled"    // a write or a pong took too long
	reasonRevoked    = "revoked"    // the token or the login may not be used any more
	reasonGap        = "gap"        // live messages were lost: all look again
	reasonDraining   = "draining"   // the process stops
	reasonAbuse      = "abuse"      // binary frames, too large ones, too many
	reasonFull       = "full"       // refused: too many connections
	reasonOverloaded = "overloaded" // an event was lost: rendering is behind
	reasonFailed     = "failed"     // an event was lost: rendering failed
)

// falloff is how many of the last posts on a home or list stream hide boosts of the same post, as in the feed.
const falloff = 40

// client is one connection.
type client struct {
	who    caller
	kind   string
	viewer *viewer

	out  chan []byte   // frames that wait
	done chan struct{} // closed when the connection is to end

	mu     sync.Mutex
	reason string
	subs   map[string]*subscription // by wanted.key
}

// subscription is a stream of a client.
type subscription struct {
	wanted
	client *client

	mu     sync.Mutex
	recent []int64 // posts shown last on a home or list stream, a ring
	at     int
}

func newClient(who caller, kind string, v *viewer) *client {
	return &client{who: who, kind: kind, viewer: v, out: make(chan []byte, queueSize), done: make(chan struct{}), subs: map[string]*subscription{}}
}

// end makes the connection end; the first reason counts. It reports whether it was the first.
func (c *client) end(reason string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != "" {
		return false
	}
	c.reason = reason
	close(c.done)
	return true
}

func (c *client) why() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}

// send queues a frame, or ends a client that is behind.
func (c *client) send(frame []byte) {
	select {
	case c.out <- frame:
	case <-c.done:
	default:
		c.end(reasonSlow)
	}
}

// label is how a frame for this subscription names its stream.
func (s *subscription) frameLabel() string {
	if s.client.kind == kindEvents {
		return sse
	}
	return s.label
}

// seen reports whether a post, by itself or boosted, was among the last shown, and remembers it.
func (s *subscription) seen(shows int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.recent, shows) {
		return true
	}
	if len(s.recent) < falloff {
		s.recent = append(s.recent, shows)
	} else {
		s.recent[s.at] = shows
		s.at = (s.at + 1) % falloff
	}
	return false
}
