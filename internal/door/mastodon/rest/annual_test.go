package rest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/annual"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// TestAnnualReports: a report is there when it was asked for in December and there is something to tell, for its owner alone.
func TestAnnualReports(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		d.Clock.Advance(time.Date(2027, 12, 8, 12, 0, 0, 0, time.UTC).Sub(d.Clock.Now()))
		ann, bob := d.person("ann"), d.person("bob")
		const one = "/api/v1/annual_reports/2027"
		d.Follow(bob.Account, ann.Account)
		d.Post(ann.Account, "first #Birds")
		best := d.Post(ann.Account, "best #birds #moss")
		d.Post(ann.Account, "secret", func(draft *statuses.Draft) { draft.Visibility = statuses.Direct })
		_, err := d.Statuses.Reblog(d.ctx, bob.Account, best.ID, statuses.Public, "", time.Time{})
		must(err)

		d.get(one+"/state", ann).is("state", "ineligible")
		d.get("/api/v2/instance", nobody).is("wrapstodon", nil)
		d.post(one+"/generate", ann, nil).want(200)
		d.get(one, ann).want(404)
		d.Clock.Advance(3 * 24 * time.Hour)
		d.get("/api/v2/instance", nobody).is("wrapstodon", 2027.0)
		d.get(one+"/state", ann).is("state", "eligible")
		d.get(one+"/state", bob).is("state", "ineligible")
		for _, other := range []string{"2026", "0", "x", "-1", "99999999999999999999"} {
			d.get("/api/v1/annual_reports/"+other+"/state", ann).is("state", "ineligible")
			d.get("/api/v1/annual_reports/"+other, ann).want(404)
			d.post("/api/v1/annual_reports/"+other+"/read", ann, nil).want(404)
		}
		refresh := func(a *reply) string { return a.header.Get("Mastodon-Async-Refresh") }
		const header, poll = `id="annual-report-2027", retry=2`, "/api/v1_alpha/async_refreshes/annual-report-2027"
		if h := refresh(d.get(one+"/state", ann)); h != "" {
			t.Errorf("before it is asked for: %q", h)
		}
		d.get(poll, ann).want(404)
		for range 2 {
			if h := refresh(d.post(one+"/generate", ann, nil).want(202)); h != header {
				t.Errorf("asked for: %q", h)
			}
		}
		d.post(one+"/generate", bob, nil).want(200)
		if h := refresh(d.get(one+"/state", ann).is("state", "generating")); h != header {
			t.Errorf("while it is put together: %q", h)
		}
		d.get(poll, ann).want(200).is("async_refresh.id", "annual-report-2027").is("async_refresh.status", "running").is("async_refresh.result_count", nil)
		d.get(poll, bob).want(404)
		d.get("/api/v1_alpha/async_refreshes/annual-report-x", ann).want(404)
		d.get(one, ann).want(404)
		var asked []annual.Wanted
		for _, e := range d.Events() {
			if w, ok := e.(annual.Wanted); ok {
				asked = append(asked, w)
			}
		}
		if len(asked) != 1 || asked[0] != (annual.Wanted{AccountID: ann.ID, Year: 2027}) {
			t.Fatalf("asked for %v", asked)
		}
		must(d.annual.Generate(d.ctx, asked[0]))
		must(d.annual.Generate(d.ctx, asked[0]))
		var ready []annual.Generated
		for _, e := range d.Events() {
			if g, ok := e.(annual.Generated); ok {
				ready = append(ready, g)
			}
		}
		if len(ready) != 1 || ready[0] != annual.Generated(asked[0]) {
			t.Fatalf("told of %v", ready)
		}
		// No policy keeps the notice from who asked, and it comes once.
		d.call("PATCH", "/api/v2/notifications/policy", ann, map[string]any{"for_not_following": "drop", "for_not_followers": "drop", "for_new_accounts": "drop"}).want(200)
		for range 2 {
			must(d.notices.Reported(d.ctx, ann.ID, 2027))
		}
		const kind = "?types[]=annual_report"
		d.get("/api/v1/notifications"+kind, ann).is("0.type", "annual_report").is("0.account.id", idsOf(ann.ID)).is("1", nil)
		d.get("/api/v2/notifications"+kind, ann).is("notification_groups.0.type", "annual_report").is("notification_groups.0.annual_report.year", 2027.0)
		d.get("/api/v2/notifications?types[]=annual_report&supported_types[]=mention", ann).is("notification_groups.0.fallback.title", "ann can look back at the year")
		if h := refresh(d.get(one+"/state", ann).is("state", "available")); h != "" {
			t.Errorf("when it is there: %q", h)
		}
		d.get(poll, ann).is("async_refresh.status", "finished")
		for _, at := range []string{one, "/api/v1/annual_reports"} {
			a := d.get(at, ann)
			a.is("annual_reports.0.year", 2027.0).is("annual_reports.0.data.archetype", "lurker").is("annual_reports.0.data.top_statuses.by_reblogs", idsOf(best.ID))
			a.is("annual_reports.0.data.time_series.0.statuses", 3.0).is("annual_reports.0.data.time_series.0.followers", 1.0)
			a.is("annual_reports.0.data.top_hashtags.0.name", "Birds").is("annual_reports.0.data.top_hashtags.0.count", 2.0)
			if share := a.str("annual_reports.0.share_url"); !strings.HasPrefix(share, "https://local.example/@ann/wrapstodon/2027/") || len(share) < len("https://local.example/@ann/wrapstodon/2027/")+20 {
				t.Errorf("it is shown at %q", share)
			}
			a.is("annual_reports.0.account_id", idsOf(ann.ID)).is("accounts.0.acct", "ann").is("statuses.0.id", idsOf(best.ID))
		}
		d.get(one, bob).want(404)
		d.post(one+"/read", bob, nil).want(404)
		d.post(one+"/read", ann, nil).want(200)
		if n := len(d.get("/api/v1/annual_reports", ann).at("annual_reports").([]any)); n != 0 {
			t.Errorf("%d are unread", n)
		}
		d.get(one, ann).want(200)
		d.post(one+"/generate", ann, nil).want(200)

		// Later it is still there, and nobody can ask for another.
		d.Clock.Advance(30 * 24 * time.Hour)
		d.get(one+"/state", ann).is("state", "available")
		d.get("/api/v2/instance", nobody).is("wrapstodon", nil)
	})
}
