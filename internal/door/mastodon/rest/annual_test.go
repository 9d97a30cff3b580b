package rest_test

import (
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
		d.post(one+"/generate", ann, nil).want(202)
		d.post(one+"/generate", ann, nil).want(202)
		d.post(one+"/generate", bob, nil).want(200)
		d.get(one+"/state", ann).is("state", "generating")
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
		d.get(one+"/state", ann).is("state", "available")
		for _, at := range []string{one, "/api/v1/annual_reports"} {
			a := d.get(at, ann)
			a.is("annual_reports.0.year", 2027.0).is("annual_reports.0.data.archetype", "lurker").is("annual_reports.0.data.top_statuses.by_reblogs", idsOf(best.ID))
			a.is("annual_reports.0.data.time_series.0.statuses", 3.0).is("annual_reports.0.data.time_series.0.followers", 1.0)
			a.is("annual_reports.0.data.top_hashtags.0.name", "Birds").is("annual_reports.0.data.top_hashtags.0.count", 2.0)
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
