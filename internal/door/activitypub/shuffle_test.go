package activitypub_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/activitypub"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// What somebody does arrives in any order, and some of it twice. Whatever the order, the state at the end is that of the model, which
// only knows what was said.

// TestOrderDoesNotMatter plays more than a thousand orders on SQLite and some on PostgreSQL.
func TestOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	// A race is found in a few rounds, each of which takes ten times as long then: the thousands are run without that (see the Makefile).
	parts, rounds, onPostgres := 4, 600, 60
	if withRace {
		rounds, onPostgres = 40, 10
	}
	for part := range parts {
		t.Run(fmt.Sprintf("sqlite %d", part+1), func(t *testing.T) {
			t.Parallel()
			shuffled(t, dbtest.SQLite(t), uint64(part), rounds)
		})
	}
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		shuffled(t, dbtest.Postgres(t), uint64(parts), onPostgres)
	})
}

func shuffled(t *testing.T, d *db.DB, seed uint64, rounds int) {
	n := build(t, d, newClock(), gallerySite)
	g := &gallery{node: n, alice: n.person("alice")}
	carol, dora := n.person("carol"), n.person("dora")
	for round := range rounds {
		random := rand.New(rand.NewPCG(seed, uint64(round)))
		s := newStory(g, carol, dora, random, fmt.Sprintf("p%d-%d", seed, round))
		said := s.arrive()
		if got, want := s.state(), s.model(); got != want {
			t.Fatalf("seed %d, round %d: after\n  %s\nthe state is\n%s, not\n%s", seed, round, strings.Join(said, "\n  "), got, want)
		}
	}
}

// story is what one person elsewhere does to people and posts here.
type story struct {
	*gallery
	carol, by *accounts.Account
	random    *rand.Rand
	liked     *statuses.Status
	poll      *statuses.Status
	follow    string
	said      []doc
	again     map[int]bool // what may come twice
	// what the model knows
	did map[string]bool
	// versions is how many edits the post has, results how many updates the question.
	versions, results int
}

func newStory(g *gallery, carol, dora *accounts.Account, random *rand.Rand, name string) *story {
	g.t.Helper()
	s := &story{gallery: g, carol: carol, random: random, did: map[string]bool{}, again: map[int]bool{}}
	uri := "https://peer.example/users/" + name
	var err error
	s.by, err = g.accounts.Upsert(ctx(), accounts.Remote{Account: accounts.Account{Username: name, Domain: "peer.example", ActorType: "Person", URI: uri, URL: uri, InboxURL: uri + "/inbox",
		FollowersURL: uri + "/followers", FeaturedURL: uri + "/featured", PublicKeyID: uri + "#main-key", PublicKey: "PEM"}})
	g.must(err)
	s.liked = g.post(statuses.Draft{Text: "How is the weather?", QuotePolicy: statuses.QuotableByAll})
	s.poll = g.post(statuses.Draft{Text: "Which?", Poll: &statuses.PollDraft{Options: []string{"a", "b", "c"}, Multiple: true, ExpiresIn: statuses.MaxPollTime}})
	g.must(g.relations.Follow(ctx(), dora, s.by, relations.FollowOptions{})) // so that the posts are wanted
	g.must(g.relations.Authorize(ctx(), s.by, dora))
	g.must(g.relations.Follow(ctx(), s.alice, s.by, relations.FollowOptions{}))
	s.follow = s.alice.URI + "#follows/" + strconv.FormatInt(g.count("SELECT id FROM follow_requests WHERE target_account_id = $1", s.by.ID), 10)
	s.posts()
	s.acts()
	return s
}

// sometimes decides whether something happens, and lets the model know.
func (s *story) sometimes(what string) bool {
	s.did[what] = s.random.IntN(3) > 0
	return s.did[what]
}

func (s *story) id(kind string) string { return s.by.URI + "/" + kind }

func (s *story) say(kind string, object any, more doc) doc {
	a := doc{"@context": ap.Namespace, "id": s.id(fmt.Sprintf("activities/%d", len(s.said))), "type": kind, "actor": s.by.URI, "object": object}.with(more)
	s.said = append(s.said, a)
	// Both may be said once more in earnest with the same words (Add has no id, and some servers use the ids of follows again), so
	// that one that comes after it was taken back counts.
	s.again[len(s.said)-1] = kind != "Add" && kind != "Follow"
	return a
}

// undo takes an activity back, by itself or by its id.
func (s *story) undo(a doc) {
	if s.random.IntN(2) == 0 {
		s.say("Undo", a["id"], nil)
		return
	}
	s.say("Undo", a, nil)
}

func (s *story) note(kind, text string) doc {
	return doc{"id": s.id(kind), "type": "Note", "attributedTo": s.by.URI, "content": text, "to": []string{ap.Public}, "published": "2026-11-01T11:00:00Z", "conversation": "tag:peer.example,2026:" + s.by.Username}
}

func (s *story) posts() {
	n := s.note("post", "<p>0</p>")
	s.say("Create", n, nil)
	for s.versions = range s.random.IntN(4) {
		s.say("Update", n.with(doc{"content": fmt.Sprintf("<p>%d</p>", s.versions+1), "updated": fmt.Sprintf("2026-11-01T11:%02d:00Z", s.versions+10)}), nil)
	}
	s.versions = len(s.said) - 1
	if s.sometimes("pin") {
		s.say("Add", n["id"], doc{"target": s.by.FeaturedURL})
		if s.sometimes("unpin") {
			s.say("Remove", n["id"], doc{"target": s.by.FeaturedURL})
		}
	}
	if s.sometimes("answer") {
		s.say("Create", s.note("answer", "<p>and</p>").with(doc{"inReplyTo": n["id"]}), nil)
	}
	if s.sometimes("quote") {
		quote := s.note("quote", "<p>look</p>").with(doc{"quote": s.liked.URI})
		s.say("Create", quote, nil)
		if s.sometimes("request") {
			s.say("QuoteRequest", s.liked.URI, doc{"instrument": quote})
		}
		if s.sometimes("delete quote") {
			s.say("Delete", quote["id"], nil)
		}
	}
	if s.sometimes("delete") {
		s.say("Delete", doc{"id": n["id"], "type": "Tombstone"}, nil)
	}
	if !s.sometimes("question") {
		return
	}
	q := func(a, b int) doc {
		option := func(name string, n int) doc {
			return doc{"type": "Note", "name": name, "replies": doc{"type": "Collection", "totalItems": n}}
		}
		return s.note("question", "<p>?</p>").with(doc{"type": "Question", "oneOf": []doc{option("yes", a), option("no", b)}, "votersCount": a + b, "endTime": "2026-12-01T00:00:00Z"})
	}
	s.say("Create", q(0, 0), nil)
	s.results = s.random.IntN(4)
	for i := range s.results {
		s.say("Update", q(i+1, 2*i), nil)
	}
}

func (s *story) acts() {
	for _, a := range []struct {
		kind   string
		object any
		more   doc
	}{
		{"Like", s.liked.URI, nil}, {"EmojiReact", s.liked.URI, doc{"content": "☕"}}, {"Announce", s.liked.URI, doc{"to": []string{ap.Public}, "published": "2026-11-01T11:30:00Z"}},
		{"Follow", s.alice.URI, nil}, {"Block", s.carol.URI, nil},
	} {
		if s.sometimes(a.kind) {
			act := s.say(a.kind, a.object, a.more)
			if s.sometimes("Undo " + a.kind) {
				s.undo(act)
			}
		}
	}
	follow := doc{"id": s.follow, "type": "Follow", "actor": s.alice.URI, "object": s.by.URI}
	if s.sometimes("Accept") {
		s.say("Accept", follow, nil)
	}
	if s.sometimes("Reject") {
		s.say("Reject", follow, nil)
	}
	for _, option := range []string{"a", "c"} {
		if s.sometimes("vote " + option) {
			s.say("Create", doc{"id": s.id("votes/" + option), "type": "Note", "name": option, "attributedTo": s.by.URI, "inReplyTo": s.poll.URI, "to": []string{s.alice.URI}}, nil)
		}
	}
	if s.sometimes("Flag") {
		s.say("Flag", []string{s.alice.URI, s.liked.URI}, nil)
	}
}

// arrive delivers everything in a chance order, some of it twice. What fails, as it cannot be fetched yet, comes again last, as
// the queue would let it.
func (s *story) arrive() (order []string) {
	s.t.Helper()
	var list []int
	for i := range s.said {
		list = append(list, i)
		if s.again[i] && s.random.IntN(3) == 0 {
			list = append(list, i)
		}
	}
	s.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	var last error
	for tries := 0; len(list) > 0; tries++ {
		if tries == 3 {
			s.t.Fatalf("%v never arrive: %v; after\n  %s", list, last, strings.Join(order, "\n  "))
		}
		var failed []int
		for _, i := range list {
			body, err := json.Marshal(s.said[i])
			s.must(err)
			order = append(order, s.said[i].brief())
			if err := s.Perform(ctx(), activitypub.Received{ActorID: s.by.ID, Body: string(body)}); err != nil && !slices.Contains(failed, i) {
				failed, last = append(failed, i), err
			}
		}
		list = failed
	}
	return order
}

// brief is an activity in a few words.
func (d doc) brief() string {
	words := fmt.Sprint(d["id"], " ", d["type"], " ")
	if o, ok := d["object"].(doc); ok {
		return words + fmt.Sprint(o["id"], " ", o["type"], " ", o["content"])
	}
	return words + fmt.Sprint(d["object"])
}

// outcome is all that may be seen of what somebody did.
type outcome struct {
	post, history, question                       string
	answer, answered, pinned                      bool
	following, followed, blocked                  bool
	likes, reactions, boosts, posts, votes, flags int64
	quotes                                        int64
}

// model says what has to be, whatever the order.
func (s *story) model() string {
	is := func(what string) bool { return s.did[what] }
	one := func(what bool) int64 {
		if what {
			return 1
		}
		return 0
	}
	kept := func(kind string) bool { return is(kind) && !is("Undo "+kind) }
	o := outcome{
		answer: is("answer"), answered: is("answer") && !is("delete"), pinned: is("pin") && !is("unpin") && !is("delete"), following: kept("Follow"), followed: is("Accept") && !is("Reject"), blocked: kept("Block"),
		likes: one(kept("Like") || kept("EmojiReact")), reactions: one(kept("EmojiReact")), boosts: one(kept("Announce")), votes: one(is("vote a")) + one(is("vote c")), flags: one(is("Flag")),
		quotes: one(is("quote") && is("request") && !is("delete quote")),
		posts:  one(!is("delete")) + one(is("answer")) + one(is("question")) + one(is("quote") && !is("delete quote")) + one(kept("Announce")),
	}
	if !is("delete") {
		o.post = fmt.Sprintf("<p>%d</p>", s.versions)
		for i := range s.versions {
			o.history += fmt.Sprintf("<p>%d</p>", i)
		}
	}
	if is("question") {
		o.question = "[0,0]"
		if s.results > 0 {
			o.question = fmt.Sprintf("[%d,%d]", s.results, 2*(s.results-1))
		}
	}
	return fmt.Sprintf("%+v", o)
}

// state reads what is.
func (s *story) state() string {
	s.t.Helper()
	has := func(sql string, args ...any) bool { s.t.Helper(); return s.count(sql, args...) > 0 }
	var o outcome
	if st, err := s.statuses.ByURI(ctx(), s.db, s.id("post")); err == nil {
		o.post = st.Content
		versions, err := s.statuses.Versions(ctx(), s.db, st)
		s.must(err)
		for _, v := range versions[:len(versions)-1] {
			o.history += v.Content
		}
		o.answered = st.RepliesCount == 1
	}
	if st, err := s.statuses.ByURI(ctx(), s.db, s.id("answer")); err == nil {
		o.answer = true
		o.answered = o.answered || st.InReplyToID != 0
	}
	if st, err := s.statuses.ByURI(ctx(), s.db, s.id("question")); err == nil {
		tallies, err := db.Value[string](ctx(), s.db, "SELECT tallies FROM polls WHERE id = $1", st.PollID)
		s.must(err)
		o.question = tallies
	}
	o.pinned = has("SELECT COUNT(*) FROM status_pins p JOIN statuses s ON s.id = p.status_id WHERE p.account_id = $1 AND s.deleted_at = 0", s.by.ID)
	is, err := s.relations.Relationship(ctx(), s.db, s.alice.ID, s.by.ID)
	s.must(err)
	o.following, o.followed = is.FollowedBy, is.Following
	o.blocked = has("SELECT COUNT(*) FROM blocks WHERE account_id = $1", s.by.ID)
	liked, err := s.statuses.Any(ctx(), s.db, s.liked.ID)
	s.must(err)
	o.likes, o.boosts, o.quotes = liked.FavouritesCount, liked.ReblogsCount, liked.QuotesCount
	o.reactions = s.count("SELECT COUNT(*) FROM favourite_emojis e JOIN favourites f ON f.id = e.favourite_id WHERE f.status_id = $1", s.liked.ID)
	o.votes = s.count("SELECT votes_count FROM polls WHERE status_id = $1", s.poll.ID)
	o.flags = s.count("SELECT COUNT(*) FROM reports WHERE account_id = $1", s.by.ID)
	author, err := s.accounts.ByID(ctx(), s.db, s.by.ID)
	s.must(err)
	o.posts = author.StatusesCount
	return fmt.Sprintf("%+v", o)
}
