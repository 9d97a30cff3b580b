package relations_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

func TestLists(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		l, err := w.Relations.CreateList(w.Ctx(), relations.List{AccountID: w.ann.ID, Title: "friends", Exclusive: true})
		w.must(err)
		if got, err := w.Relations.ListByID(w.Ctx(), w.DB, w.ann.ID, l.ID); err != nil || got != l || got.RepliesPolicy != "list" {
			w.t.Errorf("stored %+v, %v", got, err)
		}
		if _, err := w.Relations.ListByID(w.Ctx(), w.DB, w.bob.ID, l.ID); !errs.IsNotFound(err) {
			w.t.Errorf("someone else's list: %v", err)
		}
		for _, bad := range []relations.List{{AccountID: w.ann.ID}, {AccountID: w.ann.ID, Title: "x", RepliesPolicy: "all"}} {
			if _, err := w.Relations.CreateList(w.Ctx(), bad); errs.KindOf(err) != errs.InvalidKind {
				w.t.Errorf("%+v: %v", bad, err)
			}
		}
		if err := w.Relations.AddToList(w.Ctx(), l, []accounts.ID{w.bob.ID}); !errs.IsNotFound(err) {
			w.t.Errorf("someone who is not followed: %v", err)
		}
		w.Follow(w.ann, w.bob)
		w.Follow(w.ann, w.far)
		w.Events()
		if err := w.Relations.AddToList(w.Ctx(), l, []accounts.ID{w.bob.ID, w.bob.ID}); errs.KindOf(err) != errs.InvalidKind {
			w.t.Errorf("twice: %v", err)
		}
		w.emitted()
		w.must(w.Relations.AddToList(w.Ctx(), l, []accounts.ID{w.bob.ID, w.ann.ID, w.far.ID}))
		w.emitted("list_changed")
		members := func() []accounts.ID {
			list, err := w.Relations.ListAccounts(w.Ctx(), w.DB, l.ID, db.Page{Limit: 9})
			w.must(err)
			return ids(list)
		}
		if got := members(); !reflect.DeepEqual(got, []accounts.ID{w.far.ID, w.ann.ID, w.bob.ID}) {
			w.t.Errorf("members are %v", got)
		}
		if with, err := w.Relations.ListsWith(w.Ctx(), w.DB, w.ann.ID, w.bob.ID); err != nil || len(with) != 1 {
			w.t.Errorf("lists with bob are %v, %v", with, err)
		}
		w.must(w.Relations.RemoveFromList(w.Ctx(), l, []accounts.ID{w.ann.ID, 12345}))
		w.must(w.Relations.Unfollow(w.Ctx(), w.ann, w.bob)) // leaves the list too
		if got := members(); !reflect.DeepEqual(got, []accounts.ID{w.far.ID}) {
			w.t.Errorf("members are %v", got)
		}
		w.Events()
		l.Title, l.RepliesPolicy = "others", "none"
		w.must(w.Relations.UpdateList(w.Ctx(), l))
		theirs := l
		theirs.AccountID = w.bob.ID
		if err := w.Relations.UpdateList(w.Ctx(), theirs); !errs.IsNotFound(err) {
			w.t.Errorf("changing someone else's list: %v", err)
		}
		if err := w.Relations.DeleteList(w.Ctx(), w.bob.ID, l.ID); !errs.IsNotFound(err) {
			w.t.Errorf("deleting someone else's list: %v", err)
		}
		if all, err := w.Relations.Lists(w.Ctx(), w.DB, w.ann.ID); err != nil || len(all) != 1 || all[0] != l {
			w.t.Errorf("lists are %+v, %v", all, err)
		}
		w.must(w.Relations.DeleteList(w.Ctx(), w.ann.ID, l.ID))
		w.emitted("list_changed", "list_changed")
		for i := range relations.MaxLists {
			if _, err := w.Relations.CreateList(w.Ctx(), relations.List{AccountID: w.ann.ID, Title: fmt.Sprint(i)}); err != nil {
				w.t.Fatal(err)
			}
		}
		if _, err := w.Relations.CreateList(w.Ctx(), relations.List{AccountID: w.ann.ID, Title: "one more"}); errs.KindOf(err) != errs.InvalidKind {
			w.t.Errorf("one too many: %v", err)
		}
	})
}

func ids(list []relations.Entry) []accounts.ID {
	var out []accounts.ID
	for _, e := range list {
		out = append(out, e.AccountID)
	}
	return out
}

func TestPagesOfPeople(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		var fans []accounts.ID // the newest first
		for i := range 5 {
			fan := w.Account(fmt.Sprint("fan", i))
			w.Follow(fan, w.ann)
			w.Follow(w.ann, fan)
			w.must(w.Relations.Mute(w.Ctx(), w.bob.ID, fan.ID, relations.MuteOptions{}))
			fans = append([]accounts.ID{fan.ID}, fans...)
		}
		for name, list := range map[string]func(p db.Page) ([]relations.Entry, error){
			"followers": func(p db.Page) ([]relations.Entry, error) {
				return w.Relations.Followers(w.Ctx(), w.DB, w.ann.ID, w.bob.ID, p)
			},
			"following": func(p db.Page) ([]relations.Entry, error) {
				return w.Relations.Following(w.Ctx(), w.DB, w.ann.ID, 0, p)
			},
			"mutes": func(p db.Page) ([]relations.Entry, error) { return w.Relations.Mutes(w.Ctx(), w.DB, w.bob.ID, p) },
		} {
			all, err := list(db.Page{Limit: 9})
			if w.must(err); !reflect.DeepEqual(ids(all), fans) {
				w.t.Fatalf("%s are %v", name, ids(all))
			}
			for _, c := range []struct {
				p    db.Page
				want []accounts.ID
			}{
				{db.Page{Limit: 2}, fans[:2]}, {db.Page{Limit: 2, MaxID: all[1].ID}, fans[2:4]}, {db.Page{Limit: 2, MinID: all[4].ID}, fans[2:4]},
				{db.Page{Limit: 2, SinceID: all[4].ID}, fans[:2]}, {db.Page{Limit: 2, MaxID: all[4].ID}, nil},
			} {
				if got, err := list(c.p); err != nil || !reflect.DeepEqual(ids(got), c.want) {
					w.t.Errorf("%s, %+v: %v, %v", name, c.p, ids(got), err)
				}
			}
		}
		fan, err := w.Accounts.ByID(w.Ctx(), w.DB, fans[0])
		w.must(err)
		w.must(w.Relations.Block(w.Ctx(), fan, w.bob, ""))
		if got, err := w.Relations.Followers(w.Ctx(), w.DB, w.ann.ID, w.bob.ID, db.Page{Limit: 9}); err != nil || !reflect.DeepEqual(ids(got), fans[1:]) {
			w.t.Errorf("bob sees %v, %v", ids(got), err)
		}
		if got, err := w.Relations.Blocks(w.Ctx(), w.DB, fan.ID, db.Page{Limit: 9}); err != nil || !reflect.DeepEqual(ids(got), []accounts.ID{w.bob.ID}) {
			w.t.Errorf("blocked are %v, %v", ids(got), err)
		}
		local, after := []accounts.ID(nil), accounts.ID(0)
		w.Follow(w.far, w.ann)
		for {
			part, err := w.Relations.LocalFollowers(w.Ctx(), w.DB, w.ann.ID, after, 2)
			if w.must(err); len(part) == 0 {
				break
			}
			local, after = append(local, part...), part[len(part)-1]
		}
		if len(local) != 5 {
			w.t.Errorf("local followers are %v", local)
		}
		if ok, err := w.Relations.HasLocalFollower(w.Ctx(), w.DB, w.far.ID); ok || err != nil {
			w.t.Errorf("far has a local follower: %v", err)
		}
	})
}
