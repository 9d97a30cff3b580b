package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

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
