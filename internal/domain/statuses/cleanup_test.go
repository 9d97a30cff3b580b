package statuses_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

func TestOldPostsGoByTheirOwnersRule(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		ctx := context.Background()
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		ann, bob := w.Account("ann"), w.Account("bob")
		id := map[string]statuses.ID{}
		post := func(name string, edit ...func(*statuses.Draft)) {
			id[name] = w.Post(ann, name, edit...).ID
			w.Clock.Advance(time.Minute)
		}
		for _, name := range []string{"plain 1", "plain 2", "pinned", "favoured", "marked", "liked", "plain 3", "plain 4", "plain 5", "plain 6"} {
			post(name)
		}
		post("secret", func(x *statuses.Draft) { x.Visibility = statuses.Direct })
		post("vote", func(x *statuses.Draft) {
			x.Poll = &statuses.PollDraft{Options: []string{"a", "b"}, ExpiresIn: time.Hour}
		})
		others := w.Post(bob, "bob's").ID
		_, err := w.Statuses.Pin(ctx, ann, id["pinned"], true)
		ok(err)
		_, err = w.Statuses.Favourite(ctx, ann, id["favoured"], "")
		ok(err)
		_, err = w.Statuses.Bookmark(ctx, ann, id["marked"], true)
		ok(err)
		_, err = w.Statuses.Favourite(ctx, bob, id["liked"], "")
		ok(err)
		w.Clock.Advance(10 * 24 * time.Hour)
		post("young")
		left := func() []string {
			var out []string
			for name, one := range id {
				if _, err := w.Statuses.ByID(ctx, d, ann.ID, one); err == nil {
					out = append(out, name)
				}
			}
			slices.Sort(out)
			return out
		}
		run := func(times int) {
			for range times {
				ok(w.Statuses.CleanUpOld(ctx, statuses.CleanUpOldDue{}))
			}
		}
		before := len(left())
		run(3)
		if got := left(); len(got) != before {
			t.Fatalf("without a rule there are left %v", got)
		}
		p, err := w.Statuses.CleanupOf(ctx, d, ann.ID)
		ok(err)
		p.Enabled, p.MinAge, p.MinFavs = true, statuses.CleanupAges[0], 1
		ok(w.Statuses.SetCleanup(ctx, ann.ID, p))
		w.Events()
		run(1)
		if got := len(left()); got != before-5 {
			t.Errorf("one run deleted %d", before-got)
		}
		if got := len(w.Events()); got != 5 {
			t.Errorf("%d events follow from five deletions", got)
		}
		run(3)
		want := []string{"favoured", "liked", "marked", "pinned", "secret", "young"}
		if got := left(); !slices.Equal(got, want) {
			t.Errorf("left are %v, not %v", got, want)
		}
		p.KeepPinned, p.KeepDirect, p.MinFavs, p.KeepSelfFav = false, false, 0, false
		ok(w.Statuses.SetCleanup(ctx, ann.ID, p))
		run(3)
		if got := left(); !slices.Equal(got, []string{"marked", "young"}) {
			t.Errorf("by the second rule there are left %v", got)
		}
		_, err = w.Statuses.Bookmark(ctx, ann, id["marked"], false)
		ok(err)
		w.Clock.Advance(8 * 24 * time.Hour) // what was to stay is looked at again within the week
		run(3)
		if got := left(); len(got) != 0 {
			t.Errorf("at last there are left %v", got)
		}
		if _, err := w.Statuses.ByID(ctx, d, bob.ID, others); err != nil {
			t.Errorf("somebody else's post: %v", err)
		}
		p.MinAge = time.Hour
		if err := w.Statuses.SetCleanup(ctx, ann.ID, p); err == nil {
			t.Error("an hour is an age")
		}
	})
}
