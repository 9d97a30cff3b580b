package filters_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/filters"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/pubsub"
	"github.com/gomph/gomph/internal/kit/redis/redistest"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

func open(w *make.World, bus pubsub.Bus) *filters.Service {
	return filters.New(filters.Deps{DB: w.DB, IDs: w.IDs, Clock: w.Clock, Statuses: w.Statuses, Bus: bus})
}

func to[T any](v T) *T { return &v }

func invalid(t *testing.T, err error, message string) {
	t.Helper()
	if errs.KindOf(err) != errs.InvalidKind || !strings.Contains(err.Error(), message) {
		t.Errorf("got %v, want %q", err, message)
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		ctx := w.Ctx()
		s := open(w, nil)
		ann, ben := w.Account("ann"), w.Account("ben")

		for message, c := range map[string]filters.Change{
			"Title can't be blank, Context can't be blank, Context None or invalid": {},
			"Context None or invalid context supplied":                              {Title: to("t"), Context: []string{"home", "moon"}},
			"'burn' is not a valid filter_action":                                   {Title: to("t"), Context: []string{"home"}, Action: to("burn")},
			"Title is too long":                                                     {Title: to(strings.Repeat("é", 257)), Context: []string{"home"}},
			"Keyword can't be blank":                                                {Title: to("t"), Context: []string{"home"}, Keywords: []filters.KeywordChange{{Keyword: to(" "), WholeWord: to(true)}}},
			"Keyword is too long":                                                   {Title: to("t"), Context: []string{"home"}, Keywords: []filters.KeywordChange{{Keyword: to(strings.Repeat("k", 513))}}},
		} {
			_, err := s.Create(ctx, ann.ID, c)
			invalid(t, err, message)
		}
		if list, err := s.List(ctx, d, ann.ID); err != nil || len(list) != 0 {
			t.Fatalf("a refused filter left something: %v %v", list, err)
		}

		f, err := s.Create(ctx, ann.ID, filters.Change{Title: to("pets"), Context: []string{"home", " public ", ""}, Action: to("blur"), SetExpiry: true, ExpiresIn: to(time.Hour),
			Keywords: []filters.KeywordChange{{Keyword: to("cat")}, {Keyword: to("dog"), WholeWord: to(false)}, {}}})
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Keywords) != 2 || !f.Keywords[0].WholeWord || f.Keywords[1].WholeWord || len(f.Context) != 2 || f.Context[1] != "public" || f.Action != "blur" || !f.ExpiresAt.Equal(w.Clock.Now().Add(time.Hour)) {
			t.Errorf("made %+v", f)
		}
		f, err = s.Update(ctx, ann.ID, f.ID, filters.Change{Title: to("animals"), Keywords: []filters.KeywordChange{
			{ID: f.Keywords[0].ID, Destroy: true}, {ID: f.Keywords[1].ID, Keyword: to("wolf")}, {Keyword: to("fox")}, {Keyword: to("gone"), Destroy: true}}})
		if err != nil || f.Title != "animals" || len(f.Keywords) != 2 || f.Keywords[0].Keyword != "wolf" || f.Keywords[1].Keyword != "fox" || f.ExpiresAt.IsZero() {
			t.Fatalf("changed to %+v, %v", f, err)
		}

		post := w.Post(ann, "a fox")
		secret := w.Post(ben, "for me", func(d *statuses.Draft) { d.Visibility = statuses.Direct })
		x, err := s.AddStatus(ctx, ann.ID, f.ID, post.ID)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.AddStatus(ctx, ann.ID, f.ID, post.ID)
		invalid(t, err, "Status has already been taken")
		if _, err := s.AddStatus(ctx, ann.ID, f.ID, secret.ID); !errs.IsNotFound(err) {
			t.Errorf("a post that is not visible: %v", err)
		}

		set, err := s.For(ctx, d, ann.ID)
		if err != nil {
			t.Fatal(err)
		}
		got := set.Apply("home", filters.NewText(func() string { return "the FOX" }), post.ID)
		if len(got) != 1 || got[0].KeywordMatches[0] != "FOX" || got[0].StatusMatches[0] != post.ID || got[0].Filter.Title != "animals" {
			t.Errorf("applied: %+v", got)
		}

		for what, err := range map[string]error{
			"read":           second(s.ByID(ctx, d, ben.ID, f.ID)),
			"change":         second(s.Update(ctx, ben.ID, f.ID, filters.Change{Title: to("mine")})),
			"delete":         s.Delete(ctx, ben.ID, f.ID),
			"read keyword":   second(s.KeywordByID(ctx, d, ben.ID, f.Keywords[0].ID)),
			"add keyword":    second(s.AddKeyword(ctx, ben.ID, f.ID, filters.KeywordChange{Keyword: to("x")})),
			"change keyword": second(s.UpdateKeyword(ctx, ben.ID, f.Keywords[0].ID, filters.KeywordChange{Keyword: to("x")})),
			"delete keyword": s.DeleteKeyword(ctx, ben.ID, f.Keywords[0].ID),
			"read post":      second(s.StatusByID(ctx, d, ben.ID, x.ID)),
			"add post":       second(s.AddStatus(ctx, ben.ID, f.ID, post.ID)),
			"delete post":    second(s.DeleteStatus(ctx, ben.ID, x.ID)),
			"old read":       second(s.ByIDV1(ctx, d, ben.ID, f.Keywords[0].ID)),
			"old delete":     s.DeleteV1(ctx, ben.ID, f.Keywords[0].ID),
		} {
			if !errs.IsNotFound(err) {
				t.Errorf("%s of another's filter: %v", what, err)
			}
		}
		other, err := s.Create(ctx, ben.ID, filters.Change{Title: to("b"), Context: []string{"home"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Update(ctx, ben.ID, other.ID, filters.Change{Keywords: []filters.KeywordChange{{ID: f.Keywords[0].ID, Destroy: true}}}); !errs.IsNotFound(err) {
			t.Errorf("another's keyword through an own filter: %v", err)
		}

		if _, err := s.DeleteStatus(ctx, ann.ID, x.ID); err != nil {
			t.Error(err)
		}
		if err := s.Delete(ctx, ann.ID, f.ID); err != nil {
			t.Error(err)
		}
		if _, err := s.KeywordByID(ctx, d, ann.ID, f.Keywords[0].ID); !errs.IsNotFound(err) {
			t.Errorf("a keyword outlived its filter: %v", err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestFirstVersionOfTheAPI(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		ctx := w.Ctx()
		s := open(w, nil)
		ann := w.Account("ann")
		v, err := s.CreateV1(ctx, ann.ID, filters.V1Change{Phrase: to("cat"), Context: []string{"home"}, Irreversible: to(true), WholeWord: to(false)})
		if err != nil || v.Phrase != "cat" || !v.Irreversible || v.WholeWord {
			t.Fatalf("made %+v, %v", v, err)
		}
		_, err = s.CreateV1(ctx, ann.ID, filters.V1Change{Context: []string{"home"}})
		invalid(t, err, "can't be blank")
		v, err = s.UpdateV1(ctx, ann.ID, v.ID, filters.V1Change{Phrase: to("dog"), Irreversible: to(false), Context: []string{"public"}})
		if err != nil || v.Phrase != "dog" || v.Irreversible || v.Context[0] != "public" {
			t.Fatalf("changed to %+v, %v", v, err)
		}
		k, err := s.KeywordByID(ctx, d, ann.ID, v.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.AddKeyword(ctx, ann.ID, k.FilterID, filters.KeywordChange{Keyword: to("fox")}); err != nil {
			t.Fatal(err)
		}
		_, err = s.UpdateV1(ctx, ann.ID, v.ID, filters.V1Change{Context: []string{"home"}})
		invalid(t, err, "more than one filter keyword")
		if list, err := s.ListV1(ctx, d, ann.ID); err != nil || len(list) != 2 {
			t.Errorf("listed %v, %v", list, err)
		}
		for range 2 {
			list, err := s.ListV1(ctx, d, ann.ID)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.DeleteV1(ctx, ann.ID, list[0].ID); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.ByID(ctx, d, ann.ID, k.FilterID); !errs.IsNotFound(err) {
			t.Errorf("an empty filter stayed: %v", err)
		}
	})
}

func TestTheNumberOfFiltersIsBounded(t *testing.T) {
	t.Parallel()
	w := make.New(t, dbtest.SQLite(t))
	s := open(w, nil)
	ann := w.Account("ann")
	var err error
	made := 0
	for ; err == nil && made <= filters.MaxFilters; made++ {
		_, err = s.Create(w.Ctx(), ann.ID, filters.Change{Title: to("t"), Context: []string{"home"}})
	}
	if made != filters.MaxFilters+1 {
		t.Errorf("made %d", made-1)
	}
	invalid(t, err, "maximum number of filters")
}

// TestOtherProcessesHearOfChanges runs two services that share nothing but the database and the bus.
func TestOtherProcessesHearOfChanges(t *testing.T) {
	t.Parallel()
	client, server := redistest.Open(t)
	one := pubsub.NewLocal()
	for name, buses := range map[string][2]pubsub.Bus{
		"local": {one, one},
		"redis": {pubsub.NewRedis(client, "p:"), pubsub.NewRedis(server.Client(t), "p:")},
	} {
		t.Run(name, func(t *testing.T) {
			defer buses[0].Close()
			defer buses[1].Close()
			w := make.New(t, dbtest.SQLite(t))
			ctx := w.Ctx()
			here, there := open(w, buses[0]), open(w, buses[1])
			ann := w.Account("ann")
			text := filters.NewText(func() string { return "cat" })
			matches := func(s *filters.Service) int {
				t.Helper()
				set, err := s.For(ctx, w.DB, ann.ID)
				if err != nil {
					t.Fatal(err)
				}
				return len(set.Apply("", text))
			}
			if matches(here)+matches(there) != 0 {
				t.Fatal("matched without filters")
			}
			counted, n := db.Counting(ctx)
			if _, err := there.For(counted, w.DB, ann.ID); err != nil || (name == "local" && n.N() != 0) {
				t.Errorf("%d statements, %v", n.N(), err)
			}
			probe := buses[1].Subscribe(filters.Channel(ann.ID))
			defer probe.Close()
			if err := probe.Ready(ctx); err != nil {
				t.Fatal(err)
			}
			if _, err := here.Create(ctx, ann.ID, filters.Change{Title: to("t"), Context: []string{"home"}, Keywords: []filters.KeywordChange{{Keyword: to("cat")}}}); err != nil {
				t.Fatal(err)
			}
			if matches(here) != 1 {
				t.Error("the process that changed it does not see it")
			}
			<-probe.C
			for matches(there) != 1 { // the bus hands out to one reader after the other
				if t.Context().Err() != nil {
					t.Fatal("the other process never heard of it")
				}
			}
		})
	}
}
