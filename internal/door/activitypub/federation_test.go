package activitypub_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/text"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// pair is two servers with somebody on each.
type pair struct {
	t          *testing.T
	a, b       *node
	alice, bob *accounts.Account
}

func newPair(t *testing.T, d *db.DB) *pair {
	t.Helper()
	c := newClock()
	p := &pair{t: t, a: newNode(t, dbtest.SQLite(t), c), b: newNode(t, d, c)}
	p.alice, p.bob = p.a.person("alice"), p.b.person("bob")
	return p
}

func (p *pair) settle() {
	p.t.Helper()
	settle(p.t, p.a, p.b)
	p.a.clock.Advance(2 * time.Second)
}

// aliceFollowsBob and bobFollowsAlice go over the network, with the answer.
func (p *pair) follow(n *node, by, target *accounts.Account) {
	p.t.Helper()
	n.must(n.relations.Follow(ctx(), by, n.as(target), relations.FollowOptions{}))
	p.settle()
}

func (p *pair) follows(n *node, by, target *accounts.Account) bool {
	p.t.Helper()
	is, err := n.relations.Follows(ctx(), n.db, by.ID, target.ID)
	n.must(err)
	return is
}

func (p *pair) post(n *node, by *accounts.Account, d statuses.Draft) *statuses.Status {
	p.t.Helper()
	st, err := n.statuses.Post(ctx(), by, d)
	n.must(err)
	p.settle()
	return st
}

// Two servers, one always on SQLite and the other on each engine, do to each other everything that there is an activity for.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*pair){
		"follow": (*pair).testFollow, "locked": (*pair).testLocked, "posts": (*pair).testPosts, "interactions": (*pair).testInteractions,
		"audience": (*pair).testAudience, "block": (*pair).testBlock, "poll": (*pair).testPoll, "profile": (*pair).testProfile, "removal": (*pair).testRemoval,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) { test(newPair(t, d)) })
		})
	}
}

func (p *pair) testFollow() {
	found, err := p.a.Resolve(ctx(), []accounts.Handle{{Username: "bob", Domain: p.b.site.LocalDomain}, {Username: "nobody", Domain: p.b.site.LocalDomain}})
	p.a.must(err)
	if len(found) != 1 || found[0].URI != p.bob.URI {
		p.t.Fatalf("resolved %v", found)
	}
	p.follow(p.a, p.alice, p.bob)
	if !p.follows(p.a, p.alice, p.a.as(p.bob)) || !p.follows(p.b, p.b.as(p.alice), p.bob) {
		p.t.Fatal("one of the servers does not know of the follow")
	}
	p.a.must(p.a.relations.Unfollow(ctx(), p.alice, p.a.as(p.bob)))
	p.settle()
	if p.follows(p.b, p.b.as(p.alice), p.bob) {
		p.t.Fatal("the follow outlived its undoing")
	}
	p.follow(p.a, p.alice, p.bob)
	if !p.follows(p.b, p.b.as(p.alice), p.bob) {
		p.t.Fatal("following again did not arrive")
	}
	p.b.must(p.b.relations.Reject(ctx(), p.bob, p.b.as(p.alice)))
	p.settle()
	if p.follows(p.a, p.alice, p.a.as(p.bob)) {
		p.t.Fatal("a removed follower still follows")
	}
}

func (p *pair) testLocked() {
	locked := true
	_, err := p.b.accounts.UpdateProfile(ctx(), p.bob.ID, accounts.Profile{Locked: &locked})
	p.b.must(err)
	p.follow(p.a, p.alice, p.bob)
	if p.follows(p.a, p.alice, p.a.as(p.bob)) {
		p.t.Fatal("follows before it was granted (AUZ-07)")
	}
	p.b.must(p.b.relations.Authorize(ctx(), p.bob, p.b.as(p.alice)))
	p.settle()
	if !p.follows(p.a, p.alice, p.a.as(p.bob)) {
		p.t.Fatal("the grant did not arrive")
	}
}

func (p *pair) testPosts() {
	p.follow(p.a, p.alice, p.bob)
	first := p.post(p.b, p.bob, statuses.Draft{Text: "Hello #world from @alice@" + p.a.site.LocalDomain, SpoilerText: "greeting", Language: "en"})
	got := p.a.byURI(first.URI)
	if got.Content != text.Sanitize(first.Content) || got.SpoilerText != "greeting" || !got.Sensitive || got.Language != "en" || got.Visibility != statuses.Public || got.URL != first.URL {
		p.t.Errorf("arrived as %+v", got)
	}
	parts, err := p.a.statuses.Load(ctx(), p.a.db, p.alice.ID, []statuses.ID{got.ID})
	p.a.must(err)
	if m := parts.Mentions[got.ID]; len(m) != 1 || m[0].AccountID != p.alice.ID || m[0].Silent {
		p.t.Errorf("mentions are %+v", m)
	}
	if tags := parts.Tags[got.ID]; len(tags) != 1 || tags[0].Name != "world" {
		p.t.Errorf("tags are %+v", tags)
	}
	reply := p.post(p.a, p.alice, statuses.Draft{Text: "Hi!", InReplyToID: got.ID})
	if r := p.b.byURI(reply.URI); r.InReplyToID != first.ID {
		p.t.Errorf("the answer answers %d", r.InReplyToID)
	}
	_, err = p.b.statuses.Edit(ctx(), p.bob, first.ID, statuses.Draft{Text: "Goodbye", Language: "en"})
	p.b.must(err)
	p.settle()
	if got = p.a.byURI(first.URI); got.Content != "<p>Goodbye</p>" || got.EditedAt.IsZero() {
		p.t.Errorf("after the edit: %+v", got)
	}
	_, err = p.b.statuses.Delete(ctx(), p.bob, first.ID)
	p.b.must(err)
	p.settle()
	p.a.missing(first.URI)
	p.a.clock.Advance(2 * time.Hour)
	p.settle()
	if n := p.a.count("SELECT COUNT(*) FROM statuses WHERE uri = $1", first.URI) + p.b.count("SELECT COUNT(*) FROM statuses WHERE uri = $1", first.URI); n != 0 {
		p.t.Error("rows of a deleted post stay")
	}
}

func (p *pair) testInteractions() {
	p.follow(p.a, p.alice, p.bob)
	st := p.post(p.b, p.bob, statuses.Draft{Text: "Like and boost me"})
	seen := p.a.byURI(st.URI)
	_, err := p.a.statuses.Favourite(ctx(), p.alice, seen.ID, "")
	p.a.must(err)
	boost, err := p.a.statuses.Reblog(ctx(), p.alice, seen.ID, statuses.Public, "", time.Time{})
	p.a.must(err)
	p.settle()
	if got := p.b.byURI(st.URI); got.FavouritesCount != 1 || got.ReblogsCount != 1 {
		p.t.Fatalf("%d likes and %d boosts arrived", got.FavouritesCount, got.ReblogsCount)
	}
	if got := p.b.byURI(boost.URI); got.ReblogOfID != st.ID {
		p.t.Errorf("the boost is of %d", got.ReblogOfID)
	}
	_, err = p.a.statuses.Unfavourite(ctx(), p.alice, seen.ID)
	p.a.must(err)
	_, err = p.a.statuses.Unreblog(ctx(), p.alice, seen.ID)
	p.a.must(err)
	p.settle()
	if got := p.b.byURI(st.URI); got.FavouritesCount != 0 || got.ReblogsCount != 0 {
		p.t.Fatalf("%d likes and %d boosts are left", got.FavouritesCount, got.ReblogsCount)
	}
	_, err = p.a.statuses.Favourite(ctx(), p.alice, seen.ID, "")
	p.a.must(err)
	p.settle()
	if got := p.b.byURI(st.URI); got.FavouritesCount != 1 {
		p.t.Error("liking again did not arrive")
	}
	_, err = p.b.statuses.Pin(ctx(), p.bob, st.ID, true)
	p.b.must(err)
	p.settle()
	if pins, err := p.a.statuses.PinnedOf(ctx(), p.a.db, p.alice.ID, p.a.as(p.bob).ID); err != nil || !slices.Equal(pins, []statuses.ID{seen.ID}) {
		p.t.Errorf("pinned are %v (%v)", pins, err)
	}
}

// What is for followers or for named people reaches them and nobody else (VIS-06), nor can anybody else fetch it.
func (p *pair) testAudience() {
	carol := p.a.person("carol")
	p.follow(p.a, p.alice, p.bob)
	private := p.post(p.b, p.bob, statuses.Draft{Text: "for followers", Visibility: statuses.Private})
	direct := p.post(p.b, p.bob, statuses.Draft{Text: "for @alice@" + p.a.site.LocalDomain, Visibility: statuses.Direct})
	unlisted := p.post(p.b, p.bob, statuses.Draft{Text: "unlisted", Visibility: statuses.Unlisted})
	for st, want := range map[*statuses.Status]statuses.Visibility{private: statuses.Private, direct: statuses.Direct, unlisted: statuses.Unlisted} {
		if got := p.a.byURI(st.URI); got.Visibility != want {
			p.t.Errorf("%s arrived as %s", want, got.Visibility)
		}
	}
	for _, uri := range []string{private.URI, direct.URI} {
		if _, err := p.a.statuses.ByID(ctx(), p.a.db, p.alice.ID, p.a.byURI(uri).ID); err != nil {
			p.t.Errorf("alice does not see %s: %v", uri, err)
		}
		if _, err := p.a.statuses.ByID(ctx(), p.a.db, carol.ID, p.a.byURI(uri).ID); !errs.IsNotFound(err) {
			p.t.Errorf("carol sees %s", uri)
		}
	}
	p.a.must(p.a.relations.Unfollow(ctx(), p.alice, p.a.as(p.bob)))
	p.settle()
	later := p.post(p.b, p.bob, statuses.Draft{Text: "for those who stayed", Visibility: statuses.Private})
	public := p.post(p.b, p.bob, statuses.Draft{Text: "nobody asked"})
	p.a.missing(later.URI)
	p.a.missing(public.URI)
	if _, err := p.a.FetchStatus(ctx(), later.URI); !errs.IsNotFound(err) {
		p.t.Errorf("fetched what is not for us: %v", err)
	}
	found, err := p.a.ResolveURL(ctx(), public.URL)
	if err != nil || found.Status == nil || found.Status.URI != public.URI {
		p.t.Errorf("looking up %s: %+v, %v", public.URL, found, err)
	}
}

func (p *pair) testBlock() {
	p.follow(p.a, p.alice, p.bob)
	p.follow(p.b, p.bob, p.alice)
	p.b.must(p.b.relations.Block(ctx(), p.bob, p.b.as(p.alice), ""))
	p.settle()
	is, err := p.a.relations.Relationship(ctx(), p.a.db, p.alice.ID, p.a.as(p.bob).ID)
	p.a.must(err)
	if !is.BlockedBy || is.Following || is.FollowedBy {
		p.t.Errorf("after the block: %+v", is)
	}
	p.b.must(p.b.relations.Unblock(ctx(), p.bob, p.b.as(p.alice)))
	p.settle()
	if is, err = p.a.relations.Relationship(ctx(), p.a.db, p.alice.ID, p.a.as(p.bob).ID); err != nil || is.BlockedBy {
		p.t.Errorf("after its undoing: %+v (%v)", is, err)
	}
}

func (p *pair) testPoll() {
	p.follow(p.a, p.alice, p.bob)
	st := p.post(p.b, p.bob, statuses.Draft{Text: "Tea?", Poll: &statuses.PollDraft{Options: []string{"yes", "no", "both"}, ExpiresIn: time.Hour, Multiple: true}})
	seen := p.a.byURI(st.URI)
	if seen.PollID == 0 {
		p.t.Fatal("the poll did not arrive")
	}
	_, err := p.a.statuses.Vote(ctx(), p.alice, seen.PollID, []int{0, 2}, "")
	p.a.must(err)
	p.settle()
	want := []int64{1, 0, 1}
	polls, err := p.b.statuses.Polls(ctx(), p.b.db, 0, []int64{st.PollID})
	p.b.must(err)
	if got := polls[st.PollID]; !slices.Equal(got.Tallies, want) || got.VotersCount != 1 {
		p.t.Errorf("counted %v by %d", got.Tallies, got.VotersCount)
	}
	if p.b.count("SELECT COUNT(*) FROM statuses WHERE account_id = $1", p.b.as(p.alice).ID) != 0 {
		p.t.Error("a vote became a post")
	}
	p.a.clock.Advance(5 * time.Minute)
	p.settle()
	polls, err = p.a.statuses.Polls(ctx(), p.a.db, 0, []int64{seen.PollID})
	p.a.must(err)
	if got := polls[seen.PollID]; !slices.Equal(got.Tallies, want) || got.VotersCount != 1 {
		p.t.Errorf("the results arrived as %v by %d", got.Tallies, got.VotersCount)
	}
}

func (p *pair) testProfile() {
	p.follow(p.a, p.alice, p.bob)
	name, note, fields := "Bob <b>B.</b>", "I like #tea", []accounts.Field{{Name: "Web", Value: "https://bob.example/"}}
	_, err := p.b.accounts.UpdateProfile(ctx(), p.bob.ID, accounts.Profile{DisplayName: &name, Note: &note, Fields: &fields})
	p.b.must(err)
	p.settle()
	got := p.a.as(p.bob)
	if got.DisplayName != name || got.Note == "" || len(got.Fields) != 1 || got.PublicKeyID != p.bob.PublicKeyID || got.Acct() != "bob@"+p.b.site.LocalDomain {
		p.t.Errorf("the profile arrived as %+v", got)
	}
	if n := p.a.count("SELECT COUNT(*) FROM accounts WHERE domain <> ''"); n != 1 {
		p.t.Errorf("%d accounts are known", n)
	}
}

func (p *pair) testRemoval() {
	p.follow(p.a, p.alice, p.bob)
	p.post(p.b, p.bob, statuses.Draft{Text: "my last words"})
	p.b.must(p.b.accounts.Remove(ctx(), p.bob.ID))
	p.settle()
	gone, err := p.a.accounts.ByURI(ctx(), p.a.db, p.bob.URI)
	if err != nil || !gone.Suspended() {
		p.t.Errorf("the account is still there (%v)", err)
	}
}
