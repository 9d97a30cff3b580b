package rest_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// page is a site with one page, by a name that this world takes for this machine.
func page(t *testing.T, html string) string {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(html))
	}))
	t.Cleanup(web.Close)
	return strings.Replace(web.URL, "127.0.0.1", "news.com", 1) + "/tusks"
}

// preview does what follows from posts with links.
func (d *door) preview() {
	d.t.Helper()
	for _, e := range d.Events() {
		if l, ok := e.(statuses.LinkPosted); ok {
			if err := d.Links.Preview(d.Ctx(), l); err != nil {
				d.t.Fatal(err)
			}
		}
	}
}

// TestCards: a post shows the preview of its link wherever it is shown; only whom a page names learns that it does.
func TestCards(t *testing.T) {
	t.Parallel()
	d := open(t, dbtest.SQLite(t))
	ann, bob := d.person("ann"), d.person("bob")
	d.Follow(bob.Account, ann.Account)
	at := page(t, `<html lang=en><title>Tusks &amp; jaws</title><meta property="og:description" content="Four <b>tusks</b>"><meta property="og:site_name" content="News">
<meta property="og:author" content="A. Nn"><meta property="article:published_time" content="2026-01-02T03:04:05Z"><meta name="fediverse:creator" content="@ann@local.example">`)
	st := d.Post(ann.Account, "read "+at+"#jaw")
	one, home := path("/api/v1/statuses/%d", st.ID), "/api/v1/timelines/home"
	d.get(one, ann).is("card", nil)
	d.get(home, bob).is("0.card", nil)
	d.preview()
	d.get(one, nobody).is("card.url", at+"#jaw").is("card.title", "Tusks & jaws").is("card.description", "Four <b>tusks</b>").is("card.type", "link").is("card.language", "en").
		is("card.provider_name", "News").is("card.published_at", "2026-01-02T03:04:05.000Z").is("card.image", nil).is("card.html", "").
		is("card.authors.0.name", "A. Nn").is("card.authors.0.account", nil).is("card.missing_attribution", nil)
	d.get(one, bob).is("card.missing_attribution", false)
	for range 2 { // made, and kept
		d.get(home, bob).is("0.card.title", "Tusks & jaws").is("0.card.missing_attribution", false)
		d.get(home, ann).is("0.card.missing_attribution", true)
	}
	d.call("PATCH", "/api/v1/accounts/update_credentials", ann, object{"attribution_domains": []string{"news.com"}}).want(200)
	if err := d.Links.Reattribute(d.Ctx(), profileUpdated(ann)); err != nil {
		t.Fatal(err)
	}
	d.get(one, ann).is("card.authors.0.account.acct", "ann").is("card.missing_attribution", false)
	boost := d.post(one+"/reblog", bob, nil).is("card", nil).is("reblog.card.title", "Tusks & jaws")
	d.get("/api/v1/statuses/"+boost.str("id"), ann).is("reblog.card.authors.0.account.username", "ann")
	// An edit is seen at once: the link, and its preview, are another.
	d.call("PUT", one, ann, form{"status": "no more"}).is("card", nil)
	d.get(home, bob).is("0.card", nil)
}

// TestOEmbed: what everybody may see of this server can be embedded elsewhere, and nothing else (VIS-11); of others, their own frame alone (PRE-01).
func TestOEmbed(t *testing.T) {
	t.Parallel()
	d := open(t, dbtest.SQLite(t))
	ann, eve := d.person("ann"), d.Remote("eve", "far.example")
	st := d.Post(ann.Account, "for all")
	ask := func(address, more string, as *who) *reply {
		t.Helper()
		return d.get("/api/oembed?url="+url.QueryEscape(address)+more, as)
	}
	for _, address := range []string{st.URL, st.URI, st.URL + "?a=b#c"} {
		ask(address, "", nobody).is("type", "rich").is("version", "1.0").is("author_name", "ann").is("author_url", "https://local.example/@ann").is("provider_name", "local.example").
			is("width", 400.0).is("height", nil)
	}
	sized := ask(st.URL, "&maxwidth=300&maxheight=200", nobody).is("width", 300.0).is("height", 200.0)
	want := `<iframe src="` + st.URL + `/embed" class="mastodon-embed" style="max-width: 100%; border: 0" width="300" height="200" allowfullscreen="allowfullscreen" sandbox="allow-popups allow-popups-to-escape-sandbox" title="Post by ann"></iframe>`
	if got := sized.str("html"); got != want {
		t.Errorf("the frame is %s, want %s", got, want)
	}
	d.get(path("/api/web/embeds/%d", st.ID), nobody).is("author_name", "ann")
	private := d.Post(ann.Account, "for some", func(p *statuses.Draft) { p.Visibility = statuses.Private })
	boost := d.post(path("/api/v1/statuses/%d/reblog", st.ID), ann, nil).str("id")
	for _, as := range []*who{nobody, ann} {
		ask(private.URL, "", as).want(404)
		d.get(path("/api/web/embeds/%d", private.ID), as).want(404)
		d.get("/api/web/embeds/"+boost, as).want(404)
		ask("https://far.example/@eve/1", "", as).want(404)
		ask("https://local.example/@ann", "", as).want(404)
		ask("no address", "", as).want(404)
		ask("", "", as).want(404)
	}
	// A post of another server: it is asked, for those who are signed in.
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/oembed" {
			_, _ = w.Write([]byte(`{"version":"1.0","type":"rich","author_name":"Eve","html":"<script>x</script><iframe src=https://far.example/e onload=x>","width":320}`))
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<link rel="alternate" type="application/json+oembed" href="/oembed">`))
	}))
	t.Cleanup(web.Close)
	far := d.Receive(eve, "from afar", func(in *statuses.Incoming) { in.URL = strings.Replace(web.URL, "127.0.0.1", "far.com", 1) + "/1" })
	d.get(path("/api/web/embeds/%d", far.ID), nobody).want(404)
	got := d.get(path("/api/web/embeds/%d", far.ID), ann).is("author_name", "Eve").is("width", 320.0).str("html")
	if !strings.HasPrefix(got, `<iframe src="https://far.example/e" allowfullscreen`) || strings.Contains(got, "on"+"load") {
		t.Errorf("the frame of another server is %s", got)
	}
	other := d.Receive(eve, "no page", func(in *statuses.Incoming) { in.URL = "http://far.com:1/1" })
	d.get(path("/api/web/embeds/%d", other.ID), ann).want(404)
}

func profileUpdated(w *who) accounts.ProfileUpdated {
	return accounts.ProfileUpdated{AccountID: w.ID, Local: true}
}
