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

	mu     sync.Mutex
	reason string
	subs   map[string]*subscription // by wanted.key
	// frames wait to be written. While busy is set, somebody writes, and looks for more with next before ceasing to; otherwise wake makes
	// somebody. So a client that nothing happens to holds neither a queue nor a writer.
	frames []*frame
	busy   bool
	wake   func()
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
	return &client{who: who, kind: kind, viewer: v, busy: true, subs: map[string]*subscription{}}
}

// begin gives a client its writer, which is woken when something is to be written; until then everything waits.
func (c *client) begin(wake func()) {
	c.mu.Lock()
	c.wake = wake
	c.mu.Unlock()
	wake()
}

// end makes the connection end; the first reason counts. It reports whether it was the first.
func (c *client) end(reason string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != "" {
		return false
	}
	c.reason = reason
	c.stir()
	return true
}

func (c *client) why() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}

// send queues a frame, or ends a client that is behind.
func (c *client) send(f *frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.reason != "":
		return
	case len(c.frames) >= queueSize:
		c.reason = reasonSlow
	default:
		c.frames = append(c.frames, f)
	}
	c.stir()
}

// stir wakes the writer; mu is held.
func (c *client) stir() {
	if !c.busy {
		c.busy = true
		c.wake()
	}
}

// next gives the writer what waits. A reason says that the client is to end, and that nothing more comes; neither, that the writer is to cease
// until it is woken.
func (c *client) next() ([]*frame, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != "" {
		c.frames = nil
		return nil, c.reason
	}
	list := c.frames
	c.frames = nil
	c.busy = len(list) > 0
	return list, ""
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
