package media_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

func TestOriginsHaveAHistory(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		see := func(used string, allowed ...string) map[string]media.Origin {
			t.Helper()
			if err := w.Media.SeeOrigins(w.Ctx(), used, allowed); err != nil {
				t.Fatal(err)
			}
			known, err := media.ReadHosts(w.Ctx(), d, w.Site)
			if err != nil || known.Origins[0].Origin != used {
				t.Fatalf("%+v, %v", known, err)
			}
			out := map[string]media.Origin{}
			for _, o := range known.Origins {
				out[o.Origin] = o
			}
			return out
		}
		began := w.Clock.Now().UTC().Truncate(time.Millisecond)
		see("https://a", "https://a", "https://b")
		w.Clock.Advance(24 * time.Hour)
		next := w.Clock.Now().UTC().Truncate(time.Millisecond)
		got := see("https://b", "https://a", "https://b")
		if a := got["https://a"]; a.UsedFrom != began || a.UsedAt != began || a.AllowedFrom != began || a.AllowedAt != next {
			t.Errorf("the old one: %+v", a)
		}
		if b := got["https://b"]; b.UsedFrom != next || b.UsedAt != next || b.AllowedFrom != began {
			t.Errorf("the new one: %+v", b)
		}
		for range 5 { // days without a
			w.Clock.Advance(24 * time.Hour)
			see("https://b", "https://b")
		}
		back := w.Clock.Now().UTC().Truncate(time.Millisecond)
		got = see("https://a", "https://b")
		if a := got["https://a"]; a.UsedFrom != back || a.AllowedFrom != back {
			t.Errorf("it came back: %+v", a)
		}
		if b := got["https://b"]; b.AllowedFrom != began || b.UsedFrom != next {
			t.Errorf("the other: %+v", b)
		}
	})
}

// TestAnotherHost: requirement F16. A host is announced, a week later used, and left again; addresses change in every process, and nothing else does.
func TestAnotherHost(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		own, addresses := "https://local.example", w.Media.Addresses
		see := func() {
			t.Helper()
			if err := errors.Join(w.Media.FollowHosts(w.Ctx()), w.Media.SeeOrigins(w.Ctx(), media.OriginOf(addresses.Root()), append(addresses.Origins(), own))); err != nil {
				t.Fatal(err)
			}
		}
		days := func(n int) { // each with its probe
			t.Helper()
			for range n {
				w.Clock.Advance(24 * time.Hour)
				see()
			}
		}
		want := func(what, root string, origins ...string) {
			t.Helper()
			if got := addresses.File("a.png"); got != root+"/a.png" || !slices.Equal(addresses.Origins(), origins) {
				t.Errorf("%s: %s, shown from %v", what, got, addresses.Origins())
			}
		}
		refused := func(says string, err error) {
			t.Helper()
			if errs.KindOf(err) != errs.InvalidKind || !strings.Contains(err.Error(), says) {
				t.Errorf("%v, not refused because %q", err, says)
			}
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		see()
		want("at first", own+"/system")
		refused("is not announced", w.Media.SwitchRoot(w.Ctx(), "https://new.example/files", false))
		refused("is not announced", w.Media.RetractOrigin(w.Ctx(), "https://new.example"))
		must(w.Media.AnnounceOrigin(w.Ctx(), "https://new.example"))
		want("announced", own+"/system", "https://new.example")
		for range 3 {
			days(2)
			refused("less than a week", w.Media.SwitchRoot(w.Ctx(), "https://new.example/files", false))
		}
		must(w.Media.AnnounceOrigin(w.Ctx(), "https://new.example")) // which begins no other week
		days(1)
		want("a week later", own+"/system", "https://new.example")
		must(w.Media.SwitchRoot(w.Ctx(), "https://new.example/files", false))
		want("changed", "https://new.example/files", "https://new.example")
		refused("already", w.Media.SwitchRoot(w.Ctx(), "https://new.example/files", false))

		must(w.Media.AnnounceOrigin(w.Ctx(), "https://third.example"))
		refused("less than a week", w.Media.SwitchRoot(w.Ctx(), "https://third.example", false))
		must(w.Media.SwitchRoot(w.Ctx(), "https://third.example", true))
		want("forced", "https://third.example", "https://third.example", "https://new.example")
		must(w.Media.RetractOrigin(w.Ctx(), "https://new.example"))
		days(6)
		want("what was used lately is shown", "https://third.example", "https://third.example", "https://new.example")
		days(2)
		want("what was used long ago is not", "https://third.example", "https://third.example")
		for _, host := range []string{"new.example", "THIRD.example", "media.example"} {
			if !addresses.Alone(host) {
				t.Errorf("%s has no files any more", host)
			}
		}
		for _, host := range []string{"local.example", "", "other.example"} {
			if addresses.Alone(host) {
				t.Errorf("%s has nothing but files", host)
			}
		}

		// Processes whose settings say something older follow; settings that name something new are the newer word.
		known, err := media.ReadHosts(w.Ctx(), d, w.Site)
		must(err)
		for configured, root := range map[string]string{own + "/system": "https://third.example", "https://new.example/files": "https://third.example", "https://fourth.example": "https://fourth.example"} {
			if got := known.Root(configured); got != root {
				t.Errorf("where settings say %s it is %s", configured, got)
			}
		}
		must(w.Media.SwitchRoot(w.Ctx(), own+"/system", false)) // which always was allowed
		want("back", own+"/system", "https://third.example")
	})
}
