package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

const (
	// sockets is how many clients listen at once, to one process.
	sockets = 10_000
	// dialers is how many of them connect at once.
	dialers = 64
	// The goals of the issue: memory of a socket, the time until 99 of 100 have heard of a post, connections to the database.
	socketMemory      = 40  // KiB
	socketP99         = 250 // ms
	socketConnections = 4
	// announcements is how many posts are told to all, one after another.
	announcements = 10
)

// streaming measures what idle listeners hold and what one event to all of them costs.
func (b *bench) streaming(ctx context.Context) error {
	if err := b.running(ctx); err != nil {
		return err
	}
	n := sockets
	if b.quick {
		n /= 10
	}
	if err := b.listeners(ctx, n); err != nil {
		return err
	}
	before, err := b.s.rss()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	heard := make(chan time.Time, n)
	if err := b.listen(ctx, &wg, n, heard); err != nil {
		return err
	}
	time.Sleep(5 * time.Second) // let the server's memory settle
	idle, err := b.s.rss()
	if err != nil {
		return err
	}
	b.report.add(fmt.Sprintf("memory of one of %d idle WebSockets", n), (idle-before)*1024/float64(n), "KiB", socketMemory, "%.0f MiB with all", idle)
	b.s.profile(true)
	defer b.s.profile(false)
	return b.tellAll(ctx, n, heard)
}

// listeners makes those who listen: each on a connection of their own.
func (b *bench) listeners(ctx context.Context, n int) error {
	t := b.seed.AccountTables()
	for i := range n {
		b.seed.Local(t, fmt.Sprintf("listener%d", i))
		if t.Full() || i == n-1 {
			if err := t.Flush(ctx, b.db); err != nil {
				return err
			}
		}
	}
	return b.seed.Analyze(ctx)
}

// listen opens sockets of a stream that all hear the same of.
func (b *bench) listen(ctx context.Context, wg *sync.WaitGroup, n int, heard chan<- time.Time) error {
	var next atomic.Int64
	var dialing sync.WaitGroup
	failed := make(chan error, dialers)
	for range dialers {
		dialing.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				l, err := b.hear(ctx, fmt.Sprintf("/api/v1/streaming?stream=public:local&access_token=bench-listener%d", i))
				if err != nil {
					failed <- fmt.Errorf("listener %d: %w", i, err)
					return
				}
				wg.Go(func() {
					for l.message() == nil {
						heard <- time.Now()
					}
				})
			}
		})
	}
	dialing.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// listener is the least that can hear a WebSocket, so that those who listen take little of the cores that they share with the server.
type listener struct{ *bufio.Reader }

// hear opens a socket, which is closed when ctx ends.
func (b *bench) hear(ctx context.Context, path string) (*listener, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", b.s.domain)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path, b.s.domain); err != nil {
		return nil, err
	}
	l := &listener{bufio.NewReaderSize(conn, 4<<10)}
	res, err := http.ReadResponse(l.Reader, nil)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("answered %s", res.Status)
	}
	return l, nil
}

// message reads one message, which servers send in one frame, without a mask. Pings are passed over: nobody listens long enough to miss the answer.
func (l *listener) message() error {
	for {
		var head [10]byte
		if _, err := io.ReadFull(l, head[:2]); err != nil {
			return err
		}
		size, more := int(head[1]), 0
		switch head[1] {
		case 126:
			more = 2
		case 127:
			more = 8
		}
		if _, err := io.ReadFull(l, head[2:2+more]); err != nil {
			return err
		}
		switch more {
		case 2:
			size = int(binary.BigEndian.Uint16(head[2:]))
		case 8:
			size = int(binary.BigEndian.Uint32(head[6:]))
		}
		if _, err := l.Discard(size); err != nil {
			return err
		}
		if head[0]&0x0f == 1 {
			return nil
		}
	}
}

// tellAll posts, and times until each listener has heard it.
func (b *bench) tellAll(ctx context.Context, n int, heard <-chan time.Time) error {
	var took []time.Duration
	var last, worst time.Duration
	open := int64(0)
	before, err := b.s.cpu()
	if err != nil {
		return err
	}
	for k := range announcements {
		began := time.Now()
		if _, err := ask(ctx, client(), http.MethodPost, b.s.url+"/api/v1/statuses", b.author.Token, url.Values{"status": {draft(k*4 + 1)}}); err != nil {
			return err
		}
		last = 0
		for i := range n {
			select {
			case at := <-heard:
				took = append(took, at.Sub(began))
				last = max(last, at.Sub(began))
			case <-time.After(time.Minute):
				return fmt.Errorf("only %d of %d listeners heard the post", i, n)
			}
		}
		worst = max(worst, last)
		if b.engine == "postgres" {
			all, err := db.Value[int64](ctx, b.db, "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'")
			if err != nil {
				return err
			}
			open = max(open, all)
		}
	}
	after, err := b.s.cpu()
	if err != nil {
		return err
	}
	slices.Sort(took)
	b.report.add(fmt.Sprintf("one post to %d WebSockets, from sending it until it is heard, p99", n), ms(took[len(took)*99/100]), "ms", socketP99,
		"p50 %s ms, the last %s ms, of %d posts; %s µs CPU each; those who listen use the same cores", figure(ms(took[len(took)/2])), figure(ms(worst)), announcements,
		figure(float64((after-before).Microseconds())/float64(n*announcements)))
	if b.engine == "postgres" {
		b.report.add("connections to the database that are busy meanwhile, most", float64(open), "", socketConnections, "%d looks", announcements)
	}
	return nil
}
