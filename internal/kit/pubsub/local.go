package pubsub

import (
	"bytes"
	"context"
	"fmt"
)

// Local is a bus within this process.
type Local struct{ hub *hub }

var _ Bus = (*Local)(nil)

// NewLocal makes a bus within this process.
func NewLocal() *Local { return &Local{hub: newHub()} }

// Publish implements Bus. Payloads are copied, so a caller may use its buffer again.
func (l *Local) Publish(ctx context.Context, msgs ...Message) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	if err := check(msgs); err != nil {
		return err
	}
	if l.hub.isClosed() {
		return ErrClosed
	}
	for _, m := range msgs {
		if l.hub.wanted(m.Channel) {
			l.hub.deliver(Message{Channel: m.Channel, Payload: bytes.Clone(m.Payload)})
		}
	}
	return nil
}

// Subscribe implements Bus.
func (l *Local) Subscribe(channels ...string) *Subscription { return l.hub.subscribe(channels) }

// Close implements Bus.
func (l *Local) Close() error {
	l.hub.close()
	return nil
}
