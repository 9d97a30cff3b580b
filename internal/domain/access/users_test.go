package access_test

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

func TestSignUpOpen(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		u, err := w.SignUp(w.ctx, access.NewUser{Username: "Ann", Email: " Ann@Mail.Example ", Password: password, Agreement: true, Locale: "pt-BR", TimeZone: "Europe/Berlin",
			IP: netip.MustParseAddr("::ffff:192.0.2.7")})
		w.ok(err)
		if u.Email != "Ann@mail.example" || u.Confirmed() || !u.Approved || u.Role != access.Member || u.Locale != "pt-BR" || u.SignUpIP != "192.0.2.7" || u.Functional() {
			t.Errorf("%+v", u)
		}
		if a, err := w.Accounts.ByAcct(w.ctx, d, "ann", ""); err != nil || a.Username != "Ann" || a.ID != u.AccountID {
			t.Errorf("account %+v, %v", a, err)
		}
		if got := w.seen(); len(got) != 1 || got[0] != "access.signed_up" {
			t.Errorf("emitted %v", got)
		}
		_, _, err = w.SignIn(w.ctx, "ann@mail.example", password, access.Browser{})
		if errs.KindOf(err) != errs.ForbiddenKind || !strings.Contains(err.Error(), "missing a confirmed e-mail") {
			t.Errorf("an unconfirmed person signs in: %v", err)
		}
		token, address, err := w.MintConfirmation(w.ctx, u.ID)
		w.ok(err)
		if address != "Ann@mail.example" {
			t.Errorf("mail to %s", address)
		}
		newer, _, err := w.MintConfirmation(w.ctx, u.ID)
		w.ok(err)
		if _, err := w.Confirm(w.ctx, token); errs.KindOf(err) != errs.InvalidKind {
			t.Errorf("an older link works: %v", err)
		}
		if u, err = w.Confirm(w.ctx, newer); err != nil || !u.Functional() {
			t.Errorf("%+v, %v", u, err)
		}
		if _, err := w.Confirm(w.ctx, newer); errs.KindOf(err) != errs.InvalidKind {
			t.Errorf("a link works twice: %v", err)
		}
		if _, _, err := w.MintConfirmation(w.ctx, u.ID); !errs.IsNotFound(err) {
			t.Errorf("a confirmed person is mailed again: %v", err)
		}
	})
}

// TestSignUpRefuses: also names that are reserved, differ in case alone, or belonged to an account that is gone (IDN-07).
func TestSignUpRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	w.signUp("taken")
	gone := w.Account("gone")
	w.ok(w.Accounts.Remove(w.ctx, gone.ID))
	w.seen()
	w.ok(w.settings.Set(w.ctx, "min_age", "16"))
	grown := w.World.Clock.Now().AddDate(-16, 0, 0)
	good := access.NewUser{Username: "ann", Email: "ann@mail.example", Password: password, Agreement: true, DateOfBirth: grown}
	with := func(change func(*access.NewUser)) access.NewUser {
		n := good
		change(&n)
		return n
	}
	name := func(s string) access.NewUser { return with(func(n *access.NewUser) { n.Username = s }) }
	mail := func(s string) access.NewUser { return with(func(n *access.NewUser) { n.Email = s }) }
	for what, c := range map[string]struct {
		in   access.NewUser
		want string
	}{
		"name taken":           {name("taken"), `{"username":"ERR_TAKEN"}`},
		"name in capitals":     {name("TAKEN"), `{"username":"ERR_TAKEN"}`},
		"name of one who left": {name("Gone"), `{"username":"ERR_TAKEN"}`},
		"name of a folder":     {name(".well-known"), `{"username":"ERR_INVALID"}`},
		"name of support":      {name("support"), `{"username":"ERR_RESERVED"}`},
		"no name":              {name(""), `{"username":"ERR_BLANK"}`},
		"long name":            {name(strings.Repeat("a", 31)), `{"username":"ERR_TOO_LONG"}`},
		"name beyond ASCII":    {name("cárol"), `{"username":"ERR_INVALID"}`},
		"name with a dot":      {name("well.known"), `{"username":"ERR_INVALID"}`},
		"name of the staff":    {name("Adm1n"), `{"username":"ERR_RESERVED"}`},
		"name of an address":   {name("inbox"), `{"username":"ERR_RESERVED"}`},
		"address taken":        {mail("TAKEN@MAIL.example"), `{"email":"ERR_TAKEN"}`},
		"no address":           {mail(" "), `{"email":"ERR_BLANK"}`},
		"two addresses":        {mail("a@b.example,c@d.example"), `{"email":"ERR_INVALID"}`},
		"header in an address": {mail("a@b.example\r\nBcc: c@d.example"), `{"email":"ERR_INVALID"}`},
		"short password":       {with(func(n *access.NewUser) { n.Password = "1234567" }), `{"password":"ERR_TOO_SHORT"}`},
		"huge password":        {with(func(n *access.NewUser) { n.Password = strings.Repeat("x", 257) }), `{"password":"ERR_TOO_LONG"}`},
		"no agreement":         {with(func(n *access.NewUser) { n.Agreement = false }), `{"agreement":"ERR_ACCEPTED"}`},
		"long reason":          {with(func(n *access.NewUser) { n.Reason = strings.Repeat("x", 501) }), `{"reason":"ERR_TOO_LONG"}`},
		"no birthday":          {with(func(n *access.NewUser) { n.DateOfBirth = time.Time{} }), `{"date_of_birth":"ERR_BLANK"}`},
		"too young":            {with(func(n *access.NewUser) { n.DateOfBirth = grown.AddDate(0, 0, 1) }), `{"date_of_birth":"ERR_BELOW_LIMIT"}`},
		"all at once":          {access.NewUser{DateOfBirth: grown}, `{"agreement":"ERR_ACCEPTED","email":"ERR_BLANK","password":"ERR_BLANK","username":"ERR_BLANK"}`},
	} {
		_, err := w.SignUp(w.ctx, c.in)
		if got := codes(err); got != c.want {
			t.Errorf("%s: %s (%v), want %s", what, got, err, c.want)
		}
	}
	w.ok(w.settings.Set(w.ctx, "registrations_mode", "none"))
	if _, err := w.SignUp(w.ctx, good); errs.KindOf(err) != errs.ForbiddenKind {
		t.Errorf("closed is open: %v", err)
	}
	if got := w.seen(); got != nil {
		t.Errorf("refused sign-ups emitted %v", got)
	}
	n, err := db.Value[int](w.ctx, w.World.DB, "SELECT COUNT(*) FROM accounts")
	if err != nil || n != 2 {
		t.Errorf("%d accounts, %v", n, err)
	}
}

func TestEmailRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	for _, bad := range []string{
		"ann", "@b.example", "ann@", "a@@b.example", "a@b@c.example", `"a b"@b.example`, "a(c)@b.example", "a%c.example@b.example", "@relay.example:a@b.example",
		"a@[127.0.0.1]", "a@127.0.0.1", "a@b", ".a@b.example", "a.@b.example", "a..b@b.example", "a b@c.example", "a@b.example.", "a@b_c.example", "a@-b.example", "a\x00@b.example",
		"é@b.example", "a@b..example", strings.Repeat("a", 65) + "@b.example", "a@" + strings.Repeat("b.", 130) + "example", "Ann <a@b.example>", "a@b.example:25", "a\n@b.example",
	} {
		if err := w.RequestReset(w.ctx, bad); errs.KindOf(err) != errs.InvalidKind {
			t.Errorf("%q is taken: %v", bad, err)
		}
	}
	for _, good := range []string{"a@b.example", "Ann.B+tag@Bücher.example", "o'neil@mail.example", "root@localhost"} {
		if err := w.RequestReset(w.ctx, good); err != nil {
			t.Errorf("%q is refused: %v", good, err)
		}
	}
}

func TestSignUpNeedsApproval(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.ok(w.settings.Set(w.ctx, "registrations_mode", "approved"))
		if _, err := w.SignUp(w.ctx, access.NewUser{Username: "ann", Email: "ann@mail.example", Password: password, Agreement: true}); codes(err) != `{"reason":"ERR_BLANK"}` {
			t.Errorf("without a reason: %v", err)
		}
		ann, bob := w.signUp("ann"), w.signUp("bob")
		if list, _ := w.Pending(w.ctx, d, 10); len(list) != 0 {
			t.Errorf("moderators are shown people without a confirmed address: %v", list)
		}
		w.ok(w.ConfirmByAdmin(w.ctx, ann.ID))
		w.ok(w.ConfirmByAdmin(w.ctx, bob.ID))
		list, err := w.Pending(w.ctx, d, 10)
		if err != nil || len(list) != 2 || list[0].SignUpReason != "to read" {
			t.Fatalf("waiting: %v, %v", list, err)
		}
		if _, _, err := w.SignIn(w.ctx, "ann@mail.example", password, access.Browser{}); err == nil || !strings.Contains(err.Error(), "pending approval") {
			t.Errorf("a waiting person signs in: %v", err)
		}
		w.seen()
		w.ok(w.Approve(w.ctx, ann.ID))
		w.ok(w.Approve(w.ctx, ann.ID))
		if got := w.seen(); len(got) != 1 || got[0] != "access.approved" {
			t.Errorf("approving twice emitted %v", got)
		}
		if err := w.Reject(w.ctx, ann.ID); errs.KindOf(err) != errs.ForbiddenKind {
			t.Errorf("an approved person is rejected: %v", err)
		}
		w.ok(w.Reject(w.ctx, bob.ID))
		if _, err := w.Accounts.ByAcct(w.ctx, d, "bob", ""); !errs.IsNotFound(err) {
			t.Errorf("the name of a rejected person stays taken: %v", err)
		}
		w.signUp("bob")
	})
}

func TestParallelSignUpsOfOneName(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		var group sync.WaitGroup
		results := []error{nil, nil, nil, nil, nil, nil}
		for i := range results {
			group.Go(func() {
				_, results[i] = w.SignUp(w.ctx, access.NewUser{Username: "ann", Email: "ann@mail.example", Password: password, Agreement: true})
			})
		}
		group.Wait()
		made := 0
		for _, err := range results {
			if err == nil {
				made++
			} else if !strings.Contains(codes(err), "ERR_TAKEN") {
				t.Errorf("%v", err)
			}
		}
		if made != 1 {
			t.Errorf("%d accounts were made", made)
		}
	})
}

func TestSignInAndSessions(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		u := w.person("ann")
		for _, c := range [][2]string{{"ann@mail.example", "wrong password"}, {"nobody@mail.example", password}, {"not an address", password}, {"ann@mail.example", ""}, {"", ""}} {
			_, _, err := w.SignIn(w.ctx, c[0], c[1], access.Browser{})
			if errs.KindOf(err) != errs.UnauthorizedKind || err.Error() != "Invalid e-mail address or password." {
				t.Errorf("%v: %v", c, err)
			}
		}
		first, _, err := w.SignIn(w.ctx, "ANN@mail.example", password, access.Browser{Agent: "Firefox", IP: netip.MustParseAddr("192.0.2.1")})
		w.ok(err)
		v, err := w.Visit(w.ctx, first)
		w.ok(err)
		if v.User.ID != u.ID || v.Account.Username != "ann" || v.Session.Agent != "Firefox" {
			t.Errorf("%+v", v)
		}
		second, _, err := w.SignIn(w.ctx, "ann@mail.example", password, access.Browser{Old: first})
		w.ok(err)
		if second == first {
			t.Error("the cookie stays the same")
		}
		if _, err := w.Visit(w.ctx, first); !errs.IsNotFound(err) {
			t.Errorf("the cookie from before signing in still works: %v", err)
		}
		for _, bad := range []string{"", "x", second + "x", strings.Repeat("x", 5000)} {
			if _, err := w.Visit(w.ctx, bad); !errs.IsNotFound(err) {
				t.Errorf("cookie %.10q: %v", bad, err)
			}
		}
		stored, err := db.Column[string](w.ctx, d, "SELECT secret_hash FROM sessions")
		w.ok(err)
		if len(stored) != 1 || strings.Contains(stored[0], second) {
			t.Errorf("stored %v", stored)
		}
		for range 25 {
			_, _, err := w.SignIn(w.ctx, "ann@mail.example", password, access.Browser{})
			w.ok(err)
			w.World.Clock.Advance(time.Second)
			if list, _ := w.Sessions(w.ctx, d, u.ID); len(list) == 20 {
				break
			}
		}
		list, err := w.Sessions(w.ctx, d, u.ID)
		w.ok(err)
		if len(list) > 20 {
			t.Errorf("%d sessions", len(list))
		}
		w.ok(w.EndSession(w.ctx, u.ID, list[0].ID))
		if err := w.EndSession(w.ctx, u.ID+1, list[1].ID); !errs.IsNotFound(err) {
			t.Errorf("somebody else's session ends: %v", err)
		}
		w.ok(w.SignOut(w.ctx, second))
		if _, err := w.Visit(w.ctx, second); !errs.IsNotFound(err) {
			t.Errorf("signed out: %v", err)
		}
	})
}

func TestOldHashesAreRenewed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	u := w.person("ann")
	for _, prefix := range []string{"$2a$", "$2b$", "$2y$"} {
		b, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		w.ok(err)
		hash := prefix + string(b[4:])
		w.ok(w.World.DB.Write(w.ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(w.ctx, "UPDATE users SET password_hash = $1 WHERE id = $2", hash, u.ID)
			return err
		}))
		if _, _, err := w.SignIn(w.ctx, u.Email, "wrong password", access.Browser{}); errs.KindOf(err) != errs.UnauthorizedKind {
			t.Errorf("%s: %v", prefix, err)
		}
		_, _, err = w.SignIn(w.ctx, u.Email, password, access.Browser{})
		w.ok(err)
		now, err := db.Value[string](w.ctx, w.World.DB, "SELECT password_hash FROM users WHERE id = $1", u.ID)
		w.ok(err)
		if !strings.HasPrefix(now, "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Errorf("%s became %s", prefix, now[:20])
		}
		_, _, err = w.SignIn(w.ctx, u.Email, password, access.Browser{})
		w.ok(err)
	}
	for _, broken := range []string{"$argon2id$v=19$m=99999999,t=2,p=1$AAAA$AAAA", "$argon2id$", "plain", "$2a$99$x"} {
		w.ok(w.World.DB.Write(w.ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(w.ctx, "UPDATE users SET password_hash = $1 WHERE id = $2", broken, u.ID)
			return err
		}))
		if _, _, err := w.SignIn(w.ctx, u.Email, password, access.Browser{}); errs.KindOf(err) != errs.UnauthorizedKind {
			t.Errorf("%s lets in: %v", broken, err)
		}
	}
}

// After each way of changing a password, sessions and tokens from before are worth nothing (SES-02).
func TestPasswordChangesEndEverythingElse(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		u := w.person("ann")
		current := password
		for i, change := range []func(keep access.SessionID, next string) error{
			func(keep access.SessionID, next string) error {
				return w.ChangePassword(w.ctx, u.ID, current, next, keep)
			},
			func(_ access.SessionID, next string) error {
				token, _, err := w.MintReset(w.ctx, u.Email)
				w.ok(err)
				if err := w.CheckReset(w.ctx, token); err != nil {
					return err
				}
				if _, err = w.ResetPassword(w.ctx, token, next); err != nil {
					return err
				}
				if _, err := w.ResetPassword(w.ctx, token, next); errs.KindOf(err) != errs.InvalidKind {
					t.Errorf("a reset link works twice: %v", err)
				}
				return nil
			},
			func(_ access.SessionID, next string) error { return w.SetPassword(w.ctx, u.ID, next) },
		} {
			mine, _, err := w.SignIn(w.ctx, u.Email, current, access.Browser{})
			w.ok(err)
			other, _, err := w.SignIn(w.ctx, u.Email, current, access.Browser{})
			w.ok(err)
			token := w.token(u, "read")
			_, _, _, err = w.Authenticate(w.ctx, token.Plain)
			w.ok(err)
			v, err := w.Visit(w.ctx, mine)
			w.ok(err)
			w.seen()
			next := "another password " + string(rune('a'+i))
			w.ok(change(v.Session.ID, next))
			if got := w.seen(); len(got) != 1 || got[0] != "access.password_changed" {
				t.Errorf("way %d emitted %v", i, got)
			}
			if _, _, _, err := w.Authenticate(w.ctx, token.Plain); errs.KindOf(err) != errs.UnauthorizedKind {
				t.Errorf("way %d: the token still works: %v", i, err)
			}
			if _, err := w.Visit(w.ctx, other); !errs.IsNotFound(err) {
				t.Errorf("way %d: the other session still works: %v", i, err)
			}
			if _, err := w.Visit(w.ctx, mine); (err == nil) != (i == 0) {
				t.Errorf("way %d: this session: %v", i, err)
			}
			current = next
		}
		if err := w.ChangePassword(w.ctx, u.ID, "not it", "another password", 0); codes(err) != `{"current_password":"ERR_INVALID"}` {
			t.Errorf("without the present one: %v", err)
		}
	})
}

func TestResetLinksEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	u := w.person("ann")
	if _, _, err := w.MintReset(w.ctx, "nobody@mail.example"); !errs.IsNotFound(err) {
		t.Errorf("nobody's address: %v", err)
	}
	token, _, err := w.MintReset(w.ctx, u.Email)
	w.ok(err)
	for _, bad := range []string{"", token[:20], token + "x", strings.Repeat("x", 9999)} {
		if _, err := w.ResetPassword(w.ctx, bad, password); errs.KindOf(err) != errs.InvalidKind {
			t.Errorf("token %.10q: %v", bad, err)
		}
	}
	w.World.Clock.Advance(6*time.Hour + time.Second)
	if _, err := w.ResetPassword(w.ctx, token, password); errs.KindOf(err) != errs.InvalidKind {
		t.Errorf("after its time: %v", err)
	}
	// A mail that went to the old address opens nothing once there is a new one.
	token, _, err = w.MintReset(w.ctx, u.Email)
	w.ok(err)
	w.ok(w.ChangeEmail(w.ctx, u.ID, password, "new@mail.example"))
	confirm, to, err := w.MintConfirmation(w.ctx, u.ID)
	w.ok(err)
	if to != "new@mail.example" {
		t.Errorf("mailed to %s", to)
	}
	w.seen()
	if u, err = w.Confirm(w.ctx, confirm); err != nil || u.Email != "new@mail.example" {
		t.Errorf("%+v, %v", u, err)
	}
	if got := w.seen(); len(got) != 1 || got[0] != "access.email_changed" {
		t.Errorf("emitted %v", got)
	}
	if _, err := w.ResetPassword(w.ctx, token, password); errs.KindOf(err) != errs.InvalidKind {
		t.Errorf("after the address changed: %v", err)
	}
	w.person("bob")
	if err := w.ChangeEmail(w.ctx, u.ID, password, "BOB@mail.example"); codes(err) != `{"email":"ERR_TAKEN"}` {
		t.Errorf("somebody else's address: %v", err)
	}
	if err := w.ChangeEmail(w.ctx, u.ID, "wrong password", "x@mail.example"); codes(err) != `{"current_password":"ERR_INVALID"}` {
		t.Errorf("without the password: %v", err)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	ann, bob := w.person("ann"), w.person("bob")
	w.ok(w.SetRole(w.ctx, ann.ID, access.Owner))
	if err := w.SetRole(w.ctx, ann.ID, access.Member); errs.KindOf(err) != errs.ConflictKind {
		t.Errorf("the last owner steps down: %v", err)
	}
	w.ok(w.SetRole(w.ctx, bob.ID, access.Owner))
	w.ok(w.SetRole(w.ctx, ann.ID, access.Moderator))
	if err := w.SetRole(w.ctx, ann.ID, "god"); errs.KindOf(err) != errs.InvalidKind {
		t.Errorf("an unknown role: %v", err)
	}
	if u, err := w.ByID(w.ctx, w.World.DB, ann.ID); err != nil || !u.Staff() || u.Manages() {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestCleanUp(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		ann := w.person("ann")
		_, err := w.SignUp(w.ctx, access.NewUser{Username: "bob", Email: "bob@mail.example", Password: password, Agreement: true, IP: netip.MustParseAddr("192.0.2.1")})
		w.ok(err)
		unused, _ := w.app("read")
		used, _ := w.app("read")
		_, err = w.IssueToken(w.ctx, used, ann.ID, access.Scopes{"read"})
		w.ok(err)
		_, _, err = w.SignIn(w.ctx, ann.Email, password, access.Browser{})
		w.ok(err)
		w.ok(w.CleanUp(w.ctx, access.CleanUpDue{}))
		if _, err := w.Accounts.ByAcct(w.ctx, d, "bob", ""); err != nil {
			t.Errorf("a sign-up of today is gone: %v", err)
		}
		w.World.Clock.Advance(8 * 24 * time.Hour)
		w.ok(w.CleanUp(w.ctx, access.CleanUpDue{}))
		if _, err := w.Accounts.ByAcct(w.ctx, d, "bob", ""); !errs.IsNotFound(err) {
			t.Errorf("a sign-up that was never confirmed stays: %v", err)
		}
		if _, err := w.AppByID(w.ctx, d, unused.ID); !errs.IsNotFound(err) {
			t.Errorf("an unused application stays: %v", err)
		}
		if _, err := w.AppByID(w.ctx, d, used.ID); err != nil {
			t.Errorf("a used application is gone: %v", err)
		}
		if list, _ := w.Sessions(w.ctx, d, ann.ID); len(list) != 1 {
			t.Errorf("sessions %v", list)
		}
		w.World.Clock.Advance(access.SessionLife)
		w.ok(w.CleanUp(w.ctx, access.CleanUpDue{}))
		if list, _ := w.Sessions(w.ctx, d, ann.ID); len(list) != 0 {
			t.Errorf("sessions %v", list)
		}
	})
}

func TestHashingStopsWithTheRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	if _, _, err := w.SignIn(ctx, "ann@mail.example", password, access.Browser{}); err == nil {
		t.Error("a request that is gone is answered")
	}
}
