package site_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/domain/statuses"
)

// preview does what follows from posts with links.
func (w *world) preview() {
	w.T.Helper()
	for _, e := range w.Events() {
		if l, ok := e.(statuses.LinkPosted); ok {
			w.ok(w.Links.Preview(w.Ctx(), l))
		}
	}
}

// TestPreviewsOnPages: a post shows the preview of its link, as text (PRE-01).
func TestPreviewsOnPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.Account("ann")
	web := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		_, _ = rw.Write([]byte(`<title>&lt;script&gt;tusks</title><meta name=description content="four of them">`))
	}))
	defer web.Close()
	at := strings.Replace(web.URL, "127.0.0.1", "news.com", 1) + "/tusks?a=1&b=2"
	st := w.Post(ann, at)
	w.preview()
	for _, path := range []string{fmt.Sprintf("/@ann/%d", st.ID), "/@ann", "/"} {
		shown := w.browser().get(path, 200)
		has(t, shown, `<strong dir="auto">&lt;script&gt;tusks</strong>`, "four of them", strings.ReplaceAll(at, "&", "&amp;"), "news.com:")
		lacks(t, shown, "<script>tusks")
	}
}

// TestEmbeddedPosts: the page for frames may be shown anywhere, and so does nothing and knows nobody (OAU-06 is what all others keep to).
func TestEmbeddedPosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	u := w.person("ann")
	b.signIn(u)
	ann, err := w.Accounts.ByID(w.Ctx(), w.DB, u.AccountID)
	w.ok(err)
	st := w.Post(ann, "words for all")
	page := b.get(fmt.Sprintf("/@ann/%d", st.ID), 200)
	has(t, page, `<link rel="alternate" type="application/json+oembed" href="https://local.example/api/oembed?url=`+url.QueryEscape(st.URL)+`">`)
	rec := b.do("GET", fmt.Sprintf("/@ann/%d/embed", st.ID), nil)
	if rec.Code != 200 || rec.Header().Get("X-Frame-Options") != "" || !strings.Contains(rec.Header().Get("Cache-Control"), "public") {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
	for _, part := range []string{"default-src 'none'", "frame-ancestors *", "sandbox allow-popups allow-popups-to-escape-sandbox;"} {
		if csp := rec.Header().Get("Content-Security-Policy"); !strings.Contains(csp, part) || strings.Contains(csp, "script") || strings.Contains(csp, "form-action") {
			t.Errorf("without %q: %s", part, csp)
		}
	}
	has(t, rec.Body.String(), "words for all", `<base target="_blank">`)
	lacks(t, rec.Body.String(), "<script", "<form", "Sign out", "csrf")
	for name, v := range map[string]statuses.Visibility{"private": statuses.Private, "direct": statuses.Direct} {
		hidden := w.Post(ann, name, func(d *statuses.Draft) { d.Visibility = v })
		b.get(fmt.Sprintf("/@ann/%d/embed", hidden.ID), 404)
	}
}
