package stream_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/announcements"
	"github.com/gomph/gomph/internal/domain/feeds"
	"github.com/gomph/gomph/internal/domain/filters"
	"github.com/gomph/gomph/internal/domain/notifications"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/door/mastodon/stream"
	"github.com/gomph/gomph/internal/kit/cache"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/pubsub"
	factory "github.com/gomph/gomph/internal/testkit/make"
)

// patience bounds the wait for what must come; only a failing test waits so long.
const patience = 30 * time.Second

// world is a streaming server with all that stands behind it.
type world struct {
	*factory.World
	ctx     context.Context
	access  *access.Service
	app     *access.Application
	filters *filters.Service
	feeds   *feeds.Service
	notices *notifications.Service

	announcements *announcements.Service
	bus           pubsub.Bus
	server        *stream.Server
	web           *httptest.Server
	renders       atomic.Int64
	stop          context.CancelFunc
	stopped       chan struct{}
}

// counting is the real renderer, counted.
type counting struct {
	stream.Renderer
	n *atomic.Int64
}

func (c counting) Status(ctx context.Context, id statuses.ID) (*stream.Post, error) {
	c.n.Add(1)
	return c.Renderer.Status(ctx, id)
}

// open starts a world whose domains publish on one bus, and whose streaming listens on another: the same, or the other process's.
func open(t *testing.T, d *db.DB, here, there pubsub.Bus, change ...func(*stream.Deps)) *world {
	t.Helper()
	w := &world{World: factory.New(t, d), ctx: context.Background(), bus: here, stopped: make(chan struct{})}
	w.Relations.Changed = func(list ...accounts.ID) {
		for _, id := range list {
			w.must(here.Publish(w.ctx, pubsub.Message{Channel: stream.RelationsChannel(id), Payload: []byte("{}")}))
		}
	}
	mails[access.SignedUp](w.Jobs)
	mails[access.PasswordChanged](w.Jobs)
	set := settings.New(settings.Deps{DB: d, IDs: w.IDs, Clock: w.Clock, Site: w.Site, DefaultRegistrations: "open"})
	w.access = access.New(access.Deps{DB: d, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Site: w.Site, Settings: set, Accounts: w.Accounts, Bus: here,
		NewKeys: func() (accounts.Keys, error) { return accounts.Keys{Private: "p", Public: "P"}, nil }})
	var err error
	w.app, _, err = w.access.Register(w.ctx, access.NewApp{Name: "App", RedirectURIs: []string{"https://app.example/"}, Scopes: "read write"})
	w.must(err)
	w.filters = filters.New(filters.Deps{DB: d, IDs: w.IDs, Clock: w.Clock, Statuses: w.Statuses, Bus: here})
	w.feeds = feeds.New(feeds.Deps{DB: d, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Accounts: w.Accounts, Relations: w.Relations, Statuses: w.Statuses, Cache: cache.NewLocal(16 << 20), Bus: here})
	w.notices = notifications.New(notifications.Deps{DB: d, Jobs: w.Jobs, Secret: []byte("secret"), IDs: w.IDs, Clock: w.Clock, Accounts: w.Accounts, Relations: w.Relations, Statuses: w.Statuses, Bus: here})
	w.announcements = announcements.New(announcements.Deps{DB: d, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Media: w.Media, Bus: here})
	render := entity.New(entity.Deps{Site: w.Site, Clock: w.Clock, Accounts: w.Accounts, Relations: w.Relations, Statuses: w.Statuses, Media: w.Media, Links: w.Links, Filters: w.filters})
	deps := stream.Deps{DB: d, Clock: w.Clock, Bus: there, Auth: w.access, Relations: w.Relations, Filters: w.filters,
		Renderer: counting{&stream.Entities{DB: d, Render: render, Statuses: w.Statuses, Notifications: w.notices, Feeds: w.feeds, Announcements: w.announcements}, &w.renders}}
	for _, f := range change {
		f(&deps)
	}
	w.server = stream.New(deps)
	w.web = httptest.NewServer(w.server)
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	go func() {
		defer close(w.stopped)
		if err := w.server.Run(ctx); err != nil {
			t.Errorf("running: %v", err)
		}
	}()
	t.Cleanup(func() {
		stop()
		<-w.stopped
		w.web.Close()
	})
	return w
}

func mails[E jobs.Event](j *jobs.Jobs) {
	var zero E
	jobs.On(j, "mail."+zero.Kind(), jobs.Policy{Queue: jobs.Mailers}, func(context.Context, E) error { return nil })
}

func (w *world) must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

// person is somebody with a token.
type person struct {
	*accounts.Account
	user  *access.User
	token *access.NewToken
}

func (w *world) person(name string, scopes ...string) *person {
	w.T.Helper()
	u, err := w.access.CreateByAdmin(w.ctx, access.NewByAdmin{Username: name, Email: name + "@mail.example", Password: "correct horse battery", Confirmed: true})
	w.must(err)
	p := &person{user: u}
	p.Account, err = w.Accounts.ByID(w.ctx, w.DB, u.AccountID)
	w.must(err)
	p.token = w.tokenOf(p, scopes...)
	return p
}

func (w *world) tokenOf(p *person, scopes ...string) *access.NewToken {
	w.T.Helper()
	if len(scopes) == 0 {
		scopes = []string{"read"}
	}
	t, err := w.access.IssueToken(w.ctx, w.app, p.user.ID, scopes)
	w.must(err)
	return t
}

// pump does the work that follows from what happened.
func (w *world) pump() {
	w.T.Helper()
	for _, e := range w.Events() {
		var errs []error
		switch e := e.(type) {
		case statuses.Posted:
			errs = append(errs, w.feeds.Insert(w.ctx, e), w.feeds.Direct(w.ctx, e), w.notices.Posted(w.ctx, e))
		case statuses.Edited:
			errs = append(errs, w.feeds.Edited(w.ctx, e), w.notices.Edited(w.ctx, e))
		case statuses.Refreshed:
			errs = append(errs, w.feeds.Refreshed(w.ctx, e))
		case statuses.Deleted:
			errs = append(errs, w.feeds.Deleted(w.ctx, e), w.notices.Deleted(w.ctx, e))
		case statuses.Favourited:
			errs = append(errs, w.notices.Favourited(w.ctx, e))
		case relations.Followed:
			errs = append(errs, w.feeds.Followed(w.ctx, e), w.notices.Followed(w.ctx, e))
		}
		for _, err := range errs {
			w.must(err)
		}
	}
}

func (w *world) address(path string, q url.Values) string {
	return w.web.URL + stream.Prefix + path + "?" + q.Encode()
}

// told is an event as a client gets it.
type told struct {
	Stream  []string
	Event   string
	Payload string
	Error   string
	Status  int
}

// socket is a client of the WebSocket kind.
type socket struct {
	t    testing.TB
	conn *websocket.Conn
}

// dial connects with a token in the query, subscribed to a stream if one is named.
func (w *world) dial(p *person, more ...string) *socket {
	w.T.Helper()
	q := url.Values{"access_token": {p.token.Plain}}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return w.dialTo(w.address("", q), nil)
}

func (w *world) dialTo(address string, o *websocket.DialOptions) *socket {
	w.T.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, address, o)
	w.must(err)
	conn.SetReadLimit(1 << 20)
	w.T.Cleanup(func() { _ = conn.CloseNow() })
	s := &socket{w.T, conn}
	s.barrier()
	return s
}

func (s *socket) send(text string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *socket) next() told {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, b, err := s.conn.Read(ctx)
	if err != nil {
		s.t.Fatalf("reading: %v", err)
	}
	var v told
	if err := json.Unmarshal(b, &v); err != nil {
		s.t.Fatalf("reading %s: %v", b, err)
	}
	return v
}

// barrier waits until all that was asked for so far was done: requests of a socket are done in order, and this one is answered.
func (s *socket) barrier() {
	s.t.Helper()
	s.send(`{"type":"subscribe","stream":"barrier"}`)
	if v := s.next(); v.Error != "Unknown channel requested" || v.Status != http.StatusBadRequest {
		s.t.Fatalf("instead of the barrier came %+v", v)
	}
}

func (s *socket) subscribe(text string) {
	s.t.Helper()
	s.send(`{"type":"subscribe",` + text + `}`)
	s.barrier()
}

// closed reads to the end and gives the code that the server closed with.
func (s *socket) closed() websocket.StatusCode {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		if _, _, err := s.conn.Read(ctx); err != nil {
			if ctx.Err() != nil {
				s.t.Fatal("the server did not close")
			}
			return websocket.CloseStatus(err)
		}
	}
}

// sse is a client of server-sent events.
type sse struct {
	t    testing.TB
	body *bufio.Reader
	res  *http.Response
}

func (w *world) get(path, token string, q url.Values) *http.Response {
	w.T.Helper()
	req, err := http.NewRequestWithContext(w.ctx, http.MethodGet, w.address(path, q), nil)
	w.must(err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := w.web.Client().Do(req)
	w.must(err)
	w.T.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func (w *world) listen(p *person, path string, q url.Values) *sse {
	w.T.Helper()
	res := w.get(path, p.token.Plain, q)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		w.T.Fatalf("%s: %s", path, res.Status)
	}
	s := &sse{w.T, bufio.NewReader(res.Body), res}
	if line := s.line(); line != ":)" {
		w.T.Fatalf("the first line is %q", line)
	}
	return s
}

func (s *sse) line() string {
	s.t.Helper()
	line, err := s.body.ReadString('\n')
	if err != nil {
		s.t.Fatalf("reading: %v", err)
	}
	return strings.TrimSuffix(line, "\n")
}

func (s *sse) next() told {
	s.t.Helper()
	var v told
	for {
		line := s.line()
		switch {
		case strings.HasPrefix(line, ":"):
		case strings.HasPrefix(line, "event: "):
			v.Event = line[len("event: "):]
		case strings.HasPrefix(line, "data: "):
			v.Payload = line[len("data: "):]
		case line == "":
			return v
		default:
			s.t.Fatalf("line %q", line)
		}
	}
}

// idOf is the id in a payload, or the payload itself where it is one.
func idOf(t testing.TB, v told) string {
	t.Helper()
	if !strings.HasPrefix(v.Payload, "{") {
		return v.Payload
	}
	var e struct{ ID string }
	if err := json.Unmarshal([]byte(v.Payload), &e); err != nil {
		t.Fatalf("payload %s: %v", v.Payload, err)
	}
	return e.ID
}
