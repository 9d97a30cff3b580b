package site_test

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
)

// TestPublicPagesShowOnlyWhatIsPublic: neither posts for some nor those of accounts that are shut out are on any page (VIS-11).
func TestPublicPagesShowOnlyWhatIsPublic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.Account("ann")
	bob := w.Remote("bob", "far.example")
	as := func(v statuses.Visibility) func(*statuses.Draft) { return func(d *statuses.Draft) { d.Visibility = v } }
	open := w.Post(ann, "words for all #Elephants")
	quiet := w.Post(ann, "words said quietly", as(statuses.Unlisted))
	private := w.Post(ann, "words for followers", as(statuses.Private))
	direct := w.Post(ann, "words for one", as(statuses.Direct))
	w.Post(ann, "an own answer", func(d *statuses.Draft) { d.InReplyToID = open.ID })
	w.Post(ann, "a secret answer", func(d *statuses.Draft) { d.InReplyToID = open.ID; d.Visibility = statuses.Private })
	w.Receive(bob, "<p>an answer from far</p>", func(in *statuses.Incoming) { in.InReplyTo = open })
	b := w.browser()

	page := b.get("/", 200)
	has(t, page, "words for all", "local.example")
	lacks(t, page, "quietly", "followers only", "words for followers", "words for one", "from far")
	page = b.get("/@ann", 200)
	has(t, page, "words for all", "words said quietly", "@ann@local.example", `href="https://local.example/users/ann"`)
	lacks(t, page, "words for followers", "words for one", "secret answer")
	w.Post(ann, "with a #Badge")
	page = b.get("/@ann/tagged/badge", 200)
	has(t, page, "with a", `aria-current="page">#badge</a>`, "<title>#badge by ann")
	lacks(t, page, "words for all", `aria-current="page">Posts`)
	b.get("/@ann/tagged/a%20b", 404)
	has(t, b.get("/@ann", 200), "/@ann/media")
	_, err := w.Accounts.UpdateProfile(t.Context(), ann.ID, accounts.Profile{ShowMedia: new(false)})
	if err != nil {
		t.Fatal(err)
	}
	lacks(t, b.get("/@ann", 200), "/@ann/media")
	b.get("/@ann/media", 404)
	page = b.get("/@ANN/with_replies", 200)
	has(t, page, "an own answer")
	lacks(t, page, "secret answer")
	page = b.get(fmt.Sprintf("/@ann/%d", open.ID), 200)
	has(t, page, "words for all", "an own answer", "an answer from far", "@bob@far.example")
	lacks(t, page, "secret answer")
	b.get(fmt.Sprintf("/@ann/%d", quiet.ID), 200)
	for _, path := range []string{fmt.Sprintf("/@ann/%d", private.ID), fmt.Sprintf("/@ann/%d", direct.ID), fmt.Sprintf("/@nobody/%d", open.ID), "/@ann/1", "/@ann/x", "/@ann/-1",
		"/@ann/99999999999999999999", "/@nobody", "/@bob@far.example", "/@ann%00", "/@ann'--", "/tags/", "/tags/a%20b", "/@" + accounts.InstanceActor} {
		if rec := b.do("GET", path, nil); rec.Code != 404 {
			t.Errorf("%s: %d", path, rec.Code)
		}
	}
	page = b.get("/tags/elephants", 200)
	has(t, page, "words for all", "#elephants")
	lacks(t, page, "quietly")
	b.get("/tags/"+url.PathEscape("größe"), 200)

	cat := w.Account("cat")
	if cat, err = w.Accounts.UpdateProfile(t.Context(), cat.ID, accounts.Profile{Discoverable: new(true), DisplayName: new("Cat & co")}); err != nil {
		t.Fatal(err)
	}
	c, err := w.Collections.Create(t.Context(), ann, collections.Draft{Name: new("<b>Fine people</b>"), Tag: new("people")}, []accounts.ID{cat.ID})
	if err != nil {
		t.Fatal(err)
	}
	page = b.get(fmt.Sprintf("/collections/%d", c.ID), 200)
	has(t, page, "&lt;b&gt;Fine people", "Cat &amp; co", "/tags/people", "noindex")
	items, err := w.Collections.Items(t.Context(), w.DB, 0, []*collections.Collection{c})
	if err != nil || len(items[c.ID]) != 1 {
		t.Fatal(items, err)
	}
	if err := w.Collections.Revoke(t.Context(), cat.ID, c.ID, items[c.ID][0].ID); err != nil {
		t.Fatal(err)
	}
	lacks(t, b.get(fmt.Sprintf("/collections/%d", c.ID), 200), "Cat &amp; co")
	b.get("/collections/1", 404)
	b.get("/@ann@local.example", 200)

	w.ok(w.Accounts.Suspend(w.Ctx(), ann.ID, true))
	for _, path := range []string{"/@ann", fmt.Sprintf("/@ann/%d", open.ID), "/@ann.rss"} {
		if rec := b.do("GET", path, nil); rec.Code != 410 {
			t.Errorf("suspended, %s: %d", path, rec.Code)
		}
	}
	lacks(t, b.get("/", 200), "words for all")
}

// TestPagesShowQuotes as far as everybody may see what is quoted (VIS-13).
func TestPagesShowQuotes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann, ben := w.Account("ann"), w.Account("ben")
	words := w.Post(ann, "words of ann", func(d *statuses.Draft) { d.QuotePolicy = statuses.QuotableByAll })
	quote := w.Post(ben, "look at this", func(d *statuses.Draft) { d.QuotedStatusID = words.ID })
	again := w.Post(ann, "and this", func(d *statuses.Draft) { d.QuotedStatusID = words.ID })
	page := fmt.Sprintf("/@ben/%d", quote.ID)
	b := w.browser()
	has(t, b.get(page, 200), "look at this", `<blockquote class="quote h-cite" cite="`+words.URL+`">`, "words of ann")
	w.ok(w.Statuses.RevokeQuote(w.Ctx(), ann.ID, words, quote.ID))
	shown := b.get(page, 200)
	has(t, shown, "look at this", "The quoted post cannot be shown.")
	lacks(t, shown, "words of ann")
	_, err := w.Statuses.Delete(w.Ctx(), ann, words.ID)
	w.ok(err)
	shown = b.get(fmt.Sprintf("/@ann/%d", again.ID), 200)
	has(t, shown, "and this", "The quoted post was deleted.")
	lacks(t, shown, "words of ann")
}

// TestTextsAreNotMarkup: markup in names, fields and warnings is text (HTM-02), and emojis are put into texts alone (HTM-08).
func TestTextsAreNotMarkup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.Account("ann")
	evil := `<script>alert(1)</script>"><img src=x onerror=alert(1)> :blob:`
	_, err := w.Accounts.UpdateProfile(w.Ctx(), ann.ID, accounts.Profile{DisplayName: &evil, Note: &evil, Fields: &[]accounts.Field{{Name: evil, Value: evil}},
		Emojis: &[]accounts.Emoji{{Shortcode: "blob", URL: `https://x.example/"onload=alert(1)`}}})
	w.ok(err)
	w.Post(ann, evil, func(d *statuses.Draft) { d.SpoilerText = evil })
	far := w.Remote("far", "far.example")
	in := w.Receive(far, `<p><a href="https://x.example/:blob:" title=":blob:">:blob: here</a></p>`, func(in *statuses.Incoming) {
		in.Emojis = []accounts.Emoji{{Shortcode: "blob", URL: `https://x.example/"onload=alert(1)`}}
		in.InReplyTo = w.Post(ann, "asked")
	})
	w.ok(w.settings.Set(w.Ctx(), "site_title", "<script>x"))
	w.ok(w.settings.Set(w.Ctx(), "site_extended_description", "<p onclick=x>About</p><script>alert(1)</script>"))
	b := w.browser()
	for _, path := range []string{"/@ann", "/", "/about", "/@ann.rss"} {
		page := b.get(path, 200)
		lacks(t, page, "<script>", "<img src=x", `"onload`, "onclick=x")
	}
	has(t, b.get("/@ann", 200), `alt=":blob:"`)
	page := b.get(fmt.Sprintf("/@ann/%d", in.InReplyToID), 200)
	has(t, page, `href="https://x.example/:blob:"`, `alt=":blob:"`)
	lacks(t, page, `"onload`)
}

func TestPaging(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.Account("ann")
	for i := range 45 {
		w.Post(ann, fmt.Sprintf("post number %d.", i))
	}
	b := w.browser()
	seen := map[string]bool{}
	path, pages := "/@ann", 0
	for path != "" && pages < 9 {
		pages++
		page := b.get(path, 200)
		for i := range 45 {
			if strings.Contains(page, fmt.Sprintf("post number %d.", i)) {
				seen[fmt.Sprint(i)] = true
			}
		}
		_, rest, more := strings.Cut(page, `<link rel="next" href="https://local.example`)
		path, _, _ = strings.Cut(rest, `"`)
		if !more {
			path = ""
		}
	}
	if len(seen) != 45 || pages != 3 {
		t.Errorf("%d posts on %d pages", len(seen), pages)
	}
	for _, bad := range []string{"max_id=x", "max_id=-1", "min_id=1&max_id=2", "max_id=99999999999999999999999"} {
		b.get("/@ann?"+bad, 200)
	}
}

func TestFeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.Account("ann")
	w.Post(ann, "plain & simple #news")
	w.Post(ann, "the end of the film", func(d *statuses.Draft) { d.SpoilerText = "Ending" })
	w.Post(ann, "for followers", func(d *statuses.Draft) { d.Visibility = statuses.Private })
	b := w.browser()
	for _, path := range []string{"/@ann.rss", "/tags/news.rss"} {
		rec := b.do("GET", path, nil)
		if rec.Code != 200 || rec.Header().Get("Content-Type") != "application/rss+xml; charset=utf-8" {
			t.Fatalf("%s: %d %v", path, rec.Code, rec.Header())
		}
		var feed struct {
			Items []struct {
				GUID        string `xml:"guid"`
				Description string `xml:"description"`
			} `xml:"channel>item"`
		}
		w.ok(xml.Unmarshal(rec.Body.Bytes(), &feed))
		if n := len(feed.Items); path == "/@ann.rss" && n != 2 || path != "/@ann.rss" && n != 1 {
			t.Errorf("%s: %+v", path, feed.Items)
		}
		last := feed.Items[len(feed.Items)-1]
		if !strings.Contains(last.Description, "plain &amp; simple") || !strings.HasPrefix(last.GUID, "https://local.example/@ann/") {
			t.Errorf("%+v", last)
		}
		lacks(t, rec.Body.String(), "the end of the film", "for followers")
	}
}

func TestAboutAndPeopleWhoWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Account("owner")
	for name, value := range map[string]string{"site_title": "My place", "site_contact_username": "owner", "site_contact_email": "me@mail.example", "registrations_mode": "approved"} {
		w.ok(w.settings.Set(w.Ctx(), name, value))
	}
	_, err := w.settings.AddRule(w.Ctx(), settings.Rule{Text: "Be kind"})
	w.ok(err)
	b := w.browser()
	has(t, b.get("/about", 200), "My place", "Be kind", "me@mail.example", "@owner@local.example")
	has(t, b.get("/", 200), "looked at by a moderator")
	b.get("/terms-of-service", 404)
	b.get("/privacy-policy", 404)
	w.ok(w.settings.Set(w.Ctx(), "site_terms", "Be kind & <b onclick=x>fair</b>"))
	w.ok(w.settings.Set(w.Ctx(), "site_privacy_policy", "We keep little.\n\nAnd not for long."))
	has(t, b.get("/terms-of-service", 200), "Terms of service", "Be kind &amp; <b>fair</b>", "In force from")
	has(t, b.get("/privacy-policy", 200), "<p>We keep little.</p><p>And not for long.</p>")
	b.get("/terms-of-service/2020-01-01", 404)
	b.send("/auth/sign_up", "/auth/sign_up", 200, "username", "ann", "email", "ann@mail.example", "password", password, "agreement", "1", "reason", "to read")
	b.get("/@ann", 404)
	u, err := w.access.ByEmail(w.Ctx(), w.DB, "ann@mail.example")
	w.ok(err)
	w.ok(w.access.ConfirmByAdmin(w.Ctx(), u.ID))
	b.get("/@ann", 404)
	w.ok(w.access.Approve(w.Ctx(), u.ID))
	b.get("/@ann", 200)
}

func TestFilesAndHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	for path, want := range map[string][2]string{
		"/assets/main-1.js":             {"text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		"/assets/main-2.css":            {"text/css; charset=utf-8", "public, max-age=31536000, immutable"},
		"/favicon.svg":                  {"image/svg+xml", "public, max-age=3600"},
		"/avatars/original/missing.png": {"image/png", "public, max-age=3600"},
		"/robots.txt":                   {"text/plain; charset=utf-8", "public, max-age=3600"},
		"/manifest":                     {"application/manifest+json", "public, max-age=3600"},
	} {
		rec := b.do("GET", path, nil)
		if h := rec.Header(); rec.Code != 200 || h.Get("Content-Type") != want[0] || h.Get("Cache-Control") != want[1] || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, rec.Code, h)
		}
	}
	rec := b.do("GET", "/favicon.svg", nil)
	b.headers.Set("If-None-Match", rec.Header().Get("ETag"))
	if rec = b.do("GET", "/favicon.svg", nil); rec.Code != 304 {
		t.Errorf("unchanged: %d", rec.Code)
	}
	b.headers = http.Header{}
	for _, path := range []string{"/assets/", "/assets/none.js", "/.vite/manifest.json", "/secret.env", "/assets/../secret.env", "/%2e%2e/go.mod", "/assets/%5c..%5csecret.env", "/nothing"} {
		if rec := b.do("GET", path, nil); rec.Code != 404 && rec.Code != 400 {
			t.Errorf("%s: %d", path, rec.Code)
		}
	}
	ann := w.person("ann")
	for _, path := range []string{"/", "/about", "/@ann", "/tags/x", "/auth/sign_in", "/auth/sign_up", "/auth/password/new", "/nothing", "/auth/edit"} {
		h := b.do("GET", path, nil).Header()
		if path == "/auth/edit" {
			b.signIn(ann)
			h = b.do("GET", path, nil).Header()
		}
		csp := h.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'", "script-src 'self';"} {
			if !strings.Contains(csp+";", part) {
				t.Errorf("%s: policy %s", path, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" || h.Get("X-Frame-Options") != "DENY" ||
			!strings.HasPrefix(h.Get("Strict-Transport-Security"), "max-age=63072000") || !strings.Contains(h.Get("Vary"), "Cookie") {
			t.Errorf("%s: %v", path, h)
		}
		// A page opened by an app on the web, to sign in, must stay a window of that app (Phanpy).
		if got := h.Get("Cross-Origin-Opener-Policy"); got != map[bool]string{false: "same-origin"}[strings.HasPrefix(path, "/auth/") || path == "/nothing"] {
			t.Errorf("%s: opener policy %q", path, got)
		}
		public := strings.HasPrefix(h.Get("Cache-Control"), "public")
		if want := path == "/" || path == "/about" || path == "/@ann" || path == "/tags/x"; public != want {
			t.Errorf("%s: %s", path, h.Get("Cache-Control"))
		}
	}
	if h := b.do("GET", "/@ann", nil).Header(); !strings.HasPrefix(h.Get("Cache-Control"), "private") {
		t.Errorf("a page for somebody who is signed in is shared: %v", h)
	}
}

func TestFailuresInTheShapeAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	has(t, b.get("/nothing", 404), "Nothing here")
	b.headers.Set("Accept", "application/json")
	if rec := b.do("GET", "/nothing", nil); rec.Code != 404 || rec.Body.String() != `{"error":"Not Found"}` {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	b.headers = http.Header{}
	for _, method := range []string{"PUT", "DELETE", "PATCH", "TRACE"} {
		if rec := b.do(method, "/auth/sign_in", nil); rec.Code != 405 {
			t.Errorf("%s: %d", method, rec.Code)
		}
	}
	w.DB.Close()
	rec := b.do("GET", "/@ann", nil)
	if rec.Code != 500 {
		t.Errorf("without a database: %d", rec.Code)
	}
	lacks(t, rec.Body.String(), "sql", "SELECT", "closed")
}

// A page's questions do not grow with its posts.
func TestPagesAskLittle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.Account("ann")
	for i := range 20 {
		w.Post(ann, fmt.Sprintf("post %d #tag", i))
	}
	b := w.browser()
	for path, most := range map[string]int64{"/": 12, "/@ann": 10, "/tags/tag": 8} {
		b.get(path, 200)
		ctx, count := db.Counting(w.Ctx())
		r, err := http.NewRequestWithContext(ctx, "GET", path, nil)
		w.ok(err)
		w.mux.ServeHTTP(discard{http.Header{}}, r)
		if count.N() > most {
			t.Errorf("%s asks %d times, at most %d", path, count.N(), most)
		}
	}
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func TestAReportIsShownToThoseWhoHaveItsAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.person("ann")
	a, err := w.Accounts.ByID(w.Ctx(), w.DB, ann.AccountID)
	w.ok(err)
	st := w.Post(a, "boosted by many")
	w.ok(w.DB.Write(w.Ctx(), func(tx *db.Tx) error {
		return tx.Do(w.Ctx(), "making a report", `INSERT INTO generated_annual_reports (id, account_id, year, schema_version, created_at, share_key, data) VALUES (1, $1, 2026, 2, 1, 'KEY', $2)`,
			ann.AccountID, fmt.Sprintf(`{"Archetype":"oracle","Statuses":1412,"Followers":38,"Hashtag":"Ferns","HashtagUses":77,"MostReblogged":%d}`, st.ID))
	}))
	b := w.browser()
	has(t, b.get("/@ann/wrapstodon/2026/KEY", 200), "An oracle", "1.4K", "#Ferns, 77 times", "boosted by many", `name="robots"`)
	for _, path := range []string{"/@ann/wrapstodon/2026/KEX", "/@ann/wrapstodon/2025/KEY", "/@ann/wrapstodon/x/KEY", "/@nobody/wrapstodon/2026/KEY"} {
		b.get(path, 404)
	}
}
