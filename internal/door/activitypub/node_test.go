package activitypub_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/moderation"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/activitypub"
	"github.com/gomph/gomph/internal/kit/cache"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/metric"
)

// patience ends a test that would otherwise hang; nothing is concluded from it.
const patience = time.Minute

// node is a whole Gomph but for its other doors, on loopback, with a clock that the test moves.
type node struct {
	*activitypub.Server
	t           testing.TB
	clock       *clock.Fake
	site        settings.Site
	db          *db.DB
	relations   *relations.Service
	statuses    *statuses.Service
	collections *collections.Service
	accounts    *accounts.Service
	moderation  *moderation.Service
	instances   *instances.Service
	metrics     *metric.Registry
	jobs        *jobs.Jobs
	queues      []jobs.Queue
	processes   []*jobs.Process
}

var keyPairs sync.Map

// keysOf gives each name a key pair of its own; making them takes most of a test's time otherwise.
func keysOf(t testing.TB, name string) accounts.Keys {
	t.Helper()
	if k, ok := keyPairs.Load(name); ok {
		return k.(accounts.Keys)
	}
	k, err := activitypub.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	kept, _ := keyPairs.LoadOrStore(name, k)
	return kept.(accounts.Keys)
}

func ignore[E any](context.Context, E) error { return nil }

// newNode starts a server on a free port of loopback.
func newNode(t testing.TB, d *db.DB, c *clock.Fake, options ...instances.Option) *node {
	t.Helper()
	mux := chi.NewRouter()
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	n := build(t, d, c, settings.Site{LocalDomain: strings.TrimPrefix(web.URL, "http://"), WebDomain: strings.TrimPrefix(web.URL, "http://")}, options...)
	mux.Use(n.Negotiate)
	n.Mount(mux)
	n.work()
	return n
}

// build makes the services of a server; nothing runs yet.
func build(t testing.TB, d *db.DB, c *clock.Fake, site settings.Site, options ...instances.Option) *node {
	t.Helper()
	n := process(t, d, c, site, 1, options...)
	n.local(accounts.InstanceActor, "Application")
	return n
}

// twin is another process of the same server, with a worker.
func (n *node) twin() *node {
	n.t.Helper()
	other := process(n.t, n.db, n.clock, n.site, 2)
	other.work()
	return other
}

// process makes the services of one process of a server.
func process(t testing.TB, d *db.DB, c *clock.Fake, site settings.Site, slot int, options ...instances.Option) *node {
	t.Helper()
	source := ids.NewSource(c, slot)
	n := &node{t: t, clock: c, site: site, db: d, metrics: metric.New()}
	n.jobs = jobs.New(jobs.Options{DB: d, IDs: source, Clock: c})
	n.instances = instances.New(d, c, n.jobs, options...)
	n.accounts = accounts.New(accounts.Deps{DB: d, Jobs: n.jobs, IDs: source, Clock: c, Site: site})
	n.relations = relations.New(relations.Deps{DB: d, Jobs: n.jobs, IDs: source, Clock: c, Accounts: n.accounts})
	files := media.New(media.Deps{DB: d, IDs: source, Clock: c})
	client := fetch.New(fetch.Options{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, UserAgent: "Gomph test", Clock: c, AllowHTTP: true,
		Lookup: func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("tests look no names up") }})
	t.Cleanup(client.Close)
	store := cache.NewLocalAt(8<<20, c)
	t.Cleanup(func() { _ = store.Close() })
	resolver := activitypub.NewResolver(activitypub.ResolverDeps{DB: d, Clock: c, Site: site, Accounts: n.accounts, Instances: n.instances, Fetch: client, Cache: store})
	n.statuses = statuses.New(statuses.Deps{DB: d, Jobs: n.jobs, IDs: source, Clock: c, Site: site, Accounts: n.accounts, Relations: n.relations, Media: files, Resolver: resolver})
	n.collections = collections.New(collections.Deps{DB: d, Jobs: n.jobs, IDs: source, Clock: c, Site: site, Accounts: n.accounts, Relations: n.relations})
	n.moderation = moderation.New(moderation.Deps{DB: d, Jobs: n.jobs, IDs: source, Clock: c, Accounts: n.accounts, Statuses: n.statuses})
	n.Server = activitypub.New(activitypub.Deps{Resolver: resolver, Jobs: n.jobs, IDs: source, Relations: n.relations, Statuses: n.statuses, Collections: n.collections, Moderation: n.moderation, Log: slog.New(slog.DiscardHandler), Metrics: n.metrics, Version: "test",
		MediaURL: func(m media.Attachment) string { return site.URL("/media/" + m.File) }, FileURL: func(name string) string { return site.URL("/media/" + name) }})
	register(n.jobs, n.Server)
	registerRest(n.jobs)
	return n
}

// work runs the jobs of some queues, or of all, until the test ends.
func (n *node) work(queues ...jobs.Queue) {
	n.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	process, err := jobs.Join(ctx, n.db, n.clock, jobs.ProcessInfo{Host: "test", Roles: "web,worker", Version: "test"})
	n.must(err)
	var shares []jobs.Share
	if len(queues) == 0 {
		queues = jobs.Queues
	}
	n.queues = queues
	n.processes = append(n.processes, process)
	for _, q := range queues {
		shares = append(shares, jobs.Share{Queue: q})
	}
	var running sync.WaitGroup
	running.Go(func() {
		_ = n.jobs.Work(ctx, jobs.WorkerOptions{Queues: shares, Slots: 4, Drain: time.Second, Process: process, Log: slog.New(slog.DiscardHandler)})
	})
	n.t.Cleanup(func() { stop(); running.Wait() })
}

func (n *node) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// local makes a local account with keys that sign.
func (n *node) local(name, kind string) *accounts.Account {
	n.t.Helper()
	keys := keysOf(n.t, name)
	var a *accounts.Account
	n.must(n.db.Write(ctx(), func(tx *db.Tx) (err error) {
		a, err = n.accounts.CreateLocal(ctx(), tx, name, kind, keys)
		return err
	}))
	return a
}

func (n *node) person(name string) *accounts.Account { n.t.Helper(); return n.local(name, "Person") }

func ctx() context.Context { return context.Background() }

// idle reports whether no job is due or running.
func (n *node) idle() bool {
	n.t.Helper()
	busy, err := db.Exists(ctx(), n.db, "SELECT 1 FROM jobs WHERE state = 1 OR (state = 0 AND run_at <= $1 AND queue = ANY($2))", n.clock.Now().UnixMilli(), db.Texts(n.queues))
	n.must(err)
	return !busy
}

// settle waits until none of the servers has anything to do.
func settle(t testing.TB, nodes ...*node) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for quiet := 0; quiet < 2; {
		all := true
		for _, n := range nodes {
			all = all && n.idle()
		}
		if all {
			quiet++ // twice, since what one finished may have gone to another that was looked at before
			continue
		}
		quiet = 0
		for _, n := range nodes {
			for _, p := range n.processes { // the test may have moved the clock
				n.must(p.Beat(ctx()))
			}
			n.jobs.Nudge()
		}
		select {
		case <-deadline:
			t.Fatal("the servers are still busy")
		case <-tick.C:
		}
	}
}

func newClock() *clock.Fake { return clock.NewFake(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)) }

// as is the account of another node's person, as this node knows it.
func (n *node) as(a *accounts.Account) *accounts.Account {
	n.t.Helper()
	known, err := n.AccountByURI(ctx(), a.URI, false)
	n.must(err)
	return known
}

func (n *node) byURI(uri string) *statuses.Status {
	n.t.Helper()
	st, err := n.statuses.ByURI(ctx(), n.db, uri)
	n.must(err)
	return st
}

func (n *node) missing(uri string) {
	n.t.Helper()
	if _, err := n.statuses.ByURI(ctx(), n.db, uri); err == nil {
		n.t.Fatalf("%s is there", uri)
	}
}

func (n *node) count(sql string, args ...any) int64 {
	n.t.Helper()
	v, err := db.Value[int64](ctx(), n.db, sql, args...)
	n.must(err)
	return v
}

// serve answers a request in this goroutine.
func serve(n *node, req *http.Request) *httptest.ResponseRecorder {
	mux := chi.NewRouter()
	mux.Use(n.Negotiate)
	n.Mount(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, req)
	return w
}
