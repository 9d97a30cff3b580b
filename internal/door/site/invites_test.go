package site_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
)

var inviteLink = regexp.MustCompile(`https://local\.example/invite/([A-Za-z0-9]{8})`)

// TestInvitationsLetPeopleIn where nobody else gets in, so often and so long as was said, and nobody can take those of others back (VIS-10).
func TestInvitationsLetPeopleIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.person("ann")
	b := w.browser()
	b.signIn(ann)
	w.ok(w.settings.Set(w.Ctx(), "registrations_mode", "none"))
	b.send("/invites", "/invites", 422, "expires_in", "7", "max_uses", "1")
	b.send("/invites", "/invites", 303, "expires_in", "3600", "max_uses", "1", "autofollow", "1")
	code := inviteLink.FindStringSubmatch(b.get("/invites", 200))[1]
	join := func(name string, status int) *browser {
		t.Helper()
		guest := w.browser()
		guest.send("/invite/"+code, "/auth/sign_up", status, "username", name, "email", name+"@mail.example", "password", password, "agreement", "1", "invite_code", code)
		return guest
	}
	asks := func(code string) (int, map[string]string) {
		app := w.browser()
		app.headers.Set("Accept", "application/json")
		rec := app.do("GET", "/invite/"+code, nil)
		var said map[string]string
		_ = json.Unmarshal(rec.Body.Bytes(), &said)
		return rec.Code, said
	}
	if status, said := asks(code); status != 200 || said["invite_code"] != code || said["instance_api_url"] != "https://local.example/api/v2/instance" {
		t.Errorf("%d %v", status, said)
	}
	has(t, w.browser().get("/auth/sign_up", 200), "No new accounts")
	has(t, w.browser().get("/invite/"+code, 200), "invited you")
	join("guest", 200)
	u, err := w.access.ByEmail(w.Ctx(), w.DB, "guest@mail.example")
	if w.ok(err); !u.Approved {
		t.Error("who was invited waits for approval")
	}
	if n := w.emitted("access.invited"); n != 1 {
		t.Errorf("%d people follow ann", n)
	}
	if status, said := asks(code); status != 401 || said["error"] != "This invite is not valid" {
		t.Errorf("an invitation that was used up: %d %v", status, said)
	}
	w.browser().get("/invite/"+code, 410)
	w.browser().get("/invite/nonsense", 404)
	if _, err := w.access.SignUp(w.Ctx(), access.NewUser{Username: "late", Email: "late@mail.example", Password: password, Agreement: true, Invite: code}); err == nil {
		t.Error("an invitation for one let two in")
	}
	// One that ends, one that is taken back, and one of somebody who may not sign in.
	for what, end := range map[string]func(id string){
		"time": func(string) { w.Clock.Advance(2 * time.Hour) },
		"taken back": func(id string) {
			other := w.browser()
			other.signIn(w.person("eve"))
			other.send("/invites", "/invites/"+id+"/revoke", 404)
			if status, _ := asks(code); status != 200 {
				t.Error("eve took ann's invitation back")
			}
			b.send("/invites", "/invites/"+id+"/revoke", 303)
		},
	} {
		b.send("/invites", "/invites", 303, "expires_in", "3600", "max_uses", "0")
		code = inviteLink.FindStringSubmatch(b.get("/invites", 200))[1]
		list, err := w.access.Invites(w.Ctx(), w.DB, ann.ID)
		w.ok(err)
		end(fmt.Sprint(list[0].ID))
		if status, _ := asks(code); status != 401 {
			t.Errorf("%s: %d", what, status)
		}
	}
	i, err := w.access.Invite(w.Ctx(), ann.ID, 0, 0, false)
	w.ok(err)
	w.ok(w.Accounts.Suspend(w.Ctx(), ann.AccountID, true))
	if status, _ := asks(i.Code); status != 401 {
		t.Errorf("of somebody suspended: %d", status)
	}
	if rec := w.browser().do("GET", "/invites", nil); rec.Code != 302 || !strings.HasPrefix(rec.Header().Get("Location"), "/auth/sign_in") {
		t.Errorf("to nobody: %d", rec.Code)
	}
}
