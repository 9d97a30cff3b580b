package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	// destinations is how many servers hear of each post, and hanging how many of a hundred of them never answer, but end after hangFor.
	destinations = 2000
	hanging      = 30
	hangFor      = 30 * time.Second
	// healthyGoal is the least share of the throughput that the healthy must have left (requirement A5).
	healthyGoal = 0.9
	// pushGoal is the least share of the CPU of deliveries that is the signature itself: all else that a delivery takes must be small beside it.
	pushGoal = 0.8
)

// hosts measures what servers that hang cost those that do not: posts to 2,000 destinations, once with all healthy, once with many that hang.
func (b *bench) hosts(ctx context.Context) error {
	if err := b.running(ctx); err != nil {
		return err
	}
	posts := 30
	if b.quick {
		posts = 5
	}
	well, err := b.deliverTo(ctx, "well", posts, 0)
	if err != nil {
		return err
	}
	ill, err := b.deliverTo(ctx, "ill", posts, hanging)
	if err != nil {
		return err
	}
	b.report.add(fmt.Sprintf("%d posts to %d servers, all of them well", posts, destinations), well.rate(), "/s", 0, "%d deliveries in %s s", well.arrived, figure(well.took.Seconds()))
	if b.limits.sign > 0 {
		each := well.cpu / time.Duration(well.arrived)
		b.report.atLeast("deliveries, against RSA signatures that the same CPU time makes", b.limits.sign.Seconds()/each.Seconds(), "", pushGoal, "%s ms CPU a delivery, %s ms a signature; both cores sign %.0f/s at most, the other side and the database on the same cores",
			figure(ms(each)), figure(ms(b.limits.sign)), 2/b.limits.sign.Seconds())
	}
	b.report.atLeast(fmt.Sprintf("the same posts with %d %% that hang for %s: to the others, against the rate with all well", hanging, hangFor), ill.rate()/well.rate(), "", healthyGoal, "%s/s, %d deliveries in %s s",
		figure(ill.rate()), ill.arrived, figure(ill.took.Seconds()))
	b.report.add("most requests at once to a server that hangs", float64(ill.most), "", 0, "%d requests to %d of them in all", ill.hung, destinations*hanging/100)
	return nil
}

// delivered is how posts arrived.
type delivered struct {
	arrived, hung, most int
	took, cpu           time.Duration
}

func (d delivered) rate() float64 { return float64(d.arrived) / d.took.Seconds() }

// deliverTo posts to followers on many servers, of which some of a hundred hang, and waits until all others have everything.
func (b *bench) deliverTo(ctx context.Context, name string, posts, ill int) (delivered, error) {
	f, err := newFar(ill)
	if err != nil {
		return delivered{}, err
	}
	defer f.close()
	author, err := b.signer(ctx, name)
	if err != nil {
		return delivered{}, err
	}
	if err := b.heardBy(ctx, author, f); err != nil {
		return delivered{}, err
	}
	c := client()
	defer c.CloseIdleConnections()
	before, err := b.s.cpu()
	if err != nil {
		return delivered{}, err
	}
	b.s.profile(true)
	defer b.s.profile(false)
	began := time.Now()
	for i := range posts {
		if _, err := ask(ctx, c, http.MethodPost, b.s.url+"/api/v1/statuses", author.Token, url.Values{"status": {draft(i)}}); err != nil {
			return delivered{}, err
		}
	}
	want := posts * (destinations - f.illHosts())
	if err := f.wait(ctx, want); err != nil {
		return delivered{}, fmt.Errorf("%w; the log says: %s", err, b.s.tail())
	}
	after, err := b.s.cpu()
	if err != nil {
		return delivered{}, err
	}
	out := delivered{arrived: want, took: time.Since(began), cpu: after - before}
	f.mu.Lock()
	defer f.mu.Unlock()
	out.hung, out.most = f.hung, f.most
	return out, nil
}

// heardBy lets somebody on each of the far hosts follow an author.
func (b *bench) heardBy(ctx context.Context, author account, f *far) error {
	t := b.seed.AccountTables()
	readers := make([]account, destinations)
	for i := range readers {
		readers[i] = b.seed.Remote(t, fmt.Sprintf("%s%d", author.Name, i), "http", f.host(i), "")
	}
	if err := t.Flush(ctx, b.db); err != nil {
		return err
	}
	if err := b.seed.Follow(ctx, readers, []account{author}); err != nil {
		return err
	}
	return b.seed.Analyze(ctx)
}

// signer makes somebody who has a key to sign with.
func (b *bench) signer(ctx context.Context, name string) (account, error) {
	made, err := b.s.command(ctx, "account", "create", name, "--email", name+"@people.example", "--confirmed", "--json")
	if err != nil {
		return account{}, err
	}
	var who struct {
		ID int64 `json:"id,string"`
	}
	if err := json.Unmarshal([]byte(made), &who); err != nil {
		return account{}, fmt.Errorf("making an account: %w: %s", err, made)
	}
	given, err := b.s.command(ctx, "token", "create", name, "--scopes", "read write", "--json")
	if err != nil {
		return account{}, err
	}
	var token map[string]any
	if err := json.Unmarshal([]byte(given), &token); err != nil {
		return account{}, fmt.Errorf("making a token: %w: %s", err, given)
	}
	text, _ := token["token"].(string)
	if text == "" {
		text, _ = token["access_token"].(string)
	}
	return account{ID: who.ID, Name: name, URI: b.s.url + "/users/" + name, Token: text}, nil
}

// far is many servers in one: every address of loopback with its port is another host.
type far struct {
	listener net.Listener
	port     int
	ill      int
	server   *http.Server
	// release ends all that hang, done too those that are still to come.
	release, done chan struct{}

	mu            sync.Mutex
	arrived, hung int
	now           map[string]int
	most          int
	changed       chan struct{}
}

func newFar(ill int) (*far, error) {
	l, err := net.Listen("tcp", "0.0.0.0:0") //nolint:gosec // all of loopback; it lives for some seconds
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	f := &far{listener: l, port: l.Addr().(*net.TCPAddr).Port, ill: ill, release: make(chan struct{}), done: make(chan struct{}), now: map[string]int{}, changed: make(chan struct{}, 1)}
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: patience}
	go func() { _ = f.server.Serve(l) }()
	return f, nil
}

func (f *far) close() {
	close(f.done)
	_ = f.server.Close()
}

func (f *far) host(i int) string { return fmt.Sprintf("127.1.%d.%d:%d", i/200, i%200+1, f.port) }

// hangs reports whether the ith host hangs.
func (f *far) hangs(i int) bool { return i%100 < f.ill }

func (f *far) illHosts() (n int) {
	for i := range destinations {
		if f.hangs(i) {
			n++
		}
	}
	return n
}

// ServeHTTP takes a delivery, or hangs.
func (f *far) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var x, y, port int
	if _, err := fmt.Sscanf(strings.NewReplacer(".", " ", ":", " ").Replace(r.Host), "127 1 %d %d %d", &x, &y, &port); err != nil {
		http.NotFound(w, r)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	if !f.hangs(x*200 + y - 1) {
		f.mu.Lock()
		f.arrived++
		f.mu.Unlock()
		select {
		case f.changed <- struct{}{}:
		default:
		}
		w.WriteHeader(http.StatusAccepted)
		return
	}
	f.mu.Lock()
	f.hung++
	f.now[r.Host]++
	f.most = max(f.most, f.now[r.Host])
	f.mu.Unlock()
	select {
	case <-time.After(hangFor):
	case <-r.Context().Done():
	case <-f.release:
	case <-f.done:
	}
	f.mu.Lock()
	f.now[r.Host]--
	f.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
}

// waiting is how many requests hang now.
func (f *far) waiting() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, at := range f.now {
		n += at
	}
	return n
}

// wait waits until so many deliveries arrived.
func (f *far) wait(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		f.mu.Lock()
		arrived := f.arrived
		f.mu.Unlock()
		if arrived >= n {
			return nil
		}
		select {
		case <-f.changed:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d deliveries arrived: %w", arrived, n, ctx.Err())
		}
	}
}
