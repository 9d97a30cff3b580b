package oauth_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/oauth"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/pubsub"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

const (
	password = "correct horse battery"
	callback = "https://app.example/cb"
)

// world is the door on a database of its own, and a browser that says who it is in a header.
type world struct {
	*make.World
	access   *access.Service
	settings *settings.Service
	mux      chi.Router
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{World: make.New(t, dbtest.SQLite(t)), mux: chi.NewRouter()}
	bus := pubsub.NewLocal()
	t.Cleanup(func() { _ = bus.Close() })
	w.settings = settings.New(settings.Deps{DB: w.DB, IDs: w.IDs, Clock: w.Clock, Site: w.Site, DefaultRegistrations: "open"})
	on[access.SignedUp](w.Jobs)
	on[access.Confirmed](w.Jobs)
	on[access.Invited](w.Jobs)
	on[access.ConfirmationWanted](w.Jobs)
	on[access.EmailChangeAsked](w.Jobs)
	on[access.PasswordChanged](w.Jobs)
	w.access = access.New(access.Deps{DB: w.DB, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Site: w.Site, Settings: w.settings, Accounts: w.Accounts, Bus: bus,
		NewKeys: func() (accounts.Keys, error) { return accounts.Keys{}, nil }})
	o := oauth.New(oauth.Deps{DB: w.DB, Clock: w.Clock, Site: w.Site, Access: w.access, Pages: &pages{access: w.access}})
	api.Mount(w.mux, o.Routes(), api.Deps{Auth: w.access})
	o.Mount(w.mux)
	return w
}

func on[E jobs.Event](j *jobs.Jobs) {
	var zero E
	jobs.On(j, "seen."+zero.Kind(), jobs.Policy{Queue: jobs.Mailers}, func(context.Context, E) error { return nil })
}

// pages stands for the door that knows cookies: here, the header Session is the cookie, and forms carry "ok".
type pages struct{ access *access.Service }

func (p *pages) Visit(r *http.Request) (*access.Visit, error) {
	v, err := p.access.Visit(r.Context(), r.Header.Get("Session"))
	if err != nil {
		return nil, nil //nolint:nilerr // nobody
	}
	return v, nil
}

func (p *pages) SignIn(w http.ResponseWriter, _ *http.Request, next string, anew bool) {
	w.Header().Set("Location", "/auth/sign_in?"+url.Values{"next": {next}}.Encode())
	if anew {
		w.Header().Set("Anew", "1")
	}
	w.WriteHeader(http.StatusFound)
}

func (p *pages) FormOK(r *http.Request) bool {
	return r.PostForm.Get("_csrf") == "ok" || r.Header.Get("X-CSRF-Token") == "ok"
}

func (p *pages) Consent(w http.ResponseWriter, _ *http.Request, v *access.Visit, app *access.Application, redirectURI string, scopes access.Scopes, hidden [][2]string) error {
	form := url.Values{"_csrf": {"ok"}}
	for _, h := range hidden {
		form.Add(h[0], h[1])
	}
	return json.NewEncoder(w).Encode(map[string]any{"who": v.Account.Username, "app": app.Name, "to": redirectURI, "scopes": scopes, "form": form.Encode()})
}

func (p *pages) Code(w http.ResponseWriter, _ *http.Request, _ *access.Visit, code string) error {
	_, err := io.WriteString(w, "code: "+code)
	return err
}

func (p *pages) Fail(w http.ResponseWriter, _ *http.Request, status int, message string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, message)
}

// person is somebody who may come in, with the cookie of a browser.
func (w *world) person(name string) (*access.User, string) {
	w.T.Helper()
	u, err := w.access.CreateByAdmin(w.Ctx(), access.NewByAdmin{Username: name, Email: name + "@mail.example", Password: password, Confirmed: true})
	if err != nil {
		w.T.Fatal(err)
	}
	secret, _, err := w.access.SignIn(w.Ctx(), u.Email, password, access.Browser{})
	if err != nil {
		w.T.Fatal(err)
	}
	return u, secret
}

// ask sends a request; a body of url.Values is a form, of a string JSON.
func (w *world) ask(method, path string, body any, headers ...string) *httptest.ResponseRecorder {
	w.T.Helper()
	var reader io.Reader
	kind := ""
	switch b := body.(type) {
	case url.Values:
		reader, kind = strings.NewReader(b.Encode()), "application/x-www-form-urlencoded"
	case string:
		reader, kind = strings.NewReader(b), "application/json"
	}
	r := httptest.NewRequest(method, path, reader)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	return rec
}

// answer reads a JSON object.
func (w *world) answer(rec *httptest.ResponseRecorder, status int) map[string]any {
	w.T.Helper()
	var out map[string]any
	if rec.Code != status {
		w.T.Fatalf("status %d, want %d: %s", rec.Code, status, rec.Body)
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
		w.T.Fatalf("%v: %s", err, rec.Body)
	}
	return out
}

// client is a registered application.
type client struct{ id, secret string }

func (w *world) register(scopes string, redirects ...string) client {
	w.T.Helper()
	if redirects == nil {
		redirects = []string{callback}
	}
	m := w.answer(w.ask("POST", "/api/v1/apps", url.Values{"client_name": {"App"}, "redirect_uris": {strings.Join(redirects, "\n")}, "scopes": {scopes}}), 200)
	return client{m["client_id"].(string), m["client_secret"].(string)}
}

// form are the parameters of an authorization request, changed by pairs; an empty value leaves one out.
func (c client) form(pairs ...string) url.Values {
	v := url.Values{"client_id": {c.id}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"read"}, "state": {"a&b=ü"}}
	for i := 0; i+1 < len(pairs); i += 2 {
		if v.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			v.Del(pairs[i])
		}
	}
	return v
}

// allow goes through the page and gives where the browser is sent.
func (w *world) allow(session string, v url.Values) *url.URL {
	w.T.Helper()
	m := w.answer(w.ask("GET", "/oauth/authorize?"+v.Encode(), nil, "Session", session), 200)
	form, err := url.ParseQuery(m["form"].(string))
	if err != nil {
		w.T.Fatal(err)
	}
	form.Set("decision", "allow")
	rec := w.ask("POST", "/oauth/authorize", form, "Session", session)
	if rec.Code != http.StatusFound {
		w.T.Fatalf("status %d: %s", rec.Code, rec.Body)
	}
	to, err := url.Parse(rec.Header().Get("Location"))
	if err != nil {
		w.T.Fatal(err)
	}
	return to
}

func (c client) exchange(code string, pairs ...string) url.Values {
	v := url.Values{"grant_type": {"authorization_code"}, "client_id": {c.id}, "client_secret": {c.secret}, "redirect_uri": {callback}, "code": {code}}
	for i := 0; i+1 < len(pairs); i += 2 {
		if v.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			v.Del(pairs[i])
		}
	}
	return v
}
