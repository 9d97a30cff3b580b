package activitypub_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// shows is the names of the hashtags on a profile.
func (s *scene) shows(a *accounts.Account) string {
	s.t.Helper()
	list, err := s.us.statuses.FeaturedTags(ctx(), s.us.db, a.ID)
	s.us.must(err)
	out := ""
	for _, f := range list {
		out += f.DisplayName + " "
	}
	return out
}

// TestHashtagsOnProfilesOfOurs: they are in the collection, and followers are told with Mastodon's Add and Remove.
func TestHashtagsOnProfilesOfOurs(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newSceneOn(t, d)
		s.taken(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)))
		_, err := s.us.statuses.Feature(ctx(), s.alice, "Birds")
		s.us.must(err)
		settle(t, s.us)
		req := httptest.NewRequest(http.MethodGet, s.us.site.URL("/users/alice/collections/tags"), nil)
		req.Header.Set("Accept", "application/activity+json")
		var got struct {
			TotalItems int
			Items      []struct{ Type, Href, Name string }
		}
		if err := json.Unmarshal(serve(s.us, req).Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got.TotalItems != 1 || got.Items[0].Type != "Hashtag" || got.Items[0].Name != "#Birds" || got.Items[0].Href != s.us.site.URL("/@alice/tagged/birds") {
			t.Errorf("the collection is %+v", got)
		}
		s.us.must(s.us.statuses.Unfeature(ctx(), s.alice, "birds"))
		settle(t, s.us)
		var told []string
		for _, d := range s.good.received() {
			if o, ok := d["object"].(map[string]any); ok && o["type"] == "Hashtag" && o["name"] == "#Birds" && d["target"] == s.alice.FeaturedURL {
				told = append(told, d["type"].(string))
			}
		}
		if len(told) != 2 || told[0] != "Add" || told[1] != "Remove" {
			t.Errorf("followers were told %v", told)
		}
	})
}

// TestHashtagsOnProfilesElsewhere: fetched with the pinned posts when somebody is followed first, and changed by their owner alone (AUZ-10).
func TestHashtagsOnProfilesElsewhere(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newSceneOn(t, d)
		tags := s.bertha.uri + "/collections/tags"
		s.bertha.doc["featuredTags"] = tags
		s.bertha.publish()
		tag := func(name string) doc {
			return doc{"type": "Hashtag", "name": "#" + name, "href": s.good.url("/tags/" + name)}
		}
		s.good.serve("/users/bertha/collections/tags", doc{"id": tags, "type": "Collection", "items": []any{tag("fish"), tag("no good"), doc{"type": "Note"}, tag("Boats")}})
		pinned, private := s.bertha.note("pinned"), s.bertha.note("for followers").with(doc{"to": []string{s.bertha.uri + "/followers"}, "cc": []string{}})
		s.publish(s.good, pinned)
		s.publish(s.good, private)
		s.good.serve("/users/bertha/featured", doc{"id": s.bertha.uri + "/featured", "type": "OrderedCollection", "orderedItems": []any{pinned, private, s.evil.url("/1")}})
		s.aliceFollows(s.bertha)
		bertha := s.known(s.bertha)
		if got := s.shows(bertha); got != "fish Boats " {
			t.Errorf("the profile shows %q", got)
		}
		pins, err := s.us.statuses.PinnedOf(ctx(), s.us.db, 0, bertha.ID)
		s.us.must(err)
		if len(pins) != 1 || pins[0] != s.us.byURI(pinned["id"].(string)).ID {
			t.Errorf("pinned are %v", pins)
		}
		for _, a := range []doc{
			s.bertha.activity("Add", tag("trains")).with(doc{"target": s.bertha.uri + "/featured"}),
			s.bertha.activity("Remove", tag("boats")).with(doc{"target": tags}),
			s.bertha.activity("Add", tag("planes")).with(doc{"target": s.bob.uri + "/featured"}),
			s.bertha.activity("Add", tag("no good")).with(doc{"target": tags}),
		} {
			s.taken(s.bertha.send(s.us, a))
		}
		s.taken(s.bob.send(s.us, s.bob.activity("Remove", tag("fish")).with(doc{"target": tags})))
		if got := s.shows(bertha); got != "fish trains " {
			t.Errorf("the profile shows %q", got)
		}
	})
}
