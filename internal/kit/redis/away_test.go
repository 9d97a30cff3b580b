package redis_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gomph/gomph/internal/kit/redis"
	"github.com/gomph/gomph/internal/kit/redis/redistest"
)

// mute carries bytes to a server and back, until it is told to carry nothing more while all connections stand.
type mute struct {
	net.Listener
	to     string
	silent atomic.Bool
	asked  atomic.Int64 // bytes that came in while silent
	conns  sync.WaitGroup
}

func muteBefore(t *testing.T, to string) *mute {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mute{Listener: l, to: to}
	m.conns.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
				m.conns.Go(func() {
					defer pair[0].Close()
					defer pair[1].Close()
					buf := make([]byte, 4096)
					for {
						n, err := pair[0].Read(buf)
						if m.silent.Load() {
							m.asked.Add(int64(n))
							n = 0
						}
						if _, werr := pair[1].Write(buf[:n]); err != nil || werr != nil {
							return
						}
					}
				})
			}
		}
	})
	t.Cleanup(func() { l.Close(); m.conns.Wait() })
	return m
}

// The second caller of a server that does not answer is told at once; the server is not even asked.
func TestNobodyWaitsTwiceForAServerThatIsAway(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	m := muteBefore(t, server.URL[len("redis://"):])
	c, err := redis.Open(t.Context(), "redis://"+m.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	set := func() error { return c.Do(context.Background(), c.B().Set().Key("k").Value("v").Build()).Error() }
	if err := set(); err != nil {
		t.Fatal(err)
	}
	m.silent.Store(true)
	if err := set(); err == nil {
		t.Fatal("a silent server answered")
	}
	const many = 1000 // with a second each, this test would not end
	for range many {
		if err := set(); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("one of the next: %v", err)
		}
		for _, r := range c.DoMulti(context.Background(), c.B().Get().Key("k").Build(), c.B().Get().Key("l").Build()) {
			if r.Error() == nil {
				t.Fatal("a silent server answered")
			}
		}
	}
	if n := m.asked.Load(); n > 64<<10 {
		t.Errorf("a server that is away was asked with %d bytes", n)
	}
}

// Who goes away says nothing about the server.
func TestACallerThatLeavesSaysNothingAboutTheServer(t *testing.T) {
	t.Parallel()
	c, _ := redistest.Open(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10 {
		if err := c.Do(gone, c.B().Get().Key("k").Build()).Error(); err == nil {
			t.Error("one who left was answered")
		}
	}
	if err := c.Do(t.Context(), c.B().Set().Key("k").Value("v").Build()).Error(); err != nil {
		t.Errorf("one who stayed: %v", err)
	}
}
