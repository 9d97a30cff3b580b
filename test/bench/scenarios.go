package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// starting measures the time from exec to the first answers, on the database with its people, and what an idle process holds.
func (b *bench) starting(ctx context.Context) error {
	for _, path := range []string{"/health", "/api/v2/instance"} {
		best := time.Duration(0)
		for range 3 {
			began := time.Now()
			if err := b.s.launch(); err != nil {
				return err
			}
			if err := b.s.until(ctx, path); err != nil {
				return err
			}
			if took := time.Since(began); best == 0 || took < best {
				best = took
			}
			if err := b.s.stop(); err != nil {
				return err
			}
		}
		b.report.add("from exec to the first 200 of "+path, best.Seconds(), "s", startGoal, "best of 3")
	}
	if err := b.s.start(ctx); err != nil {
		return err
	}
	idle := 30 * time.Second
	if b.quick {
		idle = 5 * time.Second
	}
	before, err := b.s.cpu()
	if err != nil {
		return err
	}
	select {
	case <-time.After(idle):
	case <-ctx.Done():
		return ctx.Err()
	}
	after, err := b.s.cpu()
	if err != nil {
		return err
	}
	rss, err := b.s.rss()
	if err != nil {
		return err
	}
	b.report.add(fmt.Sprintf("memory of an idle server after %s", idle), rss, "MiB", idleGoal, "RSS; idle CPU %s %% of a core", figure(100*(after-before).Seconds()/idle.Seconds()))
	return nil
}

// running starts the server unless it runs.
func (b *bench) running(ctx context.Context) error {
	if b.s.cmd != nil {
		return nil
	}
	return b.s.start(ctx)
}

func (b *bench) home(ctx context.Context) error {
	if err := b.running(ctx); err != nil {
		return err
	}
	text, err := ask(ctx, client(), http.MethodGet, b.s.url+"/api/v1/timelines/home?limit=20", b.reader.Token, nil)
	if err != nil {
		return err
	}
	var posts []struct {
		ID     string          `json:"id"`
		Reblog json.RawMessage `json:"reblog"`
	}
	if err := json.Unmarshal(text, &posts); err != nil || len(posts) != 20 {
		return fmt.Errorf("the home timeline has %d posts, want 20: %w: %.300s", len(posts), err, text)
	}
	for _, clients := range []int{4, 1} {
		c, err := b.s.get(ctx, b.times(4000), clients, "/api/v1/timelines/home?limit=20", b.reader.Token)
		if err != nil {
			return err
		}
		b.report.add(fmt.Sprintf("home timeline, 20 posts, %d clients at once", clients), c.ms(), "ms CPU", b.goal(homeGoalSQLite, homeGoalPostgres), "%s, %d kB%s",
			c, c.size/1000, b.limits.helloRatio(c))
	}
	return nil
}

func (b *bench) pages(ctx context.Context) error {
	if err := b.running(ctx); err != nil {
		return err
	}
	for _, page := range []struct {
		what, path string
		goal       float64
	}{
		{"profile page, 20 posts, HTML", "/@" + b.shown.Name, profileGoal},
		{"landing page, HTML", "/", 0},
		{"public timeline, 20 posts, no token", "/api/v1/timelines/public", 0},
		{"posts of an account, 20", fmt.Sprintf("/api/v1/accounts/%d/statuses", b.shown.ID), 0},
		{"instance", "/api/v2/instance", 0},
	} {
		c, err := b.s.get(ctx, b.times(1000), 4, page.path, "")
		if err != nil {
			return err
		}
		b.report.add(page.what, c.ms(), "ms CPU", page.goal, "%s, %d kB", c, c.size/1000)
	}
	return nil
}

// posting measures writing with all that follows, with ever more posts in the database.
func (b *bench) posting(ctx context.Context) error {
	sizes := []int{0, 10_000, 100_000}
	switch {
	case b.quick:
		sizes = []int{0, 10_000}
	case b.full:
		sizes = append(sizes, 1_000_000)
	}
	there := 0
	for _, size := range sizes {
		if size > there {
			if err := b.s.stop(); err != nil {
				return err
			}
			if err := b.seed.Posts(ctx, size-there); err != nil {
				return err
			}
			there = size
		}
		if err := b.running(ctx); err != nil {
			return err
		}
		if err := b.postingAt(ctx, size); err != nil {
			return err
		}
		if err := b.tagAt(ctx, size); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) postingAt(ctx context.Context, size int) error {
	c := client()
	defer c.CloseIdleConnections()
	post := func(i int) (int64, error) {
		text, err := ask(ctx, c, http.MethodPost, b.s.url+"/api/v1/statuses", b.author.Token, url.Values{"status": {draft(i)}, "visibility": {"public"}})
		return int64(len(text)), err
	}
	wait := func() error { return b.drained(ctx) }
	if _, err := b.s.measure(ctx, 20, 1, post, wait); err != nil {
		return err
	}
	goal := b.goal(postingGoalSQLite, postingGoalPostgres)
	got, err := b.s.measure(ctx, b.times(1000), 1, post, wait)
	if err != nil {
		return err
	}
	b.report.add(fmt.Sprintf("posting, one after another, %d posts there before", size), got.ms(), "ms CPU", goal, "%s; %d local followers", got, following)
	got, err = b.s.measure(ctx, b.times(200), 1, func(i int) (int64, error) {
		n, err := post(i)
		if err == nil {
			err = wait()
		}
		return n, err
	}, nil)
	if err != nil {
		return err
	}
	b.report.add(fmt.Sprintf("posting, each alone until all is done, %d posts there before", size), got.ms(), "ms CPU", goal, "until done p50 %s ms, p95 %s ms", figure(ms(got.p50)), figure(ms(got.p95)))
	return nil
}

// tagAt reads pages that might grow slow with the database.
func (b *bench) tagAt(ctx context.Context, size int) error {
	c, err := b.s.get(ctx, b.times(300), 4, "/api/v1/timelines/tag/topic7?limit=20", b.reader.Token)
	if err != nil {
		return err
	}
	b.report.add(fmt.Sprintf("hashtag timeline, %d posts there", size), c.ms(), "ms CPU", 0, "%s", c)
	if c, err = b.s.get(ctx, b.times(300), 4, "/api/v1/timelines/public?limit=20", b.reader.Token); err != nil {
		return err
	}
	b.report.add(fmt.Sprintf("public timeline, 20 posts, signed in, %d posts there", size), c.ms(), "ms CPU", 0, "%s", c)
	return nil
}

// draft is what the author writes: words, a hashtag, and in every fourth somebody's name.
func draft(i int) string {
	text := fmt.Sprintf("Note %d: %s #topic%d", i, words, i%50)
	if i%4 == 0 {
		text = fmt.Sprintf("@follower%d %s", i%following, text)
	}
	return text
}

// inbound measures signed posts of another server until they can be seen.
func (b *bench) inbound(ctx context.Context) error {
	if err := b.running(ctx); err != nil {
		return err
	}
	c := client()
	defer c.CloseIdleConnections()
	send := func(int) (int64, error) {
		return 0, b.sender.deliver(ctx, c, b.s.url+"/inbox", b.s.url+"/users/follower1")
	}
	wait := func() error { return b.drained(ctx) }
	if _, err := b.s.measure(ctx, 20, 1, send, wait); err != nil {
		return err
	}
	if err := b.arrived(ctx); err != nil {
		return err
	}
	goal := b.goal(inboundGoalSQLite, inboundGoalPostgres)
	got, err := b.s.measure(ctx, b.times(1000), 4, send, wait)
	if err != nil {
		return err
	}
	b.report.add("inbound signed post until visible, 4 senders", got.ms(), "ms CPU", goal, "%s%s", got, b.limits.verifyRatio(got))
	got, err = b.s.measure(ctx, b.times(200), 1, func(int) (int64, error) {
		if _, err := send(0); err != nil {
			return 0, err
		}
		return 0, b.arrived(ctx)
	}, wait)
	if err != nil {
		return err
	}
	b.report.add("inbound signed post, each alone until visible", got.ms(), "ms CPU", goal, "until visible p50 %s ms, p95 %s ms", figure(ms(got.p50)), figure(ms(got.p95)))
	return nil
}
