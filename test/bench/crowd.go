package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// sockets is how many clients listen at once.
const sockets = 1000

// fanout times one post on its way into many home timelines.
func (b *bench) fanout(ctx context.Context) error {
	sizes := []int{smallCrowd, largeCrowd}
	if b.quick {
		sizes = sizes[:1]
	}
	for _, size := range sizes {
		if err := b.fanoutTo(ctx, size); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) fanoutTo(ctx context.Context, size int) error {
	if err := b.running(ctx); err != nil {
		return err
	}
	t := b.seed.AccountTables()
	star := b.seed.Local(t, fmt.Sprintf("star%d", size))
	crowd := make([]account, size)
	for i := range crowd {
		crowd[i] = b.seed.Local(t, fmt.Sprintf("fan%dx%d", size, i))
		if t.Full() {
			if err := t.Flush(ctx, b.db); err != nil {
				return err
			}
		}
	}
	if err := t.Flush(ctx, b.db); err != nil {
		return err
	}
	if err := b.seed.Follow(ctx, crowd, []account{star}); err != nil {
		return err
	}
	if err := b.seed.Analyze(ctx); err != nil {
		return err
	}
	c := client()
	defer c.CloseIdleConnections()
	// Everybody has read their timeline of late, so that everybody has one.
	read, err := b.s.measure(ctx, size, 4, func(i int) (int64, error) {
		text, err := ask(ctx, c, http.MethodGet, b.s.url+"/api/v1/timelines/home", crowd[i].Token, nil)
		return int64(len(text)), err
	}, nil)
	if err != nil {
		return err
	}
	if err := b.drained(ctx); err != nil {
		return err
	}
	before, err := b.s.cpu()
	if err != nil {
		return err
	}
	began := time.Now()
	text, err := ask(ctx, c, http.MethodPost, b.s.url+"/api/v1/statuses", star.Token, url.Values{"status": {words}})
	if err != nil {
		return err
	}
	if err := b.drained(ctx); err != nil {
		return err
	}
	took := time.Since(began)
	after, err := b.s.cpu()
	if err != nil {
		return err
	}
	var post struct{ ID string }
	if err := json.Unmarshal(text, &post); err != nil {
		return err
	}
	for i := 0; i < size; i += size / 20 {
		text, err := ask(ctx, c, http.MethodGet, b.s.url+"/api/v1/timelines/home?limit=1", crowd[i].Token, nil)
		if err != nil {
			return err
		}
		if !strings.Contains(string(text), `"id":"`+post.ID+`"`) {
			return fmt.Errorf("the post is not in the timeline of %s: %.200s", crowd[i].Name, text)
		}
	}
	rss, err := b.s.rss()
	if err != nil {
		return err
	}
	b.report.add(fmt.Sprintf("one post into %d home timelines", size), took.Seconds(), "s", 0, "%s µs CPU each; %.0f MiB RSS; first read of an empty home %s ms CPU",
		figure(float64((after-before).Microseconds())/float64(size)), rss, figure(read.ms()))
	return nil
}

// streaming measures what idle listeners hold and what one event to all of them costs.
func (b *bench) streaming(ctx context.Context) error {
	if err := b.running(ctx); err != nil {
		return err
	}
	n := sockets
	if b.quick {
		n /= 10
	}
	before, err := b.s.rss()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	heard := make(chan time.Time, n)
	for i := range n {
		token := fmt.Sprintf("bench-follower%d", i%following)
		ws, res, err := websocket.Dial(ctx, b.s.url+"/api/v1/streaming?stream=public:local&access_token="+token, nil)
		if err != nil {
			return fmt.Errorf("listener %d: %w", i, err)
		}
		if res != nil && res.Body != nil {
			_ = res.Body.Close()
		}
		wg.Go(func() {
			defer func() { _ = ws.CloseNow() }()
			ws.SetReadLimit(1 << 20)
			for {
				if _, _, err := ws.Read(ctx); err != nil {
					return
				}
				heard <- time.Now()
			}
		})
	}
	time.Sleep(2 * time.Second) // let the server's memory settle
	idle, err := b.s.rss()
	if err != nil {
		return err
	}
	b.report.add(fmt.Sprintf("memory of one of %d idle WebSockets", n), (idle-before)*1024/float64(n), "KiB", 0, "%.0f MiB with all", idle)
	var last time.Time
	cpuBefore, err := b.s.cpu()
	if err != nil {
		return err
	}
	began := time.Now()
	if _, err := ask(ctx, client(), http.MethodPost, b.s.url+"/api/v1/statuses", b.author.Token, url.Values{"status": {draft(1)}}); err != nil {
		return err
	}
	for i := range n {
		select {
		case last = <-heard:
		case <-time.After(time.Minute):
			return fmt.Errorf("only %d of %d listeners heard the post", i, n)
		}
	}
	cpuAfter, err := b.s.cpu()
	if err != nil {
		return err
	}
	b.report.add(fmt.Sprintf("one post to %d WebSockets, until the last has it", n), ms(last.Sub(began)), "ms", 0, "%s µs CPU each", figure(float64((cpuAfter-cpuBefore).Microseconds())/float64(n)))
	return nil
}
