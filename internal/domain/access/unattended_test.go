package access_test

import (
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// L7: sign-ups do not stay open to everybody when nobody looks after the server.
func TestUnattendedSignUpsWaitForApproval(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		ann, bob := w.person("ann"), w.person("bob")
		w.ok(w.SetRole(w.ctx, ann.ID, access.Owner))
		w.ok(w.SetRole(w.ctx, bob.ID, access.Moderator))
		mode := func() string {
			i, err := w.settings.Load(w.ctx, d)
			w.ok(err)
			return i.RegistrationsMode
		}
		look := func(want string) {
			t.Helper()
			w.ok(w.LimitUnattended(w.ctx, access.UnattendedDue{}))
			if got := mode(); got != want {
				t.Errorf("sign-ups are %s, not %s", got, want)
			}
		}
		week := 9 * 24 * time.Hour
		look(settings.RegistrationsOpen) // both are new
		w.World.Clock.Advance(week)
		visit := func(u *access.User) {
			secret, _, err := w.SignIn(w.ctx, u.Email, password, access.Browser{})
			w.ok(err)
			_, err = w.Visit(w.ctx, secret)
			w.ok(err)
		}
		visit(bob)
		look(settings.RegistrationsOpen) // the moderator was there
		w.World.Clock.Advance(week)
		w.seen()
		member := w.person("member")
		visit(member)
		w.seen()
		look(settings.RegistrationsApproved) // a member who was there does not count
		if got := w.seen(); len(got) != 1 || got[0] != "access.registrations_limited" {
			t.Errorf("told: %v", got)
		}
		look(settings.RegistrationsApproved)
		if got := w.seen(); len(got) != 0 {
			t.Errorf("told again: %v", got)
		}
		w.ok(w.settings.Set(w.ctx, "registrations_mode", settings.RegistrationsOpen))
		look(settings.RegistrationsOpen) // somebody chose so just now
		w.World.Clock.Advance(week)
		w.KeepOpen = true
		look(settings.RegistrationsOpen)
	})
}
