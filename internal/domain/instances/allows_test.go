package instances_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

func TestLimitedFederation(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		limited := instances.New(d, w.Clock, w.Jobs, instances.Limited())
		for _, domain := range []string{"good.example", "good.example", "both.example"} {
			if err := limited.Allow(w.Ctx(), domain); err != nil {
				t.Fatal(err)
			}
		}
		if err := limited.Block(w.Ctx(), instances.Block{Domain: "both.example", Severity: instances.Suspend}); err != nil {
			t.Fatal(err)
		}
		out := func(domain string, want bool) {
			t.Helper()
			turn, _, err := limited.Turn(w.Ctx(), domain, w.Clock.Now())
			is, err2 := limited.Suspended(w.Ctx(), d, domain)
			if err != nil || err2 != nil || is != want || (turn == instances.Barred) != want {
				t.Errorf("%s is out: %v, turn %v (%v, %v)", domain, is, turn, err, err2)
			}
		}
		for domain, want := range map[string]bool{"good.example": false, "sub.good.example": false, "good.example:8080": false, "notgood.example": true, "example": true, "both.example": true, "other.example": true} {
			out(domain, want)
		}
		if is, err := w.Instances.Suspended(w.Ctx(), d, "other.example"); is || err != nil {
			t.Errorf("out without limited federation: %v", err)
		}
		if was, err := limited.Disallow(w.Ctx(), "good.example"); !was || err != nil {
			t.Errorf("not taken back: %v", err)
		}
		if was, err := limited.Disallow(w.Ctx(), "never.example"); was || err != nil {
			t.Errorf("taken back what never was: %v", err)
		}
		out("good.example", true)
		if list, err := limited.Allows(w.Ctx(), d); err != nil || !slices.Equal(list, []string{"both.example"}) {
			t.Errorf("allowed are %v, %v", list, err)
		}
	})
}

func TestSignaturesAreRemembered(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		is := func(s *instances.Service, want instances.Signatures) {
			t.Helper()
			if got, err := s.SignaturesOf(w.Ctx(), "new.example"); got != want || err != nil {
				t.Errorf("signed by %s, not %s: %v", got, want, err)
			}
		}
		is(w.Instances, instances.Cavage)
		if err := w.Instances.TakesSignatures(w.Ctx(), "new.example", instances.RFC9421); err != nil {
			t.Fatal(err)
		}
		is(w.Instances, instances.RFC9421)
		is(instances.New(d, w.Clock, w.Jobs), instances.RFC9421)
		w.Clock.Advance(31 * 24 * time.Hour)
		is(w.Instances, instances.Cavage)
		if err := w.Instances.TakesSignatures(w.Ctx(), "new.example", instances.Cavage); err != nil {
			t.Fatal(err)
		}
		is(instances.New(d, w.Clock, w.Jobs), instances.Cavage)
	})
}
