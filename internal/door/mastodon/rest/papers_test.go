package rest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// TestPapers: the terms of service by their days, rules in other languages, and the figures of the last weeks.
func TestPapers(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		const terms = "/api/v1/instance/terms_of_service"
		d.Clock.Advance(time.Date(2027, 1, 6, 12, 0, 0, 0, time.UTC).Sub(d.Clock.Now())) // a Wednesday
		day := func(n int) time.Time { return d.Clock.Now().AddDate(0, 0, n) }
		d.get(terms, nobody).want(404)
		d.get("/api/v2/instance", nobody).is("configuration.urls.terms_of_service", nil)
		must(d.config.DraftTerms(d.ctx, settings.Terms{Text: "a mistake"}))
		must(d.config.DraftTerms(d.ctx, settings.Terms{Text: "<p onclick=x>Be kind</p><script>1</script>"}))
		d.get(terms, nobody).want(404)
		_, err := d.config.PublishTerms(d.ctx, day(10))
		must(err)
		d.get(terms, nobody).is("effective_date", "2027-01-16").is("effective", false).is("content", "<p>Be kind</p>").is("succeeded_by", nil)
		must(d.config.DraftTerms(d.ctx, settings.Terms{Text: "Be kinder"}))
		for _, bad := range []time.Time{day(10), day(-1)} {
			if _, err := d.config.PublishTerms(d.ctx, bad); err == nil {
				t.Errorf("published from %v on", bad)
			}
		}
		_, err = d.config.PublishTerms(d.ctx, day(20))
		must(err)
		if _, err := d.config.PublishTerms(d.ctx, day(30)); err == nil {
			t.Error("published without a draft")
		}
		d.Clock.Advance(15 * 24 * time.Hour)
		d.get(terms, nobody).is("effective_date", "2027-01-16").is("effective", true).is("succeeded_by", "2027-01-26")
		d.get(terms+"/2027-01-26", nobody).is("effective", false).is("content", "<p>Be kinder</p>")
		for _, none := range []string{"2027-01-27", "now", "2027-1-26", "%27"} {
			d.get(terms+"/"+none, nobody).want(404)
		}
		d.Clock.Advance(10 * 24 * time.Hour)
		d.get(terms, nobody).is("effective_date", "2027-01-26")
		d.get("/api/v2/instance", nobody).is("configuration.urls.terms_of_service", "https://local.example/terms-of-service")

		rule, err := d.config.AddRule(d.ctx, settings.Rule{Text: "Be kind", Hint: "always"})
		must(err)
		must(d.config.TranslateRule(d.ctx, rule.ID, "de", settings.RuleText{Text: "Sei freundlich", Hint: "immer"}))
		must(d.config.TranslateRule(d.ctx, rule.ID, "fr", settings.RuleText{Text: "x"}))
		must(d.config.TranslateRule(d.ctx, rule.ID, "fr", settings.RuleText{}))
		if d.config.TranslateRule(d.ctx, rule.ID, "klingon!", settings.RuleText{Text: "x"}) == nil || d.config.TranslateRule(d.ctx, 1, "de", settings.RuleText{Text: "x"}) == nil {
			t.Error("a language or a rule that is none is taken")
		}
		d.get("/api/v1/instance/rules", nobody).is("0.translations.de.text", "Sei freundlich").is("0.translations.de.hint", "immer").is("0.translations.fr", nil)

		// Now is Sunday, January 31.
		ann := d.person("ann")
		d.Post(ann.Account, "this week")
		d.Post(ann.Account, "followers", func(draft *statuses.Draft) { draft.Visibility = statuses.Private })
		must(base.Write(d.ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(d.ctx, "UPDATE users SET created_at = $1, last_active_at = $1", db.Ms(d.Clock.Now()))
			return err
		}))
		week := func(n int, want string) {
			t.Helper()
			a := d.get("/api/v1/instance/activity", nobody)
			got := fmt.Sprint(a.list()[n]["week"], a.list()[n]["statuses"], a.list()[n]["logins"], a.list()[n]["registrations"])
			if got != want || len(a.list()) != 12 {
				t.Errorf("week %d of %d is %s, not %s", n, len(a.list()), got, want)
			}
		}
		at := func(s string) string {
			day, err := time.Parse("2006-01-02", s)
			must(err)
			return fmt.Sprint(day.Unix())
		}
		week(0, at("2027-01-25")+"0"+"0"+"0")
		must(d.Statuses.CountWeeks(d.ctx, statuses.CountWeeksDue{}))
		week(0, at("2027-01-25")+"1"+"1"+"1")
		week(1, at("2027-01-18")+"0"+"0"+"0")
		d.Clock.Advance(24 * time.Hour)
		must(d.Statuses.CountWeeks(d.ctx, statuses.CountWeeksDue{}))
		week(0, at("2027-02-01")+"0"+"0"+"0")
		week(1, at("2027-01-25")+"1"+"1"+"1")
	})
}
