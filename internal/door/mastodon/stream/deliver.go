package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/announcements"
	"github.com/gomph/gomph/internal/domain/feeds"
	"github.com/gomph/gomph/internal/domain/notifications"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/pubsub"
)

// notification is the event of the channel of a person's notices.
const notification = "notification"

// maxLag is the age above which a post's way here is not measured: it was old when it arrived.
const maxLag = time.Minute

// handle does what a message asks for.
func (h *hub) handle(ctx context.Context, m pubsub.Message) error {
	if id := viewerOf(m.Channel); id != 0 {
		return h.reload(ctx, id)
	}
	if m.Channel == announcements.Channel {
		return h.announce(ctx, m)
	}
	var msg feeds.Message
	if err := json.Unmarshal(m.Payload, &msg); err != nil {
		return fmt.Errorf("reading a message of %s: %w", kindOf(m.Channel), err)
	}
	if m.Channel == feeds.PublicChannel {
		return h.public(ctx, &msg)
	}
	list := h.listeners(m.Channel)
	if len(list) == 0 {
		return nil
	}
	e, err := h.event(ctx, &msg, list[0].client.who.account)
	if err != nil || e == nil {
		return err
	}
	for _, s := range list {
		h.deliver(s, &msg, e)
	}
	h.measure(&msg)
	return nil
}

// kindOf is a channel's name without the id, for messages.
func kindOf(channel string) string {
	for i := range len(channel) {
		if channel[i] == ':' {
			return channel[:i]
		}
	}
	return channel
}

func (h *hub) reload(ctx context.Context, id accounts.ID) error {
	h.mu.RLock()
	v := h.viewers[id]
	h.mu.RUnlock()
	if v == nil {
		return nil
	}
	if err := v.load(ctx, &h.Deps); err != nil {
		return fmt.Errorf("loading what a person wants to see: %w", err)
	}
	return nil
}

func (h *hub) listeners(topics ...string) []*subscription {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var out []*subscription
	for _, t := range topics {
		for s := range h.topics[t] {
			out = append(out, s)
		}
	}
	return out
}

// public hands a post to the public streams and those of hashtags, to those who want to meet it.
func (h *hub) public(ctx context.Context, m *feeds.Message) error {
	list := h.listeners(topicsOf(m)...)
	if len(list) == 0 {
		return nil
	}
	e, err := h.event(ctx, m, 0)
	if err != nil || e == nil {
		return err
	}
	for _, s := range list {
		if t := s.client.viewer.taste.Load(); m.Event == feeds.Delete || (t != nil && t.public(m)) {
			h.deliver(s, m, e)
		}
	}
	h.measure(m)
	return nil
}

// announce tells everybody of an announcement.
func (h *hub) announce(ctx context.Context, m pubsub.Message) error {
	list := h.listeners(m.Channel)
	if len(list) == 0 {
		return nil
	}
	var msg announcements.Message
	if err := json.Unmarshal(m.Payload, &msg); err != nil {
		return fmt.Errorf("reading a message of %s: %w", m.Channel, err)
	}
	e := &event{name: msg.Event, payload: []byte(ids.Format(msg.ID))}
	var err error
	switch msg.Event {
	case announcements.Told:
		e, err = personal(msg.Event, func() ([]byte, error) { return h.Renderer.Announcement(ctx, msg.ID) })
	case announcements.Reacted:
		e, err = personal(msg.Event, func() ([]byte, error) { return h.Renderer.Reaction(ctx, msg.ID, msg.Name) })
	}
	if err != nil || e == nil {
		return err
	}
	for _, s := range list {
		h.deliver(s, &feeds.Message{Event: msg.Event}, e)
	}
	return nil
}

// event makes what is told of a message; nil for nothing.
func (h *hub) event(ctx context.Context, m *feeds.Message, me accounts.ID) (*event, error) {
	switch m.Event {
	case feeds.Update, feeds.StatusUpdate:
		// Whoever waits for another's rendering must not fail with it: it has a limit of its own.
		return h.states.get(stateOf{m.Event, m.ID, m.At}, func() (*event, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renderLimit)
			defer cancel()
			p, err := h.Renderer.Status(ctx, statuses.ID(m.ID))
			if err != nil || p == nil {
				return nil, err
			}
			return &event{name: m.Event, payload: p.JSON, post: p}, nil
		})
	case feeds.Delete:
		return &event{name: m.Event, payload: []byte(ids.Format(m.ID))}, nil
	case notification:
		return personal(m.Event, func() ([]byte, error) { return h.Renderer.Notification(ctx, me, m.ID) })
	case notifications.Merged:
		return &event{name: m.Event, payload: []byte("1")}, nil
	case feeds.Conversation:
		return personal(m.Event, func() ([]byte, error) { return h.Renderer.Conversation(ctx, me, m.ID) })
	}
	return nil, nil
}

func personal(name string, render func() ([]byte, error)) (*event, error) {
	payload, err := render()
	if err != nil || payload == nil {
		return nil, err
	}
	return &event{name: name, payload: payload}, nil
}

// deliver queues an event for a subscription, in the form that its person gets.
func (h *hub) deliver(s *subscription, m *feeds.Message, e *event) {
	switch {
	case s.name == "user:notification" && m.Event == feeds.Delete:
		return
	case m.Event == feeds.Update && (s.name == "user" || s.name == "list"):
		shows := m.ID
		if m.Of != 0 {
			shows = m.Of
		}
		if s.seen(shows) {
			return
		}
	}
	if e.post != nil {
		t := s.client.viewer.taste.Load()
		if e.post.Quoted != 0 && (t == nil || t.hides(e.post.Quoted)) {
			e = e.without()
		}
		if t != nil && !t.filters.Empty() {
			if found := t.filters.Apply("", e.post.Text, e.post.IDs...); len(found) > 0 {
				e = e.filtered(found)
			}
		}
	}
	s.client.send(e.frame(s.frameLabel()))
	h.events.Inc(m.Event)
}

func (h *hub) measure(m *feeds.Message) {
	if m.Event != feeds.Update {
		return
	}
	if lag := h.Clock.Now().Sub(ids.Time(m.ID)); lag >= 0 && lag < maxLag {
		h.lag.Observe(lag.Seconds())
	}
}
