// Package pubsubtest owns what every pubsub.Bus must do.
package pubsubtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/pubsub"
)

// patience bounds the wait for a message that must come; only a failing test waits so long.
const patience = 30 * time.Second

// Run tries a bus. Each call of open gives a new one that shares nothing with the others and is closed by the suite.
func Run(t *testing.T, open func(t *testing.T) pubsub.Bus) {
	for name, test := range map[string]func(*testing.T, pubsub.Bus){
		"delivers to subscribers only": delivers,
		"keeps order":                  keepsOrder,
		"adds and removes":             addsAndRemoves,
		"shares channels":              sharesChannels,
		"drops the slow alone":         dropsSlow,
		"closes":                       closes,
		"binary and bounded":           binaryAndBounded,
		"many":                         many,
		"concurrent":                   concurrent,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			defer b.Close()
			test(t, b)
		})
	}
}

// Next waits for a message.
func Next(t testing.TB, s *pubsub.Subscription) pubsub.Message {
	t.Helper()
	select {
	case m, ok := <-s.C:
		if !ok {
			t.Fatalf("subscription ended: %v", s.Err())
		}
		return m
	case <-time.After(patience):
		t.Fatal("no message came")
		panic("unreachable")
	}
}

// Subscribe subscribes and waits until messages will arrive.
func Subscribe(t testing.TB, b pubsub.Bus, channels ...string) *pubsub.Subscription {
	t.Helper()
	s := b.Subscribe(channels...)
	Ready(t, s)
	return s
}

// Ready waits until messages will arrive.
func Ready(t testing.TB, s *pubsub.Subscription) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		t.Fatal(err)
	}
}

// Publish publishes one payload on one channel.
func Publish(t testing.TB, b pubsub.Bus, channel, payload string) {
	t.Helper()
	if err := b.Publish(context.Background(), pubsub.Message{Channel: channel, Payload: []byte(payload)}); err != nil {
		t.Fatal(err)
	}
}

func expect(t testing.TB, s *pubsub.Subscription, channel, payload string) {
	t.Helper()
	if m := Next(t, s); m.Channel != channel || string(m.Payload) != payload {
		t.Fatalf("got %q on %q, want %q on %q", m.Payload, m.Channel, payload, channel)
	}
}

func delivers(t *testing.T, b pubsub.Bus) {
	home, public := Subscribe(t, b, "home:7", "fence"), Subscribe(t, b, "public", "fence")
	Publish(t, b, "home:7", "1")
	Publish(t, b, "nobody", "2")
	Publish(t, b, "public", "3")
	Publish(t, b, "fence", "end")
	expect(t, home, "home:7", "1")
	expect(t, home, "fence", "end")
	expect(t, public, "public", "3")
	expect(t, public, "fence", "end")
}

func keepsOrder(t *testing.T, b pubsub.Bus) {
	s := Subscribe(t, b, "a", "b")
	msgs := make([]pubsub.Message, 100)
	for i := range msgs {
		msgs[i] = pubsub.Message{Channel: string("ab"[i%2]), Payload: []byte(fmt.Sprint(i))}
	}
	if err := b.Publish(t.Context(), msgs...); err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for range msgs {
		m := Next(t, s)
		got[m.Channel] = append(got[m.Channel], string(m.Payload))
	}
	for c, first := range map[string]int{"a": 0, "b": 1} {
		for i, p := range got[c] {
			if p != fmt.Sprint(first+2*i) {
				t.Fatalf("channel %s: %v", c, got[c])
			}
		}
	}
}

func addsAndRemoves(t *testing.T, b pubsub.Bus) {
	s := Subscribe(t, b)
	s.Add("a", "a", "b")
	Ready(t, s)
	Publish(t, b, "a", "1")
	expect(t, s, "a", "1")
	s.Remove("a", "unknown")
	Ready(t, s)
	Publish(t, b, "a", "2")
	Publish(t, b, "b", "3")
	expect(t, s, "b", "3")
	s.Add("a")
	Ready(t, s)
	Publish(t, b, "a", "4")
	expect(t, s, "a", "4")
}

func sharesChannels(t *testing.T, b pubsub.Bus) {
	one, two := Subscribe(t, b, "c"), Subscribe(t, b, "c")
	Publish(t, b, "c", "1")
	expect(t, one, "c", "1")
	expect(t, two, "c", "1")
	one.Close()
	Ready(t, two)
	Publish(t, b, "c", "2")
	expect(t, two, "c", "2")
	if m, ok := <-one.C; ok {
		t.Errorf("a closed subscription got %v", m)
	}
	if one.Dropped() || one.Err() != nil {
		t.Errorf("closing is no failure: %v", one.Err())
	}
	one.Close()
	one.Add("c")
	one.Remove("c")
}

func dropsSlow(t *testing.T, b pubsub.Bus) {
	slow, quick := Subscribe(t, b, "c"), Subscribe(t, b, "c", "d")
	const sent = 1000
	for i := range sent {
		Publish(t, b, "c", fmt.Sprint(i))
		expect(t, quick, "c", fmt.Sprint(i))
	}
	n := 0
	for range slow.C {
		n++
	}
	if !slow.Dropped() || slow.Err() != pubsub.ErrSlow {
		t.Errorf("not dropped: %v", slow.Err())
	}
	if n == 0 || n >= sent {
		t.Errorf("a reader that never read had %d messages queued", n)
	}
	Publish(t, b, "d", "still here")
	expect(t, quick, "d", "still here")
}

func closes(t *testing.T, b pubsub.Bus) {
	s := Subscribe(t, b, "c")
	for range 2 {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := <-s.C; ok || s.Err() != pubsub.ErrClosed || s.Dropped() {
		t.Errorf("after the bus closed: %v, dropped %v", s.Err(), s.Dropped())
	}
	late := b.Subscribe("c")
	if _, ok := <-late.C; ok || late.Err() != pubsub.ErrClosed {
		t.Errorf("subscribing on a closed bus: %v", late.Err())
	}
	if err := b.Publish(t.Context(), pubsub.Message{Channel: "c"}); err != pubsub.ErrClosed {
		t.Errorf("publishing on a closed bus: %v", err)
	}
}

func binaryAndBounded(t *testing.T, b pubsub.Bus) {
	s := Subscribe(t, b, "ünï:\x00\r\n", "c")
	Publish(t, b, "ünï:\x00\r\n", "\x00\xff\r\n")
	expect(t, s, "ünï:\x00\r\n", "\x00\xff\r\n")
	Publish(t, b, "c", "")
	expect(t, s, "c", "")
	Publish(t, b, "c", strings.Repeat("x", pubsub.MaxPayload))
	Next(t, s)
	long := strings.Repeat("x", pubsub.MaxChannel+1)
	for name, m := range map[string]pubsub.Message{
		"no channel":   {Payload: []byte("x")},
		"long channel": {Channel: long},
		"long payload": {Channel: "c", Payload: make([]byte, pubsub.MaxPayload+1)},
	} {
		if err := b.Publish(t.Context(), m); err == nil {
			t.Errorf("%s was published", name)
		}
	}
	s.Add("", long)
	Ready(t, s)
	if err := b.Publish(t.Context()); err != nil {
		t.Errorf("publishing nothing: %v", err)
	}
}

func many(t *testing.T, b pubsub.Bus) {
	const subs = 10_000
	all := make([]*pubsub.Subscription, subs)
	for i := range all {
		all[i] = b.Subscribe("home:"+fmt.Sprint(i), "tag:"+fmt.Sprint(i%1000))
	}
	Ready(t, all[subs-1])
	Publish(t, b, "home:9999", "x")
	expect(t, all[9999], "home:9999", "x")
	Publish(t, b, "tag:7", "y")
	for i := 7; i < subs; i += 1000 {
		expect(t, all[i], "tag:7", "y")
	}
	for _, s := range all {
		s.Close()
	}
}

func concurrent(t *testing.T, b pubsub.Bus) {
	steady := Subscribe(t, b, "steady")
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 50 {
				s := b.Subscribe("churn", fmt.Sprint(w))
				_ = b.Publish(context.Background(), pubsub.Message{Channel: "churn"}, pubsub.Message{Channel: fmt.Sprint(i % 8)})
				s.Add(fmt.Sprint(i))
				s.Remove("churn")
				s.Close()
			}
		})
	}
	wg.Wait()
	Publish(t, b, "steady", "end")
	expect(t, steady, "steady", "end")
}
