package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

const (
	// inFlight is how many requests are made at once of the large server, and what that may hold and take.
	inFlight       = 200
	inFlightMemory = 1024 // MiB
	inFlightP99    = 100  // ms
	// present is how many people are there: their home timelines are read once before.
	present = 2000
	// quickScale is how large "large" is in a quick run.
	quickScale = 0.02
)

// large measures on a database as `gomph seed --scale` makes it: 10,000 people here, 100,000 elsewhere, a million posts.
func (b *bench) large(ctx context.Context) error {
	if !b.quick && !b.full && b.only == "" {
		return nil
	}
	if err := b.s.stop(); err != nil {
		return err
	}
	l, err := b.makeLarge(ctx)
	if err != nil {
		return err
	}
	defer l.db.Close()
	if err := l.start(ctx); err != nil {
		return err
	}
	defer func() { _ = l.stop() }()
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * inFlight, DisableCompression: true}}
	defer c.CloseIdleConnections()
	for _, one := range []struct {
		what, path string
		times      int
	}{
		{"home timeline, first look", "/api/v1/timelines/home", present}, {"home timeline", "/api/v1/timelines/home", present},
		{"notifications", "/api/v1/notifications", 500}, {"grouped notifications", "/api/v2/notifications", 500},
		{"public timeline", "/api/v1/timelines/public", 500}, {"search for posts by a word", "/api/v2/search?type=statuses&q=orchard", 200},
		{"search for two words, one left out", "/api/v2/search?type=statuses&q=orchard+-kettle", 200}, {"search for people", "/api/v2/search?type=accounts&q=stranger77", 200},
	} {
		got, err := l.measure(ctx, one.times, 4, func(i int) (int64, error) {
			text, err := ask(ctx, c, http.MethodGet, l.url+one.path, l.token(i), nil)
			return int64(len(text)), err
		}, nil)
		if err != nil {
			return err
		}
		b.report.add(one.what+", "+l.size, got.ms(), "ms CPU", 0, "%s, %d kB", got, got.size/1000)
	}
	return b.crowded(ctx, l, c)
}

// largeServer is a server whose database is large.
type largeServer struct {
	*server
	db     *db.DB
	people int
	size   string
	paths  []string
}

func (l *largeServer) token(i int) string { return fmt.Sprintf("bench-person%d", i%l.people) }

// makeLarge makes the database and its index.
func (b *bench) makeLarge(ctx context.Context) (*largeServer, error) {
	dir := filepath.Join(b.dir, "large")
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // holds nothing but what is measured
		return nil, err
	}
	address := ""
	if b.engine == "postgres" {
		pg, err := startPostgres(ctx, dir)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, pg.stop)
		address = pg.url
	}
	s, err := newServer(b.binary, dir, address)
	if err != nil {
		return nil, err
	}
	scale := b.scale
	if b.quick {
		scale = quickScale
	}
	for _, work := range []struct {
		what string
		args []string
	}{{"preparing", []string{"migrate"}}, {"making", []string{"seed", "--scale", fmt.Sprint(scale)}}, {"indexing the posts of", []string{"search", "rebuild"}}} {
		began := time.Now()
		if _, err := s.command(ctx, work.args...); err != nil {
			return nil, err
		}
		if work.what == "preparing" {
			continue
		}
		b.report.add(work.what+fmt.Sprintf(" a community of scale %v", scale), time.Since(began).Seconds(), "s", 0, "gomph %s", work.args[0])
	}
	if address == "" {
		address = filepath.Join(dir, "data", "gomph.sqlite3")
	}
	l := &largeServer{server: s, people: int(10_000 * scale), size: fmt.Sprintf("%d posts", int(1_000_000*scale))}
	if l.db, err = db.Open(ctx, db.Options{URL: address, Pool: 2}); err != nil {
		return nil, err
	}
	return l, l.choose(ctx)
}

// choose finds what people look at: threads, profiles and hashtags that are busy.
func (l *largeServer) choose(ctx context.Context) error {
	posts, err := db.Column[int64](ctx, l.db, "SELECT id FROM statuses WHERE deleted_at = 0 AND visibility = 0 AND reblog_of_id = 0 ORDER BY id DESC LIMIT 500")
	if err != nil {
		return err
	}
	people, err := db.Column[int64](ctx, l.db, "SELECT id FROM accounts ORDER BY statuses_count DESC LIMIT 500")
	if err != nil {
		return err
	}
	for i, id := range posts {
		l.paths = append(l.paths, fmt.Sprintf("/api/v1/statuses/%d", id), fmt.Sprintf("/api/v1/statuses/%d/context", id),
			fmt.Sprintf("/api/v1/accounts/%d/statuses", people[i%len(people)]), fmt.Sprintf("/api/v1/accounts/%d", people[i%len(people)]),
			fmt.Sprintf("/api/v1/timelines/tag/topic%d", i%50))
	}
	return nil
}

// crowded makes many requests at once, of the kinds that apps make: half of them for the home timeline and the notices.
func (b *bench) crowded(ctx context.Context, l *largeServer, c *http.Client) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	most, busy := 0.0, int64(0)
	wg.Go(func() {
		for watching.Err() == nil {
			if rss, err := l.rss(); err == nil {
				most = max(most, rss)
			}
			if b.engine == "postgres" {
				n, _ := db.Value[int64](watching, l.db, "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'")
				busy = max(busy, n)
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	chance := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same requests each run
	n := b.times(40_000)
	paths := make([]string, n)
	for i := range paths {
		switch k := chance.IntN(20); {
		case k < 7:
			paths[i] = "/api/v1/timelines/home"
		case k < 10:
			paths[i] = "/api/v1/notifications"
		case k < 12:
			paths[i] = "/api/v1/timelines/public?local=true"
		case k == 12:
			paths[i] = "/api/v2/search?type=statuses&q=orchard"
		default:
			paths[i] = l.paths[chance.IntN(len(l.paths))]
		}
	}
	got, err := l.measure(ctx, n, inFlight, func(i int) (int64, error) {
		text, err := ask(ctx, c, http.MethodGet, l.url+paths[i], l.token(i%present), nil)
		return int64(len(text)), err
	}, nil)
	if err != nil {
		return err
	}
	stop()
	wg.Wait()
	b.report.add(fmt.Sprintf("%d requests at once of all kinds, %s, p99", inFlight, l.size), ms(got.p99), "ms", inFlightP99, "%s; %s ms CPU each; at that rate each waits %.0f ms for the others", got, figure(got.ms()), 1000*inFlight/got.rate)
	b.report.add("memory meanwhile, most", most, "MiB", inFlightMemory, "RSS; connections to the database busy at most: %d", busy)
	return nil
}
