package statuses_test

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

func TestPostIsStoredWithItsPartsAndWhatFollows(t *testing.T) {
	t.Parallel()
	dbtest.Pooled(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		ann, bob := w.Account("ann"), w.Account("bob")
		w.Events()
		ctx, count := db.Counting(w.Ctx())
		st, err := w.Statuses.Post(ctx, ann, statuses.Draft{Text: "hello @bob about #Elephants", IdempotencyKey: "k1"})
		if err != nil {
			t.Fatal(err)
		}
		if count.N() > 15 {
			t.Errorf("posting took %d statements, the budget (C3) is 15", count.N())
		}
		if !strings.Contains(st.Content, `class="u-url mention">@<span>bob</span>`) || !strings.Contains(st.Content, "https://local.example/tags/") {
			t.Errorf("content is %s", st.Content)
		}
		p, err := w.Statuses.Load(w.Ctx(), d, bob.ID, []statuses.ID{st.ID})
		if err != nil {
			t.Fatal(err)
		}
		if m := p.Mentions[st.ID]; len(m) != 1 || m[0].AccountID != bob.ID {
			t.Errorf("mentions are %+v", m)
		}
		if tags := p.Tags[st.ID]; len(tags) != 1 || tags[0].Name != "elephants" || tags[0].DisplayName != "Elephants" {
			t.Errorf("tags are %+v", tags)
		}
		if n := p.Accounts[ann.ID].StatusesCount; n != 1 {
			t.Errorf("the author has %d posts", n)
		}
		want := []any{statuses.Posted{StatusID: st.ID, AccountID: ann.ID, Local: true, Unheard: true, Found: true}}
		if got := w.Events(); len(got) != 1 || !reflect.DeepEqual(any(got[0]), want[0]) {
			t.Errorf("emitted %+v", got)
		}
		again, err := w.Statuses.Post(w.Ctx(), ann, statuses.Draft{Text: "hello @bob about #Elephants", IdempotencyKey: "k1"})
		if err != nil || again.ID != st.ID {
			t.Errorf("the repeat gave %v, %v", again, err)
		}
		if got := w.Events(); len(got) != 0 {
			t.Errorf("the repeat emitted %+v", got)
		}
		w.Clock.Advance(2 * time.Hour)
		later, err := w.Statuses.Post(w.Ctx(), ann, statuses.Draft{Text: "same key, later", IdempotencyKey: "k1"})
		if err != nil || later.ID == st.ID {
			t.Errorf("an old key gave %v, %v", later, err)
		}
	})
}

func TestWhoMaySeeAPost(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		ann, fan, named, stranger, blocked := w.Account("ann"), w.Account("fan"), w.Account("named"), w.Account("stranger"), w.Account("blocked")
		w.Follow(fan, ann)
		if err := w.Relations.Block(w.Ctx(), ann, blocked, ""); err != nil {
			t.Fatal(err)
		}
		nobody := &accounts.Account{}
		for _, c := range []struct {
			v    statuses.Visibility
			sees []*accounts.Account
		}{
			{statuses.Public, []*accounts.Account{ann, fan, named, stranger, nobody}},
			{statuses.Unlisted, []*accounts.Account{ann, fan, named, stranger, nobody}},
			{statuses.Private, []*accounts.Account{ann, fan, named}},
			{statuses.Direct, []*accounts.Account{ann, named}},
		} {
			st := w.Post(ann, "for @named", func(d *statuses.Draft) { d.Visibility = c.v })
			for _, viewer := range []*accounts.Account{ann, fan, named, stranger, blocked, nobody} {
				want := false
				for _, a := range c.sees {
					want = want || a == viewer
				}
				_, err := w.Statuses.ByID(w.Ctx(), d, viewer.ID, st.ID)
				if want != (err == nil) || (err != nil && !errs.IsNotFound(err)) {
					t.Errorf("%s post, viewer %q: %v", c.v, viewer.Username, err)
				}
				p, err := w.Statuses.Load(w.Ctx(), d, viewer.ID, []statuses.ID{st.ID})
				if err != nil || (len(p.Statuses) == 1) != want {
					t.Errorf("%s post, viewer %q: loaded %d, %v", c.v, viewer.Username, len(p.Statuses), err)
				}
			}
		}
	})
}

func TestActsAndTheirUndoing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		ann, bob := w.Account("ann"), w.Account("bob")
		far := w.Remote("far", "far.example")
		st := w.Post(ann, "one")
		reply := w.Post(bob, "two", func(d *statuses.Draft) { d.InReplyToID = st.ID })
		deep := w.Post(ann, "three", func(d *statuses.Draft) { d.InReplyToID = reply.ID })
		for range 2 {
			for _, a := range []*accounts.Account{bob, far} {
				if _, err := w.Statuses.Favourite(w.Ctx(), a, st.ID, ""); err != nil {
					t.Fatal(err)
				}
			}
		}
		boost, err := w.Statuses.Reblog(w.Ctx(), bob, st.ID, statuses.Public, "", time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		same, err := w.Statuses.Reblog(w.Ctx(), bob, boost.ID, statuses.Public, "", time.Time{})
		if err != nil || same.ID != boost.ID {
			t.Fatalf("boosting again gave %+v, %v", same, err)
		}
		counts := func() [3]int64 {
			now, err := w.Statuses.Any(w.Ctx(), d, st.ID)
			if err != nil {
				t.Fatal(err)
			}
			return [3]int64{now.RepliesCount, now.ReblogsCount, now.FavouritesCount}
		}
		if got := counts(); got != [3]int64{1, 1, 2} {
			t.Errorf("replies, boosts, likes are %v", got)
		}
		up, down, err := w.Statuses.Context(w.Ctx(), d, ann.ID, reply)
		if err != nil || !reflect.DeepEqual(up, []statuses.ID{st.ID}) || !reflect.DeepEqual(down, []statuses.ID{deep.ID}) {
			t.Errorf("context is %v, %v, %v", up, down, err)
		}
		_, down, err = w.Statuses.Context(w.Ctx(), d, 0, st)
		if err != nil || !reflect.DeepEqual(down, []statuses.ID{reply.ID, deep.ID}) {
			t.Errorf("context is %v, %v", down, err)
		}
		for range 2 {
			if _, err := w.Statuses.Unreblog(w.Ctx(), bob, st.ID); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Statuses.Unfavourite(w.Ctx(), far, st.ID); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Statuses.Delete(w.Ctx(), bob, reply.ID); err != nil {
			t.Fatal(err)
		}
		if got := counts(); got != [3]int64{0, 0, 1} {
			t.Errorf("after undoing: replies, boosts, likes are %v", got)
		}
		if _, err := w.Statuses.Delete(w.Ctx(), bob, st.ID); !errs.IsNotFound(err) {
			t.Errorf("deleting someone else's post: %v", err)
		}
		if err := w.Statuses.Purge(w.Ctx(), reply.ID); err != nil {
			t.Fatal(err)
		}
	})
}

func TestRemotePostsInAnyOrder(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		far, other := w.Remote("far", "far.example"), w.Remote("other", "far.example")
		parentURI := "https://far.example/p/1"
		reply := w.Receive(far, "<p>answer first</p>", func(in *statuses.Incoming) { in.InReplyToURI = parentURI })
		parent := w.Receive(far, "<p>parent later</p>", func(in *statuses.Incoming) { in.URI = parentURI })
		again := w.Receive(far, "<p>parent twice</p>", func(in *statuses.Incoming) { in.URI = parentURI })
		if again.ID != parent.ID || again.Content != "<p>parent later</p>" {
			t.Errorf("received twice: %+v", again)
		}
		got, err := w.Statuses.Any(w.Ctx(), d, reply.ID)
		if err != nil || got.InReplyToID != parent.ID || got.InReplyToURI != "" {
			t.Errorf("the answer's parent is %d %q, %v", got.InReplyToID, got.InReplyToURI, err)
		}
		if _, err := w.Statuses.Receive(w.Ctx(), other, statuses.Incoming{URI: parentURI, Content: "taken over"}); errs.KindOf(err) != errs.ForbiddenKind {
			t.Errorf("someone else's id: %v", err)
		}
		gone := "https://far.example/p/gone"
		if err := w.Statuses.ReceiveDelete(w.Ctx(), far, gone); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Statuses.Receive(w.Ctx(), far, statuses.Incoming{URI: gone, Content: "late"}); errs.KindOf(err) != errs.GoneKind {
			t.Errorf("a deleted post came back: %v", err)
		}
		old := w.Receive(far, "<p>old</p>", func(in *statuses.Incoming) { in.PublishedAt = w.Clock.Now().Add(-48 * time.Hour) })
		if old.ID >= parent.ID {
			t.Errorf("an old post has a new id")
		}
		e, err := w.Statuses.ReceiveEdit(w.Ctx(), far, statuses.Incoming{URI: parentURI, Content: "<p>better</p>", Tags: []string{"tag"}, EditedAt: w.Clock.Now().Add(time.Minute)})
		if err != nil || e.Content != "<p>better</p>" {
			t.Fatalf("editing gave %+v, %v", e, err)
		}
		versions, err := w.Statuses.Versions(w.Ctx(), d, e)
		if err != nil || len(versions) != 2 || versions[0].Content != "<p>parent later</p>" || versions[1].Content != "<p>better</p>" {
			t.Errorf("versions are %+v, %v", versions, err)
		}
		stale, err := w.Statuses.ReceiveEdit(w.Ctx(), far, statuses.Incoming{URI: parentURI, Content: "<p>stale</p>", EditedAt: w.Clock.Now().Add(-time.Hour)})
		if err != nil || stale.Content != "<p>better</p>" {
			t.Errorf("a stale edit gave %+v, %v", stale, err)
		}
	})
}

func TestBadDraftsChangeNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		ann := w.Account("ann")
		w.Events()
		poll := func(options ...string) *statuses.PollDraft {
			return &statuses.PollDraft{Options: options, ExpiresIn: time.Hour}
		}
		for name, draft := range map[string]statuses.Draft{
			"blank":                {Text: " \n "},
			"too long":             {Text: strings.Repeat("x", 501)},
			"too long with a CW":   {Text: strings.Repeat("x", 400), SpoilerText: strings.Repeat("y", 101)},
			"huge":                 {Text: strings.Repeat("x", 1<<20)},
			"unknown language":     {Text: "x", Language: "<script>"},
			"unknown media":        {Text: "x", MediaIDs: []int64{1}},
			"five media":           {Text: "x", MediaIDs: []int64{1, 2, 3, 4, 5}},
			"unknown parent":       {Text: "x", InReplyToID: 12345},
			"poll of one":          {Text: "x", Poll: poll("a")},
			"poll of five":         {Text: "x", Poll: poll("a", "b", "c", "d", "e")},
			"poll with duplicates": {Text: "x", Poll: poll("a", "a")},
			"poll with a long one": {Text: "x", Poll: poll("a", strings.Repeat("b", 51))},
			"poll of a minute":     {Text: "x", Poll: &statuses.PollDraft{Options: []string{"a", "b"}, ExpiresIn: time.Minute}},
			"poll of a year":       {Text: "x", Poll: &statuses.PollDraft{Options: []string{"a", "b"}, ExpiresIn: 365 * 24 * time.Hour}},
		} {
			_, err := w.Statuses.Post(w.Ctx(), ann, draft)
			if k := errs.KindOf(err); k != errs.InvalidKind && k != errs.NotFoundKind {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n, err := db.Value[int64](context.Background(), d, "SELECT COUNT(*) FROM statuses"); n != 0 || err != nil {
			t.Errorf("%d posts were stored, %v", n, err)
		}
		if got := w.Events(); len(got) != 0 {
			t.Errorf("emitted %+v", got)
		}
	})
}

func TestVoting(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		ann, bob := w.Account("ann"), w.Account("bob")
		far := w.Remote("far", "far.example")
		st := w.Post(ann, "which?", func(d *statuses.Draft) {
			d.Poll = &statuses.PollDraft{Options: []string{"a", "b"}, ExpiresIn: time.Hour}
		})
		p, err := w.Statuses.Vote(w.Ctx(), bob, st.PollID, []int{1}, "")
		if err != nil || !reflect.DeepEqual(p.Tallies, []int64{0, 1}) || p.VotersCount != 1 || !reflect.DeepEqual(p.Own, []int{1}) {
			t.Fatalf("poll is %+v, %v", p, err)
		}
		for name, c := range map[string]struct {
			by      *accounts.Account
			choices []int
		}{"twice": {bob, []int{0}}, "own": {ann, []int{0}}, "two of one": {far, []int{0, 1}}, "unknown": {far, []int{2}}, "none": {far, nil}} {
			if _, err := w.Statuses.Vote(w.Ctx(), c.by, st.PollID, c.choices, ""); errs.KindOf(err) != errs.InvalidKind {
				t.Errorf("%s: %v", name, err)
			}
		}
		w.Clock.Advance(2 * time.Hour)
		if _, err := w.Statuses.Vote(w.Ctx(), far, st.PollID, []int{0}, ""); errs.KindOf(err) != errs.InvalidKind {
			t.Errorf("too late: %v", err)
		}
	})
}
