package statuses_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

// act is something that somebody does with a post, or with somebody.
type act struct {
	name string
	do   func(w *make.World, by, other *accounts.Account, id statuses.ID) error
}

func draft(text string, v statuses.Visibility, to statuses.ID) statuses.Draft {
	return statuses.Draft{Text: text, Visibility: v, InReplyToID: to}
}

// acts is all that changes what is shown of posts, or to whom.
var acts = []act{
	{"post", func(w *make.World, by, other *accounts.Account, _ statuses.ID) error {
		_, err := w.Statuses.Post(w.Ctx(), by, draft("hello @"+other.Username+" #day", statuses.Visibility(rand.IntN(4)), 0))
		return err
	}},
	{"answer", func(w *make.World, by, _ *accounts.Account, id statuses.ID) error {
		_, err := w.Statuses.Post(w.Ctx(), by, draft("yes", statuses.Public, id))
		return err
	}},
	{"poll", func(w *make.World, by, _ *accounts.Account, _ statuses.ID) error {
		d := draft("choose", statuses.Public, 0)
		d.Poll = &statuses.PollDraft{Options: []string{"a", "b"}, ExpiresIn: time.Hour}
		_, err := w.Statuses.Post(w.Ctx(), by, d)
		return err
	}},
	{"edit", func(w *make.World, by, other *accounts.Account, id statuses.ID) error {
		_, err := w.Statuses.Edit(w.Ctx(), by, id, draft(fmt.Sprintf("changed %d @%s #night", rand.Int(), other.Username), statuses.Public, 0))
		return err
	}},
	{"delete", func(w *make.World, by, _ *accounts.Account, id statuses.ID) error {
		if rand.IntN(4) > 0 {
			return nil
		}
		_, err := w.Statuses.Delete(w.Ctx(), by, id)
		return err
	}},
	{"purge", func(w *make.World, _, _ *accounts.Account, id statuses.ID) error {
		return w.Statuses.Purge(w.Ctx(), id)
	}},
	{"boost", func(w *make.World, by, _ *accounts.Account, id statuses.ID) error {
		_, err := w.Statuses.Reblog(w.Ctx(), by, id, statuses.Public, "", time.Time{})
		return err
	}},
	{"unboost", func(w *make.World, by, _ *accounts.Account, id statuses.ID) error {
		_, err := w.Statuses.Unreblog(w.Ctx(), by, id)
		return err
	}},
	{"favourite", func(w *make.World, by, _ *accounts.Account, id statuses.ID) error {
		_, err := w.Statuses.Favourite(w.Ctx(), by, id, "")
		return err
	}},
	{"unfavourite", func(w *make.World, by, _ *accounts.Account, id statuses.ID) error {
		_, err := w.Statuses.Unfavourite(w.Ctx(), by, id)
		return err
	}},
	{"bookmark", func(w *make.World, by, _ *accounts.Account, id statuses.ID) error {
		_, err := w.Statuses.Bookmark(w.Ctx(), by, id, rand.IntN(2) == 0)
		return err
	}},
	{"mute a thread", func(w *make.World, by, _ *accounts.Account, id statuses.ID) error {
		_, err := w.Statuses.MuteConversation(w.Ctx(), by, id, rand.IntN(2) == 0)
		return err
	}},
	{"pin", func(w *make.World, by, _ *accounts.Account, id statuses.ID) error {
		_, err := w.Statuses.Pin(w.Ctx(), by, id, rand.IntN(2) == 0)
		return err
	}},
	{"attach", func(w *make.World, by, _ *accounts.Account, id statuses.ID) error {
		return w.DB.Write(w.Ctx(), func(tx *db.Tx) error {
			return w.Media.AddRemote(w.Ctx(), tx, by.ID, int64(id), []media.Attachment{{Kind: media.Image, RemoteURL: "https://files.example/1.png", Description: fmt.Sprint(rand.Int())}})
		})
	}},
	{"block", func(w *make.World, by, other *accounts.Account, _ statuses.ID) error {
		return w.Relations.Block(w.Ctx(), by, other, "")
	}},
	{"unblock", func(w *make.World, by, other *accounts.Account, _ statuses.ID) error {
		return w.Relations.Unblock(w.Ctx(), by, other)
	}},
	{"follow", func(w *make.World, by, other *accounts.Account, _ statuses.ID) error {
		return w.Relations.Follow(w.Ctx(), by, other, relations.FollowOptions{})
	}},
	{"unfollow", func(w *make.World, by, other *accounts.Account, _ statuses.ID) error {
		return w.Relations.Unfollow(w.Ctx(), by, other)
	}},
	{"profile", func(w *make.World, by, _ *accounts.Account, _ statuses.ID) error {
		name := fmt.Sprint("name ", rand.IntN(1000))
		_, err := w.Accounts.UpdateProfile(w.Ctx(), by.ID, accounts.Profile{DisplayName: &name})
		return err
	}},
	{"suspend", func(w *make.World, by, _ *accounts.Account, _ statuses.ID) error {
		if err := w.Accounts.Suspend(w.Ctx(), by.ID, true); err != nil || rand.IntN(2) == 0 {
			return err
		}
		return w.Accounts.Suspend(w.Ctx(), by.ID, false)
	}},
	{"fail", func(w *make.World, by, _ *accounts.Account, id statuses.ID) error {
		return w.DB.Write(w.Ctx(), func(tx *db.Tx) error {
			if _, err := tx.Exec(w.Ctx(), "UPDATE statuses SET content = 'never' WHERE id = $1", id); err != nil {
				return err
			}
			if _, err := w.Statuses.Recall(w.Ctx(), w.DB, by.ID, []statuses.ID{id}); err != nil && w.DB.Engine() == db.Postgres {
				return err
			}
			return fmt.Errorf("rolled back")
		})
	}},
}

// TestRecallIsLoad does many things in many orders and looks after each whether memory and database still tell everybody the same.
func TestRecallIsLoad(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		people := []*accounts.Account{w.Account("ann"), w.Account("bob"), w.Account("cat")}
		w.Post(people[0], "the first")
		for n := range 400 {
			list, err := db.Column[statuses.ID](w.Ctx(), d, "SELECT id FROM statuses ORDER BY id")
			if err != nil {
				t.Fatal(err)
			}
			w.Clock.Advance(time.Millisecond)
			by := rand.IntN(3)
			one := acts[rand.IntN(len(acts))]
			var id statuses.ID
			if len(list) > 0 {
				id = list[rand.IntN(len(list))]
			}
			done := one.do(w, people[by], people[(by+1+rand.IntN(2))%3], id)
			if list, err = db.Column[statuses.ID](w.Ctx(), d, "SELECT id FROM statuses ORDER BY id"); err != nil {
				t.Fatal(err)
			}
			for _, viewer := range []accounts.ID{0, people[0].ID, people[1].ID, people[2].ID} {
				want, err := w.Statuses.Load(w.Ctx(), d, viewer, list)
				if err != nil {
					t.Fatal(err)
				}
				got, err := w.Statuses.Recall(w.Ctx(), d, viewer, list)
				if err != nil {
					t.Fatal(err)
				}
				problem := differ(got, want)
				if problem == "" {
					problem = differAtAGlance(t, w, viewer, list)
				}
				if problem != "" {
					t.Fatalf("after act %d (%s by %s with %d: %v), for viewer %d: %s", n, one.name, people[by].Username, id, done, viewer, problem)
				}
			}
		}
	})
}

// differAtAGlance says in what glances from memory differ from those of the database, which a transaction asks.
func differAtAGlance(t *testing.T, w *make.World, viewer accounts.ID, list []statuses.ID) string {
	t.Helper()
	got, err := w.Statuses.Glance(w.Ctx(), w.DB, viewer, list, true)
	if err != nil {
		t.Fatal(err)
	}
	var want map[statuses.ID]*statuses.Glance
	if err := w.DB.Write(w.Ctx(), func(tx *db.Tx) (err error) {
		want, err = w.Statuses.Glance(w.Ctx(), tx, viewer, list, true)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for id, g := range want {
		if g.ReblogOfID != 0 && want[g.ReblogOfID] == nil {
			delete(want, id) // left to the caller
		}
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Sprintf("glances are %v, want %v", got, want)
	}
	return ""
}

// differ says in what two lists of posts differ for those who read them.
func differ(got, want *statuses.Parts) string {
	if len(got.Statuses) != len(want.Statuses) {
		return fmt.Sprintf("%d posts, want %d", len(got.Statuses), len(want.Statuses))
	}
	for id, st := range want.Statuses {
		pairs := map[string][2]any{
			"post": {got.Statuses[id], st}, "author": {got.Accounts[st.AccountID], want.Accounts[st.AccountID]}, "mentions": {got.Mentions[id], want.Mentions[id]},
			"tags": {got.Tags[id], want.Tags[id]}, "media": {got.Media[id], want.Media[id]}, "poll": {got.Polls[st.PollID], want.Polls[st.PollID]},
			"viewer": {got.Viewer[id], want.Viewer[id]}, "app": {got.Apps[st.ApplicationID], want.Apps[st.ApplicationID]},
		}
		for what, pair := range pairs {
			if !reflect.DeepEqual(pair[0], pair[1]) {
				return fmt.Sprintf("%s of %d is\n%+v, want\n%+v", what, id, pair[0], pair[1])
			}
		}
	}
	return ""
}
