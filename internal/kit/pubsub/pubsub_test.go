package pubsub_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/gomph/gomph/internal/kit/pubsub"
	"github.com/gomph/gomph/internal/kit/pubsub/pubsubtest"
	"github.com/gomph/gomph/internal/kit/redis/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLocal(t *testing.T) {
	t.Parallel()
	pubsubtest.Run(t, func(*testing.T) pubsub.Bus { return pubsub.NewLocal() })
}

func TestRedis(t *testing.T) {
	t.Parallel()
	c, _ := redistest.Open(t)
	pubsubtest.Run(t, func(t *testing.T) pubsub.Bus { return pubsub.NewRedis(c, t.Name()+":") })
}

func TestRedisCarriesBetweenProcesses(t *testing.T) {
	t.Parallel()
	c, s := redistest.Open(t)
	here, there := pubsub.NewRedis(c, "p:"), pubsub.NewRedis(s.Client(t), "p:")
	defer here.Close()
	defer there.Close()
	sub := pubsubtest.Subscribe(t, there, "c")
	pubsubtest.Publish(t, here, "c", "hello")
	if m := pubsubtest.Next(t, sub); m.Channel != "c" || string(m.Payload) != "hello" {
		t.Errorf("got %v", m)
	}
}

func TestRedisUsesOneConnectionAndForgetsChannels(t *testing.T) {
	t.Parallel()
	c, _ := redistest.Open(t)
	b := pubsub.NewRedis(c, "p:")
	defer b.Close()
	one, two := pubsubtest.Subscribe(t, b, "a", "b"), pubsubtest.Subscribe(t, b, "b", "c")
	if n := subscribed(t, c.Do(t.Context(), c.B().PubsubChannels().Build()).AsStrSlice); n != 3 {
		t.Errorf("the server knows %d channels, want 3", n)
	}
	clients, err := c.Do(t.Context(), c.B().ClientList().TypePubsub().Build()).ToString()
	if err != nil || countLines(clients) != 1 {
		t.Errorf("subscribing connections: %q, %v", clients, err)
	}
	one.Close()
	pubsubtest.Ready(t, two)
	if n := subscribed(t, c.Do(t.Context(), c.B().PubsubChannels().Build()).AsStrSlice); n != 2 {
		t.Errorf("after one reader left the server knows %d channels, want 2", n)
	}
}

func TestRedisMarksTheGapAfterALostConnection(t *testing.T) {
	t.Parallel()
	c, _ := redistest.Open(t)
	b := pubsub.NewRedis(c, "p:")
	defer b.Close()
	one, two := pubsubtest.Subscribe(t, b, "a"), pubsubtest.Subscribe(t, b, "b")
	if err := c.Do(t.Context(), c.B().ClientKill().TypePubsub().Build()).Error(); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*pubsub.Subscription{one, two} {
		if m := pubsubtest.Next(t, s); !m.Gap() || m.Payload != nil {
			t.Fatalf("want the gap marker, got %v", m)
		}
	}
	pubsubtest.Publish(t, b, "b", "after")
	if m := pubsubtest.Next(t, two); string(m.Payload) != "after" {
		t.Errorf("got %v", m)
	}
}

func TestRedisSurvivesTheServersRestart(t *testing.T) {
	t.Parallel()
	c, s := redistest.Open(t)
	b := pubsub.NewRedis(c, "p:")
	defer b.Close()
	before := pubsubtest.Subscribe(t, b, "before")
	s.Stop()
	during := b.Subscribe("during")
	s.Restart(t)
	if m := pubsubtest.Next(t, before); !m.Gap() {
		t.Fatalf("want the gap marker, got %v", m)
	}
	if m := pubsubtest.Next(t, during); !m.Gap() {
		t.Fatalf("want the gap marker, got %v", m)
	}
	pubsubtest.Publish(t, b, "during", "x")
	if m := pubsubtest.Next(t, during); string(m.Payload) != "x" {
		t.Errorf("got %v", m)
	}
}

func subscribed(t *testing.T, ask func() ([]string, error)) int {
	t.Helper()
	names, err := ask()
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

func countLines(s string) (n int) {
	for _, r := range s {
		if r == '\n' {
			n++
		}
	}
	return n
}
