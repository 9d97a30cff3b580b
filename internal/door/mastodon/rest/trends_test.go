package rest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/domain/trends"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// TestTrends: what is talked about, in pages and in the reader's language first, and nothing where trends are switched off.
func TestTrends(t *testing.T) {
	t.Parallel()
	d := open(t, dbtest.SQLite(t))
	ann, bob := d.person("ann"), d.person("bob")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(d.config.Set(d.Ctx(), "trendable_by_default", "true"))
	yes := true
	_, err := d.Accounts.UpdateProfile(d.Ctx(), ann.ID, accounts.Profile{Discoverable: &yes})
	must(err)
	d.Clock.Advance(d.Clock.Now().Truncate(24 * time.Hour).Add(33 * time.Hour).Sub(d.Clock.Now()))
	at := page(t, `<html lang=en><title>Tusks</title><meta property="og:type" content="article"><meta name=description content="D"><meta property="og:site_name" content="S"><meta property="og:image" content="/i">`)
	english := d.Post(ann.Account, "in English", func(p *statuses.Draft) { p.Language = "en" })
	german := d.Post(ann.Account, "auf Deutsch", func(p *statuses.Draft) { p.Language = "de" })
	for i := range 7 {
		p := d.Remote(fmt.Sprintf("p%d", i), "far.example")
		d.Receive(p, `<a href="`+at+`">x</a>`, func(in *statuses.Incoming) { in.Tags = []string{"One", "two", "three"} })
		for _, st := range []*statuses.Status{english, german} {
			_, err := d.Statuses.Favourite(d.Ctx(), p, st.ID, "")
			must(err)
		}
	}
	d.preview()
	d.Clock.Advance(10 * time.Minute)
	must(d.trends.Refresh(d.Ctx(), trends.RefreshDue{}))

	first := d.get("/api/v1/trends/tags?limit=2", nobody).is("0.history.0.accounts", "7").is("0.history.0.uses", "7").is("0.history.6.uses", "0").is("0.following", nil)
	if got := first.header.Get("Link"); got != `<https://local.example/api/v1/trends/tags?limit=2&offset=2>; rel="next"` {
		t.Errorf("the pages are %s", got)
	}
	second := d.get("/api/v1/trends/tags?limit=2&offset=2", ann).is("0.following", false)
	if got := second.header.Get("Link"); len(second.list()) != 1 || got != `<https://local.example/api/v1/trends/tags?limit=2&offset=0>; rel="prev"` {
		t.Errorf("the last page is %s, and the pages %s", second.body, got)
	}
	if old := d.get("/api/v1/trends", nobody); len(old.list()) != 3 || !strings.HasPrefix(old.header.Get("Deprecation"), "@") {
		t.Errorf("the old address answers %s", old.body)
	}
	d.call("GET", "/api/v1/trends/statuses", nobody, nil, "Accept-Language", "de-AT").is("0.id", idsOf(german.ID)).is("1.id", idsOf(english.ID))
	d.call("GET", "/api/v1/trends/statuses", bob, nil, "Accept-Language", "en").is("0.id", idsOf(english.ID)).is("0.favourited", false)
	d.post(path("/api/v1/accounts/%d/mute", ann.ID), bob, nil).want(200)
	if got := d.get("/api/v1/trends/statuses", bob).ids(); got != "" {
		t.Errorf("of somebody muted trend %s", got)
	}
	// The page has no picture that could be had, so it is none to recommend.
	if got := d.get("/api/v1/trends/links", nobody).list(); len(got) != 0 {
		t.Errorf("trending links are %v", got)
	}
	d.get("/api/v1/timelines/link?url="+at, nobody).want(404)
	d.get("/api/v1/timelines/link", nobody).want(404)
	must(d.DB.Write(d.Ctx(), trend(d, at)))
	d.get("/api/v1/trends/links", nobody).is("0.url", at).is("0.title", "Tusks").is("0.history.1.accounts", "3").is("0.missing_attribution", nil)
	d.get("/api/v1/trends/links", ann).is("0.missing_attribution", false)
	timeline := d.get("/api/v1/timelines/link?limit=3&url="+at, nobody)
	if got := timeline.list(); len(got) != 3 || !strings.Contains(timeline.header.Get("Link"), "url=") {
		t.Errorf("the timeline of a link is %s, its pages %s", timeline.body, timeline.header.Get("Link"))
	}
	must(d.config.Set(d.Ctx(), "trends", "false"))
	for _, path := range []string{"tags", "statuses", "links"} {
		if got := d.get("/api/v1/trends/"+path, ann).list(); len(got) != 0 {
			t.Errorf("%s trend though trends are off", path)
		}
	}
	d.get("/api/v1/timelines/link?url="+at, nobody).want(404)
}

// trend lets a page be talked about, and its posts be found.
func trend(d *door, at string) func(*db.Tx) error {
	return func(tx *db.Tx) error {
		for _, sql := range []string{
			"INSERT INTO trends (kind, object_id, score, language, allowed) SELECT 'link', id, 9, 'en', TRUE FROM preview_cards WHERE url = $1",
			"INSERT INTO trend_days (kind, object_id, day, uses, accounts) SELECT 'link', id, $2, 4, 3 FROM preview_cards WHERE url = $1",
			"UPDATE accounts SET discoverable = TRUE WHERE domain = 'far.example' AND $1 <> ''",
		} {
			args := []any{at, d.Clock.Now().UnixMilli()/86_400_000 - 1}
			if !strings.Contains(sql, "$2") {
				args = args[:1]
			}
			if _, err := tx.Exec(d.Ctx(), sql, args...); err != nil {
				return err
			}
		}
		return nil
	}
}
