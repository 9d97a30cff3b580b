// Package api owns what all endpoints of the Mastodon API have in common: the route table's shape, who may call what, how
// often, and the headers, errors and fallbacks around every answer.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/limit"
	"github.com/gomph/gomph/internal/kit/metric"
)

// Auth says who may call an endpoint, in the words of the table in testdata/mastodon-api.
type Auth int

const (
	// None is for everybody; a token is not looked at.
	None Auth = iota
	// Optional is for everybody; a valid token changes the answer.
	Optional
	// App needs a valid token, of a person or of an application alone.
	App
	// User needs the token of a person whose login works.
	User
)

// String is the table's word.
func (a Auth) String() string {
	return [...]string{"none", "user-optional", "app", "user"}[a]
}

// Handler answers one request, or fails; a failure is written once, in the API's shape.
type Handler func(w http.ResponseWriter, r *Request) error

// Route is one line of the route table.
type Route struct {
	// Method is the documented verb. PUT routes also take PATCH, and the other way round; GET routes take HEAD.
	Method string
	// Pattern is chi's, as "/api/v1/statuses/{id}".
	Pattern string
	Auth    Auth
	// Scopes are alternatives, of which the token needs one, itself or by a parent; nil for none needed.
	Scopes []string
	// Limit names a further rule of Limits, "" for the general ones alone.
	Limit   string
	Handler Handler
	// MaxFile is the most bytes of a body with files, 0 where none are taken.
	MaxFile int64
	// Shared is for how long proxies may give everybody the answer that was given without a token; 0 for not at all.
	Shared time.Duration
	// Open says that an endpoint answers everybody even where the rest of the API does not (see Deps.Closed). About says so of one that
	// tells what the server is, which a server that federates with few keeps to itself.
	Open, About bool
	// Deprecated is since when clients should use something else; it is told in a header.
	Deprecated time.Time
}

// Request is a request whose caller is known and whose parameters are read.
type Request struct {
	*http.Request
	Params *httpio.Params
	// Token is nil without one, User and Account for nobody and for an application alone.
	Token *access.Token
	// Bearer is the token in plain text.
	Bearer  string
	User    *access.User
	Account *accounts.Account
}

// Path is a part of the path by its name in the pattern, unescaped.
func (r *Request) Path(name string) string {
	raw := chi.URLParam(r.Request, name)
	if r.URL.RawPath == "" {
		return raw
	}
	if s, err := url.PathUnescape(raw); err == nil {
		return s
	}
	return raw
}

// ID is an id in the path; 0, which nothing has, when it is not one.
func (r *Request) ID(name string) int64 { return httpio.PathID(r.Path(name)) }

// Viewer is the account that asks; 0 for nobody.
func (r *Request) Viewer() accounts.ID {
	if r.Account == nil {
		return 0
	}
	return r.Account.ID
}

// Authenticator finds out whose a token is. A token that is not valid is errs.UnauthorizedKind; User and Account are nil
// for an application's own token.
type Authenticator interface {
	Authenticate(ctx context.Context, bearer string) (*access.Token, *access.User, *accounts.Account, error)
}

// Deps is what the endpoints stand on.
type Deps struct {
	Auth Authenticator
	Log  *slog.Logger
	// Limiter counts requests; nil for no limits.
	Limiter *limit.Limiter
	// ClientAddr is where a request came from, past the proxies that are trusted; nil for the connection's own.
	ClientAddr func(*http.Request) netip.Addr
	Metrics    *metric.Registry
	// Closed asks for a login wherever none would be needed (Mastodon's DISALLOW_UNAUTHENTICATED_API_ACCESS); Limited says that the server
	// federates with few, which implies it.
	Closed, Limited bool
}

// closed reports whether an endpoint that needs no login asks for one all the same.
func (d Deps) closed(r Route) bool {
	switch {
	case !d.Closed && !d.Limited, r.Open, r.Auth == App, r.Auth == User:
		return false
	}
	return !r.About || d.Limited
}

// Mount puts a route table on a router, once, with the answers to all other addresses under /api.
func Mount(mux chi.Router, routes []Route, d Deps) {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.ClientAddr == nil {
		d.ClientAddr = peer
	}
	s := &server{Deps: d,
		seconds: d.Metrics.Histogram("api_request_seconds", "How long requests to the Mastodon API took, by the first word of the path after its version.", "resource"),
		answers: d.Metrics.Counter("api_answers_total", "Answers of the Mastodon API, by status code.", "code"),
	}
	byPattern := map[string]methods{}
	for _, r := range routes {
		m := byPattern[r.Pattern]
		if m == nil {
			m = methods{}
			byPattern[r.Pattern] = m
		}
		for _, verb := range verbs(r.Method) {
			m[verb] = s.serve(r)
		}
	}
	fallback := s.around("other", func(http.ResponseWriter, *http.Request) error {
		return errs.New(errs.NotFoundKind, "The page you are looking for isn't here.")
	})
	for pattern, m := range byPattern {
		mux.Handle(pattern, m.or(fallback))
	}
	mux.Handle("/api/*", fallback)
}

// verbs are those that a route's verb stands for.
func verbs(method string) []string {
	switch method {
	case http.MethodGet:
		return []string{http.MethodGet, http.MethodHead}
	case http.MethodPut, http.MethodPatch:
		return []string{http.MethodPut, http.MethodPatch}
	}
	return []string{method}
}

type methods map[string]http.Handler

func (m methods) or(fallback http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := m[r.Method]; h != nil {
			h.ServeHTTP(w, r)
			return
		}
		fallback.ServeHTTP(w, r)
	})
}

// Info describes an endpoint, for docs/api.md and for tests.
type Info struct {
	Method, Pattern, Auth string
	Scopes                []string
	Limit                 string
}

// Describe lists a route table by path.
func Describe(routes []Route) []Info {
	out := make([]Info, len(routes))
	for i, r := range routes {
		out[i] = Info{r.Method, r.Pattern, r.Auth.String(), r.Scopes, r.Limit}
	}
	slices.SortFunc(out, func(a, b Info) int {
		if a.Pattern != b.Pattern {
			if a.Pattern < b.Pattern {
				return -1
			}
			return 1
		}
		if a.Method < b.Method {
			return -1
		}
		return 1
	})
	return out
}
