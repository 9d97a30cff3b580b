package feeds_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/feeds"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/cache"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/pubsub"
	"github.com/gomph/gomph/internal/kit/redis/redistest"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

func local() cache.Cache { return cache.NewLocal(64 << 20) }

// received takes all messages that wait on a subscription, by channel.
func received(t *testing.T, s *pubsub.Subscription) map[string][]feeds.Message {
	t.Helper()
	out := map[string][]feeds.Message{}
	for {
		select {
		case m := <-s.C:
			var v feeds.Message
			if err := json.Unmarshal(m.Payload, &v); err != nil {
				t.Fatal(err)
			}
			out[m.Channel] = append(out[m.Channel], v)
		default:
			return out
		}
	}
}

func TestABoostIsHiddenWhileWhatItShowsIsNear(t *testing.T) {
	t.Parallel()
	w := open(t, dbtest.SQLite(t), local())
	ann, ben, cid := w.Account("ann"), w.Account("ben"), w.Account("cid")
	w.Follow(ann, ben)
	w.Follow(ann, cid)
	w.pump()
	w.home(w.feeds, ann.ID, db.Page{})
	first := w.Post(ben, "first")
	near := w.boost(cid, first.ID)
	w.pump()
	w.expect("right above the post", w.home(w.feeds, ann.ID, db.Page{}), first)
	for i := range 40 {
		w.Post(ben, fmt.Sprint("filler ", i))
	}
	w.must(errOf(w.Statuses.Unreblog(w.ctx, cid, first.ID)))
	far := w.boost(cid, first.ID)
	again := w.boost(ben, first.ID)
	w.pump()
	list := w.home(w.feeds, ann.ID, db.Page{Limit: 80})
	if !slices.Contains(list, far.ID) || slices.Contains(list, near.ID) || slices.Contains(list, again.ID) || len(list) != 42 {
		t.Errorf("%d entries, far %d, again %d: %v", len(list), far.ID, again.ID, list)
	}
	for limit := 1; limit < 8; limit += 3 {
		if paged := w.all(func(p db.Page) ([]statuses.ID, error) { return w.feeds.Home(w.ctx, w.DB, ann.ID, p) }, limit); fmt.Sprint(paged) != fmt.Sprint(list) {
			t.Errorf("in pages of %d: %v, at once %v", limit, paged, list)
		}
	}
}

func errOf[T any](_ T, err error) error { return err }

func TestAFeedOutlivesItsCache(t *testing.T) {
	t.Parallel()
	client, server := redistest.Open(t)
	w := open(t, dbtest.SQLite(t), cache.NewRedis(client, ""))
	ann, ben := w.Account("ann"), w.Account("ben")
	w.Follow(ann, ben)
	one := w.Post(ben, "one")
	w.pump()
	w.expect("cold", w.home(w.feeds, ann.ID, db.Page{}), one)
	w.must(client.Do(w.ctx, client.B().Flushall().Build()).Error())
	two := w.Post(ben, "two")
	w.pump()
	w.expect("flushed", w.home(w.feeds, ann.ID, db.Page{}), two, one)
	server.Stop()
	three := w.Post(ann, "three")
	w.feeds.Own(w.ctx, three)
	w.expect("away", w.home(w.feeds, ann.ID, db.Page{}), three, two, one)
	w.expect("away, upward", w.home(w.feeds, ann.ID, db.Page{MinID: int64(one.ID)}), three, two)
}

func TestBelowTheListTheFeedGoesOnInSQL(t *testing.T) {
	t.Parallel()
	w := open(t, dbtest.SQLite(t), local())
	ann := w.Account("ann")
	total := feeds.Length + 30
	var posts []*statuses.Status
	for i := range total {
		posts = append(posts, w.Post(ann, fmt.Sprint(i)))
	}
	slices.Reverse(posts)
	read := func(p db.Page) ([]statuses.ID, error) { return w.feeds.Home(w.ctx, w.DB, ann.ID, p) }
	w.expect("all", w.all(read, 40), posts...)
	w.pump()
	newest := w.Post(ann, "newest")
	w.pump()
	w.expect("all and one more", w.all(read, 40), append([]*statuses.Status{newest}, posts...)...)
	w.expect("upward below the list", w.home(w.feeds, ann.ID, db.Page{MinID: int64(posts[total-1].ID), Limit: 2}), posts[total-3], posts[total-2])
	w.expect("upward into the list", w.home(w.feeds, ann.ID, db.Page{MinID: int64(posts[feeds.Length+1].ID), Limit: 3}), posts[feeds.Length-2], posts[feeds.Length-1], posts[feeds.Length])
}

// What is brought late, by a job that ran again or from a server that was away, lies below a list that was computed anew: what is between is not skipped.
func TestALatePostLeavesNoGap(t *testing.T) {
	t.Parallel()
	client, _ := redistest.Open(t)
	for name, c := range map[string]cache.Cache{"local": local(), "redis": cache.NewRedis(client, "")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t, dbtest.SQLite(t), c)
			ann, ben := w.Account("ann"), w.Account("ben")
			w.Follow(ann, ben)
			w.pump()
			var posts []*statuses.Status
			for i := range 300 {
				posts = append(posts, w.Post(ben, fmt.Sprint(i)))
			}
			late := w.Events() // whose jobs have to wait
			slices.Reverse(posts)
			w.home(w.feeds, ann.ID, db.Page{})
			w.must(w.react(late[20]))
			read := func(p db.Page) ([]statuses.ID, error) { return w.feeds.Home(w.ctx, w.DB, ann.ID, p) }
			w.expect("after one of them", w.all(read, 40), posts...)
			w.expect("upward from below", w.home(w.feeds, ann.ID, db.Page{MinID: int64(posts[290].ID), Limit: 40}), posts[250:290]...)
			for _, e := range late {
				w.must(w.react(e))
			}
			w.expect("after all of them", w.all(read, 40), posts...)
		})
	}
}

func TestStatementsAreBounded(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := open(t, d, local())
		ann := w.Account("ann")
		var followers []*accounts.Account
		for i := range 30 {
			f := w.Account(fmt.Sprint("f", i))
			w.Follow(f, ann)
			followers = append(followers, f)
		}
		w.pump()
		st := w.Post(ann, "hello #tag")
		counted, n := db.Counting(w.ctx)
		w.must(w.feeds.Insert(counted, statuses.Posted{StatusID: st.ID, AccountID: ann.ID, Local: true}))
		if n.N() > 8 { // three of the slice, three of the post, two for the public
			t.Errorf("%d statements to bring a post to 30 feeds", n.N())
		}
		w.home(w.feeds, followers[0].ID, db.Page{})
		counted, n = db.Counting(w.ctx)
		w.must(errOf(w.feeds.Home(counted, d, followers[0].ID, db.Page{Limit: 20})))
		if n.N() != 0 {
			t.Errorf("%d statements to read a feed that is there", n.N())
		}
		counted, n = db.Counting(w.ctx)
		w.must(errOf(w.over(local()).Home(counted, d, followers[0].ID, db.Page{Limit: 20})))
		if n.N() > 6 {
			t.Errorf("%d statements to compute a feed", n.N())
		}
	})
}

func TestManyFollowersAreServedInSlices(t *testing.T) {
	t.Parallel()
	w := open(t, dbtest.SQLite(t), local())
	ann := w.Account("ann")
	const many = 1203
	var rows, users, follows [][]any
	now := db.Ms(w.Clock.Now())
	for i := range many {
		id := w.IDs.Next()
		name := fmt.Sprint("many", i)
		rows = append(rows, []any{id, name, "https://local.example/users/" + name})
		last := now
		if i%4 == 0 {
			last = now - int64(15*24*time.Hour/time.Millisecond) // gone for two weeks
		}
		users = append(users, []any{id, name, last})
		follows = append(follows, []any{id, ann.ID})
	}
	w.must(w.DB.Write(w.ctx, func(tx *db.Tx) error {
		if _, err := tx.ExecMany(w.ctx, "INSERT INTO accounts (id, username, username_folded, uri, created_at, updated_at) VALUES ($1, $2, $2, $3, 1, 1)", rows); err != nil {
			return err
		}
		if _, err := tx.ExecMany(w.ctx, "INSERT INTO users (id, account_id, email, email_folded, password_hash, last_active_at, created_at, updated_at) VALUES ($1, $1, $2, $2, 'x', $3, 1, 1)", users); err != nil {
			return err
		}
		_, err := tx.ExecMany(w.ctx, "INSERT INTO follows (id, account_id, target_account_id, created_at) VALUES ($1, $1, $2, 1)", follows)
		return err
	}))
	sub := w.bus.Subscribe(feeds.HomeChannel(accounts.ID(rows[many-1][0].(int64))))
	defer sub.Close()
	last := accounts.ID(rows[many-1][0].(int64))
	w.home(w.feeds, last, db.Page{})
	st := w.Post(ann, "to all")
	for range 2 { // the job may run twice
		w.must(w.feeds.Insert(w.ctx, statuses.Posted{StatusID: st.ID, AccountID: ann.ID, Local: true}))
	}
	args, err := db.Column[string](w.ctx, w.DB, "SELECT args FROM jobs WHERE kind = 'feeds.batch' ORDER BY id")
	w.must(err)
	if len(args) != 1 {
		t.Fatalf("%d further jobs for %d active followers: %v", len(args), many*3/4, args)
	}
	if n := len(received(t, sub)); n != 0 {
		t.Errorf("the last slice was served by the first job")
	}
	var e feeds.Spread
	w.must(json.Unmarshal([]byte(args[0]), &e))
	w.must(w.feeds.Batch(w.ctx, e))
	if got := received(t, sub)[feeds.HomeChannel(last)]; len(got) != 1 || got[0].ID != int64(st.ID) || got[0].Event != feeds.Update {
		t.Errorf("the last follower heard %v", got)
	}
	w.expect("the last follower", w.home(w.feeds, last, db.Page{}), st)
}

func TestWhoHearsOfAPost(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := open(t, d, local())
		ann, ben, cid := w.Account("ann"), w.Account("ben"), w.World.Remote("cid", "far.example")
		w.Follow(ann, ben)
		w.Follow(ann, cid)
		l, err := w.Relations.CreateList(w.ctx, relations.List{AccountID: ann.ID, Title: "l", RepliesPolicy: "none"})
		w.must(err)
		w.must(w.Relations.AddToList(w.ctx, l, []accounts.ID{ben.ID}))
		w.pump()
		home, list := feeds.HomeChannel(ann.ID), feeds.ListChannel(l.ID)
		sub := w.bus.Subscribe(home, list, feeds.PublicChannel, feeds.HomeChannel(ben.ID))
		defer sub.Close()
		hears := func(what string, want map[string]string) map[string][]feeds.Message {
			t.Helper()
			w.pump()
			all := received(t, sub)
			got := map[string]string{}
			for channel, list := range all {
				for _, m := range list {
					got[channel] += m.Event + " "
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: heard %v, want %v", what, got, want)
			}
			return all
		}
		own := feeds.HomeChannel(ben.ID)
		st := w.Post(ben, "hello #Tag", func(d *statuses.Draft) { d.Language = "en" })
		m := hears("a public post", map[string]string{home: "update ", list: "update ", own: "update ", feeds.PublicChannel: "update "})[feeds.PublicChannel]
		if len(m) != 1 || !m[0].Local || m[0].Media || m[0].Reply || m[0].Author != ben.ID || m[0].Language != "en" || fmt.Sprint(m[0].Tags) != "[tag]" {
			t.Errorf("public message %+v", m)
		}
		w.must(errOf(w.Statuses.Edit(w.ctx, ben, st.ID, statuses.Draft{Text: "hello"})))
		hears("its edit", map[string]string{home: "status.update ", list: "status.update ", own: "status.update ", feeds.PublicChannel: "status.update "})
		reply := w.Post(ben, "more", func(d *statuses.Draft) { d.InReplyToID = st.ID })
		hears("an answer to oneself", map[string]string{home: "update ", list: "update ", own: "update ", feeds.PublicChannel: "update "})
		far := w.Receive(cid, "<p>far</p>")
		if m := hears("a remote post", map[string]string{home: "update ", feeds.PublicChannel: "update "})[feeds.PublicChannel]; len(m) == 1 && (m[0].Local || m[0].Domain != "far.example") {
			t.Errorf("remote message %+v", m)
		}
		w.Post(ben, "to cid", func(d *statuses.Draft) { d.InReplyToID = far.ID })
		if m := hears("an answer", map[string]string{home: "update ", own: "update ", feeds.PublicChannel: "update "})[feeds.PublicChannel]; len(m) == 1 && !m[0].Reply {
			t.Errorf("an answer is not marked: %+v", m)
		}
		boost := w.boost(ben, far.ID)
		if m := hears("a boost", map[string]string{home: "update ", list: "update ", own: "update "})[home]; len(m) == 1 && (m[0].ID != int64(boost.ID) || m[0].Of != int64(far.ID)) {
			t.Errorf("boost message %+v", m)
		}
		for visibility, want := range map[statuses.Visibility]map[string]string{
			statuses.Unlisted: {home: "update ", list: "update ", own: "update "},
			statuses.Private:  {home: "update ", list: "update ", own: "update "},
			statuses.Direct:   {own: "update "},
		} {
			w.Post(ben, "for few", func(d *statuses.Draft) { d.Visibility = visibility })
			hears(visibility.String(), want)
		}
		w.Post(ben, "@ann for you", func(d *statuses.Draft) { d.Visibility = statuses.Direct })
		hears("direct to a follower", map[string]string{home: "update ", own: "update "})
		w.Receive(cid, "<p>long ago</p>", func(in *statuses.Incoming) { in.PublishedAt = w.Clock.Now().Add(-48 * time.Hour) })
		hears("an old post", map[string]string{})
		before := w.home(w.feeds, ann.ID, db.Page{})
		w.must(errOf(w.Statuses.Delete(w.ctx, ben, reply.ID)))
		hears("a deleted post", map[string]string{home: "delete ", list: "delete ", own: "delete ", feeds.PublicChannel: "delete "})
		after := w.home(w.feeds, ann.ID, db.Page{})
		if !slices.Contains(before, reply.ID) || slices.Contains(after, reply.ID) || len(after) != len(before)-1 {
			t.Errorf("before %v, after %v", before, after)
		}
		if _, err := w.feeds.List(w.ctx, w.DB, ben.ID, l.ID, db.Page{Limit: 5}); !errs.IsNotFound(err) {
			t.Errorf("another's list: %v", err)
		}
	})
}

func TestConversations(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := open(t, d, local())
		ann, ben, cid := w.Account("ann"), w.Account("ben"), w.Account("cid")
		talks := func(a *accounts.Account) []feeds.Talk {
			t.Helper()
			w.pump()
			list, err := w.feeds.Conversations(w.ctx, d, a.ID, db.Page{Limit: 20})
			w.must(err)
			return list
		}
		sub := w.bus.Subscribe(feeds.DirectChannel(ben.ID))
		defer sub.Close()
		direct := func(by *accounts.Account, text string, parent statuses.ID) *statuses.Status {
			return w.Post(by, text, func(d *statuses.Draft) { d.Visibility, d.InReplyToID = statuses.Direct, parent })
		}
		one := direct(ann, "@ben psst", 0)
		got := talks(ben)
		if len(got) != 1 || !got[0].Unread || got[0].LastStatusID != one.ID || fmt.Sprint(got[0].Participants) != fmt.Sprint([]accounts.ID{ann.ID}) {
			t.Fatalf("ben has %+v", got)
		}
		if m := received(t, sub)[feeds.DirectChannel(ben.ID)]; len(m) != 1 || m[0].ID != got[0].ID || m[0].Event != feeds.Conversation {
			t.Errorf("ben heard %+v", m)
		}
		if mine := talks(ann); len(mine) != 1 || mine[0].Unread {
			t.Errorf("ann has %+v", mine)
		}
		read, err := w.feeds.MarkConversation(w.ctx, ben.ID, got[0].ID, false)
		if err != nil || read.Unread {
			t.Errorf("marked %+v, %v", read, err)
		}
		two := direct(ben, "@ann what?", one.ID)
		direct(ben, "@ann @cid all of us", one.ID)
		if mine := talks(ann); len(mine) != 2 || mine[1].LastStatusID != two.ID || !mine[1].Unread {
			t.Errorf("ann has %+v", mine)
		}
		w.must(errOf(w.Statuses.Delete(w.ctx, ben, two.ID)))
		if mine := talks(ann); len(mine) != 2 || mine[1].LastStatusID != one.ID {
			t.Errorf("after a deletion ann has %+v", mine)
		}
		w.must(errOf(w.Statuses.Delete(w.ctx, ann, one.ID)))
		if mine := talks(ann); len(mine) != 1 || len(mine[0].Participants) != 2 {
			t.Errorf("after all was deleted ann has %+v", mine)
		}
		mine := talks(cid)
		if _, err := w.feeds.MarkConversation(w.ctx, ann.ID, mine[0].ID, false); !errs.IsNotFound(err) {
			t.Errorf("another's conversation: %v", err)
		}
		if err := w.feeds.DeleteConversation(w.ctx, ann.ID, mine[0].ID); !errs.IsNotFound(err) {
			t.Errorf("deleting another's: %v", err)
		}
		w.must(w.Relations.Block(w.ctx, ann, cid, ""))
		if mine := talks(ann); len(mine) != 0 {
			t.Errorf("with somebody blocked: %+v", mine)
		}
		direct(cid, "@ann hello?", 0)
		if mine := talks(ann); len(mine) != 0 {
			t.Errorf("from somebody blocked: %+v", mine)
		}
		w.must(w.feeds.DeleteConversation(w.ctx, cid.ID, mine[0].ID))
	})
}
