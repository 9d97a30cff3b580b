package notifications_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/notifications"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/pubsub"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

type world struct {
	*make.World
	*notifications.Service
	bus pubsub.Bus
	ctx context.Context
}

func open(t *testing.T, d *db.DB) *world {
	w := &world{World: make.New(t, d), bus: pubsub.NewLocal(), ctx: context.Background()}
	t.Cleanup(func() { w.bus.Close() })
	w.Service = notifications.New(notifications.Deps{DB: d, Jobs: w.Jobs, Secret: []byte("secret"), IDs: w.IDs, Clock: w.Clock, Accounts: w.Accounts, Relations: w.Relations, Statuses: w.Statuses, Bus: w.bus})
	return w
}

// react hands every event to its reaction, twice: as at-least-once may do.
func (w *world) react(t *testing.T) {
	t.Helper()
	for _, e := range w.World.Events() {
		for range 2 {
			if err := w.one(e); err != nil {
				t.Fatalf("%s: %v", e.Kind(), err)
			}
		}
	}
}

func (w *world) one(e jobs.Event) error {
	switch e := e.(type) {
	case statuses.Posted:
		return w.Posted(w.ctx, e)
	case statuses.Edited:
		return w.Edited(w.ctx, e)
	case statuses.Deleted:
		return w.Deleted(w.ctx, e)
	case statuses.Favourited:
		return w.Favourited(w.ctx, e)
	case statuses.Unfavourited:
		return w.Unfavourited(w.ctx, e)
	case statuses.PollEnded:
		return w.PollEnded(w.ctx, e)
	case relations.Followed:
		return w.Followed(w.ctx, e)
	case relations.Unfollowed:
		return w.Unfollowed(w.ctx, e)
	case relations.Accepted:
		return w.Accepted(w.ctx, e)
	case relations.Rejected:
		return w.Rejected(w.ctx, e)
	case relations.Blocked:
		return w.Blocked(w.ctx, e)
	}
	return nil
}

// told lists what an account sees, the newest first: "type from status".
func (w *world) told(t *testing.T, a *accounts.Account) string {
	t.Helper()
	w.react(t)
	list, err := w.List(w.ctx, w.World.DB, a.ID, notifications.Options{}, db.Page{Limit: 40})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, n := range list {
		from, err := w.World.Accounts.ByID(w.ctx, w.World.DB, n.FromAccountID)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, n.Type+" "+from.Username)
	}
	return strings.Join(out, ", ")
}

func ok[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *world) expect(t *testing.T, what string, a *accounts.Account, want string) {
	t.Helper()
	if got := w.told(t, a); got != want {
		t.Errorf("%s: told %q, want %q", what, got, want)
	}
}

func TestWhatPeopleAreToldAndWhatIsTakenBack(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := open(t, d)
		ann, ben, eve := w.Account("ann"), w.Account("ben"), w.World.Remote("eve", "far.example")
		sub := w.bus.Subscribe(notifications.Channel(ann.ID))
		st := w.Post(ann, "hello")

		ok[*statuses.Status](t)(w.World.Statuses.Favourite(w.ctx, ben, st.ID, ""))
		ok[*statuses.Status](t)(w.World.Statuses.Favourite(w.ctx, eve, st.ID, "https://far.example/like/1"))
		w.expect(t, "likes", ann, "favourite eve, favourite ben")
		list := ok[[]*notifications.Notification](t)(w.List(w.ctx, d, ann.ID, notifications.Options{}, db.Page{Limit: 5}))
		if want := fmt.Sprintf("favourite-%d-", st.ID); list[0].GroupKey != list[1].GroupKey || !strings.HasPrefix(list[0].GroupKey, want) || list[0].StatusID != st.ID {
			t.Errorf("groups %q and %q", list[0].GroupKey, list[1].GroupKey)
		}
		var m notifications.Message
		if err := json.Unmarshal((<-sub.C).Payload, &m); err != nil || m.Event != "notification" || m.ID != list[1].ID {
			t.Errorf("published %+v, %v", m, err)
		}
		if second := <-sub.C; !strings.Contains(string(second.Payload), fmt.Sprint(list[0].ID)) || len(sub.C) != 0 {
			t.Errorf("published %s and %d more: a repeated reaction must tell nothing", second.Payload, len(sub.C))
		}
		ok[*statuses.Status](t)(w.World.Statuses.Unfavourite(w.ctx, ben, st.ID))
		w.expect(t, "a like taken back", ann, "favourite eve")

		ok[*statuses.Status](t)(w.World.Statuses.Reblog(w.ctx, ben, st.ID, statuses.Public, "", time.Time{}))
		w.expect(t, "a boost", ann, "reblog ben, favourite eve")
		w.Clock.Advance(time.Minute)
		ok[*statuses.Status](t)(w.World.Statuses.Edit(w.ctx, ann, st.ID, statuses.Draft{Text: "hello all"}))
		w.expect(t, "an edit of a boosted post", ben, "update ann")
		w.Clock.Advance(time.Minute)
		ok[*statuses.Status](t)(w.World.Statuses.Edit(w.ctx, ann, st.ID, statuses.Draft{Text: "hello everyone"}))
		w.expect(t, "a second edit", ben, "update ann")
		ok[*statuses.Status](t)(w.World.Statuses.Unreblog(w.ctx, ben, st.ID))
		w.expect(t, "a boost taken back", ann, "favourite eve")

		w.Follow(ben, ann)
		w.expect(t, "a follower", ann, "follow ben, favourite eve")
		if err := w.World.Relations.Unfollow(w.ctx, ben, ann); err != nil {
			t.Fatal(err)
		}
		w.expect(t, "a follower who left", ann, "favourite eve")
		ok[*statuses.Status](t)(w.World.Statuses.Delete(w.ctx, ann, st.ID))
		w.expect(t, "a deleted post", ann, "")
		w.expect(t, "a deleted post, boosted", ben, "")

		reply := w.Receive(eve, "<p>@ann hi</p>", func(in *statuses.Incoming) {
			in.Mentions = []statuses.Mention{{AccountID: ann.ID}, {AccountID: ben.ID, Silent: true}}
		})
		w.expect(t, "a mention", ann, "mention eve")
		w.expect(t, "a silent mention", ben, "")
		w.Receive(eve, "<p>@ann old</p>", func(in *statuses.Incoming) {
			in.Mentions, in.PublishedAt = []statuses.Mention{{AccountID: ann.ID}}, w.Clock.Now().Add(-48*time.Hour)
		})
		w.expect(t, "an old post", ann, "mention eve")
		ok[*statuses.Status](t)(w.World.Statuses.MuteConversation(w.ctx, ann, reply.ID, true))
		w.Receive(eve, "<p>@ann again</p>", func(in *statuses.Incoming) {
			in.Mentions, in.InReplyTo = []statuses.Mention{{AccountID: ann.ID}}, reply
		})
		w.expect(t, "a muted conversation", ann, "mention eve")
		w.Post(ann, "@ann myself")
		w.expect(t, "oneself", ann, "mention eve")
	})
}

func TestWhoIsNotListenedTo(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := open(t, d)
		ann := w.Account("ann")
		mention := func(by *accounts.Account) {
			w.Receive(by, "<p>@ann hi</p>", func(in *statuses.Incoming) { in.Mentions = []statuses.Mention{{AccountID: ann.ID}} })
		}
		blocked, muted, quiet, far, fine := w.World.Remote("blocked", "a.example"), w.World.Remote("muted", "a.example"), w.World.Remote("quiet", "a.example"), w.World.Remote("far", "b.example"), w.World.Remote("fine", "c.example")
		for _, a := range []*accounts.Account{blocked, muted, far} {
			mention(a)
		}
		w.expect(t, "before", ann, "mention far, mention muted, mention blocked")
		for _, err := range []error{
			w.World.Relations.Block(w.ctx, ann, blocked, ""),
			w.World.Relations.Mute(w.ctx, ann.ID, muted.ID, relations.MuteOptions{Notifications: true, Duration: time.Hour}),
			w.World.Relations.Mute(w.ctx, ann.ID, quiet.ID, relations.MuteOptions{}),
			w.World.Relations.BlockDomain(w.ctx, ann, "b.example"),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		w.expect(t, "what was there is not shown", ann, "")
		for _, a := range []*accounts.Account{blocked, muted, quiet, far, fine} {
			mention(a)
		}
		w.expect(t, "after", ann, "mention fine, mention quiet")
		w.Receive(fine, "<p>@ann @blocked</p>", func(in *statuses.Incoming) {
			in.Mentions = []statuses.Mention{{AccountID: ann.ID}, {AccountID: blocked.ID}}
		})
		w.expect(t, "a mention beside somebody blocked", ann, "mention fine, mention quiet")
		w.Clock.Advance(2 * time.Hour)
		w.expect(t, "a mute that ended shows again what came before it", ann, "mention fine, mention quiet, mention muted")

		if err := d.Write(w.ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(w.ctx, "UPDATE accounts SET silenced_at = 1 WHERE id = $1", fine.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		mention(fine)
		w.expect(t, "somebody silenced", ann, "mention fine, mention quiet, mention muted")
		list := ok[[]*notifications.Notification](t)(w.List(w.ctx, d, ann.ID, notifications.Options{IncludeFiltered: true}, db.Page{Limit: 40}))
		if len(list) != 4 || !list[0].Filtered {
			t.Errorf("with what is kept apart: %d", len(list))
		}
		w.Follow(ann, fine)
		mention(fine)
		w.expect(t, "somebody silenced who is followed", ann, "mention fine, mention fine, mention quiet, mention muted")
	})
}

func TestFollowersWhoAskedRequestsAndPolls(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := open(t, d)
		ann, ben, cid := w.Account("ann"), w.Account("ben"), w.Account("cid")
		yes := true
		if err := w.World.Relations.Follow(w.ctx, ben, ann, relations.FollowOptions{Notify: &yes}); err != nil {
			t.Fatal(err)
		}
		w.Follow(cid, ann)
		w.react(t)
		first := w.Post(ann, "news")
		w.Post(ann, "@ben for you, once")
		w.Post(ann, "secret", func(d *statuses.Draft) { d.Visibility = statuses.Direct })
		bens := w.Post(ben, "mine")
		w.Post(ann, "@cid in reply", func(d *statuses.Draft) { d.InReplyToID = bens.ID })
		ok[*statuses.Status](t)(w.World.Statuses.Reblog(w.ctx, ann, bens.ID, statuses.Public, "", time.Time{}))
		w.Post(ann, "more", func(d *statuses.Draft) { d.InReplyToID = first.ID })
		w.expect(t, "one who asked", ben, "status ann, reblog ann, mention ann, status ann")
		w.expect(t, "one who did not", cid, "mention ann")

		ann.Locked = true
		dee := w.World.Remote("dee", "far.example")
		if err := w.World.Relations.Follow(w.ctx, dee, ann, relations.FollowOptions{URI: "https://far.example/f"}); err != nil {
			t.Fatal(err)
		}
		w.expect(t, "a request", ann, "follow_request dee, follow cid, follow ben")
		if err := w.World.Relations.Authorize(w.ctx, ann, dee); err != nil {
			t.Fatal(err)
		}
		w.expect(t, "a request granted", ann, "follow cid, follow ben")

		poll := w.Post(cid, "tea?", func(d *statuses.Draft) {
			d.Poll = &statuses.PollDraft{Options: []string{"yes", "no"}, ExpiresIn: time.Hour}
		})
		ok[*statuses.Poll](t)(w.World.Statuses.Vote(w.ctx, ben, poll.PollID, []int{0}, ""))
		w.expect(t, "a running poll", cid, "mention ann")
		w.Clock.Advance(2 * time.Hour)
		for range 2 {
			if err := w.PollEnded(w.ctx, statuses.PollEnded{PollID: poll.PollID, StatusID: poll.ID}); err != nil {
				t.Fatal(err)
			}
		}
		w.expect(t, "the author of a poll", cid, "poll cid, mention ann")
		w.expect(t, "a voter", ben, "poll cid, status ann, reblog ann, mention ann, status ann")
	})
}

func TestReadingDismissingAndCounting(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := open(t, d)
		ann, ben, cid := w.Account("ann"), w.Account("ben"), w.Account("cid")
		st := w.Post(ann, "hello")
		ok[*statuses.Status](t)(w.World.Statuses.Favourite(w.ctx, ben, st.ID, ""))
		ok[*statuses.Status](t)(w.World.Statuses.Reblog(w.ctx, ben, st.ID, statuses.Public, "", time.Time{}))
		w.Follow(cid, ann)
		w.react(t)
		all := notifications.Options{}
		list := func(o notifications.Options, p db.Page) []*notifications.Notification {
			return ok[[]*notifications.Notification](t)(w.List(w.ctx, d, ann.ID, o, p))
		}
		every := list(all, db.Page{Limit: 10})
		if len(every) != 3 {
			t.Fatalf("listed %d", len(every))
		}
		for name, c := range map[string]struct {
			o    notifications.Options
			p    db.Page
			want string
		}{
			"types":   {notifications.Options{Types: []string{"follow", "reblog"}}, db.Page{Limit: 9}, "follow reblog"},
			"exclude": {notifications.Options{ExcludeTypes: []string{"follow"}}, db.Page{Limit: 9}, "reblog favourite"},
			"from":    {notifications.Options{From: ben.ID}, db.Page{Limit: 9}, "reblog favourite"},
			"below":   {all, db.Page{Limit: 9, MaxID: every[0].ID}, "reblog favourite"},
			"above":   {all, db.Page{Limit: 1, MinID: every[2].ID}, "reblog"},
			"since":   {all, db.Page{Limit: 1, SinceID: every[2].ID}, "follow"},
		} {
			var got []string
			for _, n := range list(c.o, c.p) {
				got = append(got, n.Type)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s: %v", name, got)
			}
		}
		count := func() int64 { return ok[int64](t)(w.UnreadCount(w.ctx, d, ann.ID, all, 100)) }
		if n := count(); n != 3 {
			t.Errorf("unread %d", n)
		}
		if err := d.Write(w.ctx, func(tx *db.Tx) error {
			if _, err := tx.Exec(w.ctx, "INSERT INTO users (id, account_id, email, email_folded, password_hash, role, created_at, updated_at) VALUES (1, $1, 'a', 'a', 'x', 'owner', 1, 1)", ann.ID); err != nil {
				return err
			}
			_, err := tx.Exec(w.ctx, "INSERT INTO markers (user_id, timeline, last_read_id, updated_at) VALUES (1, 'notifications', $1, 1)", every[1].ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if n := count(); n != 1 {
			t.Errorf("unread after the marker %d", n)
		}
		if _, err := w.ByID(w.ctx, d, ben.ID, every[0].ID); !errs.IsNotFound(err) {
			t.Errorf("another's notice: %v", err)
		}
		if err := w.Dismiss(w.ctx, ben.ID, every[0].ID); err != nil {
			t.Fatal(err)
		}
		if got := ok[*notifications.Notification](t)(w.ByID(w.ctx, d, ann.ID, every[0].ID)); got.Type != "follow" || got.FromAccountID != cid.ID {
			t.Errorf("read %+v", got)
		}
		if err := w.Dismiss(w.ctx, ann.ID, every[0].ID); err != nil {
			t.Fatal(err)
		}
		w.expect(t, "dismissed", ann, "reblog ben, favourite ben")
		if err := w.SignedUp(w.ctx, cid.ID); err != nil {
			t.Fatal(err)
		}
		w.expect(t, "a sign-up", ann, "admin.sign_up cid, reblog ben, favourite ben")
		if err := w.Clear(w.ctx, ann.ID); err != nil {
			t.Fatal(err)
		}
		w.expect(t, "cleared", ann, "")
	})
}

func TestAnActTakenBackBeforeItWasTold(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := open(t, d)
		ann, ben := w.Account("ann"), w.Account("ben")
		st := w.Post(ann, "hello")
		ok[*statuses.Status](t)(w.World.Statuses.Favourite(w.ctx, ben, st.ID, ""))
		w.Follow(ben, ann)
		ok[*statuses.Status](t)(w.World.Statuses.Unfavourite(w.ctx, ben, st.ID))
		if err := w.World.Relations.Unfollow(w.ctx, ben, ann); err != nil {
			t.Fatal(err)
		}
		events := w.World.Events()
		for i := len(events) - 1; i >= 0; i-- { // the worst order
			if err := w.one(events[i]); err != nil {
				t.Fatal(err)
			}
		}
		w.expect(t, "nothing is left", ann, "")
	})
}
