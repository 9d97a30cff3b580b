// Package stream owns the live side of the Mastodon API: WebSocket and server-sent events under /api/v1/streaming.
//
// A hub (hub.go) listens once a process to each channel of the bus that a client needs. A message names a post by its id; the
// post is loaded and encoded once, whatever the number of channels and clients it goes to, and its bytes are shared by all.
// What a single person does not want to see is decided in memory (viewer.go), from sets that are loaded when the person
// connects and again when the bus says that they changed. No client holds a database connection, and no delivery needs one.
//
// Every client has a bounded queue. One that is behind is cut off, and every cut has a reason (metric streaming_drops_total).
package stream

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/filters"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/metric"
	"github.com/gomph/gomph/internal/kit/pubsub"
)

// Prefix is the path of everything here.
const Prefix = "/api/v1/streaming"

const (
	// queueSize is how many events wait for one client: a burst of some seconds.
	queueSize = 256
	// maxFrame bounds what a client may send at once: a subscription needs some hundred bytes (STR-02).
	maxFrame = 4 << 10
	// maxSubscriptions bounds the streams of a socket: Mastodon's own client opens as many as columns.
	maxSubscriptions = 100
	// maxRequests bounds messages and pings of a socket in a minute: each list costs a statement.
	maxRequests = 600
	// maxPerAccount bounds the connections of one person: a few clients on a few devices.
	maxPerAccount = 100
	// defaultClients bounds the connections of a process when nothing else is said: at 40 KB each, 800 MB (H2).
	defaultClients = 20_000
	// writeLimit is how long one write may take before the client counts as stalled.
	writeLimit = 10 * time.Second
	// goodbyeLimit is how long a client that is sent away may take to say that it heard.
	goodbyeLimit = 5 * time.Second
	// pingEvery is Mastodon's; an answer must come within writeLimit.
	pingEvery = 30 * time.Second
	// thumpEvery is Mastodon's heartbeat on server-sent events.
	thumpEvery = 15 * time.Second
	// readyWithin bounds the wait for the bus when a stream begins: without the bus it begins when there is one.
	readyWithin = 2 * time.Second
	// perClient spreads the end of many connections, so that they do not all come back at once (H5).
	perClient = 5 * time.Millisecond
	// shedOver bounds the spread when all clients must look again.
	shedOver = 4 * time.Second
)

// Deps is what streaming stands on.
type Deps struct {
	DB        *db.DB
	Clock     clock.Clock
	Bus       pubsub.Bus
	Auth      api.Authenticator
	Relations *relations.Service
	Filters   *filters.Service
	Renderer  Renderer
	Log       *slog.Logger
	Metrics   *metric.Registry
	// MaxClients bounds the connections of this process; 0 for the default.
	MaxClients int
}

// Server answers streaming requests while Run runs.
type Server struct {
	Deps
	hub *hub
}

// New makes a server.
func New(d Deps) *Server {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Clock == nil {
		d.Clock = clock.Real{}
	}
	if d.MaxClients == 0 {
		d.MaxClients = defaultClients
	}
	return &Server{Deps: d, hub: newHub(d)}
}

// Run brings events to clients until ctx ends, and then ends all connections.
func (s *Server) Run(ctx context.Context) error { return s.hub.run(ctx) }

// Drain refuses new clients and ends those that are there, spread over the time that ctx leaves.
func (s *Server) Drain(ctx context.Context) { s.hub.drain(ctx) }

// failure is an answer that says no, in the words of Mastodon's streaming server.
type failure struct {
	status  int
	message string
}

// Error is the message.
func (f *failure) Error() string { return f.message }

func malformed(message string) error    { return &failure{http.StatusBadRequest, message} }
func unauthorized(message string) error { return &failure{http.StatusUnauthorized, message} }

// ServeHTTP answers everything under Prefix.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Headers", "Authorization, Accept, Cache-Control")
	h.Set("Access-Control-Allow-Methods", "GET, OPTIONS")
	h.Set("X-Content-Type-Options", "nosniff")
	path := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, Prefix), "/")
	switch {
	case r.Method == http.MethodOptions:
		w.WriteHeader(http.StatusOK)
	case r.Method != http.MethodGet:
		s.fail(w, &failure{http.StatusNotFound, "Not found"})
	case path == "/health":
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte("OK"))
	case isUpgrade(r):
		if err := s.webSocket(w, r); err != nil {
			s.fail(w, err)
		}
	default:
		if err := s.events(w, r, path); err != nil {
			s.fail(w, err)
		}
	}
}

func isUpgrade(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}
