package feeds_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/feeds"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/cache"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/pubsub"
	"github.com/gomph/gomph/internal/testkit/make"
)

// world is a world with feeds; events are handed to them when pump is called.
type world struct {
	*make.World
	feeds *feeds.Service
	cache cache.Cache
	bus   pubsub.Bus
	ctx   context.Context
}

func open(t testing.TB, d *db.DB, c cache.Cache) *world {
	w := &world{World: make.New(t, d), cache: c, bus: pubsub.NewLocal(), ctx: context.Background()}
	t.Cleanup(func() { w.bus.Close() })
	w.feeds = w.over(c)
	jobs.On(w.Jobs, "feeds.batch", jobs.Policy{Queue: jobs.Default}, w.feeds.Batch, jobs.Unique(feeds.Spread.Key))
	return w
}

// over is a service on another cache.
func (w *world) over(c cache.Cache) *feeds.Service {
	return feeds.New(feeds.Deps{DB: w.DB, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Accounts: w.Accounts, Relations: w.Relations, Statuses: w.Statuses, Cache: c, Bus: w.bus})
}

// pump hands what was emitted to the feeds.
func (w *world) pump() {
	w.T.Helper()
	for _, e := range w.Events() {
		if err := w.react(e); err != nil {
			w.T.Fatalf("%s: %v", e.Kind(), err)
		}
	}
}

func (w *world) react(e jobs.Event) error {
	f := w.feeds
	switch e := e.(type) {
	case statuses.Posted:
		if err := f.Insert(w.ctx, e); err != nil {
			return err
		}
		return f.Direct(w.ctx, e)
	case statuses.Edited:
		return f.Edited(w.ctx, e)
	case statuses.Deleted:
		return f.Deleted(w.ctx, e)
	case relations.Followed:
		return f.Followed(w.ctx, e)
	case relations.Accepted:
		return f.Accepted(w.ctx, e)
	case relations.Rejected:
		return f.Rejected(w.ctx, e)
	case relations.Unfollowed:
		return f.Unfollowed(w.ctx, e)
	case relations.Blocked:
		return f.Blocked(w.ctx, e)
	case relations.Unblocked:
		return f.Unblocked(w.ctx, e)
	case relations.Muted:
		return f.Muted(w.ctx, e)
	case relations.Unmuted:
		return f.Unmuted(w.ctx, e)
	case relations.DomainBlocked:
		if err := w.Relations.SeverDomain(w.ctx, e); err != nil {
			return err
		}
		return f.DomainBlocked(w.ctx, e)
	case relations.TagFollowed:
		return f.TagFollowed(w.ctx, e)
	case relations.ListChanged:
		return f.ListChanged(w.ctx, e)
	}
	return nil
}

func (w *world) home(f *feeds.Service, me accounts.ID, p db.Page) []statuses.ID {
	w.T.Helper()
	if p.Limit == 0 {
		p.Limit = 40
	}
	list, err := f.Home(w.ctx, w.DB, me, p)
	if err != nil {
		w.T.Fatal(err)
	}
	return list
}

// all reads a feed from its top to its end, page by page.
func (w *world) all(read func(db.Page) ([]statuses.ID, error), limit int) []statuses.ID {
	w.T.Helper()
	out := []statuses.ID{}
	for p := (db.Page{Limit: limit}); ; {
		list, err := read(p)
		if err != nil {
			w.T.Fatal(err)
		}
		if len(list) == 0 {
			return out
		}
		out = append(out, list...)
		p.MaxID = int64(list[len(list)-1])
	}
}

func (w *world) boost(by *accounts.Account, id statuses.ID) *statuses.Status {
	w.T.Helper()
	w.Clock.Advance(1e9)
	st, err := w.Statuses.Reblog(w.ctx, by, id, statuses.Public, "", w.Clock.Now())
	w.must(err)
	return st
}

func (w *world) must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

func (w *world) expect(what string, got []statuses.ID, want ...*statuses.Status) {
	w.T.Helper()
	ids := []statuses.ID{}
	for _, st := range want {
		ids = append(ids, st.ID)
	}
	if fmt.Sprint(got) != fmt.Sprint(ids) {
		w.T.Errorf("%s: got %v, want %v", what, got, ids)
	}
}
