package site_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/go-chi/chi/v5"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/annual"
	"github.com/gomph/gomph/internal/domain/archive"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/subscriptions"
	"github.com/gomph/gomph/internal/door/site"
	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/cache"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/limit"
	"github.com/gomph/gomph/internal/kit/pubsub"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

const password = "correct horse battery"

type world struct {
	*make.World
	access        *access.Service
	settings      *settings.Service
	subscriptions *subscriptions.Service
	site          *site.Server
	archive       *archive.Service
	files         blob.Store
	mux           chi.Router
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{World: make.New(t, dbtest.SQLite(t)), mux: chi.NewRouter()}
	bus := pubsub.NewLocal()
	t.Cleanup(func() { _ = bus.Close() })
	w.settings = settings.New(settings.Deps{DB: w.DB, IDs: w.IDs, Clock: w.Clock, Site: w.Site, DefaultRegistrations: "open"})
	on[access.SignedUp](w.Jobs)
	on[access.Confirmed](w.Jobs)
	on[subscriptions.Asked](w.Jobs)
	on[access.Invited](w.Jobs)
	on[access.ConfirmationWanted](w.Jobs)
	on[access.ResetWanted](w.Jobs)
	on[access.EmailChangeAsked](w.Jobs)
	on[access.EmailChanged](w.Jobs)
	on[access.PasswordChanged](w.Jobs)
	on[access.Approved](w.Jobs)
	w.access = access.New(access.Deps{DB: w.DB, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Site: w.Site, Settings: w.settings, Accounts: w.Accounts, Bus: bus,
		NewKeys: func() (accounts.Keys, error) { return accounts.Keys{}, nil }})
	on[archive.BackupReady](w.Jobs)
	w.archive = archive.New(archive.Deps{DB: w.DB, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Site: w.Site, Accounts: w.Accounts, Relations: w.Relations, Statuses: w.Statuses})
	w.files = w.Files
	subs := subscriptions.New(subscriptions.Deps{DB: w.DB, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Settings: w.settings, Accounts: w.Accounts, Access: w.access, Relations: w.Relations, Statuses: w.Statuses})
	w.subscriptions = subs
	var err error
	w.site, err = site.New(site.Deps{DB: w.DB, Clock: w.Clock, Site: w.Site, Settings: w.settings, Instances: w.Instances, Accounts: w.Accounts, Access: w.access, Relations: w.Relations, Subscriptions: subs, Annual: annual.New(annual.Deps{DB: w.DB, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Settings: w.settings}),
		Statuses: w.Statuses, Collections: w.Collections, Archive: w.archive, Files: w.Files, Addresses: w.Media.Addresses, Links: w.Links, Limiter: limit.New(cache.NewLocalAt(1<<20, w.Clock), w.Clock, nil), Version: "1.2.3", Dist: fstest.MapFS{
			".vite/manifest.json": {Data: []byte(`{"src/main.ts":{"file":"assets/main-1.js","css":["assets/main-2.css"]}}`)},
			"assets/main-1.js":    {Data: []byte("run()")},
			"assets/main-2.css":   {Data: []byte("body{}")},
			"favicon.svg":         {Data: []byte("<svg/>")},
			"secret.env":          {Data: []byte("PASSWORD=1")},
		}})
	if err != nil {
		t.Fatal(err)
	}
	w.site.Mount(w.mux)
	return w
}

func on[E jobs.Event](j *jobs.Jobs) {
	var zero E
	jobs.On(j, "seen."+zero.Kind(), jobs.Policy{Queue: jobs.Mailers}, func(context.Context, E) error { return nil })
}

// emitted counts the events of a kind.
func (w *world) emitted(kind string) int {
	w.T.Helper()
	n, err := db.Value[int](w.Ctx(), w.DB, "SELECT COUNT(*) FROM jobs WHERE kind = $1", "seen."+kind)
	w.ok(err)
	return n
}

func (w *world) ok(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

func (w *world) person(name string) *access.User {
	w.T.Helper()
	u, err := w.access.CreateByAdmin(w.Ctx(), access.NewByAdmin{Username: name, Email: name + "@mail.example", Password: password, Confirmed: true})
	w.ok(err)
	return u
}

// browser keeps cookies, as one does.
type browser struct {
	*world
	cookies map[string]string
	// headers are sent with every request.
	headers http.Header
}

func (w *world) browser() *browser {
	return &browser{world: w, cookies: map[string]string{}, headers: http.Header{}}
}

func (b *browser) do(method, path string, form url.Values) *httptest.ResponseRecorder {
	b.T.Helper()
	body := ""
	if form != nil {
		body = form.Encode()
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "local.example"
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k, l := range b.headers {
		r.Header[k] = l
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	rec := httptest.NewRecorder()
	b.mux.ServeHTTP(rec, r)
	for _, c := range rec.Result().Cookies() {
		if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || !strings.HasPrefix(c.Name, "__Host-") {
			b.T.Errorf("cookie %+v", c)
		}
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return rec
}

func (b *browser) get(path string, status int) string {
	b.T.Helper()
	rec := b.do("GET", path, nil)
	if rec.Code != status {
		b.T.Fatalf("GET %s: status %d, want %d: %s", path, rec.Code, status, plain(rec.Body.String()))
	}
	return rec.Body.String()
}

var token = regexp.MustCompile(`name="_csrf" value="([^"]+)"`)

// send fills in the form of a page and gives where the browser is sent, or the page that comes instead.
func (b *browser) send(page, path string, status int, pairs ...string) (to, body string) {
	b.T.Helper()
	found := token.FindStringSubmatch(b.get(page, 200))
	if found == nil {
		b.T.Fatalf("no form on %s", page)
	}
	form := url.Values{"_csrf": {found[1]}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	rec := b.do("POST", path, form)
	if rec.Code != status {
		b.T.Fatalf("POST %s: status %d, want %d: %s", path, rec.Code, status, plain(rec.Body.String()))
	}
	return rec.Header().Get("Location"), rec.Body.String()
}

func (b *browser) signIn(u *access.User) {
	b.T.Helper()
	if to, _ := b.send("/auth/sign_in", "/auth/sign_in", 303, "email", u.Email, "password", password); to != "/" {
		b.T.Fatalf("sent to %s", to)
	}
}

var tags = regexp.MustCompile(`(?s)<svg.*?</svg>|<[^>]*>|\s+`)

// plain is a page's words, for messages of failed tests.
func plain(page string) string { return tags.ReplaceAllString(page, " ") }

func has(t *testing.T, page string, words ...string) {
	t.Helper()
	for _, s := range words {
		if !strings.Contains(page, s) {
			t.Errorf("no %q in %.1500s", s, plain(page))
		}
	}
}

func lacks(t *testing.T, page string, words ...string) {
	t.Helper()
	for _, s := range words {
		if strings.Contains(page, s) {
			t.Errorf("%q in %.1500s", s, plain(page))
		}
	}
}
