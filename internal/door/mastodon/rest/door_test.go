package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/announcements"
	"github.com/gomph/gomph/internal/domain/annual"
	"github.com/gomph/gomph/internal/domain/feeds"
	"github.com/gomph/gomph/internal/domain/filters"
	"github.com/gomph/gomph/internal/domain/moderation"
	"github.com/gomph/gomph/internal/domain/notifications"
	"github.com/gomph/gomph/internal/domain/search"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/domain/subscriptions"
	"github.com/gomph/gomph/internal/domain/trends"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/door/mastodon/rest"
	"github.com/gomph/gomph/internal/kit/cache"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/limit"
	"github.com/gomph/gomph/internal/kit/pubsub"
	"github.com/gomph/gomph/internal/testkit/make"
)

// door is the whole API on a world, as clients see it.
type door struct {
	*make.World
	t       testing.TB
	h       http.Handler
	routes  []api.Route
	web     *rest.API
	access  *access.Service
	notices *notifications.Service
	feeds   *feeds.Service
	search  *search.Service
	trends  *trends.Service
	render  *entity.Renderer
	config  *settings.Service
	keys    map[string]key
	finder  *finder
	limiter *limit.Limiter
	ctx     context.Context

	announcements *announcements.Service
	annual        *annual.Service
}

// key is what a bearer opens.
type key struct {
	token   *access.Token
	user    access.UserID
	account accounts.ID
}

// Authenticate knows the keys that the test gave out, and reads the person anew each time.
func (d *door) Authenticate(ctx context.Context, bearer string) (*access.Token, *access.User, *accounts.Account, error) {
	k, ok := d.keys[bearer]
	if !ok {
		return nil, nil, nil, errs.New(errs.UnauthorizedKind, "The access token is invalid")
	}
	if k.user == 0 {
		return k.token, nil, nil, nil
	}
	u, err := d.access.ByID(ctx, d.DB, k.user)
	if err != nil {
		return nil, nil, nil, err
	}
	a, err := d.Accounts.ByID(ctx, d.DB, k.account)
	return k.token, u, a, err
}

// finder stands for the rest of the world.
type finder struct {
	account *accounts.Account
	status  *statuses.Status
	err     error
	asked   []string
}

func (f *finder) Find(_ context.Context, query string) (*accounts.Account, *statuses.Status, error) {
	f.asked = append(f.asked, query)
	if f.err != nil {
		return nil, nil, f.err
	}
	return f.account, f.status, nil
}

func open(t *testing.T, d *db.DB, change ...func(*api.Deps)) *door {
	t.Helper()
	return openWith(t, d, change...)
}

func openWith(t testing.TB, d *db.DB, change ...func(*api.Deps)) *door {
	t.Helper()
	w := make.New(t, d)
	o := &door{World: w, t: t, ctx: context.Background(), keys: map[string]key{}, finder: &finder{err: errs.NotFound()}}
	config := settings.New(settings.Deps{DB: d, IDs: w.IDs, Clock: w.Clock, Site: w.Site, Jobs: w.Jobs})
	o.access = access.New(access.Deps{DB: d, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Site: w.Site, Settings: config, Accounts: w.Accounts, Bus: pubsub.NewLocal()})
	filter := filters.New(filters.Deps{DB: d, IDs: w.IDs, Clock: w.Clock, Statuses: w.Statuses, Bus: pubsub.NewLocal()})
	o.notices = notifications.New(notifications.Deps{DB: d, Jobs: w.Jobs, Secret: []byte("secret"), HTTPS: true, IDs: w.IDs, Clock: w.Clock, Accounts: w.Accounts, Relations: w.Relations, Statuses: w.Statuses, Collections: w.Collections})
	o.feeds = feeds.New(feeds.Deps{DB: d, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Accounts: w.Accounts, Relations: w.Relations, Statuses: w.Statuses,
		Cache: cache.NewLocalAt(8<<20, w.Clock), Bus: pubsub.NewLocal()})
	o.render = entity.New(entity.Deps{Site: w.Site, Clock: w.Clock, Accounts: w.Accounts, Relations: w.Relations, Statuses: w.Statuses, Media: w.Media, Links: w.Links, Filters: filter, Collections: w.Collections, Settings: config})
	o.annual = annual.New(annual.Deps{DB: d, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Settings: config})
	o.announcements = announcements.New(announcements.Deps{DB: d, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Media: w.Media})
	o.search = search.New(search.Deps{DB: d, IDs: w.IDs, Clock: w.Clock, Accounts: w.Accounts})
	o.trends = trends.New(trends.Deps{DB: d, Clock: w.Clock, Settings: config})
	o.config = config
	subs := subscriptions.New(subscriptions.Deps{DB: d, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Settings: config, Accounts: w.Accounts, Access: o.access, Relations: w.Relations, Statuses: w.Statuses})
	jobs.On(w.Jobs, "test.subscriptions_asked", jobs.Policy{Queue: jobs.Mailers}, func(context.Context, subscriptions.Asked) error { return nil })
	a := rest.New(rest.Deps{DB: d, Clock: w.Clock, Site: w.Site, Settings: config, Access: o.access, Accounts: w.Accounts, Relations: w.Relations, Instances: w.Instances,
		Statuses: w.Statuses, Collections: w.Collections, Media: w.Media, Links: w.Links, Filters: filter, Moderation: moderation.New(moderation.Deps{DB: d, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Accounts: w.Accounts, Statuses: w.Statuses}), Notifications: o.notices, Feeds: o.feeds, Trends: o.trends, Finder: o.finder, Version: "1.0.0", VAPIDKey: "public", Translator: libreTranslate(t), Cache: cache.NewLocalAt(1<<20, w.Clock),
		Render: o.render,
		Search: o.search, Announcements: o.announcements, Annual: o.annual, Subscriptions: subs})
	o.routes, o.web = a.Routes(), a
	o.limiter = limit.New(cache.NewLocalAt(1<<20, w.Clock), w.Clock, nil)
	deps := api.Deps{Auth: o, Log: slog.New(slog.NewTextHandler(testWriter{t}, nil))}
	for _, c := range change {
		c(&deps)
	}
	mux := chi.NewRouter()
	api.Mount(mux, o.routes, deps)
	mux.Handle("/system/*", http.StripPrefix("/system/", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		f, err := w.Files.Open(r.Context(), r.URL.Path)
		if err != nil {
			http.NotFound(rw, r)
			return
		}
		defer f.Close()
		http.ServeContent(rw, r, r.URL.Path, f.ModTime, f)
	})))
	o.h = mux
	return o
}

// testWriter puts what the server logs with the test that failed.
type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Logf("%s", b)
	return len(b), nil
}

// who is a person with a token, or an application, or nobody.
type who struct {
	*accounts.Account
	bearer string
	user   access.UserID
}

var nobody = &who{}

// person makes a local account with a login and a token of some scopes.
func (d *door) person(name string, scopes ...string) *who {
	d.t.Helper()
	a := d.Account(name)
	id := access.UserID(d.IDs.Next())
	err := d.DB.Write(d.Ctx(), func(tx *db.Tx) error {
		_, err := tx.Exec(d.Ctx(), "INSERT INTO users (id, account_id, email, email_folded, password_hash, approved, confirmed_at, created_at, updated_at) VALUES ($1, $2, $3, $3, '', TRUE, 1, 1, 1)",
			id, a.ID, name+"@example.com")
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return d.token(&who{Account: a, user: id}, scopes...)
}

// token gives somebody, or with an empty who an application, another token.
func (d *door) token(w *who, scopes ...string) *who {
	if len(scopes) == 0 {
		scopes = []string{"read", "write", "follow", "push"}
	}
	out := *w
	out.bearer = fmt.Sprintf("token%d", len(d.keys)+1)
	k := key{token: &access.Token{ID: access.TokenID(len(d.keys) + 1), Scopes: scopes, UserID: w.user}, user: w.user}
	if w.Account != nil {
		k.account, k.token.AccountID = w.Account.ID, w.Account.ID
	}
	d.keys[out.bearer] = k
	return &out
}

// again reads somebody's account anew.
func (d *door) again(w *who) *accounts.Account {
	d.t.Helper()
	a, err := d.Accounts.ByID(d.Ctx(), d.DB, w.ID)
	if err != nil {
		d.t.Fatal(err)
	}
	return a
}

// reply is an answer, already held against the tables.
type reply struct {
	t      testing.TB
	name   string
	code   int
	header http.Header
	body   []byte
}

// form is a body of fields.
type form = map[string]string

// upload is a file in a form.
type upload struct {
	fields form
	files  map[string][]byte
}

func encode(t testing.TB, body any) (io.Reader, string) {
	t.Helper()
	switch b := body.(type) {
	case nil:
		return http.NoBody, ""
	case string:
		return strings.NewReader(b), "application/json"
	case upload:
		var buf bytes.Buffer
		w := multipart.NewWriter(&buf)
		for k, v := range b.fields {
			_ = w.WriteField(k, v)
		}
		for k, v := range b.files {
			part, err := w.CreateFormFile(k, "../../evil.php")
			if err != nil {
				t.Fatal(err)
			}
			_, _ = part.Write(v)
		}
		_ = w.Close()
		return &buf, w.FormDataContentType()
	}
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b), "application/json"
}

func (d *door) call(method, path string, as *who, body any, headers ...string) *reply {
	d.t.Helper()
	r, kind := encode(d.t, body)
	req := httptest.NewRequestWithContext(d.ctx, method, "https://local.example"+path, r)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if as.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+as.bearer)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return d.do(req)
}

func (d *door) do(req *http.Request) *reply {
	d.t.Helper()
	rec := httptest.NewRecorder()
	d.h.ServeHTTP(rec, req)
	out := &reply{t: d.t, name: req.Method + " " + req.URL.String(), code: rec.Code, header: rec.Header(), body: rec.Body.Bytes()}
	if strings.HasPrefix(req.URL.Path, "/api/") && req.Method != http.MethodHead && req.Method != http.MethodOptions {
		conforms(d.t, d.routes, req, out)
	}
	return out
}

func (d *door) get(path string, as *who) *reply { d.t.Helper(); return d.call("GET", path, as, nil) }

func (d *door) post(path string, as *who, body any) *reply {
	d.t.Helper()
	return d.call("POST", path, as, body)
}

// want fails the test unless the answer has a code.
func (r *reply) want(code int) *reply {
	r.t.Helper()
	if r.code != code {
		r.t.Fatalf("%s: %d %s, want %d", r.name, r.code, r.body, code)
	}
	return r
}

// says fails the test unless the answer is an error with a message.
func (r *reply) says(code int, message string) *reply {
	r.t.Helper()
	r.want(code)
	if got := r.str("error"); got != message {
		r.t.Fatalf("%s: %q, want %q", r.name, got, message)
	}
	return r
}

func (r *reply) decode(into any) {
	r.t.Helper()
	if err := json.Unmarshal(r.body, into); err != nil {
		r.t.Fatalf("%s: %v in %s", r.name, err, r.body)
	}
}

// list is the answer as a list of objects.
func (r *reply) list() []map[string]any {
	r.t.Helper()
	var out []map[string]any
	r.want(200).decode(&out)
	return out
}

// at finds a value by its path, as in "account.id".
func (r *reply) at(path string) any {
	r.t.Helper()
	var v any
	r.decode(&v)
	return dig(r.t, v, path)
}

func dig(t testing.TB, v any, path string) any {
	t.Helper()
	for part := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			var i int
			if _, err := fmt.Sscan(part, &i); err != nil {
				t.Fatalf("no %s in a list of %d", part, len(x))
			}
			if i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

func (r *reply) str(path string) string {
	r.t.Helper()
	s, _ := r.at(path).(string)
	return s
}

// is fails the test unless a value is as wanted; numbers are float64.
func (r *reply) is(path string, want any) *reply {
	r.t.Helper()
	r.want(200)
	if got := r.at(path); got != want {
		r.t.Fatalf("%s: %s is %v, want %v in %s", r.name, path, got, want, r.body)
	}
	return r
}

// ids lists the ids of an answer.
func (r *reply) ids() string {
	r.t.Helper()
	var out []string
	for _, e := range r.list() {
		out = append(out, e["id"].(string))
	}
	return strings.Join(out, " ")
}

func idsOf[T ~int64](list ...T) string {
	var out []string
	for _, id := range list {
		out = append(out, ids.Format(id))
	}
	return strings.Join(out, " ")
}

func path[T ~int64](pattern string, id T) string { return fmt.Sprintf(pattern, int64(id)) }
