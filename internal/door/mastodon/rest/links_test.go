package rest_test

import (
	"net/http"
	"net/http/httptest"
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

func profileUpdated(w *who) accounts.ProfileUpdated {
	return accounts.ProfileUpdated{AccountID: w.ID, Local: true}
}
