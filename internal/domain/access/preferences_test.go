package access_test

import (
	"testing"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

func TestPreferencesAndMarkers(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		u := w.person("ann")
		if p := u.Settings; p.DefaultVisibility(false) != "public" || p.DefaultVisibility(true) != "private" || p.QuotePolicy != "public" || p.ExpandMedia != "default" {
			t.Errorf("defaults %+v", p)
		}
		_, err := w.ChangePreferences(w.ctx, u.ID, func(p *access.Preferences) { p.Visibility, p.Language, p.Sensitive = "unlisted", "de", true })
		w.ok(err)
		_, err = w.ChangePreferences(w.ctx, u.ID, func(p *access.Preferences) { p.ExpandSpoilers = true })
		w.ok(err)
		if u, err = w.ByID(w.ctx, d, u.ID); err != nil || u.Settings != (access.Preferences{Visibility: "unlisted", Language: "de", Sensitive: true, ExpandSpoilers: true, QuotePolicy: "public", ExpandMedia: "default"}) {
			t.Errorf("%+v, %v", u.Settings, err)
		}
		for _, change := range []func(*access.Preferences){
			func(p *access.Preferences) { p.Visibility = "everyone" },
			func(p *access.Preferences) { p.Language = "klingon" },
			func(p *access.Preferences) { p.ExpandMedia = "x" },
		} {
			if _, err := w.ChangePreferences(w.ctx, u.ID, change); errs.KindOf(err) != errs.InvalidKind {
				t.Errorf("taken: %v", err)
			}
		}
		m, err := w.SetMarkers(w.ctx, u.ID, map[string]int64{"home": 7})
		if err != nil || len(m) != 1 || m[0].Version != 0 || m[0].LastReadID != 7 {
			t.Errorf("%+v, %v", m, err)
		}
		m, err = w.SetMarkers(w.ctx, u.ID, map[string]int64{"home": 9, "notifications": 3})
		if err != nil || len(m) != 2 || m[0].Version != 1 || m[0].LastReadID != 9 || m[1].Timeline != "notifications" {
			t.Errorf("%+v, %v", m, err)
		}
		if m, err = w.Markers(w.ctx, d, u.ID, []string{"notifications", "x"}); err != nil || len(m) != 1 {
			t.Errorf("%+v, %v", m, err)
		}
		if _, err := w.SetMarkers(w.ctx, u.ID, map[string]int64{"public": 1}); errs.KindOf(err) != errs.InvalidKind {
			t.Errorf("unknown timeline: %v", err)
		}
	})
}
