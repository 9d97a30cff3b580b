package activitypub_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/moderation"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// auz14 reports too much, of others, and what the reporter cannot see.
func (s *scene) auz14() {
	carol := s.us.person("carol")
	public, private := s.post(statuses.Draft{Text: "public"}), s.post(statuses.Draft{Text: "private", Visibility: statuses.Private})
	direct, err := s.us.statuses.Post(ctx(), s.alice, statuses.Draft{Text: "to @mallory@" + s.evil.domain, Visibility: statuses.Direct})
	s.us.must(err)
	hers, err := s.us.statuses.Post(ctx(), carol, statuses.Draft{Text: "carol's"})
	s.us.must(err)
	s.known(s.mallory)
	ours, err := s.us.collections.Create(ctx(), s.alice, collections.Draft{Name: new("ours")}, nil)
	s.us.must(err)
	objects := []string{s.alice.URI, ours.URI, public.URI, private.URI, direct.URI, hers.URI, s.bob.uri}
	for range 10_000 {
		objects = append(objects, s.us.site.URL("/users/alice/statuses/1"))
	}
	flag := s.mallory.activity("Flag", objects).with(doc{"content": "<script>x</script>" + strings.Repeat("spam ", 100_000)})
	s.taken(s.mallory.send(s.us, flag))
	s.taken(s.mallory.send(s.us, flag.with(doc{"to": s.alice.URI}))) // once more, in other words
	list, err := s.us.moderation.Open(ctx(), s.us.db, db.Page{Limit: 10})
	s.us.must(err)
	if len(list) != 1 || list[0].TargetID != s.alice.ID || list[0].AccountID != s.known(s.mallory).ID {
		s.t.Fatalf("the reports are %+v", list)
	}
	r, err := s.us.moderation.ByID(ctx(), s.us.db, list[0].ID)
	s.us.must(err)
	if len(r.Comment) > 5000 || strings.Contains(r.Comment, "<") || len(r.StatusIDs) != 2 || r.StatusIDs[0] != public.ID || r.StatusIDs[1] != direct.ID || len(r.CollectionIDs) != 1 || r.CollectionIDs[0] != ours.ID {
		s.t.Errorf("the report has %d characters and %v", len(r.Comment), r.StatusIDs)
	}
	s.us.must(s.us.instances.Block(ctx(), instances.Block{Domain: s.good.domain, Severity: instances.Noop, RejectReports: true}))
	s.taken(s.bob.send(s.us, s.bob.activity("Flag", []string{s.alice.URI})))
	if n := s.us.count("SELECT COUNT(*) FROM reports"); n != 1 {
		s.t.Errorf("there are %d reports, though those of a server are not wanted", n)
	}
	// What is for followers may be reported by a server that has one.
	s.us.must(s.us.instances.Block(ctx(), instances.Block{Domain: s.good.domain, Severity: instances.Noop}))
	s.us.must(s.us.relations.Follow(ctx(), s.known(s.bertha), s.alice, relations.FollowOptions{}))
	s.taken(s.bob.send(s.us, s.bob.activity("Flag", []string{s.alice.URI, private.URI, direct.URI})))
	if n := s.us.count("SELECT status_id FROM report_statuses WHERE report_id = (SELECT MAX(id) FROM reports)"); statuses.ID(n) != private.ID {
		s.t.Errorf("the report is about %d", n)
	}
}

// TestReportsAreForwarded sends a report to the target's server, in the name of ours and of nobody here (MOD-05).
func TestReportsAreForwarded(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newSceneOn(t, d)
		n := s.posted("rude")
		mine, err := s.us.statuses.Post(ctx(), s.alice, statuses.Draft{Text: "not his"})
		s.us.must(err)
		post := s.us.byURI(n["id"].(string))
		his, err := s.us.collections.Receive(ctx(), s.known(s.bob), collections.Incoming{URI: s.bob.url("/lists/1"), Name: "his"})
		s.us.must(err)
		before := len(s.good.received())
		r, err := s.us.moderation.Report(ctx(), moderation.Draft{By: s.alice, Target: s.known(s.bob), StatusIDs: []statuses.ID{post.ID, mine.ID, 7}, CollectionIDs: []collections.ID{his.ID, 7}, Comment: "look", Category: moderation.Spam, Forward: true})
		s.us.must(err)
		settle(t, s.us)
		got := s.good.received()
		if len(got) != before+1 || !r.Forwarded {
			t.Fatalf("%d deliveries; %+v", len(got)-before, r)
		}
		flag := got[before]
		objects, _ := flag["object"].([]any)
		if flag["type"] != "Flag" || flag["actor"] != s.us.site.URL("/actor") || flag["content"] != "look" || len(objects) != 3 || objects[0] != s.bob.uri || objects[1] != post.URI || objects[2] != his.URI {
			t.Errorf("sent was %v", flag)
		}
		if _, err := s.us.moderation.Report(ctx(), moderation.Draft{By: s.alice, Target: s.known(s.bob), Comment: "only for us"}); err != nil {
			t.Error(err)
		}
		settle(t, s.us)
		if len(s.good.received()) != before+1 {
			t.Error("a report that is only for us was sent")
		}
	})
}

// TestReactions keeps emojis as favourites, one for each account.
func TestReactions(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newSceneOn(t, d)
		st := s.post(statuses.Draft{Text: "react"})
		custom := doc{"content": ":blobcat:", "tag": []doc{{"type": "Emoji", "name": ":blobcat:", "icon": doc{"type": "Image", "url": s.good.url("/cat.png")}}}}
		cat := s.bob.activity("EmojiReact", st.URI).with(custom)
		tea := s.bob.activity("EmojiReact", st.URI).with(doc{"content": "☕"})
		like := s.bob.activity("Like", st.URI)
		heart := s.bertha.activity("Like", st.URI).with(doc{"content": "❤️", "_misskey_reaction": "❤️"})
		words := s.mallory.activity("EmojiReact", st.URI).with(doc{"content": "this is no emoji"})
		want := func(step string, favourites, kinds int64) {
			t.Helper()
			found, err := s.us.statuses.Reactions(ctx(), s.us.db, st.ID)
			s.us.must(err)
			rows := s.us.count("SELECT COUNT(*) FROM favourites WHERE status_id = $1", st.ID)
			if n := s.us.byURI(st.URI).FavouritesCount; n != favourites || rows != favourites || int64(len(found)) != kinds {
				t.Errorf("%s: %d favourites in %d rows, %v", step, n, rows, found)
			}
		}
		for range 2 {
			for _, a := range []doc{cat, tea} {
				s.taken(s.bob.send(s.us, a))
			}
			s.taken(s.bertha.send(s.us, heart))
			s.mallory.send(s.us, words)
		}
		want("three emojis of two people", 2, 3)
		s.taken(s.bob.send(s.us, like))
		s.taken(s.bertha.send(s.us, s.bertha.activity("Undo", heart)))
		want("a like besides", 1, 2)
		s.taken(s.bob.send(s.us, s.bob.activity("Undo", like)))
		want("no like, still emojis", 1, 2)
		s.taken(s.bob.send(s.us, s.bob.activity("Undo", tea["id"])))
		s.taken(s.bob.send(s.us, s.bob.activity("Undo", cat)))
		want("nothing left", 0, 0)
		s.taken(s.bob.send(s.us, cat))
		want("what was undone does not come back", 0, 0)
	})
}

// TestMovesAway sends the followers of an account to the one that names it as its alias, once a month.
func TestMovesAway(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newSceneOn(t, d)
		carol := s.us.person("carol")
		s.us.must(s.us.relations.Follow(ctx(), carol, s.alice, relations.FollowOptions{}))
		s.us.must(s.us.relations.Follow(ctx(), s.known(s.mallory), s.alice, relations.FollowOptions{}))
		settle(t, s.us)
		to := "@bob@" + s.good.domain
		if err := s.us.Move(ctx(), s.alice, to); err == nil {
			t.Fatal("moved to an account that does not know of it")
		}
		s.bob.doc["alsoKnownAs"] = []string{s.alice.URI}
		s.bob.publish()
		s.us.must(s.us.Move(ctx(), s.alice, to))
		settle(t, s.us)
		for range 3 { // one delivery about an account waits for the one before it
			s.us.clock.Advance(time.Minute)
			settle(t, s.us)
		}
		got := s.evil.received()
		if !slices.ContainsFunc(got, func(d doc) bool { return d["type"] == "Move" }) {
			t.Errorf("the follower got %v", got)
		}
		is, err := s.us.relations.Relationship(ctx(), s.us.db, carol.ID, s.known(s.bob).ID)
		s.us.must(err)
		old, err := s.us.relations.Follows(ctx(), s.us.db, carol.ID, s.alice.ID)
		s.us.must(err)
		if !is.Requested || old {
			t.Errorf("a follower here did not go along: %+v", is)
		}
		s.bertha.doc["alsoKnownAs"] = []string{s.alice.URI}
		s.bertha.publish()
		if err := s.us.Move(ctx(), s.alice, "bertha@"+s.good.domain); err == nil {
			t.Error("moved twice in a month")
		}
		s.us.clock.Advance(accounts.MoveCooldown + 1)
		s.us.must(s.us.Alias(ctx(), s.alice, "@mallory@"+s.evil.domain, true))
		a, err := s.us.accounts.ByID(ctx(), s.us.db, s.alice.ID)
		s.us.must(err)
		if len(a.AlsoKnownAs) != 1 || a.AlsoKnownAs[0] != s.mallory.uri || a.MovedToID != s.known(s.bob).ID {
			t.Errorf("alice is %+v", a)
		}
	})
}
