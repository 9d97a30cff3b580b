package rest_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/google/go-cmp/cmp"
)

// TestPiecesAreTheWhole renders a page from kept pieces and anew, for several viewers, after each of many changes: both must
// say the same.
func TestPiecesAreTheWhole(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob, cat := d.person("ann"), d.person("bob"), d.person("cat")
		far := d.Remote("far", "far.example")
		d.Follow(bob.Account, ann.Account)
		file := d.File(ann.Account, "a trout")
		first := d.Post(ann.Account, "hello @bob #tag <b>", func(x *statuses.Draft) { x.MediaIDs, x.SpoilerText = []int64{file.ID}, "cw" })
		poll := d.Post(ann.Account, "fish?", func(x *statuses.Draft) {
			x.Poll = &statuses.PollDraft{Options: []string{"trout", "eel"}, ExpiresIn: time.Hour}
		})
		private := d.Post(ann.Account, "followers", func(x *statuses.Draft) { x.Visibility = statuses.Private })
		remote := d.Receive(far, "<p>far away trout</p>")
		boost, err := d.Statuses.Reblog(d.Ctx(), bob.Account, first.ID, statuses.Public, "", time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		order := []statuses.ID{boost.ID, remote.ID, private.ID, poll.ID, first.ID, 12345, first.ID}
		viewers := []accounts.ID{0, ann.ID, bob.ID, cat.ID}
		shown := func(after string) {
			t.Helper()
			for _, v := range viewers {
				kept, err := d.render.List(d.Ctx(), d.DB, v, order, "")
				if err != nil {
					t.Fatal(err)
				}
				anew, err := d.render.Statuses(d.Ctx(), d.DB, v, order, "")
				if err != nil {
					t.Fatal(err)
				}
				whole, err := json.Marshal(anew)
				if err != nil {
					t.Fatal(err)
				}
				var a, b any
				if err := json.Unmarshal(kept, &a); err != nil {
					t.Fatalf("after %s: %v in %s", after, err, kept)
				}
				_ = json.Unmarshal(whole, &b)
				if diff := cmp.Diff(b, a); diff != "" {
					t.Errorf("after %s, for %d (-anew +kept):\n%s", after, v, diff)
				}
			}
		}
		shown("nothing")
		shown("looking")
		word := "trout"
		for _, step := range []struct {
			name string
			do   func() error
		}{
			{"a favourite", func() error { _, err := d.Statuses.Favourite(d.Ctx(), bob.Account, first.ID, ""); return err }},
			{"a bookmark", func() error { _, err := d.Statuses.Bookmark(d.Ctx(), cat.Account, first.ID, true); return err }},
			{"a pin", func() error { _, err := d.Statuses.Pin(d.Ctx(), ann.Account, first.ID, true); return err }},
			{"a muted thread", func() error {
				_, err := d.Statuses.MuteConversation(d.Ctx(), bob.Account, first.ID, true)
				return err
			}},
			{"a vote", func() error { _, err := d.Statuses.Vote(d.Ctx(), bob.Account, poll.PollID, []int{1}, ""); return err }},
			{"an edit", func() error {
				d.Clock.Advance(time.Second)
				_, err := d.Statuses.Edit(d.Ctx(), ann.Account, first.ID, statuses.Draft{Text: "changed"})
				return err
			}},
			{"a new name", func() error {
				d.Clock.Advance(time.Second)
				_, err := d.Accounts.UpdateProfile(d.Ctx(), ann.ID, accounts.Profile{DisplayName: new("Ann")})
				return err
			}},
			{"another post", func() error { d.Post(ann.Account, "more"); return nil }},
			{"a follower", func() error { d.Follow(cat.Account, ann.Account); return nil }},
			{"a filter", func() error {
				render := d.post("/api/v2/filters", bob, object{"title": "fish", "context": []string{"home"}, "keywords_attributes": []object{{"keyword": word}}})
				render.want(200)
				return nil
			}},
			{"a warning on all of someone's media", func() error {
				return d.DB.Write(d.Ctx(), func(tx *db.Tx) error {
					_, err := tx.Exec(d.Ctx(), "UPDATE accounts SET sensitized_at = 5 WHERE id = $1", ann.ID)
					return err
				})
			}},
			{"the poll's end", func() error { d.Clock.Advance(2 * time.Hour); return nil }},
			{"a block", func() error { return d.Relations.Block(d.Ctx(), ann.Account, cat.Account, "") }},
			{"a boost taken back", func() error { _, err := d.Statuses.Unreblog(d.Ctx(), bob.Account, first.ID); return err }},
			{"a deletion", func() error { _, err := d.Statuses.Delete(d.Ctx(), ann.Account, first.ID); return err }},
			{"a suspension", func() error { return d.Accounts.Suspend(d.Ctx(), far.ID, true) }},
		} {
			if err := step.do(); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			shown(step.name)
		}
	})
}
