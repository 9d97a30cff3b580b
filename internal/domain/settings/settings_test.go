package settings_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

func newService(w *make.World, mode string) *settings.Service {
	return settings.New(settings.Deps{DB: w.DB, IDs: w.IDs, Clock: w.Clock, Site: w.Site, DefaultRegistrations: mode})
}

func TestSettings(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		ctx := context.Background()
		here, there := newService(w, "open"), newService(w, "open")
		i, err := here.Get(ctx, d)
		if err != nil || i.Title != "local.example" || i.RegistrationsMode != "open" || !i.RequireReason {
			t.Fatalf("defaults: %+v, %v", i, err)
		}
		if i, err := newService(w, "").Get(ctx, d); err != nil || !i.Approval() {
			t.Errorf("a server that says nothing asks for approval: %+v, %v", i, err)
		}
		if _, err := there.Get(ctx, d); err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"site_title": " Home ", "registrations_mode": "none", "min_age": "16", "require_invite_text": "false"} {
			if err := here.Set(ctx, name, value); err != nil {
				t.Fatal(err)
			}
		}
		i, err = here.Get(ctx, d)
		if err != nil || i.Title != "Home" || i.Open() || i.MinAge != 16 || i.RequireReason || !i.UpdatedAt.Equal(w.Clock.Now()) {
			t.Errorf("changed here: %+v, %v", i, err)
		}
		if i, _ := there.Get(ctx, d); i.Title != "local.example" {
			t.Errorf("another process read the database again at once: %+v", i)
		}
		w.Clock.Advance(6 * time.Second)
		if i, _ := there.Get(ctx, d); i.Title != "Home" {
			t.Errorf("another process did not see the change after its time: %+v", i)
		}
	})
}

func TestSettingsRefuse(t *testing.T) {
	t.Parallel()
	w := make.New(t, dbtest.SQLite(t))
	s := newService(w, "")
	for name, values := range map[string][]string{
		"registrations_mode":    {"", "OPEN", "closed"},
		"site_contact_email":    {"a@b, c@d", "Ann <a@b.example>", "a@b\r\nBcc: c@d"},
		"site_contact_username": {"a b", "../x", "ann@far.example"},
		"min_age":               {"-1", "1e3", "", "999"},
		"require_invite_text":   {"yes", "1"},
		"status_page_url":       {"javascript:alert(1)", "//x", "ftp://x.example"},
		"site_title":            {strings.Repeat("x", 300), "a\x00b", "\xff"},
		"no_such_setting":       {"x"},
	} {
		for _, v := range values {
			if err := s.Set(context.Background(), name, v); errs.KindOf(err) != errs.InvalidKind {
				t.Errorf("Set(%s, %.40q) = %v", name, v, err)
			}
		}
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		s := newService(make.New(t, d), "")
		first, err := s.AddRule(ctx, settings.Rule{Text: "Be kind", Hint: "Always."})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.AddRule(ctx, settings.Rule{Text: "No spam"}); err != nil {
			t.Fatal(err)
		}
		first.Text = "Be very kind"
		if err := s.ChangeRule(ctx, first); err != nil {
			t.Fatal(err)
		}
		list, err := s.Rules(ctx, d)
		if err != nil || len(list) != 2 || list[0].ID != first.ID || list[0].Text != first.Text || list[1].Text != "No spam" {
			t.Fatalf("%+v, %v", list, err)
		}
		if err := s.RemoveRule(ctx, first.ID); err != nil {
			t.Fatal(err)
		}
		if err := s.RemoveRule(ctx, first.ID); !errs.IsNotFound(err) {
			t.Errorf("removing twice: %v", err)
		}
		for _, bad := range []string{"", "  ", strings.Repeat("ä", 301)} {
			if _, err := s.AddRule(ctx, settings.Rule{Text: bad}); errs.KindOf(err) != errs.InvalidKind {
				t.Errorf("rule %.20q: %v", bad, err)
			}
		}
	})
}
