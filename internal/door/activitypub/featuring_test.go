package activitypub_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// collection serves a collection of somebody elsewhere; members are ids of actors, each with its stamp.
func (p *person) collection(name string, members ...string) doc {
	p.t.Helper()
	id := p.id("lists")
	items := []doc{}
	for i := 0; i+1 < len(members); i += 2 {
		items = append(items, doc{"id": p.id("items"), "type": "FeaturedItem", "featuredObject": members[i], "featuredObjectType": "Person", "featureAuthorization": members[i+1]})
	}
	d := doc{"@context": ap.Namespace, "id": id, "type": "FeaturedCollection", "name": name, "summary": "<p>fine<script>x</script></p>", "attributedTo": p.uri, "discoverable": true,
		"totalItems": len(items), "topic": doc{"type": "Hashtag", "name": "#fish"}, "orderedItems": items}
	p.serve(strings.TrimPrefix(id, p.url("")), d)
	return d
}

// agreement serves that somebody elsewhere agrees to be in a collection.
func (p *person) agreement(collection any) doc {
	p.t.Helper()
	id := p.id("agreements")
	d := doc{"@context": ap.Namespace, "id": id, "type": "FeatureAuthorization", "interactingObject": collection, "interactionTarget": p.uri}
	p.serve(strings.TrimPrefix(id, p.url("")), d)
	return d
}

// members are who is in a collection as the instance sees it, by the end of their ids.
func (s *scene) members(uri string) string {
	s.t.Helper()
	c, err := s.us.collections.ByURL(ctx(), s.us.db, uri)
	if err != nil {
		return "gone"
	}
	items, err := s.us.collections.Items(ctx(), s.us.db, 0, []*collections.Collection{c})
	s.us.must(err)
	var out []string
	for _, i := range items[c.ID] {
		out = append(out, i.ObjectURI[strings.LastIndex(i.ObjectURI, "/")+1:])
	}
	return strings.Join(out, " ")
}

func (s *scene) discoverable(on bool) {
	s.t.Helper()
	_, err := s.us.accounts.UpdateProfile(ctx(), s.alice.ID, accounts.Profile{Discoverable: &on})
	s.us.must(err)
	settle(s.t, s.us)
}

// TestFeatureRequestsAreAnswered by the policy of whoever is asked, and only about what is the sender's own (AUZ-12).
func TestFeatureRequestsAreAnswered(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		s := newSceneOn(t, base)
		list := s.mallory.collection("good people")
		ask := func(instrument any) doc {
			return s.mallory.activity("FeatureRequest", s.alice.URI).with(doc{"instrument": instrument})
		}
		s.discoverable(false)
		request := ask(list["id"])
		s.taken(s.mallory.send(s.us, request))
		if no := s.evil.lastSent("Reject"); no["actor"] != s.alice.URI || no["object"].(map[string]any)["id"] != request["id"] {
			t.Errorf("the answer is %v", no)
		}
		s.discoverable(true)
		foreign := s.bob.collection("not mallory's")
		s.taken(s.mallory.send(s.us, ask(foreign["id"])))
		stolen := s.mallory.collection("says it is bob's")
		stolen["attributedTo"] = s.bob.uri
		s.taken(s.mallory.send(s.us, ask(stolen["id"])))
		if yes := s.evil.lastSent("Accept"); yes != nil {
			t.Errorf("what is not the sender's was allowed: %v", yes)
		}
		for range 2 { // twice is once
			s.taken(s.mallory.send(s.us, ask(list["id"])))
		}
		yes := s.evil.lastSent("Accept")
		stamp, _ := yes["result"].(string)
		if !strings.HasPrefix(stamp, s.alice.URI+"/feature_authorizations/") || s.members(list["id"].(string)) != "alice" {
			t.Fatalf("the answer is %v", yes)
		}
		path := strings.TrimPrefix(stamp, s.us.site.Base())
		status, _, shown := s.read(s.mallory, path)
		if status != http.StatusOK || shown["type"] != "FeatureAuthorization" || shown["interactingObject"] != list["id"] || shown["interactionTarget"] != s.alice.URI {
			t.Errorf("the stamp is %d %v", status, shown)
		}
		// What the collection says of alice under another id is the same place; what it says of others here is nothing.
		zoe := s.us.person("zoe")
		update := list.with(doc{"orderedItems": []doc{
			{"id": s.mallory.id("items"), "type": "FeaturedItem", "featuredObject": s.alice.URI, "featureAuthorization": stamp},
			{"id": s.mallory.id("items"), "type": "FeaturedItem", "featuredObject": zoe.URI, "featureAuthorization": stamp}}})
		s.taken(s.mallory.send(s.us, s.mallory.activity("Update", update)))
		if got := s.members(list["id"].(string)); got != "alice" {
			t.Errorf("in it are %s", got)
		}
		// She leaves, and stays out.
		i, err := s.us.collections.In(ctx(), s.us.db, s.alice.ID, db.Page{Limit: 1})
		s.us.must(err)
		items, err := s.us.collections.Items(ctx(), s.us.db, 0, i)
		s.us.must(err)
		s.us.must(s.us.collections.Revoke(ctx(), s.alice.ID, i[0].ID, items[i[0].ID][0].ID))
		settle(t, s.us)
		if gone, _ := s.evil.lastSent("Delete")["object"].(map[string]any); gone["id"] != stamp {
			t.Errorf("mallory hears of %v", gone)
		}
		if status, _, _ := s.read(s.mallory, path); status != http.StatusNotFound {
			t.Errorf("a stamp that was taken back is %d", status)
		}
		for _, again := range []doc{ask(list["id"]), s.mallory.activity("Update", update)} {
			s.taken(s.mallory.send(s.us, again))
			if got := s.members(list["id"].(string)); got != "" {
				t.Errorf("in it are %s", got)
			}
		}
	})
}

// TestCollectionsElsewhere are those of people whom somebody here follows, with whoever has a stamp of their own that is about it (AUZ-10, AUZ-13).
func TestCollectionsElsewhere(t *testing.T) {
	t.Parallel()
	s := newSceneOn(t, dbtest.SQLite(t))
	s.bob.doc["featuredCollections"] = s.bob.uri + "/lists"
	s.bob.publish()
	s.us.clock.Advance(time.Hour)
	_, err := s.us.AccountByURI(ctx(), s.bob.uri, true)
	s.us.must(err)
	add := func(by *person, target string, what doc) {
		s.taken(by.send(s.us, by.activity("Add", what).with(doc{"target": target})))
	}
	list := s.bob.collection("friends")
	id := list["id"].(string)
	yes, other := s.bertha.agreement(id), s.mallory.agreement(s.bob.uri+"/lists/other")
	item := func(who *person, stamp any) doc {
		return doc{"id": s.bob.id("items"), "type": "FeaturedItem", "featuredObject": who.uri, "featureAuthorization": stamp}
	}
	true1 := item(s.bertha, yes["id"])
	list["orderedItems"] = []doc{true1, item(s.mallory, other["id"]), item(s.mallory, yes["id"]), item(s.mallory, nil)}
	add(s.mallory, s.bob.uri+"/lists", list)
	if got := s.members(id); got != "gone" {
		t.Errorf("mallory entered a list of bob's: %s", got)
	}
	add(s.bob, s.bob.uri+"/lists", list)
	if got := s.members(id); got != "bertha" {
		t.Errorf("in it are %q", got)
	}
	c, err := s.us.collections.ByURL(ctx(), s.us.db, id)
	if s.us.must(err); c.Name != "friends" || c.Description != "<p>fine</p>" || c.Tag != "fish" || !c.Discoverable {
		t.Errorf("%+v", c)
	}
	for _, d := range []doc{s.mallory.activity("Remove", true1["id"]).with(doc{"target": id}), s.mallory.activity("Delete", id), s.mallory.activity("Delete", yes["id"]),
		s.bob.activity("Delete", yes["id"]), s.mallory.activity("Update", list.with(doc{"name": "mine"})), s.mallory.activity("Add", item(s.mallory, other["id"])).with(doc{"target": id})} {
		by := s.mallory
		if d["actor"] == s.bob.uri {
			by = s.bob
		}
		s.taken(by.send(s.us, d))
		if got := s.members(id); got != "bertha" {
			t.Errorf("after %v in it are %q", d, got)
		}
	}
	mine := s.mallory.agreement(id)
	joined := item(s.mallory, mine["id"])
	add(s.bob, id, joined)
	if got := s.members(id); got != "bertha mallory" {
		t.Errorf("in it are %q", got)
	}
	s.taken(s.bertha.send(s.us, s.bertha.activity("Delete", yes)))
	if got := s.members(id); got != "mallory" {
		t.Errorf("in it are %q", got)
	}
	s.taken(s.bob.send(s.us, s.bob.activity("Remove", joined["id"]).with(doc{"target": id})))
	if got := s.members(id); got != "" {
		t.Errorf("in it are %q", got)
	}
	s.taken(s.bob.send(s.us, s.bob.activity("Remove", id).with(doc{"target": s.bob.uri + "/lists"})))
	if got := s.members(id); got != "gone" {
		t.Errorf("it is still there with %q", got)
	}
}

// TestOursAskAndTell: who is elsewhere is asked, and in the collection after a yes of their own (AUZ-05); followers hear of all of it.
func TestOursAskAndTell(t *testing.T) {
	t.Parallel()
	s := newSceneOn(t, dbtest.SQLite(t))
	s.taken(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)))
	for _, p := range []*person{s.bertha, s.mallory} {
		p.doc["interactionPolicy"] = doc{"canFeature": doc{"automaticApproval": []string{ap.Public}}}
		p.publish()
	}
	bertha, mallory := s.known(s.bertha), s.known(s.mallory)
	if _, err := s.us.collections.Create(ctx(), s.alice, collections.Draft{Name: new("x")}, []accounts.ID{s.known(s.bob).ID}); err == nil {
		t.Error("bob, who says nothing, is in a collection")
	}
	c, err := s.us.collections.Create(ctx(), s.alice, collections.Draft{Name: new("friends"), Description: new("fine"), Language: new("en"), Tag: new("fish"), Discoverable: new(true)}, []accounts.ID{bertha.ID, mallory.ID})
	s.us.must(err)
	settle(t, s.us)
	made := s.good.lastSent("Add")
	if d, _ := made["object"].(map[string]any); made["target"] != s.alice.URI+"/featured_collections" || d["id"] != c.URI || d["totalItems"] != 0.0 || d["type"] != "FeaturedCollection" {
		t.Errorf("bob hears %v", made)
	}
	request := s.good.lastSent("FeatureRequest")
	if request["object"] != s.bertha.uri || request["instrument"] != c.URI || request["actor"] != s.alice.URI {
		t.Fatalf("bertha is asked %v", request)
	}
	stamp := s.bertha.agreement(c.URI)
	s.taken(s.mallory.send(s.us, s.mallory.activity("Accept", request["id"]).with(doc{"result": s.mallory.agreement(c.URI)["id"]})))
	s.taken(s.bertha.send(s.us, s.bertha.activity("Accept", request["id"]).with(doc{"result": s.bertha.agreement(s.bob.uri)["id"]})))
	s.taken(s.bertha.send(s.us, s.bertha.activity("Accept", request["id"])))
	s.taken(s.mallory.send(s.us, s.mallory.activity("Reject", s.evil.lastSent("FeatureRequest")["id"])))
	if got := s.members(c.URI); got != "" {
		t.Errorf("in it are %q", got)
	}
	s.taken(s.bertha.send(s.us, s.bertha.activity("Accept", request["id"]).with(doc{"result": stamp["id"]})))
	if got := s.members(c.URI); got != "bertha" {
		t.Fatalf("in it are %q", got)
	}
	told := s.good.lastSent("Add")
	item, _ := told["object"].(map[string]any)
	if told["target"] != c.URI || item["featuredObject"] != s.bertha.uri || item["featureAuthorization"] != stamp["id"] {
		t.Errorf("bob hears %v", told)
	}
	for path, kind := range map[string]string{"/users/alice/featured_collections": "Collection", strings.TrimPrefix(c.URI, s.us.site.Base()): "FeaturedCollection", strings.TrimPrefix(item["id"].(string), s.us.site.Base()): "FeaturedItem"} {
		if status, _, shown := s.read(s.bob, path); status != 200 || shown["type"] != kind {
			t.Errorf("%s is %d %v", path, status, shown)
		}
	}
	s.us.clock.Advance(time.Minute)
	if _, err := s.us.collections.Update(ctx(), s.alice.ID, c.ID, collections.Draft{Name: new("best friends")}); err != nil {
		t.Fatal(err)
	}
	settle(t, s.us)
	if d, _ := s.good.lastSent("Update")["object"].(map[string]any); d["name"] != "best friends" {
		t.Errorf("bob hears %v", d)
	}
	s.taken(s.bertha.send(s.us, s.bertha.activity("Delete", stamp)))
	settle(t, s.us)
	if out := s.good.lastSent("Remove"); out["object"] != item["id"] || out["target"] != c.URI || s.members(c.URI) != "" {
		t.Errorf("bob hears %v", out)
	}
	s.us.must(s.us.collections.Delete(ctx(), s.alice.ID, c.ID))
	settle(t, s.us)
	if out := s.good.lastSent("Remove"); out["object"] != c.URI || out["target"] != s.alice.URI+"/featured_collections" {
		t.Errorf("bob hears %v", out)
	}
}

// TestCollectionsAreFoundByTheirAddress, which nobody here knew; and not at the address of somebody else (ORG-01).
func TestCollectionsAreFoundByTheirAddress(t *testing.T) {
	t.Parallel()
	s := newSceneOn(t, dbtest.SQLite(t))
	list := s.mallory.collection("good people")
	uri := list["id"].(string)
	found, err := s.us.ResolveURL(ctx(), uri)
	if err != nil || found.Collection == nil || found.Collection.Name != "good people" {
		t.Fatalf("found %+v: %v", found, err)
	}
	if c, err := s.us.collections.ByURL(ctx(), s.us.db, uri); err != nil || c.URI != uri {
		t.Errorf("it is not here: %v", err)
	}
	stolen := s.mallory.collection("not mine").with(doc{"attributedTo": s.alice.URI})
	at := stolen["id"].(string)
	s.mallory.serve(strings.TrimPrefix(at, s.mallory.url("")), stolen)
	if found, err := s.us.ResolveURL(ctx(), at); err == nil {
		t.Errorf("somebody else's is taken: %+v", found)
	}
}
