package rest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/moderation"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// TestReports: what one does not see cannot be reported, and the route has a limit of its own (MOD-06).
func TestReports(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob, eve := d.person("ann"), d.person("bob"), d.Remote("eve", "far.example")
		rude, asked := d.Receive(eve, "<p>rude</p>"), d.Post(bob.Account, "what?")
		secret := d.Receive(eve, "<p>not for ann</p>", func(in *statuses.Incoming) { in.Visibility = statuses.Direct })
		hers, err := d.Collections.Receive(d.Ctx(), eve, collections.Incoming{URI: "https://far.example/lists/1", Name: "rude people"})
		if err != nil {
			t.Fatal(err)
		}
		mine := d.post("/api/v1/collections", ann, object{"name": "mine"}).want(200).str("collection.id")
		d.Events()
		report := func(body object) *reply { return d.post("/api/v1/reports", ann, body) }
		of := ids.Format(eve.ID)

		// AUZ-14: posts of others, and those that ann does not see, are no part of it.
		made := report(object{"account_id": of, "status_ids": []string{ids.Format(rude.ID), ids.Format(asked.ID), ids.Format(secret.ID)}, "comment": "<b>look</b>", "category": "spam", "forward": true, "collection_ids": []string{ids.Format(hers.ID), mine, "7"}})
		made.is("collection_ids.0", ids.Format(hers.ID)).is("collection_ids.1", nil)
		made.is("category", "spam").is("comment", "<b>look</b>").is("forwarded", true).is("action_taken", false).is("target_account.id", of).is("status_ids.0", ids.Format(rude.ID))
		if strings.Contains(string(made.body), ids.Format(secret.ID)) || strings.Contains(string(made.body), ids.Format(asked.ID)) {
			t.Errorf("the report names what is not to be reported: %s", made.body)
		}
		events := d.Events()
		if !slices.ContainsFunc(events, func(e jobs.Event) bool {
			r, ok := e.(moderation.Reported)
			return ok && r.ByLocal && slices.Equal(r.Domains, []string{"far.example"})
		}) {
			t.Errorf("what followed was %v", events)
		}
		report(object{"account_id": of}).is("forwarded", false).is("category", "other")
		report(object{"account_id": ids.Format(bob.ID), "forward": true}).is("forwarded", false)
		report(object{"account_id": of, "category": "boring"}).says(422, "'boring' is not a valid category")
		report(object{"account_id": of, "rule_ids": []string{"7"}}).says(422, "Validation failed: Rules does not reference valid rules")
		report(object{"account_id": of, "comment": strings.Repeat("é", 1001)}).says(422, "Validation failed: Comment is too long (maximum is 1000 characters)")
		report(object{"account_id": "7"}).says(404, "Record not found")
		if !slices.ContainsFunc(d.routes, func(r api.Route) bool { return r.Pattern == "/api/v1/reports" && r.Limit != "" }) {
			t.Error("reports have no limit")
		}
	})
}
