package e2e

import (
	"io"
	"net"
	"net/url"
	"testing"

	"github.com/gomph/gomph/internal/testkit/services"
)

// TestFaults breaks what the server stands on. Redis holds only what can be rebuilt: without it people go on (requirements D4, D6).
func TestFaults(t *testing.T) {
	t.Parallel()
	redis, redisURL := Through(t, services.Redis(t))
	s := Start(t, Five, Env("REDIS_URL", redisURL))
	ann, bob := s.Person("ann"), s.Person("bob")
	bob.Follows(ann)
	socket := bob.Socket(url.Values{"stream": {"user"}})
	socket.Started("user", func() { ann.Write("probe") })

	s.Step(t, "Redis is flushed", func(t *testing.T) {
		before := ann.Write("before the flush")
		bob.Sees(Home, before.ID)
		redisCommand(t, redisURL, "FLUSHALL")
		bob.Sees(Home, before.ID)
		after := ann.Write("after the flush")
		bob.Sees(Home, after.ID)
		socket.Wait("the post", Of("user", "update", after.ID))
	})
	s.Step(t, "Redis is gone", func(t *testing.T) {
		redis.Cut()
		post := ann.Write("without Redis")
		ann.Sees(Home, post.ID)
		bob.Sees(Home, post.ID)
		bob.On(post.ID, "favourite")
		ann.Told("favourite", About(post.ID))
		redis.Mend()
		after := ann.Write("with Redis again")
		bob.Sees(Home, after.ID)
		bob.Sees(Home, post.ID)
		_ = socket.Ended() // who may have missed something is asked to connect again
	})
	s.Step(t, "Redis answers nothing", func(t *testing.T) {
		witness := bob.Socket(url.Values{"stream": {"user"}})
		witness.Started("user", func() { ann.Write("probe") })
		redis.Swallow()
		post := ann.Write("into a silent Redis")
		bob.Sees(Home, post.ID)
		redis.Carry()
		bob.Sees(Home, ann.Write("and again").ID)
		_ = witness.Ended()
	})
	s.Step(t, "streams go on afterwards", func(t *testing.T) {
		fresh := bob.Socket(url.Values{"stream": {"user"}})
		fresh.Started("user", func() { ann.Write("probe") })
	})
}

// redisCommand asks Redis, by the protocol's inline form.
func redisCommand(t *testing.T, address, command string) {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", parsed.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(command + "\r\n")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 5)
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "+OK\r\n" {
		t.Fatalf("%s is answered with %q, %v", command, answer, err)
	}
}
