package activitypub_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
)

// The rows of the attack table about who may do what: area activity-authz.
func TestAuthorityAttacks(t *testing.T) {
	t.Parallel()
	play(t, map[string]func(*scene){
		"AUZ-01": (*scene).auz01, "AUZ-02": (*scene).auz02, "AUZ-03": (*scene).auz03, "AUZ-04": (*scene).auz04, "AUZ-05": (*scene).auz05, "AUZ-06": (*scene).auz06,
		"AUZ-08": (*scene).auz08, "AUZ-09": (*scene).auz09, "AUZ-10": (*scene).auz10, "AUZ-11": (*scene).auz11, "AUZ-12": (*scene).auz12, "AUZ-14": (*scene).auz14, "AUZ-16": (*scene).auz16,
		"AUZ-17": (*scene).auz17, "AUZ-18": (*scene).auz18, "AUZ-19": (*scene).auz19, "out of order": (*scene).outOfOrder, "threads": (*scene).threads,
		"blocked follower": (*scene).blockedFollower,
	})
}

func (s *scene) auz01() {
	mallory2 := s.evil.person("mallory2")
	s.aliceFollows(s.mallory)
	s.aliceFollows(mallory2)
	n := mallory2.note("mine")
	s.taken(mallory2.send(s.us, mallory2.activity("Create", n)))
	for _, author := range []any{s.mallory.uri, mallory2.uri, nil} {
		s.mallory.send(s.us, s.mallory.activity("Create", n.with(doc{"attributedTo": author, "content": "hers", "to": []string{s.alice.URI}})))
	}
	st := s.us.byURI(n["id"].(string))
	if st.Content != "mine" || st.AccountID != s.known(mallory2).ID || st.Visibility != statuses.Public {
		s.t.Errorf("the post is %+v", st)
	}
}

func (s *scene) auz02() {
	n := s.posted("original")
	q := s.bob.note("poll").with(doc{"type": "Question", "oneOf": []doc{{"type": "Note", "name": "a"}, {"type": "Note", "name": "b"}}, "endTime": "2026-11-02T12:00:00Z"})
	s.taken(s.bob.send(s.us, s.bob.activity("Create", q)))
	for _, p := range []*person{s.mallory, s.bertha} {
		p.send(s.us, p.activity("Update", n.with(doc{"content": "changed", "updated": "2026-11-01T12:00:30Z"})))
		p.send(s.us, p.activity("Update", n.with(doc{"content": "changed", "updated": "2026-11-01T12:00:30Z", "attributedTo": p.uri})))
		p.send(s.us, p.activity("Update", q.with(doc{"oneOf": []doc{{"type": "Note", "name": "a", "replies": doc{"totalItems": 99}}, {"type": "Note", "name": "b"}}})))
	}
	st := s.us.byURI(n["id"].(string))
	polls, err := s.us.statuses.Polls(ctx(), s.us.db, 0, []int64{s.us.byURI(q["id"].(string)).PollID})
	s.us.must(err)
	for _, p := range polls {
		if p.VotesCount != 0 {
			s.t.Error("another's poll was changed")
		}
	}
	if st.Content != "original" || s.us.count("SELECT COUNT(*) FROM status_edits") != 0 {
		s.t.Error("another's post was changed")
	}
	s.taken(s.bob.send(s.us, s.bob.activity("Update", n.with(doc{"content": "edited", "updated": "2026-11-01T12:00:30Z"}))))
	s.text(n["id"].(string), "edited")
}

func (s *scene) auz03() {
	n := s.posted("to stay")
	id := n["id"].(string)
	for _, p := range []*person{s.mallory, s.bertha} {
		for _, object := range []any{id, s.bob.uri, doc{"id": id, "type": "Tombstone"}, doc{"id": id, "type": "Tombstone", "attributedTo": s.bob.uri}, doc{"id": id, "type": "Tombstone", "attributedTo": p.uri}} {
			p.send(s.us, p.activity("Delete", object))
		}
	}
	s.text(id, "to stay")
	if s.known(s.bob).Suspended() {
		s.t.Error("bob is gone")
	}
	s.taken(s.bob.send(s.us, s.bob.activity("Delete", doc{"id": id, "type": "Tombstone"})))
	s.us.missing(id)
}

func (s *scene) auz04() {
	follow, block := s.bob.activity("Follow", s.alice.URI), s.bertha.activity("Block", s.alice.URI)
	st := s.post(statuses.Draft{Text: "liked and boosted"})
	like, boost := s.bob.activity("Like", st.URI), s.bob.activity("Announce", st.URI).with(doc{"to": []string{ap.Public}})
	for _, a := range []doc{follow, like, boost} {
		s.taken(s.bob.send(s.us, a))
	}
	s.taken(s.bertha.send(s.us, block))
	for _, p := range []*person{s.mallory, s.good.person("boris")} {
		for _, a := range []doc{follow, like, boost, block} {
			p.send(s.us, p.activity("Undo", a))
			p.send(s.us, p.activity("Undo", a["id"]))
			p.send(s.us, p.activity("Undo", a.with(doc{"actor": p.uri})))
		}
	}
	now := s.us.byURI(st.URI)
	is, err := s.us.relations.Relationship(ctx(), s.us.db, s.alice.ID, s.known(s.bertha).ID)
	s.us.must(err)
	if !s.followsAlice(s.bob) || now.FavouritesCount != 1 || now.ReblogsCount != 1 || !is.BlockedBy {
		s.t.Errorf("something was undone: %+v %+v", now, is)
	}
	for _, a := range []doc{follow, like, boost} {
		s.taken(s.bob.send(s.us, s.bob.activity("Undo", a)))
	}
	s.taken(s.bertha.send(s.us, s.bertha.activity("Undo", block)))
	now = s.us.byURI(st.URI)
	if s.followsAlice(s.bob) || now.FavouritesCount != 0 || now.ReblogsCount != 0 {
		s.t.Errorf("its own acts cannot be undone: %+v", now)
	}
}

// asks lets alice ask to follow and gives the Follow that was sent.
func (s *scene) asks(p *person) doc {
	s.t.Helper()
	s.us.must(s.us.relations.Follow(ctx(), s.alice, s.known(p), relations.FollowOptions{}))
	settle(s.t, s.us)
	sent := p.received()
	return sent[len(sent)-1]
}

func (s *scene) granted(p *person) bool {
	s.t.Helper()
	is, err := s.us.relations.Follows(ctx(), s.us.db, s.alice.ID, s.known(p).ID)
	s.us.must(err)
	return is
}

func (s *scene) auz05() {
	follow := s.asks(s.bertha)
	for _, p := range []*person{s.mallory, s.bob} {
		for _, kind := range []string{"Accept", "Reject"} {
			p.send(s.us, p.activity(kind, follow))
			p.send(s.us, p.activity(kind, follow["id"]))
			p.send(s.us, p.activity(kind, follow.with(doc{"object": p.uri})))
		}
	}
	is, err := s.us.relations.Relationship(ctx(), s.us.db, s.alice.ID, s.known(s.bertha).ID)
	s.us.must(err)
	if !is.Requested || is.Following {
		s.t.Errorf("the request is %+v", is)
	}
	s.taken(s.bertha.send(s.us, s.bertha.activity("Accept", follow["id"])))
	if !s.granted(s.bertha) {
		s.t.Error("the grant of the one who was asked has no effect")
	}
}

func (s *scene) auz06() {
	s.bertha.send(s.us, s.bertha.activity("Accept", doc{"id": s.alice.URI + "#follows/1", "type": "Follow", "actor": s.alice.URI, "object": s.bertha.uri}))
	if s.granted(s.bertha) {
		s.t.Error("alice follows without having asked")
	}
}

func (s *scene) auz08() {
	private := s.post(statuses.Draft{Text: "for followers", Visibility: statuses.Private})
	s.taken(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)))
	foreign := s.bob.note("bob's, for followers").with(doc{"to": []string{s.bob.uri + "/followers"}, "cc": []string{}})
	s.taken(s.bob.send(s.us, s.bob.activity("Create", foreign)))
	s.aliceFollows(s.mallory)
	boosts := s.us.count("SELECT COUNT(*) FROM statuses WHERE reblog_of_id <> 0")
	for _, p := range []*person{s.mallory, s.bob} {
		p.send(s.us, p.activity("Announce", private.URI).with(doc{"to": []string{ap.Public}}))
	}
	s.mallory.send(s.us, s.mallory.activity("Announce", foreign.with(doc{"to": []string{ap.Public}})).with(doc{"to": []string{ap.Public}}))
	if n := s.us.count("SELECT COUNT(*) FROM statuses WHERE reblog_of_id <> 0"); n != boosts {
		s.t.Errorf("%d boosts of what is not for everybody", n-boosts)
	}
}

func (s *scene) auz09() {
	s.us.must(s.us.instances.Block(ctx(), instances.Block{Domain: s.evil.domain, Severity: instances.Suspend}))
	n := s.mallory.note("from a blocked server")
	s.evil.serve(n["id"].(string)[len(s.evil.web.URL):], n)
	s.bob.send(s.us, s.bob.activity("Announce", n["id"]).with(doc{"to": []string{ap.Public}}))
	s.bob.send(s.us, s.bob.activity("Announce", n).with(doc{"to": []string{ap.Public}}))
	reply := s.bob.note("an answer").with(doc{"inReplyTo": n["id"], "tag": []doc{{"type": "Mention", "href": s.mallory.uri, "name": "@mallory"}}})
	s.taken(s.bob.send(s.us, s.bob.activity("Create", reply)))
	s.us.byURI(reply["id"].(string))
	s.us.missing(n["id"].(string))
	if s.evil.requests() != 0 {
		s.t.Error("a blocked server was asked")
	}
}

func (s *scene) auz10() {
	n := s.posted("to be pinned")
	add := func(p *person, kind string, object any) {
		p.send(s.us, p.activity(kind, object).with(doc{"target": s.bob.uri + "/featured"}))
	}
	pinned := func() int64 { return s.us.count("SELECT COUNT(*) FROM status_pins") }
	add(s.mallory, "Add", n["id"])
	add(s.bertha, "Add", n["id"])
	if pinned() != 0 {
		s.t.Error("pinned by somebody else")
	}
	add(s.bob, "Add", n["id"])
	add(s.mallory, "Remove", n["id"])
	add(s.bertha, "Remove", n["id"])
	if pinned() != 1 {
		s.t.Error("not pinned by its author, or unpinned by somebody else")
	}
	add(s.bob, "Remove", n["id"])
	if pinned() != 0 {
		s.t.Error("not unpinned by its author")
	}
}

func (s *scene) auz11() {
	single := s.post(statuses.Draft{Text: "one?", Poll: &statuses.PollDraft{Options: []string{"a", "b"}, ExpiresIn: time.Hour}})
	several := s.post(statuses.Draft{Text: "some?", Poll: &statuses.PollDraft{Options: []string{"a", "b", "c"}, ExpiresIn: time.Hour, Multiple: true}})
	vote := func(p *person, st *statuses.Status, name string) {
		v := doc{"id": p.id("votes"), "type": "Note", "name": name, "attributedTo": p.uri, "inReplyTo": st.URI, "to": s.alice.URI}
		p.send(s.us, p.activity("Create", v))
	}
	for range 5 {
		for _, name := range []string{"a", "b", "c", "", "A", "no such"} {
			vote(s.mallory, single, name)
		}
		vote(s.mallory, several, "a")
		vote(s.mallory, several, "c")
	}
	s.mallory.send(s.us, s.mallory.activity("Update", doc{"id": single.URI, "type": "Question", "attributedTo": s.mallory.uri, "oneOf": []doc{{"type": "Note", "name": "a", "replies": doc{"totalItems": 99}}}}))
	check := func(st *statuses.Status, want []int64) {
		polls, err := s.us.statuses.Polls(ctx(), s.us.db, 0, []int64{st.PollID})
		s.us.must(err)
		if p := polls[st.PollID]; !slices.Equal(p.Tallies, want) || p.VotersCount != 1 {
			s.t.Errorf("counted %v by %d, not %v", p.Tallies, p.VotersCount, want)
		}
	}
	check(single, []int64{1, 0})
	check(several, []int64{1, 0, 1})
	s.us.clock.Advance(2 * time.Hour)
	vote(s.bob, single, "b")
	check(single, []int64{1, 0})
}

func (s *scene) auz12() {
	private := s.post(statuses.Draft{Text: "for followers", Visibility: statuses.Private})
	direct := s.post(statuses.Draft{Text: "for nobody", Visibility: statuses.Direct})
	for _, uri := range []string{private.URI, direct.URI, s.alice.URI + "/statuses/1"} {
		s.taken(s.mallory.send(s.us, s.mallory.activity("Like", uri)))
		s.taken(s.mallory.send(s.us, s.mallory.activity("Announce", uri).with(doc{"to": []string{ap.Public}})))
		reply := s.mallory.note("an answer").with(doc{"inReplyTo": uri})
		s.taken(s.mallory.send(s.us, s.mallory.activity("Create", reply)))
		s.us.missing(reply["id"].(string))
	}
	if n := s.us.count("SELECT COALESCE(SUM(favourites_count + reblogs_count + replies_count), 0) FROM statuses"); n != 0 {
		s.t.Errorf("%d acts on posts that mallory cannot see", n)
	}
}

func (s *scene) auz16() {
	unwanted := s.mallory.note("buy!")
	s.taken(s.mallory.send(s.us, s.mallory.activity("Create", unwanted)))
	s.us.missing(unwanted["id"].(string))
	addressed := s.mallory.note("buy!").with(doc{"to": []string{s.alice.URI}, "cc": []string{}})
	s.taken(s.mallory.send(s.us, s.mallory.activity("Create", addressed)))
	st := s.us.byURI(addressed["id"].(string))
	mentions, err := s.us.statuses.MentionsOf(ctx(), s.us.db, []statuses.ID{st.ID})
	s.us.must(err)
	if st.Visibility != statuses.Direct || len(mentions[st.ID]) != 1 || !mentions[st.ID][0].Silent {
		s.t.Errorf("an address became a mention: %+v", mentions)
	}
}

func (s *scene) auz17() {
	st := s.post(statuses.Draft{Text: "likeable"})
	for i, p := range []*person{s.bob, s.mallory} {
		like := p.activity("Like", st.URI).with(doc{"id": []any{nil, ""}[i]})
		for range 2 {
			s.taken(p.send(s.us, like))
		}
	}
	delete(s.bertha.activity("Like", st.URI), "id")
	if n := s.us.byURI(st.URI).FavouritesCount; n != 2 {
		s.t.Errorf("%d likes", n)
	}
	s.refused(s.mallory.send(s.us, s.mallory.activity("Follow", s.alice.URI).with(doc{"id": s.mallory.uri})), http.StatusForbidden)
	if s.followsAlice(s.mallory) {
		s.t.Error("an odd id was taken")
	}
}

func (s *scene) auz18() {
	nested := any(s.bob.uri + "/notes/1")
	for range 20 {
		nested = doc{"type": "Announce", "id": s.bob.id("x"), "actor": s.bob.uri, "object": nested}
	}
	n := s.bob.note("odd")
	for _, a := range []doc{
		s.bob.activity("Create", n).with(doc{"type": []any{"Create", "Delete"}}), s.bob.activity("Create", n).with(doc{"type": 7}),
		s.bob.activity("Announce", nested), s.bob.activity("Create", n.with(doc{"id": s.bob.id("notes"), "attachment": []any{s.bob.doc, 7, nil, "x"}})),
		s.bob.activity("Create", n.with(doc{"id": s.bob.id("notes"), "inReplyTo": doc{"type": "Note"}, "to": doc{"a": "b"}, "tag": "x", "content": []any{1}})),
		s.bob.activity("Undo", 7), s.bob.activity("Delete", []any{}), s.bob.activity("Like", doc{}), s.bob.activity("Add", nil), s.bob.activity("Move", "x"),
		s.bob.activity("Accept", doc{"type": "Accept"}), s.bob.activity("Update", doc{"id": s.bob.uri}), s.bob.activity("Invented", s.alice.URI),
	} {
		if status := s.bob.send(s.us, a); status >= 500 {
			s.t.Errorf("%v answers %d", a["type"], status)
		}
	}
	s.text(n["id"].(string), "odd") // of two types the first that means something here counts
	if n := s.us.count("SELECT COUNT(*) FROM jobs"); n != 0 {
		s.t.Errorf("%d activities are tried again", n)
	}
}

func (s *scene) auz19() {
	n := s.bob.note("psst").with(doc{"bto": []string{s.bertha.uri}, "bcc": []string{s.alice.URI}, "to": []string{s.bob.uri + "/followers"}, "cc": []string{}})
	s.taken(s.bob.send(s.us, s.bob.activity("Create", n).with(doc{"bto": []string{s.bertha.uri}})))
	mentions, err := s.us.statuses.MentionsOf(ctx(), s.us.db, []statuses.ID{s.us.byURI(n["id"].(string)).ID})
	s.us.must(err)
	for _, list := range mentions {
		if len(list) != 0 {
			s.t.Errorf("hidden addressees are shown: %+v", list)
		}
	}
}

// What overtakes what it is about has its effect all the same.
func (s *scene) outOfOrder() {
	n := s.bob.note("deleted before it came")
	s.taken(s.bob.send(s.us, s.bob.activity("Delete", doc{"id": n["id"], "type": "Tombstone"})))
	s.taken(s.bob.send(s.us, s.bob.activity("Create", n)))
	s.us.missing(n["id"].(string))
	edited := s.bob.note("first")
	s.taken(s.bob.send(s.us, s.bob.activity("Update", edited.with(doc{"content": "second", "updated": "2026-11-01T11:59:30Z"}))))
	s.taken(s.bob.send(s.us, s.bob.activity("Create", edited)))
	s.text(edited["id"].(string), "second")
	st := s.post(statuses.Draft{Text: "likeable"})
	follow, like, boost, block := s.bob.activity("Follow", s.alice.URI), s.bob.activity("Like", st.URI), s.bob.activity("Announce", st.URI).with(doc{"to": []string{ap.Public}}), s.bob.activity("Block", s.alice.URI)
	for _, a := range []doc{follow, like, boost, block} {
		s.taken(s.bob.send(s.us, s.bob.activity("Undo", a)))
		s.taken(s.bob.send(s.us, a))
	}
	now := s.us.byURI(st.URI)
	is, err := s.us.relations.Relationship(ctx(), s.us.db, s.alice.ID, s.known(s.bob).ID)
	s.us.must(err)
	if is.FollowedBy || is.BlockedBy || now.FavouritesCount != 0 || now.ReblogsCount != 0 {
		s.t.Errorf("undone before it came, and yet: %+v %+v", is, now)
	}
}

// A thread is fetched upwards to a bound, and a post fetched by address brings its first answers.
func (s *scene) threads() {
	var chain []doc
	parent := any(nil)
	for range 30 {
		n := s.bertha.note("link of a chain").with(doc{"inReplyTo": parent})
		s.good.serve(n["id"].(string)[len(s.good.web.URL):], n)
		chain, parent = append(chain, n), n["id"]
	}
	last := s.bob.note("the end of it").with(doc{"inReplyTo": parent})
	s.taken(s.bob.send(s.us, s.bob.activity("Create", last)))
	if n := s.us.count("SELECT COUNT(*) FROM statuses"); n != 21 {
		s.t.Errorf("%d posts of the thread are here", n)
	}
	st := s.us.byURI(last["id"].(string))
	if up := s.us.byURI(chain[29]["id"].(string)); st.InReplyToID != up.ID {
		s.t.Error("the thread is not connected")
	}
	root := s.bertha.note("root").with(doc{"replies": doc{"type": "Collection", "id": s.bertha.uri + "/r", "first": s.bertha.uri + "/r?page=1"}})
	answer, foreign := s.bob.note("answer").with(doc{"inReplyTo": root["id"]}), s.mallory.note("answer").with(doc{"inReplyTo": root["id"]})
	for _, d := range []doc{root, answer} {
		s.good.serve(d["id"].(string)[len(s.good.web.URL):], d)
	}
	s.good.serve("/users/bertha/r", root["replies"].(doc))
	s.good.serve("/users/bertha/r?page=1", doc{"type": "CollectionPage", "id": s.bertha.uri + "/r?page=1", "items": []any{answer["id"], foreign["id"], foreign}})
	_, err := s.us.FetchStatus(ctx(), root["id"].(string))
	s.us.must(err)
	settle(s.t, s.us)
	s.us.byURI(answer["id"].(string))
	s.us.missing(foreign["id"].(string))
}

func (s *scene) blockedFollower() {
	s.us.must(s.us.relations.Block(ctx(), s.alice, s.known(s.bob), ""))
	settle(s.t, s.us)
	before := len(s.good.received())
	s.taken(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)))
	got := s.good.received()
	if len(got) != before+1 || got[before]["type"] != "Reject" {
		s.t.Errorf("received %v", got[before:])
	}
}
