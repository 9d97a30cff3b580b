package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

const (
	// usualShare is the part of what the server can do that others send on a usual day, and flooding how many times that on the day of the flood, which is
	// therefore twice what it can do (requirement A3). Half of it is by somebody whom nobody here follows.
	usualShare, flooding = 0.2, 10
	floodFor, drainFor   = 10 * time.Minute, time.Minute
	// floodSenders send at once; when the server is slower than they want to be, they wait for it.
	floodSenders = 48
	// floodGoal is in seconds, drainGoal times what arrives after the flood.
	floodGoal, drainGoal = 2, 2
	// floodEvery is how often somebody here writes meanwhile.
	floodEvery = 2 * time.Second
)

// flood measures what ten times the usual traffic from elsewhere does to what people here do, and how its backlog goes away.
func (b *bench) flood(ctx context.Context) error {
	if err := b.running(ctx); err != nil {
		return err
	}
	f := &flooder{bench: b}
	for i := range f.from {
		var err error
		if f.from[i], err = b.floodSender(ctx, i == 0); err != nil {
			return err
		}
		defer f.from[i].close()
	}
	long, drain, probe := floodFor, drainFor, 10*time.Second
	if b.quick {
		long, drain, probe = 20*time.Second, 10*time.Second, 3*time.Second
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { f.watchMemory(ctx) })
	if err := f.probe(ctx, probe); err != nil {
		return err
	}
	waits, err := f.during(ctx, f.usual*flooding, long)
	if err != nil {
		return err
	}
	slices.Sort(waits)
	came := float64(f.taken.Load()+f.shed.Load()) / long.Seconds()
	b.report.add(fmt.Sprintf("a post until it is on a follower's home, while others send %d times as much as usual for %s, p95", flooding, long), waits[len(waits)*95/100].Seconds(), "s", floodGoal,
		"p50 %s ms, most %s ms of %d; %s activities a second came, of %.0f meant, %d in all, %d put off (503); at most %.0f MiB RSS",
		figure(ms(waits[len(waits)/2])), figure(ms(waits[len(waits)-1])), len(waits), figure(came), f.usual*flooding, f.taken.Load(), f.shed.Load(), f.most)
	return f.drain(ctx, drain)
}

// floodSender is somebody of another server, followed by people of this one or by nobody.
func (b *bench) floodSender(ctx context.Context, followed bool) (*sender, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader) // so that the one who floods leaves the cores to the server
	if err != nil {
		return nil, err
	}
	from, err := newSender(key)
	if err != nil {
		return nil, err
	}
	t := b.seed.AccountTables()
	from.account = b.seed.Remote(t, "sender", "http", from.host, from.public)
	if err := t.Flush(ctx, b.db); err != nil {
		return nil, err
	}
	if followed {
		err = b.seed.Follow(ctx, b.readers, []account{from.account})
	}
	return from, err
}

// probe finds what the server can do: how many activities a second it takes and performs when as many come as it takes.
func (f *flooder) probe(ctx context.Context, long time.Duration) error {
	began := time.Now()
	if err := f.send(ctx, 100_000, long); err != nil {
		return err
	}
	for n := int64(1); n > 0; {
		var err error
		if n, err = f.waiting(ctx); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	rate := float64(f.taken.Load()) / time.Since(began).Seconds()
	f.report.add("activities verified, stored and performed, as many as come", 1000/rate, "ms", 0, "%.0f/s; sent by %d at once with Ed25519, half of them by somebody whom nobody follows", rate, floodSenders)
	f.usual = usualShare * rate
	f.taken.Store(0)
	f.shed.Store(0)
	return nil
}

// flooder sends as another server, and counts what becomes of it.
type flooder struct {
	*bench
	from        [2]*sender
	usual       float64 // activities a second
	taken, shed atomic.Int64
	most        float64
}

// watchMemory keeps the most memory that the server held.
func (f *flooder) watchMemory(ctx context.Context) {
	for ctx.Err() == nil {
		if rss, err := f.s.rss(); err == nil {
			f.most = max(f.most, rss)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// during sends at a rate for some time, and gives how long posts of people here took meanwhile until a follower had them.
func (f *flooder) during(ctx context.Context, rate float64, long time.Duration) ([]time.Duration, error) {
	sent := make(chan error, 1)
	go func() { sent <- f.send(ctx, rate, long) }()
	c := client()
	defer c.CloseIdleConnections()
	var waits []time.Duration
	for i := 0; ; i++ {
		took, err := f.seenAfter(ctx, c, i)
		if err != nil {
			return nil, err
		}
		waits = append(waits, took)
		select {
		case err := <-sent:
			return waits, err
		case <-time.After(max(floodEvery-took, 0)):
		}
	}
}

// send sends rate activities a second, or as many as the server takes if that is less.
func (f *flooder) send(ctx context.Context, rate float64, long time.Duration) error {
	c := client()
	defer c.CloseIdleConnections()
	began := time.Now()
	var next atomic.Int64
	var failed error
	var once sync.Once
	var wg sync.WaitGroup
	for range floodSenders {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := next.Add(1)
				at := time.Duration(float64(i) * float64(time.Second) / rate)
				if max(at, time.Since(began)) > long {
					return
				}
				time.Sleep(time.Until(began.Add(at)))
				err := f.from[i%2].deliver(ctx, c, f.s.url+"/inbox", f.s.url+"/users/follower1")
				var no refused
				switch {
				case err == nil:
					f.taken.Add(1)
				case errors.As(err, &no) && no.status == http.StatusServiceUnavailable:
					f.shed.Add(1)
				default:
					once.Do(func() { failed = err })
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(failed, ctx.Err())
}

// seenAfter posts, and waits until a follower's home shows it.
func (f *flooder) seenAfter(ctx context.Context, c *http.Client, i int) (time.Duration, error) {
	began := time.Now()
	text, err := ask(ctx, c, http.MethodPost, f.s.url+"/api/v1/statuses", f.author.Token, url.Values{"status": {draft(i)}})
	if err != nil {
		return 0, err
	}
	var post struct {
		ID int64 `json:"id,string"`
	}
	if err := json.Unmarshal(text, &post); err != nil {
		return 0, err
	}
	follower := f.readers[i%len(f.readers)]
	for ctx.Err() == nil {
		text, err := ask(ctx, c, http.MethodGet, f.s.url+"/api/v1/timelines/home?limit=1&max_id="+strconv.FormatInt(post.ID+1, 10), follower.Token, nil)
		if err != nil {
			return 0, err
		}
		if strings.Contains(string(text), fmt.Sprintf(`"id":"%d"`, post.ID)) {
			return time.Since(began), nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return 0, ctx.Err()
}

// drain goes on with the usual traffic, and measures how fast the backlog gets less.
func (f *flooder) drain(ctx context.Context, long time.Duration) error {
	before, err := f.waiting(ctx)
	if err != nil {
		return err
	}
	if before == 0 {
		f.report.add("activities that wait after the flood", 0, "", 0, "the server kept up with it")
		return nil
	}
	began, taken := time.Now(), f.taken.Load()
	ended := make(chan error, 1)
	go func() { ended <- f.send(ctx, f.usual, long) }()
	left := before
	for gone := false; !gone; {
		select {
		case err := <-ended:
			if err != nil {
				return err
			}
			gone = true
		case <-time.After(100 * time.Millisecond):
		}
		if left, err = f.waiting(ctx); err != nil {
			return err
		}
		gone = gone || left == 0
	}
	took, arrived := time.Since(began), f.taken.Load()-taken
	done := before - left + arrived
	f.report.atLeast("activities done after the flood, against those that still arrive", float64(done)/float64(max(arrived, 1)), "", drainGoal,
		"%d waited; %d done and %d arrived in %s s, %d left", before, done, arrived, figure(took.Seconds()), left)
	return nil
}

// waiting is how many activities of others are still to be done.
func (f *flooder) waiting(ctx context.Context) (int64, error) {
	return db.Value[int64](ctx, f.db, "SELECT COUNT(*) FROM jobs WHERE queue = 'ingress' AND state <> 2")
}
