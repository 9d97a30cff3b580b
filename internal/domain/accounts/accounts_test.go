package accounts_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

func remote(username, domain, uri string) accounts.Remote {
	return accounts.Remote{Account: accounts.Account{Username: username, Domain: domain, ActorType: "Person", URI: uri, InboxURL: uri + "/inbox"}}
}

func get(t *testing.T, w *make.World, id accounts.ID) *accounts.Account {
	t.Helper()
	a, err := w.Accounts.ByID(w.Ctx(), w.DB, id)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func create(w *make.World, name string) error {
	return w.DB.Write(w.Ctx(), func(tx *db.Tx) error {
		_, err := w.Accounts.CreateLocal(w.Ctx(), tx, name, "Person", accounts.Keys{Private: "private", Public: "public"})
		return err
	})
}

func TestLocalAccounts(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		ann := w.Account("Ann")
		if ann.URI != "https://local.example/users/Ann" || ann.InboxURL != ann.URI+"/inbox" || ann.URL != "https://local.example/@Ann" || !ann.Local() || ann.Acct() != "Ann" || ann.Name() != "Ann" {
			t.Errorf("Ann is %+v", ann)
		}
		for _, name := range []string{"Ann", "ann", "ANN"} {
			err := create(w, name)
			var e *errs.Error
			if !errors.As(err, &e) || e.Kind != errs.InvalidKind || e.Details["username"][0].Code != "ERR_TAKEN" {
				t.Errorf("%s again: %v", name, err)
			}
		}
		for _, domain := range []string{"", "local.example", "LOCAL.example"} {
			if a, err := w.Accounts.ByAcct(w.Ctx(), d, "aNN", domain); err != nil || a.ID != ann.ID {
				t.Errorf("at %q: %v", domain, err)
			}
		}
		if _, err := w.Accounts.ByAcct(w.Ctx(), d, "ann", "far.example"); !errs.IsNotFound(err) {
			t.Errorf("elsewhere: %v", err)
		}
		if key, err := w.Accounts.PrivateKey(w.Ctx(), d, ann.ID); err != nil || key == "" {
			t.Errorf("the key is %q, %v", key, err)
		}
		if _, err := w.Accounts.PrivateKey(w.Ctx(), d, w.Remote("far", "far.example").ID); !errs.IsNotFound(err) {
			t.Errorf("a remote account's key: %v", err)
		}
		actor := func() *accounts.Account {
			var a *accounts.Account
			if err := d.Write(w.Ctx(), func(tx *db.Tx) (err error) {
				a, err = w.Accounts.CreateLocal(w.Ctx(), tx, accounts.InstanceActor, "Application", accounts.Keys{Public: "p"})
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return a
		}()
		if actor.URI != "https://local.example/actor" || !actor.Bot() {
			t.Errorf("the server's own actor is %+v", actor)
		}
	})
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		ann := w.Account("ann")
		name, yes, fields := "Ann ☃", true, []accounts.Field{{Name: "site", Value: "https://x.example", VerifiedAt: time.Unix(1700000000, 0).UTC()}}
		w.Clock.Advance(time.Minute)
		got, err := w.Accounts.UpdateProfile(w.Ctx(), ann.ID, accounts.Profile{DisplayName: &name, Bot: &yes, Locked: &yes, Fields: &fields, Emojis: &[]accounts.Emoji{{Shortcode: "x"}}})
		if err != nil {
			t.Fatal(err)
		}
		if stored := get(t, w, ann.ID); !reflect.DeepEqual(stored, got) || got.DisplayName != name || !got.Bot() || !got.Locked || got.Discoverable || !reflect.DeepEqual(got.Fields, fields) || !got.UpdatedAt.Equal(w.Clock.Now()) {
			t.Errorf("given back: %+v\nstored: %+v", got, stored)
		}
		if e := w.Events(); len(e) != 1 || e[0] != (accounts.ProfileUpdated{AccountID: ann.ID, Local: true}) {
			t.Errorf("emitted %+v", e)
		}
		no := false
		if got, err = w.Accounts.UpdateProfile(w.Ctx(), ann.ID, accounts.Profile{Bot: &no}); err != nil || got.Bot() || got.DisplayName != name {
			t.Errorf("changed to %+v, %v", got, err)
		}
		far := w.Remote("far", "far.example")
		if _, err := w.Accounts.UpdateProfile(w.Ctx(), far.ID, accounts.Profile{DisplayName: &name}); !errs.IsNotFound(err) {
			t.Errorf("a remote profile: %v", err)
		}
		w.Events()
		for _, a := range []*accounts.Account{ann, far} {
			if err := w.Accounts.Suspend(w.Ctx(), a.ID, true); err != nil || !get(t, w, a.ID).Suspended() {
				t.Errorf("suspending: %v", err)
			}
			if e := w.Events(); len(e) != 1 || e[0] != (accounts.ProfileUpdated{AccountID: a.ID, Local: a.Local()}) {
				t.Errorf("suspending %s emitted %+v", a.Acct(), e)
			}
		}
		if err := w.Accounts.Suspend(w.Ctx(), 12345, true); !errs.IsNotFound(err) {
			t.Errorf("suspending nobody: %v", err)
		}
		if n, err := w.Accounts.LocalCount(w.Ctx(), d); n != 0 || err != nil {
			t.Errorf("%d local accounts, %v", n, err)
		}
	})
}

func TestRemoteAccounts(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		local := w.Account("ann")
		up := func(r accounts.Remote) *accounts.Account {
			t.Helper()
			a, err := w.Accounts.Upsert(w.Ctx(), r)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		bob := up(remote("bob", "far.example", "https://far.example/1"))
		// Renamed: the same id under another name.
		if a := up(remote("Robert", "far.example", "https://far.example/1")); a.ID != bob.ID || a.Acct() != "Robert@far.example" {
			t.Errorf("renamed to %+v", a)
		}
		if _, err := w.Accounts.ByAcct(w.Ctx(), d, "bob", "far.example"); !errs.IsNotFound(err) {
			t.Errorf("the old name: %v", err)
		}
		// Deleted and made anew: the same handle under another id of the same host.
		anew := up(remote("ROBERT", "far.example", "https://far.example/2"))
		if anew.ID == bob.ID {
			t.Error("a new id took over an old account")
		}
		if a, err := w.Accounts.ByAcct(w.Ctx(), d, "robert", "far.example"); err != nil || a.ID != anew.ID {
			t.Errorf("the handle belongs to %+v, %v", a, err)
		}
		if list, err := w.Accounts.ByAccts(w.Ctx(), d, []accounts.Handle{{Username: "Robert", Domain: "FAR.example"}, {Username: "ANN", Domain: "local.example"}, {Username: "ann", Domain: "far.example"}}); err != nil || len(list) != 2 {
			t.Errorf("by handles: %+v, %v", list, err)
		}
		if old := get(t, w, bob.ID); old.URI != "https://far.example/1" {
			t.Errorf("the old account became %+v", old)
		}
		// Another server does not get the handle by saying so.
		if _, err := w.Accounts.Upsert(w.Ctx(), remote("robert", "far.example", "https://evil.example/1")); errs.KindOf(err) != errs.ForbiddenKind {
			t.Errorf("an actor of another host: %v", err)
		}
		if _, err := w.Accounts.ByURI(w.Ctx(), d, "https://evil.example/1"); !errs.IsNotFound(err) {
			t.Errorf("it was entered: %v", err)
		}
		evil := up(remote("mallory", "evil.example", "https://evil.example/1"))
		if _, err := w.Accounts.Upsert(w.Ctx(), remote("robert", "far.example", "https://evil.example/1")); errs.KindOf(err) != errs.ForbiddenKind {
			t.Errorf("an actor that renames itself to another host: %v", err)
		}
		if a := get(t, w, evil.ID); a.Acct() != "mallory@evil.example" {
			t.Errorf("it became %s", a.Acct())
		}
		// Nothing of this server comes from elsewhere.
		for _, r := range []accounts.Remote{remote("ann", "local.example", "https://evil.example/2"), remote("ann", "", "https://evil.example/2"), remote("ann", "evil.example", local.URI), remote("x", "evil.example", "https://LOCAL.example/users/x")} {
			if a, err := w.Accounts.Upsert(w.Ctx(), r); errs.KindOf(err) != errs.InvalidKind {
				t.Errorf("%s at %s: %+v, %v", r.Acct(), r.URI, a, err)
			}
		}
		if a := get(t, w, local.ID); !reflect.DeepEqual(a, local) {
			t.Errorf("the local account became %+v", a)
		}
	})
}

func TestAnActorThatArrivesManyTimesAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		for round := range 5 {
			var wg sync.WaitGroup
			name := string(rune('a' + round))
			for range 4 {
				wg.Go(func() {
					if _, err := w.Accounts.Upsert(w.Ctx(), remote(name, "far.example", "https://far.example/"+name)); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		if n, err := db.Value[int64](w.Ctx(), d, "SELECT COUNT(*) FROM accounts"); n != 5 || err != nil {
			t.Errorf("%d accounts, %v", n, err)
		}
	})
}

func TestWhatARemoteActorSays(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		to := w.Remote("new", "far.example")
		r := remote("old", "far.example", "https://far.example/old")
		r.PublicKeyID, r.URL, r.MovedToURI, r.AlsoKnownAs = "https://far.example/old#key", "https://far.example/@old", to.URI, []string{"https://x.example/1"}
		r.CreatedAt, r.Fields = w.Clock.Now().Add(100*365*24*time.Hour), []accounts.Field{{Name: "a", Value: "b"}}
		a, err := w.Accounts.Upsert(w.Ctx(), r)
		if err != nil || a.MovedToID != to.ID || a.CreatedAt.After(w.Clock.Now()) || !a.FetchedAt.Equal(w.Clock.Now()) || !reflect.DeepEqual(a.AlsoKnownAs, r.AlsoKnownAs) || len(a.Fields) != 1 {
			t.Errorf("entered %+v, %v", a, err)
		}
		for name, find := range map[string]func() (*accounts.Account, error){
			"key": func() (*accounts.Account, error) { return w.Accounts.ByKeyID(w.Ctx(), d, r.PublicKeyID) },
			"url": func() (*accounts.Account, error) { return w.Accounts.ByURL(w.Ctx(), d, r.URL) },
			"uri": func() (*accounts.Account, error) { return w.Accounts.ByURL(w.Ctx(), d, r.URI) },
		} {
			if got, err := find(); err != nil || got.ID != a.ID {
				t.Errorf("by %s: %+v, %v", name, got, err)
			}
		}
		if _, err := w.Accounts.ByKeyID(w.Ctx(), d, ""); !errs.IsNotFound(err) {
			t.Errorf("by no key: %v", err)
		}
		if _, err := w.Accounts.ByURL(w.Ctx(), d, ""); !errs.IsNotFound(err) {
			t.Errorf("by no address: %v", err)
		}
		r.MovedToURI = r.URI
		if a, err = w.Accounts.Upsert(w.Ctx(), r); err != nil || a.MovedToID != 0 {
			t.Errorf("moved to itself: %+v, %v", a, err)
		}
		ctx, count := db.Counting(w.Ctx())
		many, err := w.Accounts.ByIDs(ctx, d, []accounts.ID{a.ID, to.ID, a.ID, 99})
		if err != nil || len(many) != 2 || count.N() != 1 {
			t.Errorf("%d accounts by %d statements, %v", len(many), count.N(), err)
		}
	})
}

func TestRemoval(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		ann, far := w.Account("ann"), w.Remote("far", "far.example")
		secret := "my secret"
		if _, err := w.Accounts.UpdateProfile(w.Ctx(), ann.ID, accounts.Profile{DisplayName: &secret, Note: &secret, AvatarDescription: &secret, HeaderDescription: &secret, AttributionDomains: &[]string{secret}, Fields: &[]accounts.Field{{Name: secret}}}); err != nil {
			t.Fatal(err)
		}
		w.Follow(ann, far)
		w.Events()
		for range 2 {
			if err := w.Accounts.Remove(w.Ctx(), far.ID); err != nil {
				t.Fatal(err)
			}
		}
		if e := w.Events(); len(e) != 1 || e[0] != (accounts.Removed{AccountID: far.ID}) {
			t.Errorf("emitted %+v", e)
		}
		if err := w.Accounts.Remove(w.Ctx(), ann.ID); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			for _, id := range []accounts.ID{ann.ID, far.ID} {
				if err := w.Accounts.Purge(w.Ctx(), id); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := w.Accounts.ByID(w.Ctx(), d, far.ID); !errs.IsNotFound(err) {
			t.Errorf("the remote account: %v", err)
		}
		if n, err := db.Value[int64](w.Ctx(), d, "SELECT COUNT(*) FROM follows"); n != 0 || err != nil {
			t.Errorf("%d follows are left, %v", n, err)
		}
		if a := get(t, w, ann.ID); strings.Contains(strings.Join(append(a.AttributionDomains, a.DisplayName, a.Note, a.AvatarDescription, a.HeaderDescription), " "), secret) || len(a.Fields) != 0 || !a.Suspended() {
			t.Errorf("of the local account is left: %+v", a)
		}
		if err := create(w, "ANN"); errs.KindOf(err) != errs.InvalidKind {
			t.Errorf("its name was given away: %v", err)
		}
	})
}

func TestCountsNeverGoBelowZero(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		ann := w.Account("ann")
		for _, step := range [][3]int{{2, 1, 3}, {-5, 0, -1}, {1, -9, 0}} {
			if err := d.Write(w.Ctx(), func(tx *db.Tx) error { return w.Accounts.AddCounts(w.Ctx(), tx, ann.ID, step[0], step[1], step[2]) }); err != nil {
				t.Fatal(err)
			}
		}
		if a := get(t, w, ann.ID); a.StatusesCount != 1 || a.FollowingCount != 0 || a.FollowersCount != 2 {
			t.Errorf("counts are %d, %d, %d", a.StatusesCount, a.FollowingCount, a.FollowersCount)
		}
	})
}

func TestSearch(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		me := w.Account("me")
		a, ab, far, faraway := w.Account("ann"), w.Account("ann_b"), w.Remote("anna", "far.example"), w.Remote("annette", "other.example")
		w.Account("annxb")
		gone := w.Account("anngone")
		if err := w.Accounts.Suspend(w.Ctx(), gone.ID, true); err != nil {
			t.Fatal(err)
		}
		w.Follow(me, far)
		find := func(term string, o accounts.SearchOptions) []accounts.ID {
			t.Helper()
			if o.Limit == 0 {
				o.Limit = 10
			}
			list, err := w.Accounts.Search(w.Ctx(), d, term, o)
			if err != nil {
				t.Fatal(err)
			}
			var out []accounts.ID
			for _, x := range list {
				out = append(out, x.ID)
			}
			return out
		}
		if got := find("@ANN", accounts.SearchOptions{Viewer: me.ID}); len(got) != 5 || got[0] != far.ID || got[1] != a.ID {
			t.Errorf("found %v", got)
		}
		for term, want := range map[string][]accounts.ID{"ann_": {ab.ID}, "ann%": nil, "ann!": nil, "": nil, "@": nil, "  ": nil, "ann@far.example": {far.ID}, "ann@fa": {far.ID}, "annette@OTHER.example": {faraway.ID}, "' OR 1=1 --": nil} {
			if got := find(term, accounts.SearchOptions{}); !reflect.DeepEqual(got, want) {
				t.Errorf("%q found %v, not %v", term, got, want)
			}
		}
		if got := find("ann", accounts.SearchOptions{FollowedBy: me.ID}); !reflect.DeepEqual(got, []accounts.ID{far.ID}) {
			t.Errorf("of the followed: %v", got)
		}
		if got := find("ann", accounts.SearchOptions{Limit: 2, Offset: 4}); len(got) != 1 {
			t.Errorf("the last page is %v", got)
		}
	})
}

// TestNamesAreFoundByTheirWords: by the beginning of each, whatever their case and accents, and those from before there were words once the job came by.
func TestNamesAreFoundByTheirWords(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		named := func(username, name string) *accounts.Account {
			t.Helper()
			a, err := w.Accounts.UpdateProfile(w.Ctx(), w.Account(username).ID, accounts.Profile{DisplayName: &name})
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		elodie, emi, andrews := named("em_two", "Élodie  MÜLLER"), named("emi", "Emi Tanaka 田中恵美 🦣"), named("ada.b", "Ada D'Andrews")
		find := func(term string) string {
			t.Helper()
			list, err := w.Accounts.Search(w.Ctx(), d, term, accounts.SearchOptions{Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, x := range list {
				out = append(out, x.Username)
			}
			slices.Sort(out)
			return strings.Join(out, " ")
		}
		wanted := map[string]string{
			"elodie": elodie.Username, "ÉLO": elodie.Username, "mull elo": elodie.Username, "müll": elodie.Username, "two": elodie.Username, "em": "em_two emi", "EM_": elodie.Username,
			"田中": emi.Username, "恵美": emi.Username, "田": emi.Username, "tanaka emi": emi.Username, "🦣": emi.Username, "andrews": andrews.Username, "d'andrew": andrews.Username, "andrewsx": "",
			"ada b": andrews.Username, "elodie tanaka": "", "lodie": "",
		}
		for term, want := range wanted {
			if got := find(term); got != want {
				t.Errorf("%q finds %q, want %q", term, got, want)
			}
		}
		far := w.Remote("gräta", "far.example")
		if got := find("grat"); got != far.Username {
			t.Errorf("found %q", got)
		}
		// As a process of the version before left it.
		if err := d.Write(w.Ctx(), func(tx *db.Tx) error { return tx.Do(w.Ctx(), "forgetting words", "DELETE FROM account_words") }); err != nil {
			t.Fatal(err)
		}
		w.Clock.Advance(2 * time.Minute)
		for range 2 {
			if err := w.Accounts.FillWords(w.Ctx(), accounts.FillWordsDue{}); err != nil {
				t.Fatal(err)
			}
		}
		if got := find("mull"); got != elodie.Username {
			t.Errorf("after the job %q is found", got)
		}
	})
}
