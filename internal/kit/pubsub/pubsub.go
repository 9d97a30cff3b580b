// Package pubsub owns live messages: small, best effort, to whoever listens now; in this process, or through Redis to all of them.
//
// Nothing here is durable. A reader that must not miss anything reads the database when it starts, when it gets the gap marker (a
// Message without a channel) and after its subscription was closed for being slow. Publishers never wait for readers: every
// subscription has a bounded queue, and one that overflows is closed.
package pubsub

import (
	"context"
	"errors"
	"fmt"
)

const (
	// queueSize is how many messages wait for one reader. At 40 bytes each, 10,000 subscriptions reserve 50 MB.
	queueSize = 128
	// MaxPayload is the longest payload in bytes: messages carry ids, their readers load the rest.
	MaxPayload = 64 << 10
	// MaxChannel is the longest channel name in bytes; hashtags are the longest names there are.
	MaxChannel = 1 << 10
)

var (
	// ErrSlow is why a subscription ends that did not read fast enough.
	ErrSlow = errors.New("reader too slow, messages were dropped")
	// ErrClosed is why a subscription ends when its bus does, and what publishing on a closed bus answers.
	ErrClosed = errors.New("bus is closed")
)

// Bus carries messages. Implementations: NewLocal, NewRedis.
type Bus interface {
	// Publish hands messages to all who subscribe now, in order, in one round trip. Readers share a payload: nobody may change it.
	Publish(ctx context.Context, msgs ...Message) error
	// Subscribe listens to channels (none is fine, Add follows). It never fails: without a connection it begins when there is one.
	Subscribe(channels ...string) *Subscription
	// Close ends all subscriptions with ErrClosed.
	Close() error
}

// Message is what travels. On receiving, an empty Channel marks a gap: messages may have been lost, refresh.
type Message struct {
	Channel string
	Payload []byte
}

// Gap reports whether m is the marker that messages may have been lost.
func (m Message) Gap() bool { return m.Channel == "" }

func check(msgs []Message) error {
	for _, m := range msgs {
		switch {
		case m.Channel == "":
			return errors.New("publishing: a message needs a channel")
		case len(m.Channel) > MaxChannel:
			return fmt.Errorf("publishing: a channel name of %d bytes is over the limit of %d", len(m.Channel), MaxChannel)
		case len(m.Payload) > MaxPayload:
			return fmt.Errorf("publishing on %s: a payload of %d bytes is over the limit of %d", m.Channel, len(m.Payload), MaxPayload)
		}
	}
	return nil
}
