package statuses_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

// board names posts, so that a timeline can be compared in words.
type board struct {
	*make.World
	t     *testing.T
	names map[statuses.ID]string
}

func (b *board) post(name string, by *accounts.Account, text string, edit ...func(*statuses.Draft)) *statuses.Status {
	b.t.Helper()
	st := b.Post(by, text, edit...)
	b.names[st.ID] = name
	return st
}

func (b *board) receive(name string, by *accounts.Account, edit ...func(*statuses.Incoming)) *statuses.Status {
	b.t.Helper()
	st := b.Receive(by, "<p>"+name+"</p>", edit...)
	b.names[st.ID] = name
	return st
}

func (b *board) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// shows compares a timeline with the names that are wanted, the newest first.
func (b *board) shows(what string, list []statuses.ID, err error, want ...string) {
	b.t.Helper()
	var got []string
	for _, id := range list {
		got = append(got, b.names[id])
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		b.t.Errorf("%s: %q, %v; wanted %q", what, got, err, want)
	}
}

func (b *board) attachment(by *accounts.Account, description string) int64 {
	b.t.Helper()
	id := b.IDs.Next()
	b.must(b.DB.Write(b.Ctx(), func(tx *db.Tx) error {
		_, err := tx.Exec(b.Ctx(), `INSERT INTO media_attachments (id, account_id, kind, description, processing, created_at, updated_at) VALUES ($1, $2, 'image', $3, 'complete', 1, 1)`, id, by.ID, description)
		return err
	}))
	return id
}

func onBoard(t *testing.T, test func(b *board)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		test(&board{World: make.New(t, d), t: t, names: map[statuses.ID]string{}})
	})
}

func visibility(v statuses.Visibility) func(*statuses.Draft) {
	return func(d *statuses.Draft) { d.Visibility = v }
}

var page = db.Page{Limit: 20}

// TestPublicTimelines: what is not public, was deleted, or is by those one hides is neither in them nor under a tag (VIS-03).
func TestPublicTimelines(t *testing.T) {
	t.Parallel()
	onBoard(t, func(b *board) {
		ann, bob, cleo, far := b.Account("ann"), b.Account("bob"), b.Account("cleo"), b.Remote("far", "far.example")
		first := b.post("first", ann, "hello #Cats and #dogs")
		b.receive("remote", far, func(in *statuses.Incoming) { in.Tags = []string{"cats"} })
		for _, v := range []statuses.Visibility{statuses.Unlisted, statuses.Private, statuses.Direct} {
			b.post(v.String(), ann, "@bob #cats", visibility(v))
		}
		b.post("answer", bob, "#cats", func(d *statuses.Draft) { d.InReplyToID = first.ID })
		b.post("continued", ann, "…", func(d *statuses.Draft) { d.InReplyToID = first.ID })
		b.receive("answer to the unknown", far, func(in *statuses.Incoming) { in.InReplyToURI = "https://far.example/unknown" })
		pic := b.attachment(bob, "a cat")
		b.post("picture", bob, "#cats #birds", func(d *statuses.Draft) { d.MediaIDs = []int64{pic} })
		boost, err := b.Statuses.Reblog(b.Ctx(), bob, first.ID, statuses.Public, "", time.Time{})
		b.must(err)
		b.names[boost.ID] = "boost"
		deleted := b.post("deleted", ann, "#cats")
		_, err = b.Statuses.Delete(b.Ctx(), ann, deleted.ID)
		b.must(err)

		public := func(viewer *accounts.Account, o statuses.PublicOptions, want ...string) {
			b.t.Helper()
			list, err := b.Statuses.Public(b.Ctx(), b.DB, viewer.ID, o, page)
			b.shows(fmt.Sprintf("public for %q with %+v", viewer.Username, o), list, err, want...)
		}
		nobody := &accounts.Account{}
		public(nobody, statuses.PublicOptions{}, "picture", "continued", "remote", "first")
		public(nobody, statuses.PublicOptions{Local: true}, "picture", "continued", "first")
		public(nobody, statuses.PublicOptions{Remote: true}, "remote")
		public(nobody, statuses.PublicOptions{OnlyMedia: true}, "picture")
		public(nobody, statuses.PublicOptions{Remote: true, OnlyMedia: true})

		tagged := func(viewer *accounts.Account, o statuses.TagOptions, want ...string) {
			b.t.Helper()
			list, err := b.Statuses.Tagged(b.Ctx(), b.DB, viewer.ID, o, page)
			b.shows(fmt.Sprintf("tags for %q with %+v", viewer.Username, o), list, err, want...)
		}
		tagged(nobody, statuses.TagOptions{Any: []string{"cats"}}, "picture", "answer", "remote", "first")
		tagged(nobody, statuses.TagOptions{Any: []string{"dogs", "birds"}}, "picture", "first")
		tagged(nobody, statuses.TagOptions{Any: []string{"cats"}, All: []string{"dogs"}}, "first")
		tagged(nobody, statuses.TagOptions{Any: []string{"cats"}, All: []string{"dogs", "birds"}})
		tagged(nobody, statuses.TagOptions{Any: []string{"cats"}, None: []string{"dogs", "birds"}}, "answer", "remote")
		tagged(nobody, statuses.TagOptions{Any: []string{"cats"}, PublicOptions: statuses.PublicOptions{Local: true, OnlyMedia: true}}, "picture")
		tagged(nobody, statuses.TagOptions{Any: []string{"unheard"}})
		tagged(nobody, statuses.TagOptions{})

		// What one does not want to meet, and who does not want to be met.
		b.must(b.Relations.Mute(b.Ctx(), cleo.ID, bob.ID, relations.MuteOptions{}))
		public(cleo, statuses.PublicOptions{}, "continued", "remote", "first")
		b.must(b.Relations.BlockDomain(b.Ctx(), cleo, "far.example"))
		public(cleo, statuses.PublicOptions{}, "continued", "first")
		tagged(cleo, statuses.TagOptions{Any: []string{"cats"}}, "first")
		b.must(b.Relations.Block(b.Ctx(), ann, cleo, ""))
		public(cleo, statuses.PublicOptions{})
		b.must(b.Relations.Block(b.Ctx(), bob, ann, ""))
		public(bob, statuses.PublicOptions{}, "picture", "remote")
		public(ann, statuses.PublicOptions{}, "continued", "remote", "first")
		b.must(b.DB.Write(b.Ctx(), func(tx *db.Tx) error {
			_, err := tx.Exec(b.Ctx(), "UPDATE accounts SET silenced_at = 1 WHERE id = $1", far.ID)
			return err
		}))
		b.Follow(bob, far)
		public(nobody, statuses.PublicOptions{Remote: true})
		public(bob, statuses.PublicOptions{Remote: true}, "remote")
		b.must(b.Accounts.Suspend(b.Ctx(), far.ID, true))
		public(bob, statuses.PublicOptions{Remote: true})
	})
}

func TestAnAccountsTimeline(t *testing.T) {
	t.Parallel()
	onBoard(t, func(b *board) {
		ann, fan, named, stranger := b.Account("ann"), b.Account("fan"), b.Account("named"), b.Account("stranger")
		b.Follow(fan, ann)
		first := b.post("public", ann, "#cats")
		b.post("private", ann, "for friends", visibility(statuses.Private))
		b.post("direct", ann, "@named", visibility(statuses.Direct))
		theirs := b.post("theirs", stranger, "hello")
		b.post("answer", ann, "yes", func(d *statuses.Draft) { d.InReplyToID = theirs.ID })
		b.post("own thread", ann, "more", func(d *statuses.Draft) { d.InReplyToID = first.ID })
		pic := b.attachment(ann, "")
		b.post("picture", ann, "look", func(d *statuses.Draft) { d.MediaIDs = []int64{pic} })
		boost, err := b.Statuses.Reblog(b.Ctx(), ann, theirs.ID, statuses.Public, "", time.Time{})
		b.must(err)
		b.names[boost.ID] = "boost"

		of := func(viewer accounts.ID, o statuses.AccountOptions, want ...string) {
			b.t.Helper()
			list, err := b.Statuses.OfAccount(b.Ctx(), b.DB, viewer, ann.ID, o, page)
			b.shows(fmt.Sprintf("ann for %d with %+v", viewer, o), list, err, want...)
		}
		of(0, statuses.AccountOptions{}, "boost", "picture", "own thread", "answer", "public")
		of(stranger.ID, statuses.AccountOptions{}, "boost", "picture", "own thread", "answer", "public")
		of(fan.ID, statuses.AccountOptions{}, "boost", "picture", "own thread", "answer", "private", "public")
		of(named.ID, statuses.AccountOptions{}, "boost", "picture", "own thread", "answer", "direct", "public")
		of(named.ID, statuses.AccountOptions{ExcludeDirect: true, ExcludeReblogs: true, ExcludeReplies: true}, "picture", "own thread", "public")
		of(ann.ID, statuses.AccountOptions{ExcludeReblogs: true}, "picture", "own thread", "answer", "direct", "private", "public")
		of(0, statuses.AccountOptions{OnlyMedia: true}, "picture")
		of(0, statuses.AccountOptions{Tagged: "cats"}, "public")
		of(0, statuses.AccountOptions{Tagged: "dogs"})

		for _, id := range []statuses.ID{first.ID, boost.ID} {
			if _, err := b.Statuses.Pin(b.Ctx(), ann, id, true); (err == nil) != (id == first.ID) {
				b.t.Errorf("pinning %s: %v", b.names[id], err)
			}
		}
		list, err := b.Statuses.PinnedOf(b.Ctx(), b.DB, 0, ann.ID)
		b.shows("pinned", list, err, "public")
		if _, err := b.Statuses.Pin(b.Ctx(), stranger, first.ID, true); err == nil {
			b.t.Error("someone else's post was pinned")
		}
		b.must(b.Relations.Block(b.Ctx(), ann, stranger, ""))
		of(stranger.ID, statuses.AccountOptions{})
		list, err = b.Statuses.PinnedOf(b.Ctx(), b.DB, stranger.ID, ann.ID)
		b.shows("pinned, for one who is blocked", list, err)

		list, err = b.Statuses.DirectOf(b.Ctx(), b.DB, named.ID, page)
		b.shows("direct", list, err, "direct")
		list, err = b.Statuses.DirectOf(b.Ctx(), b.DB, fan.ID, page)
		b.shows("direct", list, err)
	})
}

// Mastodon's StatusPolicy: a block wins over a mention where the post is public, and the other way round where it is not.
func TestABlockHidesPublicPostsEvenFromThoseNamed(t *testing.T) {
	t.Parallel()
	onBoard(t, func(b *board) {
		ann, bob := b.Account("ann"), b.Account("bob")
		public := b.post("public", ann, "@bob")
		private := b.post("private", ann, "@bob", visibility(statuses.Private))
		b.must(b.Relations.Block(b.Ctx(), ann, bob, ""))
		if _, err := b.Statuses.ByID(b.Ctx(), b.DB, bob.ID, public.ID); !errs.IsNotFound(err) {
			b.t.Errorf("the public post: %v", err)
		}
		if _, err := b.Statuses.ByID(b.Ctx(), b.DB, bob.ID, private.ID); err != nil {
			b.t.Errorf("the private post: %v", err)
		}
	})
}

func TestPagesOfTimelines(t *testing.T) {
	t.Parallel()
	onBoard(t, func(b *board) {
		ann := b.Account("ann")
		var all []statuses.ID // the newest first
		for i := range 7 {
			st := b.post(fmt.Sprint(i), ann, fmt.Sprint("post ", i))
			all = append([]statuses.ID{st.ID}, all...)
			_, err := b.Statuses.Favourite(b.Ctx(), ann, st.ID, "")
			b.must(err)
			b.must(bookmark(b, ann, st.ID))
		}
		at := func(i int) int64 { return int64(all[i]) }
		for _, c := range []struct {
			p    db.Page
			want []statuses.ID
		}{
			{db.Page{Limit: 3}, all[:3]},
			{db.Page{Limit: 3, MaxID: at(2)}, all[3:6]},
			{db.Page{Limit: 3, MaxID: at(5)}, all[6:]},
			{db.Page{Limit: 3, MinID: at(6)}, all[3:6]},
			{db.Page{Limit: 3, MinID: at(1)}, all[:1]},
			{db.Page{Limit: 3, SinceID: at(6)}, all[:3]},
			{db.Page{Limit: 3, MinID: at(6), MaxID: at(4)}, all[5:6]},
			{db.Page{Limit: 3, MinID: at(0)}, nil},
		} {
			for name, list := range map[string]func() ([]statuses.ID, error){
				"public": func() ([]statuses.ID, error) {
					return b.Statuses.Public(b.Ctx(), b.DB, 0, statuses.PublicOptions{}, c.p)
				},
				"home": func() ([]statuses.ID, error) { return b.Statuses.HomeOf(b.Ctx(), b.DB, ann.ID, c.p) },
				"home of somebody whose people write much": func() ([]statuses.ID, error) {
					wrote := func(n int) {
						b.must(b.DB.Write(b.Ctx(), func(tx *db.Tx) error {
							return tx.Do(b.Ctx(), "counting", "UPDATE accounts SET statuses_count = $1 WHERE id = $2", n, ann.ID)
						}))
					}
					wrote(1_000_000)
					defer wrote(len(all))
					return b.Statuses.HomeOf(b.Ctx(), b.DB, ann.ID, c.p)
				},
				"account": func() ([]statuses.ID, error) {
					return b.Statuses.OfAccount(b.Ctx(), b.DB, 0, ann.ID, statuses.AccountOptions{}, c.p)
				},
			} {
				if got, err := list(); err != nil || len(got) != len(c.want) || len(got) > 0 && !reflect.DeepEqual(got, c.want) {
					b.t.Errorf("%s, %+v: %v, %v", name, c.p, got, err)
				}
			}
		}
		for name, list := range map[string]func(context db.Page) ([]statuses.Entry, error){
			"favourites": func(p db.Page) ([]statuses.Entry, error) { return b.Statuses.Favourites(b.Ctx(), b.DB, ann.ID, p) },
			"bookmarks":  func(p db.Page) ([]statuses.Entry, error) { return b.Statuses.Bookmarks(b.Ctx(), b.DB, ann.ID, p) },
		} {
			rows, err := list(db.Page{Limit: 3})
			b.must(err)
			older, err := list(db.Page{Limit: 3, MaxID: rows[2].ID})
			b.must(err)
			newer, err := list(db.Page{Limit: 3, MinID: older[0].ID})
			b.must(err)
			if older[0].StatusID != all[3] || !reflect.DeepEqual(newer, rows) {
				b.t.Errorf("%s: %v, then %v, and back %v", name, rows, older, newer)
			}
		}
	})
}

func bookmark(b *board, by *accounts.Account, id statuses.ID) error {
	_, err := b.Statuses.Bookmark(b.Ctx(), by, id, true)
	return err
}

func TestThreads(t *testing.T) {
	t.Parallel()
	onBoard(t, func(b *board) {
		ann, bob := b.Account("ann"), b.Account("bob")
		to := func(st *statuses.Status) func(*statuses.Draft) {
			return func(d *statuses.Draft) { d.InReplyToID = st.ID }
		}
		root := b.post("root", ann, "0")
		theirs := b.post("bob 1", bob, "1", to(root))
		b.post("ann on bob", ann, "2", to(theirs))
		own := b.post("ann 1", ann, "3", to(root))
		b.post("bob 2", bob, "4", to(root))
		b.post("ann 2", ann, "5", to(own))
		deleted := b.post("deleted", bob, "6", to(root))
		_, err := b.Statuses.Delete(b.Ctx(), bob, deleted.ID)
		b.must(err)
		up, down, err := b.Statuses.Context(b.Ctx(), b.DB, ann.ID, root)
		b.shows("above the root", up, err)
		b.shows("below the root", down, err, "ann 1", "ann 2", "bob 1", "ann on bob", "bob 2")
		up, down, err = b.Statuses.Context(b.Ctx(), b.DB, 0, own)
		b.shows("above", up, err, "root")
		b.shows("below", down, err, "ann 2")

		// A chain that is longer than strangers are shown.
		last := b.post("chain", ann, "x")
		for range 45 {
			last = b.post("chain", ann, "x", to(last))
		}
		for viewer, want := range map[accounts.ID]int{0: 40, bob.ID: 45} {
			if up, _, err := b.Statuses.Context(b.Ctx(), b.DB, viewer, last); err != nil || len(up) != want {
				b.t.Errorf("%d sees %d ancestors, %v", viewer, len(up), err)
			}
		}
	})
}

// Another server can make two posts answer each other: each names an id that is not there yet, or is by then.
func TestAThreadThatBitesItsTail(t *testing.T) {
	t.Parallel()
	onBoard(t, func(b *board) {
		far := b.Remote("far", "far.example")
		one := b.receive("one", far, func(in *statuses.Incoming) {
			in.URI, in.InReplyToURI = "https://far.example/1", "https://far.example/2"
		})
		two := b.receive("two", far, func(in *statuses.Incoming) { in.URI, in.InReplyTo = "https://far.example/2", one })
		self := b.receive("self", far, func(in *statuses.Incoming) {
			in.URI, in.InReplyToURI = "https://far.example/3", "https://far.example/3"
		})
		for st, want := range map[*statuses.Status][]string{one: {"two"}, two: {"one"}, self: nil} {
			up, down, err := b.Statuses.Context(b.Ctx(), b.DB, 0, st)
			b.shows("above "+b.names[st.ID], up, err, want...)
			b.shows("below "+b.names[st.ID], down, err, want...)
		}
	})
}
