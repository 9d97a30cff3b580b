package instances_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

func TestBlocksHoldForSubdomains(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		for _, b := range []instances.Block{
			{Domain: "evil.example", Severity: instances.Silence, RejectMedia: true, PublicComment: "spam"},
			{Domain: "worse.evil.example", Severity: instances.Noop},
			{Domain: "worse.evil.example", Severity: instances.Suspend, RejectReports: true},
			{Domain: "127.0.0.1", Severity: instances.Suspend},
			{Domain: "xn--mnchen-3ya.example", Severity: instances.Noop},
		} {
			if err := w.Instances.Block(w.Ctx(), b); err != nil {
				t.Fatal(err)
			}
		}
		for domain, want := range map[string]instances.Block{
			"evil.example":                  {Domain: "evil.example", Severity: "silence", RejectMedia: true, PublicComment: "spam"},
			"a.b.evil.example":              {Domain: "evil.example", Severity: "silence", RejectMedia: true, PublicComment: "spam"},
			"x.worse.evil.example":          {Domain: "worse.evil.example", Severity: "suspend", RejectMedia: true, RejectReports: true},
			"notevil.example":               {},
			"example":                       {},
			"":                              {},
			"evil.example.good.example":     {},
			"127.0.0.1:4000":                {Domain: "127.0.0.1", Severity: "suspend"},
			"sub.xn--mnchen-3ya.example:80": {Domain: "xn--mnchen-3ya.example", Severity: "noop"},
		} {
			got, err := w.Instances.BlockOf(w.Ctx(), d, domain)
			got.CreatedAt = time.Time{}
			if err != nil || got != want {
				t.Errorf("%q: %+v, %v", domain, got, err)
			}
			if s, err := w.Instances.Suspended(w.Ctx(), d, domain); err != nil || s != (want.Severity == "suspend") {
				t.Errorf("%q is suspended: %v, %v", domain, s, err)
			}
		}
		if _, err := w.Instances.Unblock(w.Ctx(), "worse.evil.example"); err != nil {
			t.Fatal(err)
		}
		if s, err := w.Instances.Suspended(w.Ctx(), d, "worse.evil.example"); s || err != nil {
			t.Errorf("still suspended: %v", err)
		}
		if list, err := w.Instances.Blocks(w.Ctx(), d); err != nil || len(list) != 3 {
			t.Errorf("blocks are %+v, %v", list, err)
		}
	})
}

func TestKnownServers(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		err := d.Write(w.Ctx(), func(tx *db.Tx) error {
			for _, domain := range []string{"seen.example", "seen.example", "evil.example"} {
				if err := w.Instances.Seen(w.Ctx(), tx, domain); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Instances.Block(w.Ctx(), instances.Block{Domain: "evil.example", Severity: instances.Suspend}); err != nil {
			t.Fatal(err)
		}
		if list, err := w.Instances.Domains(w.Ctx(), d); err != nil || !reflect.DeepEqual(list, []string{"seen.example"}) {
			t.Errorf("known are %v, %v", list, err)
		}
		if n, err := w.Instances.Count(w.Ctx(), d); n != 2 || err != nil {
			t.Errorf("%d are known, %v", n, err)
		}
	})
}
