package activitypub_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
)

// The rows of the attack table about whose word counts: areas origin and identity.
func TestOriginAttacks(t *testing.T) {
	t.Parallel()
	play(t, map[string]func(*scene){
		"ORG-01": (*scene).org01, "ORG-01 unanswered": (*scene).org01Unanswered, "ORG-02": (*scene).org02, "ORG-05": (*scene).org05, "ORG-06": (*scene).org06,
		"ORG-07": (*scene).org07, "ORG-08": (*scene).org08, "ORG-09": (*scene).org09, "ORG-10": (*scene).org10, "ORG-11": (*scene).org11, "ORG-12": (*scene).org12,
		"IDN-01": (*scene).idn01, "IDN-03": (*scene).idn03, "IDN-04": (*scene).idn04, "IDN-05": (*scene).idn05, "IDN-06": (*scene).idn06,
		"moves": (*scene).moves, "split domain": (*scene).splitDomain,
	})
}

func (s *scene) org01() {
	real := s.bob.note("what bob said")
	id := real["id"].(string)
	path := strings.TrimPrefix(id, s.good.web.URL)
	s.good.serve(path, real)
	s.evil.serve("/n/1", real.with(doc{"content": "what mallory wants"}))
	found, err := s.us.ResolveURL(ctx(), s.evil.url("/n/1"))
	s.us.must(err)
	if found.Status.URI != id || found.Status.Content != "what bob said" {
		s.t.Errorf("found %s: %s", found.Status.URI, found.Status.Content)
	}
	if n := s.good.times(path); n != 1 {
		s.t.Errorf("the real post was asked for %d times", n)
	}
	before := *s.us.byURI(id)
	if _, err := s.us.ResolveURL(ctx(), s.evil.url("/n/1")); err != nil {
		s.t.Error(err)
	}
	if after := *s.us.byURI(id); after.Content != before.Content || after.ID != before.ID {
		s.t.Error("the post changed")
	}
}

func (s *scene) org01Unanswered() {
	forged := s.bob.note("what mallory wants")
	s.evil.serve("/n/1", forged)
	if _, err := s.us.ResolveURL(ctx(), s.evil.url("/n/1")); err == nil {
		s.t.Error("a forged post was found")
	}
	s.us.missing(forged["id"].(string))
}

func (s *scene) org02() {
	carol := s.good.person("carol")
	for _, kind := range []string{"application/json", "text/plain", "application/octet-stream", "text/html; parameter=application/activity+json", "image/png", "",
		"application/ld+json", `application/ld+json; profile="https://evil.example/https://www.w3.org/ns/activitystreams"`} {
		s.good.answer("/users/carol", answer{http.StatusOK, kind, carol.doc})
		if _, err := s.us.AccountByURI(ctx(), carol.uri, true); err == nil {
			s.t.Errorf("a document of type %q was believed", kind)
		}
		s.us.clock.Advance(10 * time.Minute)
	}
	s.good.answer("/users/carol", answer{http.StatusOK, `Application/LD+JSON; profile="https://www.w3.org/ns/activitystreams https://w3id.org/x"`, carol.doc})
	if _, err := s.us.AccountByURI(ctx(), carol.uri, true); err != nil {
		s.t.Errorf("an honest document was refused: %v", err)
	}
}

func (s *scene) org05() {
	forged := s.bob.note("set by mallory")
	s.aliceFollows(s.mallory)
	s.mallory.send(s.us, s.mallory.activity("Create", forged))
	s.us.missing(forged["id"].(string))
	real := s.posted("set by bob")
	s.mallory.send(s.us, s.mallory.activity("Announce", real.with(doc{"content": "set by mallory"})))
	s.text(real["id"].(string), "set by bob")
}

func (s *scene) org06() {
	for i, author := range []any{s.bob.uri, []any{s.bob.uri, s.bertha.uri}, s.bob.doc} {
		n := s.mallory.note("by bob?").with(doc{"attributedTo": author})
		path := strings.TrimPrefix(n["id"].(string), s.evil.web.URL)
		s.evil.serve(path, n)
		if _, err := s.us.FetchStatus(ctx(), n["id"].(string)); err == nil {
			s.t.Errorf("author %d was believed", i)
		}
		s.aliceFollowsOnce(s.mallory)
		s.mallory.send(s.us, s.mallory.activity("Create", n))
		s.us.missing(n["id"].(string))
	}
	n := s.mallory.note("of two").with(doc{"attributedTo": []any{s.bob.uri, s.mallory.uri}})
	s.mallory.send(s.us, s.mallory.activity("Create", n))
	if st := s.us.byURI(n["id"].(string)); st.AccountID != s.known(s.mallory).ID {
		s.t.Error("the post is not its host's author's")
	}
}

func (s *scene) aliceFollowsOnce(p *person) {
	s.t.Helper()
	if is, err := s.us.relations.Follows(ctx(), s.us.db, s.alice.ID, s.known(p).ID); err != nil || !is {
		s.aliceFollows(p)
	}
}

func (s *scene) org07() {
	s.aliceFollows(s.mallory)
	n := s.mallory.note("disguised").with(doc{"url": s.good.url("/@bob/1")})
	s.mallory.send(s.us, s.mallory.activity("Create", n))
	if st := s.us.byURI(n["id"].(string)); st.URL != st.URI {
		s.t.Errorf("the post's address is %s", st.URL)
	}
	if found, err := s.us.ResolveURL(ctx(), s.good.url("/@bob/1")); err == nil {
		s.t.Errorf("found %+v", found)
	}
}

func (s *scene) org08() {
	s.aliceFollows(s.mallory)
	own := s.post(statuses.Draft{Text: "mine"})
	for _, id := range []string{own.URI, strings.Replace(own.URI, "127.0.0.1", "127.0.0.1.", 1), s.us.site.URL("/users/alice/statuses/1")} {
		s.mallory.send(s.us, s.mallory.activity("Create", s.mallory.note("not hers").with(doc{"id": id})))
		s.mallory.send(s.us, s.mallory.activity("Update", s.mallory.note("not hers").with(doc{"id": id, "updated": "2026-11-01T12:00:30Z"})))
	}
	s.text(own.URI, "<p>mine</p>")
	s.evil.serve("/alice", s.mallory.doc.with(doc{"id": s.alice.URI, "preferredUsername": "alice"}))
	if _, err := s.us.ResolveURL(ctx(), s.evil.url("/alice")); err == nil {
		s.t.Error("a forged alice was found")
	}
	now, err := s.us.accounts.ByID(ctx(), s.us.db, s.alice.ID)
	s.us.must(err)
	if now.PublicKey != s.alice.PublicKey || now.InboxURL != s.alice.InboxURL {
		s.t.Error("alice changed")
	}
}

func (s *scene) org09() {
	for _, followers := range []string{ap.Public, s.bob.uri + "/followers"} {
		eve := s.evil.person("eve" + string(rune('a'+len(followers)%26)))
		eve.doc["followers"] = followers
		eve.publish()
		s.aliceFollows(eve)
		n := eve.note("to whom?").with(doc{"to": []string{s.bob.uri + "/followers"}, "cc": []string{}})
		eve.send(s.us, eve.activity("Create", n))
		if st := s.us.byURI(n["id"].(string)); st.Visibility != statuses.Direct {
			s.t.Errorf("addressed to another's followers it is %s", st.Visibility)
		}
	}
}

func (s *scene) org10() {
	for i, inbox := range []any{"ftp://x/y", "javascript:1", "https://[bad", "", doc{}, []any{}, strings.Repeat("a", 300_000), "https://xn--a/inbox", s.us.site.URL("/inbox")} {
		eve := s.evil.person("eve" + string(rune('a'+i)))
		eve.doc["inbox"] = inbox
		eve.doc["endpoints"] = doc{}
		eve.publish()
		if a, err := s.us.AccountByURI(ctx(), eve.uri, false); err == nil {
			s.us.must(s.us.relations.Follow(ctx(), a, s.alice, relations.FollowOptions{}))
		}
	}
	s.taken(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)))
	s.post(statuses.Draft{Text: "to all followers"})
	if got := s.good.received(); len(got) != 3 || got[2]["type"] != "Create" { // the Follow of the scene, the Accept, the Create
		s.t.Errorf("the good follower received %v", got)
	}
	if n := s.us.count("SELECT COUNT(*) FROM jobs WHERE kind = 'activitypub.push'"); n != 0 {
		s.t.Errorf("%d deliveries are tried again", n)
	}
}

func (s *scene) org11() {
	victim := newRemote(s.t)
	s.mallory.doc["endpoints"] = doc{"sharedInbox": victim.url("/inbox")}
	s.mallory.publish()
	s.taken(s.mallory.send(s.us, s.mallory.activity("Follow", s.alice.URI)))
	s.post(statuses.Draft{Text: "to followers"})
	if n := victim.requests(); n != 0 {
		s.t.Errorf("the victim was asked %d times", n)
	}
	if len(s.evil.received()) == 0 {
		s.t.Error("nothing was delivered to the follower's own inbox")
	}
}

func (s *scene) org12() {
	id := s.good.url("/activities/1")
	s.refused(s.mallory.send(s.us, s.mallory.activity("Follow", s.alice.URI).with(doc{"id": id})), http.StatusForbidden)
	if s.followsAlice(s.mallory) {
		s.t.Error("mallory follows")
	}
	s.taken(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI).with(doc{"id": id})))
	if !s.followsAlice(s.bob) {
		s.t.Error("bob does not")
	}
}

func (s *scene) idn01() {
	s.evil.finger("mallory@"+s.evil.domain, "acct:bob@"+s.good.domain, s.mallory.uri)
	before := s.known(s.bob)
	found, err := s.us.Resolve(ctx(), []accounts.Handle{{Username: "mallory", Domain: s.evil.domain}})
	s.us.must(err)
	for _, a := range found {
		if a.URI != s.bob.uri {
			s.t.Errorf("%s became %s", a.URI, a.Acct())
		}
	}
	if _, err := s.us.AccountByURI(ctx(), s.mallory.uri, false); err == nil {
		s.t.Error("mallory was taken with bob's name")
	}
	if after := s.known(s.bob); after.URI != before.URI || after.Acct() != before.Acct() {
		s.t.Error("bob changed")
	}
}

func (s *scene) idn03() {
	for _, name := range []string{strings.Repeat("a", 1<<20-10_000), "a/b", "a\x00b", "a b", "a@b", "a\u200fb", "ıi", "someone-else"} {
		s.mallory.doc["preferredUsername"] = name
		s.mallory.publish()
		if a, err := s.us.AccountByURI(ctx(), s.mallory.uri, true); err == nil && name != "someone-else" {
			s.t.Errorf("%.20q was taken as %s", name, a.Acct())
		}
		s.us.clock.Advance(10 * time.Minute)
	}
	if a, err := s.us.accounts.ByURI(ctx(), s.us.db, s.mallory.uri); err == nil && a.Username != "someone-else" {
		s.t.Errorf("mallory is %s", a.Username)
	}
}

func (s *scene) idn04() {
	eve := s.evil.person("eve")
	before := s.known(s.mallory)
	for _, d := range []doc{eve.doc, s.mallory.doc.with(doc{"type": "Note"}), s.mallory.doc.with(doc{"id": s.us.site.URL("/actor"), "type": "Application"})} {
		s.us.clock.Advance(10 * time.Minute)
		s.evil.serve("/users/mallory", d)
		after, err := s.us.AccountByURI(ctx(), s.mallory.uri, true)
		s.us.must(err)
		if after.ID != before.ID || after.URI != before.URI || after.Username != before.Username || after.ActorType != before.ActorType {
			s.t.Errorf("mallory became %+v", after)
		}
	}
}

func (s *scene) move(from, to *person) doc {
	return from.activity("Move", from.uri).with(doc{"target": to.uri})
}

func (s *scene) aliceFollowing(p *person) bool {
	s.t.Helper()
	is, err := s.us.relations.Relationship(ctx(), s.us.db, s.alice.ID, s.known(p).ID)
	s.us.must(err)
	return is.Following || is.Requested
}

func (s *scene) idn05() {
	s.aliceFollows(s.mallory)
	s.mallory.send(s.us, s.move(s.mallory, s.bertha))
	if s.aliceFollowing(s.bertha) || !s.aliceFollowing(s.mallory) {
		s.t.Error("a move without an alias took followers along")
	}
	s.bertha.doc["alsoKnownAs"] = []string{s.mallory.uri}
	s.bertha.publish()
	s.us.clock.Advance(time.Hour)
	_, err := s.us.AccountByURI(ctx(), s.bertha.uri, true)
	s.us.must(err)
	delete(s.bertha.doc, "alsoKnownAs")
	s.bertha.publish()
	s.mallory.send(s.us, s.move(s.mallory, s.bertha))
	if s.aliceFollowing(s.bertha) {
		s.t.Error("a stale alias was believed")
	}
}

func (s *scene) moves() {
	s.bertha.doc["alsoKnownAs"] = []string{s.bob.uri}
	s.bertha.publish()
	s.bob.doc["movedTo"] = s.bertha.uri
	s.bob.publish()
	s.taken(s.bob.send(s.us, s.move(s.bob, s.bertha)))
	if !s.aliceFollowing(s.bertha) || s.aliceFollowing(s.bob) {
		s.t.Error("alice did not move along")
	}
	if s.known(s.bob).MovedToID != s.known(s.bertha).ID {
		s.t.Error("the old account does not lead to the new one")
	}
}

func (s *scene) idn06() {
	for _, p := range []*person{s.bob, s.bertha} {
		p.doc["alsoKnownAs"] = []string{s.bob.uri, s.bertha.uri}
		p.publish()
	}
	for range 5 {
		s.bob.send(s.us, s.move(s.bob, s.bertha))
		s.bertha.send(s.us, s.move(s.bertha, s.bob))
	}
	follows := 0
	for _, d := range s.good.received() {
		if d["type"] == "Follow" {
			follows++
		}
	}
	if follows > 3 { // the scene's, and one for each of the two accounts
		s.t.Errorf("%d follows were sent", follows)
	}
}

// A server whose handles have another domain than its actors is believed when both say so.
func (s *scene) splitDomain() {
	carol := s.good.person("carol")
	names := newRemote(s.t)
	s.good.finger("carol@"+s.good.domain, "acct:carol@"+names.domain, carol.uri)
	names.finger("carol@"+names.domain, "acct:carol@"+names.domain, carol.uri)
	for _, domain := range []string{names.domain, s.good.domain} {
		found, err := s.us.Resolve(ctx(), []accounts.Handle{{Username: "carol", Domain: domain}})
		if err != nil || len(found) != 1 || found[0].Acct() != "carol@"+names.domain || found[0].URI != carol.uri {
			s.t.Errorf("carol@%s is %v (%v)", domain, found, err)
		}
	}
}
