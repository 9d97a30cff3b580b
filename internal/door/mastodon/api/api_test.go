package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/kit/cache"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/limit"
)

// gate knows one person and one application by their bearers.
type gate struct{}

func (gate) Authenticate(_ context.Context, bearer string) (*access.Token, *access.User, *accounts.Account, error) {
	switch bearer {
	case "ann":
		return &access.Token{ID: 1, Scopes: access.Scopes{"read", "write:media"}}, &access.User{ConfirmedAt: time.Now(), Approved: true}, &accounts.Account{ID: 7}, nil
	case "app":
		return &access.Token{ID: 2, Scopes: access.Scopes{"read"}}, nil, nil, nil
	}
	return nil, nil, nil, errs.New(errs.UnauthorizedKind, "The access token is invalid")
}

type setup struct {
	http.Handler
	clock *clock.Fake
	addr  netip.Addr
}

func open(t *testing.T, routes ...api.Route) *setup {
	t.Helper()
	s := &setup{clock: clock.NewFake(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), addr: netip.MustParseAddr("192.0.2.1")}
	mux := chi.NewRouter()
	api.Mount(mux, routes, api.Deps{Auth: gate{}, Limiter: limit.New(cache.NewLocalAt(1<<20, s.clock), s.clock, nil), ClientAddr: func(*http.Request) netip.Addr { return s.addr }})
	s.Handler = mux
	return s
}

func (s *setup) ask(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// tell answers with who asks, by which verb, with what.
func tell(w http.ResponseWriter, r *api.Request) error {
	return httpio.JSON(w, http.StatusOK, map[string]any{"viewer": r.Viewer(), "a": r.Params.String("a"), "id": r.ID("id"), "name": r.Path("id"), "method": r.Method})
}

const asAnn = "Bearer ann"

func told(t *testing.T, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != 200 {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return v
}

func TestWhereATokenMayBe(t *testing.T) {
	t.Parallel()
	s := open(t, api.Route{Method: "POST", Pattern: "/api/v1/things", Auth: api.Optional, Handler: tell})
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"header":   s.ask("POST", "/api/v1/things", "", "Authorization", asAnn),
		"any case": s.ask("POST", "/api/v1/things", "", "Authorization", "bearer  ann"),
		"address":  s.ask("POST", "/api/v1/things?access_token=ann", ""),
		"form":     s.ask("POST", "/api/v1/things", "a=1&access_token=ann", form...),
		"json":     s.ask("POST", "/api/v1/things", `{"access_token":"ann"}`, "Content-Type", "application/json"),
	} {
		if v := told(t, w); v["viewer"] != 7.0 {
			t.Errorf("%s: seen as %v", name, v["viewer"])
		}
	}
	if v := told(t, s.ask("POST", "/api/v1/things", "a=5", append(form, "Authorization", "Basic ann")...)); v["viewer"] != 0.0 || v["a"] != "5" {
		t.Errorf("without a token: %v", v)
	}
	if w := s.ask("POST", "/api/v1/things", "", "Authorization", "Bearer x"); w.Code != 401 || !strings.Contains(w.Header().Get("WWW-Authenticate"), "invalid_token") {
		t.Errorf("a bad token: %d %v", w.Code, w.Header())
	}
}

func TestVerbsAndFallbacks(t *testing.T) {
	t.Parallel()
	s := open(t, api.Route{Method: "GET", Pattern: "/api/v1/things/{id}", Handler: tell}, api.Route{Method: "PATCH", Pattern: "/api/v1/things/{id}", Handler: tell},
		api.Route{Method: "GET", Pattern: "/api/v1/things/static", Handler: func(w http.ResponseWriter, _ *api.Request) error { return httpio.JSON(w, 201, nil) }})
	for _, verb := range []string{"PUT", "PATCH", "GET"} {
		if v := told(t, s.ask(verb, "/api/v1/things/12", "")); v["id"] != 12.0 || v["method"] != verb {
			t.Errorf("%s: %v", verb, v)
		}
	}
	if v := told(t, s.ask("GET", "/api/v1/things/gr%C3%BC%2Fn", "")); v["name"] != "grü/n" || v["id"] != 0.0 {
		t.Errorf("an escaped path is %v", v)
	}
	if w := s.ask("HEAD", "/api/v1/things/12", ""); w.Code != 200 {
		t.Errorf("HEAD: %d", w.Code)
	}
	if w := s.ask("GET", "/api/v1/things/static", ""); w.Code != 201 {
		t.Errorf("a static path: %d", w.Code)
	}
	for _, at := range []string{"/api/v1/other", "/api/", "/api/v1/things/1/2"} {
		if w := s.ask("GET", at, ""); w.Code != 404 || !strings.HasPrefix(w.Body.String(), `{"error":`) || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %s", at, w.Code, w.Body)
		}
	}
	if w := s.ask("DELETE", "/api/v1/things/1", ""); w.Code != 404 {
		t.Errorf("a verb that is not there: %d", w.Code)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	s := open(t,
		api.Route{Method: "GET", Pattern: "/api/v1/shared", Auth: api.Optional, Shared: time.Minute, Handler: tell},
		api.Route{Method: "GET", Pattern: "/api/v1/old", Deprecated: time.Unix(99, 0), Handler: tell},
		api.Route{Method: "GET", Pattern: "/api/v1/broken", Handler: func(http.ResponseWriter, *api.Request) error { panic("secret") }})
	w := s.ask("OPTIONS", "/api/v1/shared", "", "Origin", "https://app.example", "Access-Control-Request-Headers", "authorization, idempotency-key")
	for h, want := range map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "authorization, idempotency-key", "Access-Control-Allow-Credentials": "", "Access-Control-Max-Age": "7200"} {
		if w.Header().Get(h) != want {
			t.Errorf("preflight: %s is %q, want %q", h, w.Header().Get(h), want)
		}
	}
	w = s.ask("GET", "/api/v1/shared", "", "X-Request-Id", "from-proxy_1")
	if w.Header().Get("Cache-Control") != "public, max-age=60" || w.Header().Get("Vary") != "Authorization" || w.Header().Get("X-Request-Id") != "from-proxy_1" {
		t.Errorf("for everybody: %v", w.Header())
	}
	if !strings.Contains(w.Header().Get("Access-Control-Expose-Headers"), "Mastodon-Async-Refresh") {
		t.Error("pages may not read the headers that they need")
	}
	w = s.ask("GET", "/api/v1/shared", "", "Authorization", asAnn, "X-Request-Id", "a\"b;"+strings.Repeat("c", 200))
	if w.Header().Get("Cache-Control") != "private, no-store" || len(w.Header().Get("X-Request-Id")) != 32 {
		t.Errorf("for ann: %v", w.Header()) // VIS-05
	}
	if w = s.ask("GET", "/api/v1/old", ""); w.Header().Get("Deprecation") != "@99" {
		t.Errorf("Deprecation is %q", w.Header().Get("Deprecation"))
	}
	if w = s.ask("GET", "/api/v1/broken", ""); w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("a panic: %d %s", w.Code, w.Body)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	fail := true
	act := func(w http.ResponseWriter, _ *api.Request) error {
		if fail {
			return errs.Invalid("no")
		}
		return httpio.JSON(w, 200, nil)
	}
	s := open(t, api.Route{Method: "GET", Pattern: "/api/v1/things", Auth: api.Optional, Handler: tell},
		api.Route{Method: "POST", Pattern: "/api/v1/media", Auth: api.User, Limit: api.LimitMedia, Handler: tell},
		api.Route{Method: "POST", Pattern: "/api/v1/statuses", Auth: api.User, Limit: api.LimitStatuses, Handler: act})
	w := s.ask("GET", "/api/v1/things", "", "Authorization", asAnn)
	for h, want := range map[string]string{"X-RateLimit-Limit": "300", "X-RateLimit-Remaining": "299", "X-RateLimit-Reset": "2026-01-02T03:05:00.000000Z"} {
		if w.Header().Get(h) != want {
			t.Errorf("%s is %q, want %q", h, w.Header().Get(h), want)
		}
	}
	if w = s.ask("POST", "/api/v1/media", "", "Authorization", asAnn); w.Header().Get("X-RateLimit-Limit") != "30" {
		t.Errorf("uploads are limited to %s", w.Header().Get("X-RateLimit-Limit"))
	}
	for range 5 {
		s.ask("POST", "/api/v1/statuses", "", "Authorization", asAnn)
	}
	fail = false
	s.clock.Advance(5 * time.Minute) // another window of the general rules
	for i := range 300 {
		if i == 200 {
			s.clock.Advance(5 * time.Minute)
		}
		if w = s.ask("POST", "/api/v1/statuses", "", "Authorization", asAnn); w.Code != 200 {
			t.Fatalf("post %d: %d %s", i, w.Code, w.Body)
		}
	}
	if w = s.ask("POST", "/api/v1/statuses", "", "Authorization", asAnn); w.Code != 429 || !strings.Contains(w.Body.String(), "Too many requests") || w.Header().Get("X-RateLimit-Limit") != "300" {
		t.Errorf("the 301st post: %d %s", w.Code, w.Body)
	}
	s.addr = netip.MustParseAddr("2001:db8::1")
	for i := range 301 {
		if i == 150 {
			s.addr = netip.MustParseAddr("2001:db8::ffff:1") // the same /64
		}
		w = s.ask("GET", "/api/v1/things", "")
	}
	if w.Code != 429 {
		t.Errorf("the 301st request of a network: %d", w.Code)
	}
	s.addr = netip.MustParseAddr("2001:db8:0:1::1")
	if w = s.ask("GET", "/api/v1/things", ""); w.Code != 200 {
		t.Errorf("another network: %d", w.Code)
	}
}

// TestClosedServers: where nobody may ask without a login, only what cannot have one answers (VIS-14).
func TestClosedServers(t *testing.T) {
	t.Parallel()
	routes := []api.Route{
		{Method: "GET", Pattern: "/api/v1/anyone", Auth: api.Optional, Shared: time.Minute, Handler: tell}, {Method: "GET", Pattern: "/api/v1/all", Handler: tell},
		{Method: "GET", Pattern: "/api/v1/about", About: true, Handler: tell}, {Method: "POST", Pattern: "/api/v1/open", Open: true, Handler: tell}, {Method: "GET", Pattern: "/api/v1/app", Auth: api.App, Handler: tell},
	}
	for name, c := range map[string]struct {
		deps api.Deps
		want map[string]int
	}{
		"open":    {api.Deps{}, map[string]int{"/anyone": 200, "/all": 200, "/about": 200, "/open": 200}},
		"closed":  {api.Deps{Closed: true}, map[string]int{"/anyone": 401, "/all": 401, "/about": 200, "/open": 200}},
		"limited": {api.Deps{Limited: true}, map[string]int{"/anyone": 401, "/all": 401, "/about": 401, "/open": 200}},
	} {
		s := &setup{}
		mux := chi.NewRouter()
		c.deps.Auth = gate{}
		api.Mount(mux, routes, c.deps)
		s.Handler = mux
		for at, want := range c.want {
			method := "GET"
			if at == "/open" {
				method = "POST"
			}
			for bearer, code := range map[string]int{"": want, "Bearer app": want, "Bearer ann": 200} {
				w := s.ask(method, "/api/v1"+at, "", "Authorization", bearer)
				if w.Code != code {
					t.Errorf("%s: %s for %q answers %d, not %d", name, at, bearer, w.Code, code)
				}
				if w.Code == 401 && (!strings.Contains(w.Body.String(), "This method requires an authenticated user") || strings.HasPrefix(w.Header().Get("Cache-Control"), "public")) {
					t.Errorf("%s: %s says %s %s", name, at, w.Body, w.Header())
				}
			}
		}
		if w := s.ask("GET", "/api/v1/app", "", "Authorization", "Bearer app"); w.Code != 200 {
			t.Errorf("%s: an application gets %d", name, w.Code)
		}
	}
}
