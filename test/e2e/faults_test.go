package e2e

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gomph/gomph/internal/testkit/services"
)

// TestFaults breaks what the server stands on. Redis holds only what can be rebuilt: without it people go on (requirements D4, D6). A database that is
// gone for a moment costs patience, and nothing that was acknowledged (C9).
func TestFaults(t *testing.T) {
	t.Parallel()
	own := services.OwnPostgres(t, "", nil)
	redis, redisURL := Through(t, services.Redis(t))
	database, databaseURL := Through(t, services.PgBouncer(t, own.URL()))
	s := Start(t, Five, Env("REDIS_URL", redisURL), Env("DATABASE_URL", databaseURL), func(s *Server) { s.DatabaseURL, s.RedisURL = own.URL(), redisURL })
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
	s.Step(t, "the database restarts", func(t *testing.T) { acknowledgedIsThere(t, ann, func() { own.Stop(); own.Start(t) }) })
	s.Step(t, "the line to the database is cut", func(t *testing.T) { acknowledgedIsThere(t, ann, func() { database.Cut(); database.Mend() }) })
	s.Step(t, "the database answers nothing for a while", func(t *testing.T) {
		acknowledgedIsThere(t, ann, func() { database.Swallow(); database.Carry() })
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

// acknowledgedIsThere posts while something breaks, and then looks for everything that was acknowledged.
func acknowledgedIsThere(t *testing.T, ann Person, breaks func()) {
	t.Helper()
	const writers, rounds = 3, 3
	var mu sync.Mutex
	var count atomic.Int64
	ids := map[string]string{}
	stop := make(chan struct{})
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				text := errorf("%s, %d by %d", t.Name(), n, w).Error()
				insist(t, func() bool {
					var status Status
					if !ann.try(M{"status": text}, text, &status) {
						return false
					}
					mu.Lock()
					defer mu.Unlock()
					ids[text] = status.ID
					count.Add(1)
					return true
				})
			}
		})
	}
	more := func() {
		want := count.Load() + 2*writers
		Eventually(t, "posts are acknowledged", func() error {
			if count.Load() < want {
				return errorf("%d of %d", count.Load(), want)
			}
			return nil
		})
	}
	more()
	for range rounds {
		breaks()
		more()
	}
	close(stop)
	all.Wait()
	for text, id := range ids {
		answer := ann.Do(http.MethodGet, "/api/v1/statuses/"+id, nil)
		if answer.Status != http.StatusOK {
			t.Errorf("%q was acknowledged as %s and is answered with %d", text, id, answer.Status)
		}
	}
	t.Logf("%d posts were acknowledged", len(ids))
}
