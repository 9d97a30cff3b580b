package search_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/search"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

// world is a world whose posts are entered when pump is called.
type world struct {
	*make.World
	search *search.Service
	names  map[statuses.ID]string
}

func open(t *testing.T, d *db.DB) *world {
	w := &world{World: make.New(t, d), names: map[statuses.ID]string{}}
	w.search = search.New(search.Deps{DB: d, IDs: w.IDs, Clock: w.Clock, Accounts: w.Accounts})
	return w
}

func (w *world) must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

// pump enters what happened, as the program's reactions do.
func (w *world) pump() {
	w.T.Helper()
	for _, e := range w.Events() {
		switch e := e.(type) {
		case statuses.Posted:
			if e.Found && e.Reblog {
				w.must(w.search.EnterBoosted(w.Ctx(), e.StatusID))
			} else if e.Found {
				w.must(w.search.Enter(w.Ctx(), e.StatusID))
			}
		case statuses.Edited:
			w.must(w.search.Enter(w.Ctx(), e.StatusID))
		case statuses.Deleted:
			w.must(w.search.Drop(w.Ctx(), e.StatusID))
		case statuses.Favourited:
			w.must(w.search.Enter(w.Ctx(), e.StatusID))
		case statuses.Bookmarked:
			w.must(w.search.Enter(w.Ctx(), e.StatusID))
		case statuses.Voted:
			w.must(w.search.Enter(w.Ctx(), e.StatusID))
		case accounts.Consented:
			w.must(w.search.EnterAll(w.Ctx(), e.AccountID))
		}
	}
}

func (w *world) named(name string, st *statuses.Status) *statuses.Status {
	w.names[st.ID] = name
	return st
}

func (w *world) find(who *accounts.Account, q string, o ...search.Options) string {
	w.T.Helper()
	var opts search.Options
	if len(o) > 0 {
		opts = o[0]
	}
	if opts.Viewer = who.ID; opts.Limit == 0 {
		opts.Limit = 20
	}
	list, err := w.search.Find(w.Ctx(), q, opts)
	w.must(err)
	var out []string
	for _, id := range list {
		out = append(out, w.names[id])
	}
	return strings.Join(out, " ")
}

func (w *world) finds(who *accounts.Account, q, want string, o ...search.Options) {
	w.T.Helper()
	if got := w.find(who, q, o...); got != want {
		w.T.Errorf("%s finds %q for %s, not %q", who.Username, got, q, want)
	}
}

func (w *world) indexable(a *accounts.Account, on bool) {
	w.T.Helper()
	_, err := w.Accounts.UpdateProfile(w.Ctx(), a.ID, accounts.Profile{Indexable: &on})
	w.must(err)
}

func as(v statuses.Visibility) func(*statuses.Draft) {
	return func(d *statuses.Draft) { d.Visibility = v }
}

// TestWhoFindsWhat: nobody finds what they may not see or what its author did not agree to; everybody finds what they had to do with (VIS-03, MOD-03).
func TestWhoFindsWhat(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := open(t, d)
		ann, bob, eve := w.Account("ann"), w.Account("bob"), w.Account("eve")
		far := w.Remote("far", "far.example")
		w.Follow(bob, ann)
		open_ := w.named("open", w.Post(ann, "a quokka in the open"))
		w.named("unlisted", w.Post(ann, "an unlisted quokka", as(statuses.Unlisted)))
		w.named("private", w.Post(ann, "a quokka for followers", as(statuses.Private)))
		w.named("direct", w.Post(ann, "@bob a secret quokka", as(statuses.Direct)))
		theirs := w.named("theirs", w.Receive(far, "<p>another <b>quokka</b></p>"))
		w.pump()
		w.finds(ann, "quokka", "direct private unlisted open")
		w.finds(bob, "quokka", "direct")
		w.finds(eve, "quokka", "")
		w.finds(&accounts.Account{Username: "nobody"}, "quokka", "")

		// Those who had to do with a post find it: mentioned, liked, boosted, kept.
		_, err := w.Statuses.Favourite(w.Ctx(), bob, open_.ID, "")
		w.must(err)
		_, err = w.Statuses.Bookmark(w.Ctx(), eve, theirs.ID, true)
		w.must(err)
		w.pump()
		w.finds(bob, "quokka", "direct open")
		w.finds(eve, "quokka", "theirs")
		_, err = w.Statuses.Bookmark(w.Ctx(), eve, theirs.ID, false)
		w.must(err)
		_, err = w.Statuses.Reblog(w.Ctx(), eve, theirs.ID, statuses.Public, "", time.Time{})
		w.must(err)
		w.pump()
		w.finds(eve, "quokka in:library", "theirs")
		_, err = w.Statuses.Unreblog(w.Ctx(), eve, theirs.ID)
		w.must(err)
		w.finds(eve, "quokka", "")

		// With the author's consent everybody finds what is public, also what was written before; without it nobody, at once.
		w.indexable(ann, true)
		w.pump()
		w.finds(eve, "quokka", "open")
		w.finds(eve, "quokka in:library", "")
		w.finds(ann, "quokka in:public", "open")
		for _, do := range [][2]func() error{
			{func() error { return w.Relations.Block(w.Ctx(), eve, ann, "") }, func() error { return w.Relations.Unblock(w.Ctx(), eve, ann) }},
			{func() error { return w.Relations.Block(w.Ctx(), ann, eve, "") }, func() error { return w.Relations.Unblock(w.Ctx(), ann, eve) }},
			{func() error { return w.Relations.Mute(w.Ctx(), eve.ID, ann.ID, relations.MuteOptions{}) }, func() error { return w.Relations.Unmute(w.Ctx(), eve.ID, ann.ID) }},
			{func() error { return w.Accounts.Suspend(w.Ctx(), ann.ID, true) }, func() error { return w.Accounts.Suspend(w.Ctx(), ann.ID, false) }},
			{func() error { w.indexable(ann, false); return nil }, func() error { w.indexable(ann, true); return nil }},
		} {
			w.must(do[0]())
			w.finds(eve, "quokka", "")
			w.must(do[1]())
			w.finds(eve, "quokka", "open")
		}
		w.finds(bob, "quokka", "direct open")

		// What is edited is found by its new words, what is deleted not at all, even before a job ran.
		_, err = w.Statuses.Edit(w.Ctx(), ann, open_.ID, statuses.Draft{Text: "a wombat in the open"})
		w.must(err)
		w.pump()
		w.finds(eve, "quokka", "")
		w.finds(eve, "wombat", "open")
		_, err = w.Statuses.Delete(w.Ctx(), ann, open_.ID)
		w.must(err)
		w.finds(eve, "wombat", "")
		w.pump()
		w.finds(ann, "wombat", "")
		w.finds(ann, "quokka", "direct private unlisted")
	})
}

// TestHowToAsk: every operator, negated too, phrases, endings, scripts without spaces, and signs that mean something to a database (INB-11, RAT-04).
func TestHowToAsk(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := open(t, d)
		w.Clock.Advance(time.Date(2026, 3, 10, 22, 30, 0, 0, time.UTC).Sub(w.Clock.Now()))
		ann, bob := w.Account("ann"), w.Account("bob")
		far := w.Remote("far", "far.example")
		w.indexable(ann, true)
		day := func() { w.Clock.Advance(24 * time.Hour) }
		first := w.named("first", w.Post(ann, "The quick brown foxes don't jump", func(d *statuses.Draft) { d.Language = "en" }))
		day()
		w.named("japanese", w.Post(ann, "黒猫が好き #ねこ", func(d *statuses.Draft) { d.Language, d.Sensitive = "ja", true }))
		day()
		w.named("poll", w.Post(ann, "which?", func(d *statuses.Draft) {
			d.Poll = &statuses.PollDraft{Options: []string{"brown bread", "rye"}, ExpiresIn: time.Hour}
		}))
		day()
		w.named("reply", w.Post(ann, "quick, brown https://example.com/x #Snake_Case", func(d *statuses.Draft) { d.InReplyToID, d.SpoilerText = first.ID, "careful" }))
		w.named("bobs", w.Post(bob, "@ann brown as well"))
		w.named("far", w.Receive(far, "<p>brown<br>paper</p>", func(in *statuses.Incoming) {
			in.Mentions = []statuses.Mention{{AccountID: ann.ID, Username: "ann", Acct: "ann"}}
		}))
		w.pump()
		for q, want := range map[string]string{
			"fox":                                   "first",
			"FOXES quick":                           "first",
			"don't":                                 "first",
			`"quick brown"`:                         "reply first",
			`"brown quick"`:                         "",
			"quick -fox":                            "reply",
			`brown -"quick"`:                        "far bobs poll",
			"猫":                                     "japanese",
			"黒猫":                                    "japanese",
			"猫が好き":                                  "japanese",
			"好猫":                                    "",
			"#ねこ":                                   "japanese",
			"#snake_case":                           "reply",
			"#snake":                                "",
			"-#ねこ language:JA":                      "",
			"from:me":                               "reply poll japanese first",
			"from:ann brown":                        "reply poll first",
			"from:@far@far.example brown":           "far",
			"from:@far@FAR.example paper":           "far",
			"from:nobody":                           "",
			"brown -from:me":                        "far bobs",
			"has:poll":                              "poll",
			"has:link":                              "reply",
			"has:media":                             "",
			"has:pickles":                           "",
			"is:reply":                              "reply",
			"is:sensitive":                          "reply japanese",
			"brown -is:reply from:me":               "poll first",
			"language:en from:me before:2026-03-11": "first",
			"from:me before:2026-03-11":             "first",
			"from:me after:2026-03-12":              "reply",
			"from:me during:2026-03-12":             "poll",
			"from:me -during:2026-03-12":            "reply japanese first",
			"from:me during:2026-03":                "reply poll japanese first",
			"from:me during:2025":                   "",
			"from:me after:9999":                    "",
			"from:me before:9999":                   "reply poll japanese first",
			"from:me before:1773300000000":          "japanese first",
			"careful":                               "reply",
			"brown in:library":                      "far bobs reply poll first",
			"brown in:public":                       "reply poll first",
			"unknown:thing":                         "",
			"far.example":                           "",
			"example.com/x":                         "reply",
			"":                                      "",
			"!!!":                                   "",
			`"`:                                     "",
			"-":                                     "",
			"fox' OR 1=1 --":                        "",
			"fox:*":                                 "first",
			"fo*":                                   "",
			`NOT fox`:                               "",
			`) OR (`:                                "",
			"words : fox":                           "",
			"\uE000":                                "",
		} {
			w.finds(ann, q, want)
		}
		w.finds(bob, "from:me during:2026-03-13", "bobs")
		w.must(d.Write(w.Ctx(), func(tx *db.Tx) error {
			if _, err := tx.Exec(w.Ctx(), "INSERT INTO preview_cards (id, url, type, created_at, updated_at) VALUES (1, 'https://example.com/x', 'video', 1, 1)"); err != nil {
				return err
			}
			_, err := tx.Exec(w.Ctx(), "INSERT INTO preview_cards_statuses (status_id, preview_card_id, url) VALUES ($1, 1, '')", first.ID)
			return err
		}))
		w.finds(ann, "has:embed", "first")
		w.finds(ann, "from:me -has:embed", "reply poll japanese")
		east, err := time.LoadLocation("Asia/Tokyo")
		w.must(err)
		w.finds(ann, "from:me during:2026-03-13", "poll", search.Options{Zone: east})
		w.finds(ann, "brown", "reply poll first", search.Options{Author: ann.ID})
		w.finds(ann, "brown", "bobs reply", search.Options{Offset: 1, Limit: 2})
		w.finds(ann, "brown", "reply poll", search.Options{MinID: int64(first.ID), MaxID: int64(first.ID) + int64(73*time.Hour/time.Millisecond)<<16, Author: ann.ID})
		w.finds(ann, strings.Repeat("brown ", 5000), "far bobs reply poll first")
		w.finds(ann, strings.Repeat("-", 5000), "")
		w.finds(ann, strings.Repeat("from:bob ", 100), "")
		for _, q := range []string{"before:yesterday", "during:2026-13-01", "after:2026-02-30", "-before:x"} {
			if _, err := w.search.Find(w.Ctx(), q, search.Options{Viewer: ann.ID, Limit: 1}); errs.KindOf(err) != errs.InvalidKind {
				t.Errorf("%s is %v", q, err)
			}
		}
	})
}

// TestTheIndexIsMadeAgain: posts from before the index are entered in steps, from wherever the last one ended.
func TestTheIndexIsMadeAgain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := open(t, d)
		ann := w.Account("ann")
		const many = 450
		for i := range many {
			w.Post(ann, fmt.Sprintf("quokka number %d", i))
		}
		w.Events() // nothing was entered
		count := func() int {
			t.Helper()
			list, err := w.search.Find(w.Ctx(), "quokka", search.Options{Viewer: ann.ID, Limit: many * 2})
			w.must(err)
			return len(list)
		}
		if n := count(); n != 0 {
			t.Fatalf("%d are there", n)
		}
		for _, want := range []int{0, 200, 400} {
			p, err := w.search.Step(w.Ctx())
			if err != nil || p.Done || count() != want {
				t.Errorf("%v, %v, %d are there, not %d", p, err, count(), want)
			}
		}
		w.Post(ann, "a quokka of the version before")
		w.must(w.search.Fill(w.Ctx(), search.FillDue{}))
		if p, err := w.search.Progress(w.Ctx(), d); err != nil || !p.Done || count() != many+1 {
			t.Errorf("%v, %v, %d are there", p, err, count())
		}
		ctx, n := db.Counting(context.Background())
		w.must(w.search.Fill(ctx, search.FillDue{}))
		if n.N() != 1 {
			t.Errorf("with nothing to do it made %d statements", n.N())
		}
		w.must(w.search.Rebuild(w.Ctx()))
		w.must(w.search.Fill(w.Ctx(), search.FillDue{}))
		if count() != many+1 {
			t.Errorf("%d after a rebuild", count())
		}
	})
}
