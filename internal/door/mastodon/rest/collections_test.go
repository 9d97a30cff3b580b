package rest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// agrees makes somebody one who may be put into collections.
func (d *door) agrees(w *who) {
	d.t.Helper()
	if _, err := d.Accounts.UpdateProfile(d.Ctx(), w.ID, accounts.Profile{Discoverable: new(true)}); err != nil {
		d.t.Fatal(err)
	}
}

// notified lets everybody hear of what happened to collections.
func (d *door) notified() {
	d.t.Helper()
	for _, e := range d.Events() {
		var err error
		switch e := e.(type) {
		case collections.Added:
			if e.Local {
				err = d.notices.AddedTo(d.Ctx(), e)
			}
		case collections.Changed:
			if e.Words {
				err = d.notices.CollectionChanged(d.Ctx(), e)
			}
		}
		if err != nil {
			d.t.Fatal(err)
		}
	}
}

func TestCollections(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob, cat, shy := d.person("ann"), d.person("bob"), d.person("cat"), d.person("shy")
		d.agrees(bob)
		d.agrees(cat)
		made := d.post("/api/v1/collections", ann, object{"name": " Nice people ", "description": "very <nice>", "language": "en", "tag_name": "#Nice", "discoverable": true,
			"account_ids": []string{idsOf(bob.ID), idsOf(cat.ID), idsOf(bob.ID)}})
		made.is("collection.name", "Nice people").is("collection.description", "very <nice>").is("collection.tag.name", "Nice").is("collection.item_count", 2.0).is("collection.local", true).
			is("collection.items.0.account_id", idsOf(bob.ID)).is("collection.items.0.state", "accepted").is("collection.sensitive", false)
		one := "/api/v1/collections/" + made.str("collection.id")
		if made.str("collection.uri") != "https://local.example/users/ann/collections/"+made.str("collection.id") {
			t.Errorf("its id is %s", made.str("collection.uri"))
		}
		d.get(one, nobody).is("accounts.0.acct", "ann").is("accounts.2.acct", "cat").is("collection.items.1.account_id", idsOf(cat.ID))
		d.get(path("/api/v1/accounts/%d/collections", ann.ID), nobody).is("collections.0.id", made.str("collection.id"))
		d.get("/api/v2/search?q="+made.str("collection.url"), bob).is("collections.0.name", "Nice people")

		d.notified()
		told := d.get("/api/v1/notifications", bob).is("0.type", "added_to_collection").is("0.collection.name", "Nice people").is("0.account.acct", "ann").is("1", nil)
		d.get("/api/v2/notifications", bob).is("notification_groups.0.collection.id", made.str("collection.id"))
		d.Clock.Advance(time.Second)
		d.call("PATCH", one, ann, object{"name": "Nicer people", "tag_name": ""}).is("collection.name", "Nicer people").is("collection.tag", nil).is("collection.description", "very <nice>")
		d.call("PATCH", one, ann, object{"sensitive": "true"}).is("collection.sensitive", true)
		d.notified()
		d.get("/api/v1/notifications?types[]=collection_update", bob).is("0.collection.name", "Nicer people").is("1", nil)

		// Whoever does not want it is in none, and whoever took themselves out is not put in again.
		d.get(path("/api/v1/accounts/%d", shy.ID), ann).is("feature_approval.current_user", "denied").is("feature_approval.automatic.0", nil)
		d.get(path("/api/v1/accounts/%d", bob.ID), ann).is("feature_approval.current_user", "automatic").is("feature_approval.automatic.0", "public")
		d.get(path("/api/v1/accounts/%d", bob.ID), nobody).is("feature_approval.current_user", "denied")
		d.post(one+"/items", ann, object{"account_id": idsOf(shy.ID)}).says(403, "This action is not allowed")
		far := d.Remote("far", "far.example")
		d.post(one+"/items", ann, object{"account_id": idsOf(far.ID)}).want(403)
		d.post(one+"/items", ann, object{"account_id": "999"}).want(404)
		d.post(one+"/items", ann, nil).says(422, "`account_id` parameter is missing")
		d.get(path("/api/v1/accounts/%d/in_collections", bob.ID), bob).is("collections.0.id", made.str("collection.id"))
		d.get(path("/api/v1/accounts/%d/in_collections", bob.ID), ann).want(403)
		place := one + "/items/" + made.str("collection.items.0.id")
		d.post(place+"/revoke", cat, nil).want(403)
		d.call("DELETE", place, bob, nil).want(403)
		d.post(place+"/revoke", bob, nil).want(200)
		d.get(one, nobody).is("collection.item_count", 1.0)
		d.get(path("/api/v1/accounts/%d/in_collections", bob.ID), bob).is("collections.0", nil)
		d.post(one+"/items", ann, object{"account_id": idsOf(bob.ID)}).want(422)
		d.call("DELETE", one+"/items/"+made.str("collection.items.1.id"), ann, nil).want(200)
		d.post(one+"/items", ann, object{"account_id": idsOf(cat.ID)}).is("collection_item.state", "accepted")

		// Between those of whom one blocks the other there is nothing.
		d.post(path("/api/v1/accounts/%d/block", cat.ID), bob, nil).want(200)
		d.get(one, bob).is("collection.item_count", 0.0)
		d.post(path("/api/v1/accounts/%d/block", bob.ID), ann, nil).want(200)
		d.get(one, bob).says(403, "This action is not allowed")
		d.get(path("/api/v1/accounts/%d/collections", ann.ID), bob).is("collections.0", nil)
		d.get("/api/v2/search?q="+made.str("collection.url"), bob).is("collections.0", nil)

		// A post that links to its page shows it, in lists and alone; not to those whom its owner blocks.
		link := `<p><a href="` + made.str("collection.url") + `">look</a> <a href="https://local.example/collections/12">x</a></p>`
		linking := d.Receive(far, link)
		one2 := path("/api/v1/statuses/%d", linking.ID)
		d.get(one2, nobody).is("tagged_collections.0.name", "Nicer people").is("tagged_collections.1", nil)
		d.post(one2+"/reblog", cat, nil).is("tagged_collections.0", nil).is("reblog.tagged_collections.0.name", "Nicer people")
		dora := d.person("dora")
		for range 2 { // made, and kept
			list := path("/api/v1/accounts/%d/statuses", far.ID)
			d.get(list, shy).is("0.tagged_collections.0.id", made.str("collection.id")).is("0.tagged_collections.1", nil)
			d.get(path("/api/v1/accounts/%d/statuses", cat.ID), shy).is("0.tagged_collections.0", nil).is("0.reblog.tagged_collections.0.id", made.str("collection.id"))
			d.post(path("/api/v1/accounts/%d/block", dora.ID), ann, nil).want(200)
			d.get(one2, dora).is("tagged_collections.0", nil)
			d.get(list, dora).is("0.tagged_collections.0", nil)
		}

		// A collection that is not to be found is on no list but the owner's; the pages of lists are by offset.
		d.call("PATCH", one, ann, object{"discoverable": false}).want(200)
		d.get(path("/api/v1/accounts/%d/collections", ann.ID), cat).is("collections.0", nil)
		for i := range collections.MaxCollections - 1 {
			d.post("/api/v1/collections", ann, object{"name": fmt.Sprint("list ", i)}).want(200)
		}
		d.post("/api/v1/collections", ann, object{"name": "one more"}).want(422)
		page := d.get(path("/api/v1_alpha/accounts/%d/collections?limit=4&offset=4", ann.ID), ann).is("collections.3.name", "list 1").is("collections.4", nil)
		if link := page.header.Get("Link"); !strings.Contains(link, "offset=8>; rel=\"next\"") || !strings.Contains(link, "offset=0>; rel=\"prev\"") || page.header.Get("Deprecation") != "@1781049600" {
			t.Errorf("Link: %s, Deprecation: %s", link, page.header.Get("Deprecation"))
		}
		d.call("DELETE", one, bob, nil).want(403)
		d.call("DELETE", one, ann, nil).want(200)
		d.get(one, ann).want(404)
		if d.get("/api/v1/notifications/"+told.str("0.id"), bob).code != 404 {
			t.Error("the notice of a collection outlives it")
		}
	})
}

// TestCollectionsThatAreRefused: what is wrong is told in details inside of error, and nothing is kept in part.
func TestCollectionsThatAreRefused(t *testing.T) {
	t.Parallel()
	d := open(t, dbtest.SQLite(t))
	ann, shy, bob := d.person("ann"), d.person("shy"), d.person("bob")
	d.agrees(bob)
	for what, body := range map[string]object{
		"name":        {"name": strings.Repeat("x", 41)},
		"description": {"name": "a", "description": strings.Repeat("x", 101)},
		"language":    {"name": "a", "language": "klingon!"},
		"tag_name":    {"name": "a", "tag_name": "two words"},
	} {
		r := d.post("/api/v1/collections", ann, body).want(422)
		if r.str("error.details."+what+".0.error") == "" || !strings.HasPrefix(r.str("error.error"), "Validation failed: ") {
			t.Errorf("%s: %s", what, r.body)
		}
	}
	d.post("/api/v1/collections", ann, object{"name": " "}).want(422)
	d.post("/api/v1/collections", ann, object{"name": "a", "account_ids": []string{idsOf(bob.ID), idsOf(shy.ID)}}).want(403)
	d.post("/api/v1/collections", ann, object{"name": "a", "account_ids": []string{"12345"}}).want(404)
	var many []string
	for i := range collections.MaxItems + 1 {
		p := d.person(fmt.Sprint("p", i))
		d.agrees(p)
		many = append(many, idsOf(p.ID))
	}
	d.post("/api/v1/collections", ann, object{"name": "a", "account_ids": many}).want(422)
	d.get(path("/api/v1/accounts/%d/collections", ann.ID), ann).is("collections.0", nil)
	full := d.post("/api/v1/collections", ann, object{"name": "a", "account_ids": many[1:]}).is("collection.item_count", 25.0)
	d.post("/api/v1/collections/"+full.str("collection.id")+"/items", ann, object{"account_id": many[0]}).want(422)
	// A person who chooses followers is there for those alone.
	if _, err := d.Accounts.UpdateProfile(d.Ctx(), bob.ID, accounts.Profile{Locked: new(true)}); err != nil {
		t.Fatal(err)
	}
	d.get(path("/api/v1/accounts/%d", bob.ID), ann).is("feature_approval.current_user", "denied").is("feature_approval.automatic.0", "followers")
	d.Follow(ann.Account, d.again(bob))
	d.get(path("/api/v1/accounts/%d", bob.ID), ann).is("feature_approval.current_user", "automatic")
	d.get("/api/v1/accounts/search?q=bob", ann).is("0.feature_approval.current_user", "automatic")
}
