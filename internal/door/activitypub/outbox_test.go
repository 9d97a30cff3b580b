package activitypub_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/activitypub"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// outbox serves posts of a person, the newest first, ten a page.
func (s *scene) outbox(p *person, list ...doc) {
	at := "/users/" + p.name + "/outbox"
	page := func(n int) string { return fmt.Sprintf("%s?page=%d", at, n) }
	p.serve(at, doc{"id": p.url(at), "type": "OrderedCollection", "first": p.url(page(0))})
	for n := 0; n*10 < len(list) || n == 0; n++ {
		d := doc{"id": p.url(page(n)), "type": "OrderedCollectionPage", "partOf": p.url(at), "orderedItems": list[n*10 : min(len(list), n*10+10)]}
		if len(list) > n*10+10 {
			d["next"] = p.url(page(n + 1))
		}
		p.serve(page(n), d)
	}
}

// wrote is the Create of a post that is so old.
func (s *scene) wrote(p *person, text string, age time.Duration) doc {
	at := s.us.clock.Now().Add(-age).Format(time.RFC3339)
	return p.activity("Create", p.note(text).with(doc{"published": at})).with(doc{"published": at})
}

func idOf(create doc) string { return create["object"].(doc)["id"].(string) }

// TestPostsOfANewlyFollowedAccount: whoever is followed for the first time here has posts to show, at their own times, of which nobody
// is told; not many are fetched, private ones are not taken, and a second follower brings nothing more.
func TestPostsOfANewlyFollowedAccount(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newSceneOn(t, d)
		var list []doc
		for i := range 60 {
			list = append(list, s.wrote(s.bertha, fmt.Sprint("post ", i), time.Hour+time.Duration(i)*time.Hour))
		}
		private := s.wrote(s.bertha, "for followers", time.Minute)
		private["object"] = private["object"].(doc).with(doc{"to": []string{s.bertha.uri + "/followers"}, "cc": []string{}})
		others := s.bertha.activity("Create", s.mallory.note("somebody else's"))
		mention := s.bertha.note("@alice").with(doc{"published": s.us.clock.Now().Add(-time.Minute).Format(time.RFC3339), "tag": []doc{{"type": "Mention", "href": s.alice.URI, "name": "@alice"}}})
		boost := s.bertha.activity("Announce", s.evil.url("/boosted"))
		s.outbox(s.bertha, append([]doc{private, others, s.bertha.activity("Create", mention), boost}, list...)...)
		s.aliceFollows(s.bertha)
		bertha := s.known(s.bertha)
		n := s.us.count("SELECT COUNT(*) FROM statuses WHERE account_id = $1", bertha.ID)
		if n != 20 {
			t.Errorf("%d posts were fetched, not 20", n)
		}
		if got := s.us.byURI(idOf(list[3])); got.CreatedAt.Format(time.RFC3339) != list[3]["published"] {
			t.Errorf("the post is of %v", got.CreatedAt)
		}
		s.us.missing(idOf(list[30]))
		s.us.missing(idOf(private))
		if n := s.us.count("SELECT COUNT(*) FROM jobs WHERE kind LIKE 'notifications.%'"); n != 0 {
			t.Errorf("%d people are told", n)
		}
		if s.evil.times("/boosted") != 0 {
			t.Error("what was boosted was fetched")
		}
		asked := s.good.times("/users/bertha/outbox")
		ben := s.us.person("ben")
		s.us.must(s.us.relations.Follow(ctx(), ben, bertha, relations.FollowOptions{}))
		s.us.must(s.us.relations.Authorize(ctx(), bertha, ben))
		s.us.clock.Advance(2 * time.Hour)
		settle(t, s.us)
		if s.good.times("/users/bertha/outbox") != asked {
			t.Error("the outbox was read for a second follower")
		}
	})
}

// TestDowntimeIsCaughtUp: what accounts that are followed wrote while nobody was here is looked for, back to where we went, and not
// what nobody here follows.
func TestDowntimeIsCaughtUp(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newSceneOn(t, d)
		beat := func() {
			s.us.must(s.us.processes[0].Beat(ctx()))
			s.us.must(s.us.CatchUp(ctx(), activitypub.CatchUpDue{}))
			s.us.clock.Advance(11 * time.Minute)
			settle(t, s.us)
		}
		beat()
		beat()
		if n := s.good.times("/users/bob/outbox"); n > 1 {
			t.Fatalf("an outbox was read %d times, though nobody was away", n)
		}
		before := s.wrote(s.bob, "long before", 3*time.Hour)
		s.us.clock.Advance(6 * time.Hour)
		missed := []doc{s.wrote(s.bob, "missed", time.Hour), s.wrote(s.bob, "missed too", 2*time.Hour)}
		boosted := s.bertha.note("boosted")
		s.publish(s.good, boosted)
		boost := s.bob.activity("Announce", boosted["id"]).with(doc{"published": s.us.clock.Now().Add(-time.Hour).Format(time.RFC3339), "to": []string{"https://www.w3.org/ns/activitystreams#Public"}})
		s.outbox(s.bob, append(append([]doc{boost}, missed...), before)...)
		beat()
		settle(t, s.us)
		for _, c := range missed {
			s.us.byURI(idOf(c))
		}
		s.us.byURI(boost["id"].(string))
		s.us.missing(idOf(before))
		if s.good.times("/users/bertha/outbox") != 0 || s.evil.times("/users/mallory/outbox") != 0 {
			t.Error("the outbox of somebody was read whom nobody follows")
		}
	})
}

// TestAHostThatReturnsIsCaughtUpWith: after its long absence what its people published is looked for.
func TestAHostThatReturnsIsCaughtUpWith(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.taken(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)))
	s.good.answersWith(func(w http.ResponseWriter, _ *http.Request, _ doc) { w.WriteHeader(http.StatusBadGateway) })
	s.post(statuses.Draft{Text: "nobody takes this"})
	for range 30 {
		s.us.clock.Advance(time.Hour)
		settle(t, s.us)
	}
	missed := s.wrote(s.bob, "missed", 3*time.Hour)
	s.outbox(s.bob, missed)
	s.good.answersWith(nil)
	for range 30 { // the delivery that waits is tried within a day
		s.us.clock.Advance(time.Hour)
		settle(t, s.us)
	}
	host, err := s.us.instances.ByDomain(ctx(), s.us.db, s.good.domain)
	s.us.must(err)
	if host.State(s.us.clock.Now()) == instances.Failing {
		t.Fatal("the host did not come back")
	}
	s.us.byURI(idOf(missed))
}

// TestAnOutboxMayNotSendUsAnywhere: pages and posts on other hosts are left alone, and a circle of pages ends (FET-08, ORG-05).
func TestAnOutboxMayNotSendUsAnywhere(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	at := "/users/mallory/outbox"
	foreign := s.bertha.note("not mallory's")
	s.publish(s.good, foreign)
	asked := s.good.requests()
	s.evil.serve(at, doc{"id": s.evil.url(at), "type": "OrderedCollection", "first": s.evil.url(at + "?page=1")})
	for n := range 2 {
		s.evil.serve(fmt.Sprintf("%s?page=%d", at, n), doc{"id": s.evil.url(fmt.Sprintf("%s?page=%d", at, n)), "type": "OrderedCollectionPage", "next": s.evil.url(fmt.Sprintf("%s?page=%d", at, 1-n)),
			"orderedItems": []any{foreign["id"], s.mallory.activity("Create", foreign), s.mallory.activity("Create", foreign["id"])}})
	}
	s.aliceFollows(s.mallory)
	s.us.missing(foreign["id"].(string))
	if n := s.good.requests(); n != asked {
		t.Errorf("another host was asked %d times", n-asked)
	}
	pages := 0
	for uri, n := range s.evil.asked {
		if strings.HasPrefix(uri, at) {
			pages += n
		}
	}
	if pages > 14 {
		t.Errorf("%d pages were read", pages)
	}
}
