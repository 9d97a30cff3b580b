package site_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/subscriptions"
	"github.com/gomph/gomph/internal/kit/db"
)

func idOf(id int64) string { return strconv.FormatInt(id, 10) }

func TestFollowFromAnotherServersPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.person("ann")
	far := w.Remote("bob", "far.example")
	st := w.Receive(far, "<p>hello</p>")
	b := w.browser()
	b.signIn(ann)
	for _, uri := range []string{far.URI, far.URL, "bob@far.example", "@bob@far.example", "acct:bob@far.example", st.URI} {
		has(t, b.get("/authorize_interaction?"+url.Values{"uri": {uri}}.Encode(), 200), "Follow bob?")
	}
	for _, uri := range []string{"", "https://far.example/nobody", "nobody@far.example", "javascript:alert(1)", "https://local.example/users/nobody", strings.Repeat("x", 5000), "@", "a@b@c"} {
		b.get("/authorize_interaction?"+url.Values{"uri": {uri}}.Encode(), 404)
	}
	page := "/authorize_interaction?" + url.Values{"uri": {far.URI}}.Encode()
	b.send(page, "/authorize_interaction", 303, "uri", far.URI)
	has(t, b.get(page, 200), "Request sent")
	own := "/authorize_interaction?" + url.Values{"uri": {w.Site.ActorURI("ann")}}.Encode()
	has(t, b.get(own, 200), "This is you")
	if rel, err := w.Relations.Relationship(w.Ctx(), w.DB, ann.AccountID, far.ID); err != nil || !rel.Requested {
		t.Errorf("%+v, %v", rel, err)
	}
}

func TestFollowFromOnesOwnServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Account("ann")
	b := w.browser()
	has(t, b.get("/@ann", 200), "/remote_follow?acct=ann")
	to, _ := b.send("/remote_follow?acct=ann", "/remote_follow", 303, "acct", "ann", "handle", "@me@Elsewhere.example")
	if to != "https://elsewhere.example/authorize_interaction?uri=https%3A%2F%2Flocal.example%2Fusers%2Fann" {
		t.Errorf("sent to %s", to)
	}
	for _, bad := range []string{"", "me", "@me@", "me@evil.example/x", "me@evil.example@x", "me@ evil.example\r\nx", "https://evil.example"} {
		_, page := b.send("/remote_follow?acct=ann", "/remote_follow", 422, "acct", "ann", "handle", bad)
		has(t, page, "Write it with your server")
	}
	to, _ = b.send("/remote_follow?acct=ann", "/remote_follow", 303, "acct", "ann", "handle", "me@local.example")
	if !strings.HasPrefix(to, "/authorize_interaction?") {
		t.Errorf("sent to %s", to)
	}
	b.get("/remote_follow?acct=nobody", 404)
}

func TestConsentPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.person("ann")
	secret, _, err := w.access.SignIn(w.Ctx(), u.Email, password, access.Browser{})
	w.ok(err)
	v, err := w.access.Visit(w.Ctx(), secret)
	w.ok(err)
	for uri, want := range map[string]string{
		"https://app.example:8443/cb": "form-action 'self' https://app.example:8443;", "com.example.app:/cb": "form-action 'self' com.example.app:;", access.OutOfBand: "form-action 'self';",
	} {
		app, _, err := w.access.Register(w.Ctx(), access.NewApp{Name: `<b>Evil</b>`, RedirectURIs: []string{uri}, Scopes: "read write"})
		w.ok(err)
		rec, r := newRequest(w.Ctx(), "/oauth/authorize")
		r.Header.Set("Cookie", cookie+"="+secret)
		w.ok(w.site.Consent(rec, r, v, app, uri, app.Scopes, [][2]string{{"state", `"><script>`}}))
		page := rec.Body.String()
		has(t, page, "&lt;b&gt;Evil&lt;/b&gt;", "@ann@local.example", `name="_csrf"`)
		lacks(t, page, "<b>Evil", "<script>")
		if csp := rec.Header().Get("Content-Security-Policy"); !strings.Contains(csp, want) || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: %s", uri, csp)
		}
		if rec.Header().Get("Cache-Control") != "private, no-store" {
			t.Errorf("%v", rec.Header())
		}
	}
	rec, r := newRequest(w.Ctx(), "/oauth/authorize/native")
	w.ok(w.site.Code(rec, r, v, "the-code-to-copy"))
	has(t, rec.Body.String(), "the-code-to-copy")
}

func BenchmarkProfile(b *testing.B) {
	w := newWorld(b)
	ann := w.Account("ann")
	for i := range 20 {
		w.Post(ann, "A post of ordinary length, with a #hashtag and https://example.com/some/link in it, number "+strconv.Itoa(i))
	}
	for b.Loop() {
		rec, r := newRequest(context.Background(), "/@ann")
		w.mux.ServeHTTP(rec, r)
		if rec.Code != 200 {
			b.Fatal(rec.Code)
		}
	}
}

func newRequest(ctx context.Context, path string) (*httptest.ResponseRecorder, *http.Request) {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	return httptest.NewRecorder(), r.WithContext(ctx)
}

func TestPostsByMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.person("ann")
	b := w.browser()
	b.get("/email_subscriptions?acct=ann", 404)
	if page := b.get("/@ann", 200); strings.Contains(page, "/email_subscriptions") {
		t.Error("a profile offers what nobody allowed")
	}
	w.ok(w.settings.Set(w.Ctx(), "email_subscriptions", "true"))
	yes := true
	_, err := w.Accounts.UpdateProfile(w.Ctx(), ann.AccountID, accounts.Profile{EmailSubscriptions: &yes})
	w.ok(err)
	has(t, b.get("/@ann", 200), `href="/email_subscriptions?acct=ann"`)
	_, page := b.send("/email_subscriptions?acct=ann", "/email_subscriptions", 422, "acct", "ann", "email", "nonsense")
	has(t, page, "Is invalid.")
	_, page = b.send("/email_subscriptions?acct=ann", "/email_subscriptions", 200, "acct", "ann", "email", "eve@example.org")
	has(t, page, "Look into your mail")
	id, err := db.Value[subscriptions.ID](w.Ctx(), w.DB, "SELECT id FROM email_subscriptions")
	w.ok(err)
	token, err := w.subscriptions.Mint(w.Ctx(), id)
	w.ok(err)
	has(t, b.get("/email_subscriptions/confirmation?confirmation_token=nonsense", 200), "This link does not work")
	for range 2 { // a link may be followed twice
		has(t, b.get("/email_subscriptions/confirmation?confirmation_token="+token, 200), "You are subscribed")
	}
	v, err := w.subscriptions.ByID(w.Ctx(), w.DB, id)
	w.ok(err)
	end := "/email_subscriptions/unsubscribe?token=" + v.Token
	has(t, b.get(end, 200), "No more mails?")
	if _, err := w.subscriptions.ByID(w.Ctx(), w.DB, id); err != nil {
		t.Error("looking at the link ends the subscription")
	}
	rec := w.browser().do("POST", end, url.Values{"List-Unsubscribe": {"One-Click"}}) // as programs for mail do
	has(t, rec.Body.String(), "It is over")
	has(t, b.get(end, 200), "This link does not work")

	for path, want := range map[string]string{"/.well-known/change-password": "/auth/edit", "/.well-known/proxy?uri=x": "/authorize_interaction?uri=x"} {
		if rec := b.do("GET", path, nil); rec.Code != 301 || rec.Header().Get("Location") != want {
			t.Errorf("%s leads with %d to %q", path, rec.Code, rec.Header().Get("Location"))
		}
	}
}
