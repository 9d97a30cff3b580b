package relations_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

// each runs a test in a world with ann and bob, who are of this server, and far, who is not.
func each(t *testing.T, test func(w *world)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := &world{World: make.New(t, d), t: t}
		w.ann, w.bob, w.far = w.Account("ann"), w.Account("bob"), w.Remote("far", "far.example")
		w.Events()
		test(w)
	})
}

type world struct {
	*make.World
	t             *testing.T
	ann, bob, far *accounts.Account
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// counts are how many an account follows, and how many follow it.
func (w *world) counts(a *accounts.Account) string {
	w.t.Helper()
	got, err := w.Accounts.ByID(w.Ctx(), w.DB, a.ID)
	w.must(err)
	return fmt.Sprint(got.FollowingCount, "/", got.FollowersCount)
}

func (w *world) is(me, target *accounts.Account) relations.Relationship {
	w.t.Helper()
	r, err := w.Relations.Relationship(w.Ctx(), w.DB, me.ID, target.ID)
	w.must(err)
	return r
}

// emitted compares the kinds of what was emitted since the last time.
func (w *world) emitted(kinds ...string) []jobs.Event {
	w.t.Helper()
	list := w.Events()
	var got []string
	for _, e := range list {
		got = append(got, strings.TrimPrefix(e.Kind(), "relations."))
	}
	if !reflect.DeepEqual(got, kinds) {
		w.t.Errorf("emitted %v, not %v", got, kinds)
	}
	return list
}

func TestFollowing(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		yes, no := true, false
		w.must(w.Relations.Follow(w.Ctx(), w.ann, w.bob, relations.FollowOptions{Notify: &yes}))
		e := w.emitted("followed")[0].(relations.Followed)
		if e.Request || e.AccountID != w.ann.ID || e.TargetID != w.bob.ID || !e.ByLocal || !e.TargetLocal || e.FollowID == 0 {
			w.t.Errorf("emitted %+v", e)
		}
		if r := w.is(w.ann, w.bob); !r.Following || !r.Notifying || !r.ShowingReblogs || len(r.Languages) != 0 || r.FollowedBy || r.Requested {
			w.t.Errorf("ann is %+v to bob", r)
		}
		if r := w.is(w.bob, w.ann); r.Following || !r.FollowedBy {
			w.t.Errorf("bob is %+v to ann", r)
		}
		w.must(w.Relations.Follow(w.Ctx(), w.ann, w.bob, relations.FollowOptions{Reblogs: &no, Languages: []string{"de", "en"}}))
		w.emitted()
		if r := w.is(w.ann, w.bob); r.ShowingReblogs || !r.Notifying || !reflect.DeepEqual(r.Languages, []string{"de", "en"}) {
			w.t.Errorf("changed to %+v", r)
		}
		if a, b := w.counts(w.ann), w.counts(w.bob); a != "1/0" || b != "0/1" {
			w.t.Errorf("counts are %s, %s", a, b)
		}
		for _, kinds := range [][]string{{"unfollowed"}, nil} {
			w.must(w.Relations.Unfollow(w.Ctx(), w.ann, w.bob))
			w.emitted(kinds...)
		}
		if a, b := w.counts(w.ann), w.counts(w.bob); a != "0/0" || b != "0/0" || w.is(w.ann, w.bob).Following {
			w.t.Errorf("counts are %s, %s", a, b)
		}
		suspended := w.Account("suspended")
		w.must(w.Accounts.Suspend(w.Ctx(), suspended.ID, true))
		suspended, err := w.Accounts.ByID(w.Ctx(), w.DB, suspended.ID)
		w.must(err)
		w.Events()
		for _, target := range []*accounts.Account{w.ann, suspended} {
			if err := w.Relations.Follow(w.Ctx(), w.ann, target, relations.FollowOptions{}); errs.KindOf(err) != errs.ForbiddenKind {
				w.t.Errorf("following %s: %v", target.Acct(), err)
			}
		}
		many := *w.ann
		many.FollowingCount = relations.MaxFollowing
		if err := w.Relations.Follow(w.Ctx(), &many, w.bob, relations.FollowOptions{}); errs.KindOf(err) != errs.InvalidKind {
			w.t.Errorf("one too many: %v", err)
		}
		many.FollowersCount = relations.MaxFollowing + 1
		w.must(w.Relations.Follow(w.Ctx(), &many, w.bob, relations.FollowOptions{}))
	})
}

func TestRequests(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		// A grant that nobody asked for makes no follow (AUZ-06).
		if err := w.Relations.Authorize(w.Ctx(), w.far, w.ann); !errs.IsNotFound(err) {
			w.t.Errorf("an Accept out of nowhere: %v", err)
		}
		w.must(w.Relations.Reject(w.Ctx(), w.far, w.ann))
		w.emitted()
		if r := w.is(w.ann, w.far); r.Following || w.counts(w.far) != "0/0" {
			w.t.Errorf("ann is %+v", r)
		}

		no := false
		w.must(w.Relations.Follow(w.Ctx(), w.ann, w.far, relations.FollowOptions{Reblogs: &no}))
		if e := w.emitted("followed")[0].(relations.Followed); !e.Request || e.TargetLocal {
			w.t.Errorf("emitted %+v", e)
		}
		if r := w.is(w.ann, w.far); r.Following || !r.Requested || r.ShowingReblogs || w.counts(w.ann) != "0/0" {
			w.t.Errorf("asking: %+v", r)
		}
		if !w.is(w.far, w.ann).RequestedBy {
			w.t.Error("far does not see the request")
		}
		for _, kinds := range [][]string{{"accepted"}, nil} {
			w.must(w.Relations.Authorize(w.Ctx(), w.far, w.ann))
			w.emitted(kinds...)
		}
		if r := w.is(w.ann, w.far); !r.Following || r.Requested || r.ShowingReblogs || w.counts(w.ann) != "1/0" || w.counts(w.far) != "0/1" {
			w.t.Errorf("granted: %+v", r)
		}
		for _, kinds := range [][]string{{"rejected"}, nil} { // the follower is removed
			w.must(w.Relations.Reject(w.Ctx(), w.far, w.ann))
			w.emitted(kinds...)
		}
		if w.is(w.ann, w.far).Following || w.counts(w.ann) != "0/0" {
			w.t.Error("the removed follower follows")
		}
		// A request taken back, and one refused, cannot be granted.
		for _, end := range []func(){
			func() { w.must(w.Relations.Unfollow(w.Ctx(), w.ann, w.far)) }, func() { w.must(w.Relations.Reject(w.Ctx(), w.far, w.ann)) },
		} {
			w.must(w.Relations.Follow(w.Ctx(), w.ann, w.far, relations.FollowOptions{}))
			end()
			if err := w.Relations.Authorize(w.Ctx(), w.far, w.ann); !errs.IsNotFound(err) || w.is(w.ann, w.far).Following {
				w.t.Errorf("granted what was ended: %v", err)
			}
		}
	})
}

func TestRemoteFollowers(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		const uri = "https://far.example/follows/1"
		locked := true
		dora, err := w.Accounts.UpdateProfile(w.Ctx(), w.Account("dora").ID, accounts.Profile{Locked: &locked})
		w.must(err)
		w.Events()
		w.must(w.Relations.Follow(w.Ctx(), w.far, dora, relations.FollowOptions{URI: uri}))
		if e := w.emitted("followed")[0].(relations.Followed); !e.Request || e.URI != uri || e.ByLocal {
			w.t.Errorf("emitted %+v", e)
		}
		if n, err := w.Relations.FollowRequestCount(w.Ctx(), w.DB, dora.ID); n != 1 || err != nil {
			w.t.Errorf("%d requests, %v", n, err)
		}
		w.must(w.Relations.Follow(w.Ctx(), w.far, dora, relations.FollowOptions{URI: uri + "2"})) // its server asks again
		w.emitted()
		if by, target, err := w.Relations.FollowByURI(w.Ctx(), w.DB, uri+"2"); err != nil || by != w.far.ID || target != dora.ID {
			w.t.Errorf("found %d, %d, %v", by, target, err)
		}
		for _, u := range []string{"", uri} {
			if _, _, err := w.Relations.FollowByURI(w.Ctx(), w.DB, u); !errs.IsNotFound(err) {
				w.t.Errorf("%q: %v", u, err)
			}
		}
		w.must(w.Relations.Authorize(w.Ctx(), dora, w.far))
		if e := w.emitted("accepted")[0].(relations.Accepted); e.URI != uri+"2" || e.FollowerLocal {
			w.t.Errorf("emitted %+v", e)
		}
		// The answer is given again to one that follows already; it may have been lost.
		w.must(w.Relations.Follow(w.Ctx(), w.far, dora, relations.FollowOptions{URI: uri + "3"}))
		if e := w.emitted("accepted")[0].(relations.Accepted); e.URI != uri+"3" {
			w.t.Errorf("emitted %+v", e)
		}
		inboxes, err := w.Relations.RemoteInboxes(w.Ctx(), w.DB, dora.ID)
		if w.Follow(w.Remote("other", "far.example"), dora); err != nil || !reflect.DeepEqual(inboxes, []string{"https://far.example/inbox"}) {
			w.t.Errorf("inboxes are %v, %v", inboxes, err)
		}
		again, err := w.Relations.RemoteInboxes(w.Ctx(), w.DB, dora.ID)
		if err != nil || !reflect.DeepEqual(again, inboxes) || w.counts(dora) != "0/2" {
			w.t.Errorf("with two followers there, inboxes are %v, %v", again, err)
		}
	})
}

func TestBlocking(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Follow(w.ann, w.bob)
		w.Follow(w.bob, w.ann)
		l, err := w.Relations.CreateList(w.Ctx(), relations.List{AccountID: w.bob.ID, Title: "friends"})
		w.must(err)
		w.must(w.Relations.AddToList(w.Ctx(), l, []accounts.ID{w.ann.ID}))
		w.Events()
		for _, kinds := range [][]string{{"unfollowed", "rejected", "blocked"}, nil} {
			w.must(w.Relations.Block(w.Ctx(), w.ann, w.bob, ""))
			w.emitted(kinds...)
		}
		if a, b := w.counts(w.ann), w.counts(w.bob); a != "0/0" || b != "0/0" {
			w.t.Errorf("counts are %s, %s", a, b)
		}
		if members, err := w.Relations.ListAccounts(w.Ctx(), w.DB, l.ID, db.Page{Limit: 9}); err != nil || len(members) != 0 {
			w.t.Errorf("on bob's list are %v, %v", members, err)
		}
		if a, b := w.is(w.ann, w.bob), w.is(w.bob, w.ann); !a.Blocking || a.BlockedBy || b.Blocking || !b.BlockedBy {
			w.t.Errorf("%+v, %+v", a, b)
		}
		for _, pair := range [][2]*accounts.Account{{w.ann, w.bob}, {w.bob, w.ann}} {
			if err := w.Relations.Follow(w.Ctx(), pair[0], pair[1], relations.FollowOptions{}); errs.KindOf(err) != errs.ForbiddenKind {
				w.t.Errorf("%s follows: %v", pair[0].Username, err)
			}
		}
		if err := w.Relations.Block(w.Ctx(), w.ann, w.ann, ""); errs.KindOf(err) != errs.ForbiddenKind {
			w.t.Errorf("blocking oneself: %v", err)
		}
		for me, hidden := range map[*accounts.Account]*accounts.Account{w.ann: w.bob, w.bob: w.ann} {
			if s, err := w.Relations.Sets(w.Ctx(), w.DB, me.ID); err != nil || !s.Hides(hidden) || s.Hides(w.far) {
				w.t.Errorf("%s sees: %v", me.Username, err)
			}
		}
		for _, kinds := range [][]string{{"unblocked"}, nil} {
			w.must(w.Relations.Unblock(w.Ctx(), w.ann, w.bob))
			w.emitted(kinds...)
		}
		w.must(w.Relations.Follow(w.Ctx(), w.ann, w.far, relations.FollowOptions{}))
		w.Events()
		w.must(w.Relations.Block(w.Ctx(), w.far, w.ann, "https://far.example/blocks/1"))
		if e := w.emitted("rejected", "blocked")[1].(relations.Blocked); e.ByLocal || !e.TargetLocal || e.URI == "" || w.is(w.ann, w.far).Requested {
			w.t.Errorf("emitted %+v", e)
		}
	})
}

func TestMuting(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Follow(w.ann, w.bob)
		w.Events()
		w.must(w.Relations.Mute(w.Ctx(), w.ann.ID, w.bob.ID, relations.MuteOptions{Notifications: true, Duration: time.Hour}))
		w.emitted("muted")
		if r := w.is(w.ann, w.bob); !r.Muting || !r.MutingNotifications || !r.MutingExpiresAt.Equal(w.Clock.Now().Add(time.Hour)) || !r.Following {
			w.t.Errorf("muting: %+v", r)
		}
		if r := w.is(w.bob, w.ann); r.Muting || r.BlockedBy {
			w.t.Errorf("bob notices: %+v", r)
		}
		w.Clock.Advance(time.Hour)
		if r := w.is(w.ann, w.bob); r.Muting || r.MutingNotifications {
			w.t.Errorf("after its time: %+v", r)
		}
		if s, err := w.Relations.Sets(w.Ctx(), w.DB, w.ann.ID); err != nil || s.Hides(w.bob) {
			w.t.Errorf("after its time bob is hidden: %v", err)
		}
		w.must(w.Relations.ExpireMutes(w.Ctx(), 10))
		w.emitted("unmuted")
		w.must(w.Relations.Mute(w.Ctx(), w.ann.ID, w.bob.ID, relations.MuteOptions{}))
		w.Clock.Advance(1000 * time.Hour)
		w.must(w.Relations.ExpireMutes(w.Ctx(), 10))
		w.emitted("muted")
		if r := w.is(w.ann, w.bob); !r.Muting || r.MutingNotifications || !r.MutingExpiresAt.IsZero() {
			w.t.Errorf("muting for good: %+v", r)
		}
		s, err := w.Relations.Sets(w.Ctx(), w.DB, w.ann.ID)
		if notices, muted := s.Muting[w.bob.ID]; err != nil || !muted || notices || !s.Hides(w.bob) {
			w.t.Errorf("sets are %+v, %v", s, err)
		}
		for _, kinds := range [][]string{{"unmuted"}, nil} {
			w.must(w.Relations.Unmute(w.Ctx(), w.ann.ID, w.bob.ID))
			w.emitted(kinds...)
		}
		if err := w.Relations.Mute(w.Ctx(), w.ann.ID, w.ann.ID, relations.MuteOptions{}); errs.KindOf(err) != errs.ForbiddenKind {
			w.t.Errorf("muting oneself: %v", err)
		}
	})
}

func TestDomainBlocks(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		other := w.Remote("other", "other.example")
		w.Follow(w.ann, w.far)
		w.Follow(w.far, w.ann)
		w.Follow(w.other(), w.ann)
		w.Follow(other, w.ann)
		w.Events()
		for _, domain := range []string{"", "local.example", "LOCAL.example.", "a b", "https://far.example/"} {
			if err := w.Relations.BlockDomain(w.Ctx(), w.ann, domain); errs.KindOf(err) != errs.InvalidKind {
				w.t.Errorf("blocking %q: %v", domain, err)
			}
		}
		var e relations.DomainBlocked
		for i, domain := range []string{"FAR.example", "far.example"} {
			w.must(w.Relations.BlockDomain(w.Ctx(), w.ann, domain))
			if list := w.Events(); len(list) != 1-i {
				w.t.Errorf("emitted %+v", list)
			} else if i == 0 {
				e = list[0].(relations.DomainBlocked)
			}
		}
		for _, kinds := range [][]string{{"unfollowed", "rejected", "rejected", "severed"}, nil} {
			w.must(w.Relations.SeverDomain(w.Ctx(), e))
			list := w.Events()
			if len(list) != len(kinds) {
				w.t.Errorf("severing emitted %+v", list)
			}
		}
		if got := w.counts(w.ann); got != "0/1" {
			w.t.Errorf("counts are %s", got)
		}
		for _, pair := range [][2]*accounts.Account{{w.far, w.ann}, {w.ann, w.far}} {
			if err := w.Relations.Follow(w.Ctx(), pair[0], pair[1], relations.FollowOptions{}); errs.KindOf(err) != errs.ForbiddenKind {
				w.t.Errorf("%s follows: %v", pair[0].Acct(), err)
			}
		}
		if !w.is(w.ann, w.far).DomainBlocking || w.is(w.ann, other).DomainBlocking {
			w.t.Error("the wrong domain is blocked")
		}
		list, err := w.Relations.DomainBlocks(w.Ctx(), w.DB, w.ann.ID, db.Page{Limit: 5})
		if err != nil || len(list) != 1 || list[0].Domain != "far.example" {
			w.t.Errorf("blocked are %v, %v", list, err)
		}
		w.must(w.Relations.UnblockDomain(w.Ctx(), w.ann.ID, "Far.Example"))
		if w.is(w.ann, w.far).DomainBlocking {
			w.t.Error("the domain is still blocked")
		}
		w.must(w.Relations.SeverDomain(w.Ctx(), relations.DomainBlocked{AccountID: 12345, Domain: "x"}))
	})
}

func (w *world) other() *accounts.Account { return w.Remote("second", "far.example") }

func TestRelationshipsAreOneStatement(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.must(w.Relations.SetNote(w.Ctx(), w.ann.ID, w.bob.ID, "a friend"))
		ctx, count := db.Counting(w.Ctx())
		list, err := w.Relations.Relationships(ctx, w.DB, w.ann.ID, []accounts.ID{w.far.ID, 12345, w.bob.ID, w.far.ID})
		if err != nil || count.N() != 1 || len(list) != 2 || list[0].ID != w.far.ID || list[1].Note != "a friend" {
			w.t.Errorf("%d statements gave %+v, %v", count.N(), list, err)
		}
		if w.is(w.bob, w.ann).Note != "" {
			w.t.Error("the note is not private")
		}
		w.must(w.Relations.SetNote(w.Ctx(), w.ann.ID, w.bob.ID, ""))
		if w.is(w.ann, w.bob).Note != "" {
			w.t.Error("the note is still there")
		}
	})
}
