package feeds_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/cache"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/redis/redistest"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// TestPushedFeedsAreThoseThatSQLGives lets people act at random, with the work that follows done at once or later, and feeds
// read in between. In the end every feed, read through the cache, is the one that is computed.
func TestPushedFeedsAreThoseThatSQLGives(t *testing.T) {
	t.Parallel()
	client, _ := redistest.Open(t)
	for name, c := range map[string]struct {
		db    *db.DB
		cache func(run int) cache.Cache
	}{
		"in process, PostgreSQL": {dbtest.Postgres(t), func(int) cache.Cache { return cache.NewLocal(64 << 20) }},
		"Redis, SQLite":          {dbtest.SQLite(t), func(run int) cache.Cache { return cache.NewRedis(client, fmt.Sprint(run, ":")) }},
	} {
		t.Run(name, func(t *testing.T) {
			run := 0
			rapid.Check(t, func(rt *rapid.T) {
				run++
				newActors(rt, open(t, c.db, c.cache(run)), run).check(rt)
			})
		})
	}
}

// actors are some people, and what they did.
type actors struct {
	*world
	people []*accounts.Account
	posts  []*statuses.Status
	lists  []relations.List
}

func newActors(rt *rapid.T, w *world, run int) *actors {
	a := &actors{world: w}
	w.Clock.Advance(time.Duration(run) * time.Hour) // all runs share a database, and must not make the same ids
	for i := range 4 {
		a.people = append(a.people, w.Account(fmt.Sprintf("p%d_%d", run, i)))
	}
	a.people = append(a.people, w.Remote(fmt.Sprintf("r%d", run), "far.example"))
	for _, by := range a.people[:4] {
		for _, target := range a.people {
			if by != target && rapid.Bool().Draw(rt, "follows") {
				w.Follow(by, target)
			}
		}
	}
	w.pump()
	for range rapid.IntRange(1, 60).Draw(rt, "acts") {
		a.act(rt)
	}
	w.pump()
	return a
}

func (a *actors) anyone(rt *rapid.T, name string) *accounts.Account {
	return a.people[rapid.IntRange(0, 4).Draw(rt, name)]
}

func (a *actors) local(rt *rapid.T, name string) *accounts.Account {
	return a.people[rapid.IntRange(0, 3).Draw(rt, name)]
}

func (a *actors) act(rt *rapid.T) {
	by, target := a.local(rt, "by"), a.anyone(rt, "target")
	var err error
	switch rapid.SampledFrom([]string{"post", "post", "post", "reply", "reply", "boost", "boost", "delete", "follow", "unfollow", "block", "unblock", "mute", "unmute",
		"tag", "tag", "list", "add", "remove", "policy", "read", "read list", "pump", "pump", "receive", "domain"}).Draw(rt, "act") {
	case "post":
		a.post(rt, by, nil)
	case "reply":
		if len(a.posts) > 0 {
			a.post(rt, by, a.posts[rapid.IntRange(0, len(a.posts)-1).Draw(rt, "parent")])
		}
	case "receive":
		st := a.Receive(a.people[4], "<p>hi</p>", func(in *statuses.Incoming) {
			in.Visibility = statuses.Visibility(rapid.IntRange(0, 2).Draw(rt, "visibility"))
			in.Tags = rapid.SampledFrom([][]string{nil, {"cats"}}).Draw(rt, "tags")
			switch rapid.IntRange(0, 3).Draw(rt, "kind") {
			case 0:
				in.InReplyToURI = "https://unknown.example/1"
			case 1:
				in.Mentions = []statuses.Mention{{AccountID: target.ID}}
			case 2:
				in.PublishedAt = a.Clock.Now().Add(-24 * time.Hour).Add(time.Duration(len(a.posts)) * time.Second) // old: quietly in the feeds
			}
		})
		a.posts = append(a.posts, st)
	case "boost":
		if len(a.posts) > 0 {
			var st *statuses.Status
			a.Clock.Advance(time.Second)
			who := a.anyone(rt, "booster")
			if st, err = a.Statuses.Reblog(a.ctx, who, a.posts[rapid.IntRange(0, len(a.posts)-1).Draw(rt, "boosted")].ID, statuses.Public, uri(who, len(a.posts)), time.Time{}); err == nil {
				a.posts = append(a.posts, st)
			}
		}
	case "delete":
		a.delete(rt)
	case "follow":
		if by != target {
			if err = a.Relations.Follow(a.ctx, by, target, relations.FollowOptions{Languages: rapid.SampledFrom([][]string{nil, {"de"}}).Draw(rt, "languages")}); err == nil && !target.Local() {
				err = a.Relations.Authorize(a.ctx, target, by)
			}
			if e := a.forget(by); err == nil {
				err = e
			}
		}
	case "unfollow":
		err = a.Relations.Unfollow(a.ctx, by, target)
	case "block":
		err = a.Relations.Block(a.ctx, by, target, "")
	case "unblock":
		err = a.Relations.Unblock(a.ctx, by, target)
	case "mute":
		err = a.Relations.Mute(a.ctx, by.ID, target.ID, relations.MuteOptions{})
	case "unmute":
		err = a.Relations.Unmute(a.ctx, by.ID, target.ID)
	case "domain":
		if rapid.IntRange(0, 5).Draw(rt, "rarely") == 0 {
			err = a.Relations.BlockDomain(a.ctx, by, "far.example")
		}
	case "tag":
		var t statuses.Tag
		if t, err = a.Statuses.EnsureTag(a.ctx, rapid.SampledFrom([]string{"cats", "dogs"}).Draw(rt, "tag")); err == nil {
			if rapid.Bool().Draw(rt, "follows tag") {
				err = a.Relations.FollowTag(a.ctx, by.ID, t.ID)
			} else {
				err = a.Relations.UnfollowTag(a.ctx, by.ID, t.ID)
			}
		}
	case "pump":
		a.pump()
	case "read":
		a.home(a.feeds, by.ID, db.Page{Limit: rapid.IntRange(1, 20).Draw(rt, "limit")})
	default:
		err = a.onLists(rt, by, target)
	}
	if k := errs.KindOf(err); err != nil && k != errs.NotFoundKind && k != errs.ForbiddenKind && k != errs.InvalidKind {
		rt.Fatal(err)
	}
}

// forget stands in for the event that a change of a follow's options does not have.
func (a *actors) forget(by *accounts.Account) error { return a.feeds.Forget(a.ctx, by.ID) }

func uri(by *accounts.Account, n int) string {
	if by.Local() {
		return ""
	}
	return fmt.Sprintf("%s/boosts/%d", by.URI, n)
}

func (a *actors) post(rt *rapid.T, by *accounts.Account, parent *statuses.Status) {
	text := "hello"
	if rapid.IntRange(0, 2).Draw(rt, "mention") == 0 {
		text = "hello @" + a.local(rt, "mentioned").Username
	}
	text += rapid.SampledFrom([]string{"", "", " #cats", " #Dogs #cats"}).Draw(rt, "tags")
	a.Clock.Advance(time.Second)
	d := statuses.Draft{Text: text, Visibility: statuses.Visibility(rapid.IntRange(0, 3).Draw(rt, "visibility")), Language: rapid.SampledFrom([]string{"", "de", "en"}).Draw(rt, "language")}
	if parent != nil {
		d.InReplyToID = parent.ID
	}
	st, err := a.Statuses.Post(a.ctx, by, d)
	if err != nil {
		return // the parent is gone, or not to be seen
	}
	if rapid.Bool().Draw(rt, "at once") {
		a.feeds.Own(a.ctx, st)
	}
	a.posts = append(a.posts, st)
}

// delete removes a post that nobody boosted, or a boost. (Boosts of what was deleted stay on lists and are not shown.)
func (a *actors) delete(rt *rapid.T) {
	if len(a.posts) == 0 {
		return
	}
	st := a.posts[rapid.IntRange(0, len(a.posts)-1).Draw(rt, "deleted")]
	for _, other := range a.posts {
		if other.ReblogOfID == st.ID {
			return
		}
	}
	author, err := a.Accounts.ByID(a.ctx, a.DB, st.AccountID)
	if err == nil {
		_, _ = a.Statuses.Delete(a.ctx, author, st.ID) // it may be gone already
	}
}

func (a *actors) onLists(rt *rapid.T, by, target *accounts.Account) error {
	if len(a.lists) == 0 || rapid.IntRange(0, 4).Draw(rt, "new list") == 0 {
		l, err := a.Relations.CreateList(a.ctx, relations.List{AccountID: by.ID, Title: "l", RepliesPolicy: rapid.SampledFrom([]string{"none", "list", "followed"}).Draw(rt, "policy")})
		if err == nil {
			a.lists = append(a.lists, l)
		}
		return err
	}
	i := rapid.IntRange(0, len(a.lists)-1).Draw(rt, "which list")
	l := &a.lists[i]
	switch rapid.IntRange(0, 4).Draw(rt, "on list") {
	case 0, 1:
		return a.Relations.AddToList(a.ctx, *l, []accounts.ID{target.ID})
	case 2:
		return a.Relations.RemoveFromList(a.ctx, *l, []accounts.ID{target.ID})
	case 3:
		l.Exclusive, l.RepliesPolicy = !l.Exclusive, rapid.SampledFrom([]string{"none", "list", "followed"}).Draw(rt, "new policy")
		return a.Relations.UpdateList(a.ctx, *l)
	}
	_, err := a.feeds.List(a.ctx, a.DB, l.AccountID, l.ID, db.Page{Limit: 5})
	return err
}

func (a *actors) check(rt *rapid.T) {
	fresh := a.over(cache.NewLocal(64 << 20))
	limit := rapid.IntRange(1, 25).Draw(rt, "page")
	for _, p := range a.people[:4] {
		got := a.all(func(pg db.Page) ([]statuses.ID, error) { return a.feeds.Home(a.ctx, a.DB, p.ID, pg) }, limit)
		want := a.all(func(pg db.Page) ([]statuses.ID, error) { return fresh.Home(a.ctx, a.DB, p.ID, pg) }, 40)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			rt.Fatalf("home of %s: pushed %v, computed %v", p.Username, got, want)
		}
		a.checkUpward(rt, p.ID, got)
	}
	for _, l := range a.lists {
		got := a.all(func(pg db.Page) ([]statuses.ID, error) { return a.feeds.List(a.ctx, a.DB, l.AccountID, l.ID, pg) }, limit)
		want := a.all(func(pg db.Page) ([]statuses.ID, error) { return fresh.List(a.ctx, a.DB, l.AccountID, l.ID, pg) }, 40)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			rt.Fatalf("list %+v: pushed %v, computed %v", l, got, want)
		}
	}
}

// checkUpward reads a feed from its bottom to its top by min_id, which must give the same.
func (a *actors) checkUpward(rt *rapid.T, me accounts.ID, want []statuses.ID) {
	if len(want) == 0 {
		return
	}
	got := []statuses.ID{}
	for min := int64(want[len(want)-1]) - 1; ; {
		part := a.home(a.feeds, me, db.Page{MinID: min, Limit: 3})
		if len(part) == 0 {
			break
		}
		got = append(append([]statuses.ID{}, part...), got...)
		min = int64(part[0])
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		rt.Fatalf("upward %v, downward %v", got, want)
	}
	if part := a.home(a.feeds, me, db.Page{SinceID: int64(want[len(want)-1]), Limit: 40}); fmt.Sprint(part) != fmt.Sprint(append([]statuses.ID{}, want[:min(len(want)-1, 40)]...)) {
		rt.Fatalf("since: %v of %v", part, want)
	}
}
