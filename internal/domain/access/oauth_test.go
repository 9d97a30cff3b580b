package access_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/pubsub"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

func TestScopes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		have, need string
		want       bool
	}{
		{"read", "read:statuses", true},
		{"read:statuses", "read", false},
		{"read:statuses", "read:lists", false},
		{"read", "write", false},
		{"write:statuses", "write:statuses", true},
		{"follow", "write:blocks", true},
		{"follow", "write:statuses", false},
		{"admin:read", "admin:read:accounts", true},
		{"admin:read:accounts", "admin:read", false},
		{"read", "admin:read:accounts", false},
		{"read", "profile", true},
		{"read:accounts", "profile", true},
		{"profile", "read:accounts", false},
		{"write", "profile", false},
		{"", "read", false},
	} {
		if got := access.Scopes(strings.Fields(c.have)).Allows(c.need); got != c.want {
			t.Errorf("%q allows %q: %v", c.have, c.need, got)
		}
	}
	if !access.Scopes(nil).Allows() || !(access.Scopes{"push"}).Allows("read", "push") {
		t.Error("alternatives")
	}
	for _, bad := range []string{"read nonsense", "read+write", "admin", "READ", "read,write", strings.Repeat("read ", 1000)} {
		if _, err := access.ParseScopes(bad); err == nil {
			t.Errorf("%.20q is taken", bad)
		}
	}
	if s, err := access.ParseScopes(" read  read write:media "); err != nil || s.String() != "read write:media" {
		t.Errorf("%v, %v", s, err)
	}
}

func TestRegister(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	for what, bad := range map[string]access.NewApp{
		"no name":          {RedirectURIs: []string{callback}},
		"long name":        {Name: strings.Repeat("x", 61), RedirectURIs: []string{callback}},
		"no address":       {Name: "x"},
		"relative":         {Name: "x", RedirectURIs: []string{"/cb"}},
		"fragment":         {Name: "x", RedirectURIs: []string{callback + "#f"}},
		"javascript":       {Name: "x", RedirectURIs: []string{"JavaScript:alert(1)"}},
		"data":             {Name: "x", RedirectURIs: []string{"data:text/html,x"}},
		"one of two":       {Name: "x", RedirectURIs: []string{callback + "\njavascript:x"}},
		"user information": {Name: "x", RedirectURIs: []string{"https://app.example@evil.example/cb"}},
		"no host":          {Name: "x", RedirectURIs: []string{"https:///cb"}},
		"too many":         {Name: "x", RedirectURIs: []string{strings.Repeat("https://a.example/"+strings.Repeat("x", 3)+"\n", 1) + many(60)}},
		"huge":             {Name: "x", RedirectURIs: []string{"https://a.example/" + strings.Repeat("x", 2000)}},
		"unknown scope":    {Name: "x", RedirectURIs: []string{callback}, Scopes: "read everything"},
		"website":          {Name: "x", RedirectURIs: []string{callback}, Website: `<b onclick="x">`},
		"website script":   {Name: "x", RedirectURIs: []string{callback}, Website: "javascript:alert(1)"},
	} {
		if _, _, err := w.Register(w.ctx, bad); errs.KindOf(err) != errs.InvalidKind || !strings.HasPrefix(err.Error(), "Validation failed: ") {
			t.Errorf("%s: %v", what, err)
		}
	}
	a, secret, err := w.Register(w.ctx, access.NewApp{Name: " App ", Website: "https://app.example", RedirectURIs: []string{callback + "\n" + access.OutOfBand, "com.example.app:/cb", "myapp://x"}})
	w.ok(err)
	if a.Name != "App" || len(a.RedirectURIs) != 4 || a.Scopes.String() != "read" {
		t.Errorf("%+v", a)
	}
	if got, err := w.AuthenticateApp(w.ctx, w.World.DB, a.ClientID, secret); err != nil || got.ID != a.ID {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", secret + "x", strings.Repeat("x", 9999)} {
		if _, err := w.AuthenticateApp(w.ctx, w.World.DB, a.ClientID, bad); !errs.IsNotFound(err) {
			t.Errorf("secret %.10q: %v", bad, err)
		}
	}
	if stored, _ := db.Value[string](w.ctx, w.World.DB, "SELECT client_secret_hash FROM oauth_applications WHERE id = $1", a.ID); stored == secret || len(stored) != 64 {
		t.Errorf("stored %q", stored)
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("https://a.example/" + strings.Repeat("y", i+1) + "\n")
	}
	return b.String()
}

// OAU-01.
func TestRedirectsAreExact(t *testing.T) {
	t.Parallel()
	a := access.Application{RedirectURIs: []string{callback, "http://127.0.0.1:7000/cb", "http://[::1]/cb", "http://localhost:7000/cb", access.OutOfBand}}
	for uri, want := range map[string]bool{
		callback: true, access.OutOfBand: true, "http://127.0.0.1:7000/cb": true, "http://127.0.0.1:9999/cb": true, "http://[::1]:1/cb": true, "http://localhost:7000/cb": true,
		"": false, callback + "/../x": false, callback + "?x": false, callback + "#f": false, "//app.example/cb": false, "https://app.example.evil.example/cb": false,
		"https://user@app.example/cb": false, "http://app.example/cb": false, "https://app.example:444/cb": false, "https://APP.example/cb": false, "javascript:alert(1)": false,
		"http://localhost:9999/cb": false, "http://127.0.0.1:9999/other": false, "http://127.0.0.2:7000/cb": false, "http://x@127.0.0.1:9999/cb": false,
		"https://127.0.0.1:7000/cb": false, "http://127.0.0.1:9999/cb?x=1": false, "http://127.0.0.1:9999/cb#x": false, "http://127.0.0.1:9999/c%62": false,
	} {
		if got := a.Redirects(uri); got != want {
			t.Errorf("%s: %v", uri, got)
		}
	}
}

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func TestGrants(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		u := w.person("ann")
		app, _ := w.app("read write")
		other, _ := w.app("read write")
		verifier := strings.Repeat("v", 43)
		grant := func(change func(*access.Grant)) string {
			g := access.Grant{App: app, User: u, RedirectURI: callback, Scopes: access.Scopes{"read", "write:statuses"}}
			if change != nil {
				change(&g)
			}
			code, err := w.Authorize(w.ctx, g)
			w.ok(err)
			return code
		}
		code := grant(nil)
		refused := func(what string, app *access.Application, code, uri, verifier string) {
			t.Helper()
			if _, err := w.Exchange(w.ctx, app, code, uri, verifier); err == nil || !strings.Contains(err.Error(), access.ErrGrant.Message) {
				t.Errorf("%s: %v", what, err)
			}
		}
		refused("another application", other, code, callback, "")
		refused("another address", app, code, callback+"x", "")
		refused("a verifier without a challenge", app, code, callback, verifier)
		refused("no code", app, "", callback, "")
		refused("part of the code", app, code[:30], callback, "")
		token, err := w.Exchange(w.ctx, app, code, callback, "")
		w.ok(err)
		got, user, account, err := w.Authenticate(w.ctx, token.Plain)
		if err != nil || got.Scopes.String() != "read write:statuses" || user.ID != u.ID || account.ID != u.AccountID || got.App.ID != app.ID {
			t.Errorf("%+v, %+v, %v", got, user, err)
		}
		refused("a code twice", app, code, callback, "")
		if _, _, _, err := w.Authenticate(w.ctx, token.Plain); errs.KindOf(err) != errs.UnauthorizedKind || err.Error() != "The access token is invalid" {
			t.Errorf("the token of a stolen code works: %v", err)
		}

		// OAU-02.
		code = grant(func(g *access.Grant) { g.Challenge = challengeOf(verifier) })
		refused("no verifier", app, code, callback, "")
		refused("the challenge as verifier", app, code, callback, challengeOf(verifier))
		refused("a wrong verifier", app, code, callback, strings.Repeat("w", 43))
		if _, err := w.Exchange(w.ctx, app, code, callback, verifier); err != nil {
			t.Errorf("with its verifier: %v", err)
		}
		code = grant(nil)
		w.World.Clock.Advance(10 * time.Minute)
		refused("after ten minutes", app, code, callback, "")

		// OAU-04 and OAU-06: what the page was shown is checked again.
		for what, change := range map[string]func(*access.Grant){
			"wider than the application": func(g *access.Grant) { g.Scopes = access.Scopes{"push"} },
			"nothing":                    func(g *access.Grant) { g.Scopes = nil },
			"another address":            func(g *access.Grant) { g.RedirectURI = "https://evil.example" },
			"plain challenge":            func(g *access.Grant) { g.Challenge = verifier + "!" },
			"admin for everybody":        func(g *access.Grant) { g.App, _ = w.app("admin:read"); g.Scopes = access.Scopes{"admin:read"} },
		} {
			g := access.Grant{App: app, User: u, RedirectURI: callback, Scopes: access.Scopes{"read"}}
			change(&g)
			if _, err := w.Authorize(w.ctx, g); errs.KindOf(err) != errs.InvalidKind {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := w.IssueToken(w.ctx, app, u.ID, access.Scopes{"read", "push"}); errs.KindOf(err) != errs.InvalidKind {
			t.Errorf("a token beyond the application: %v", err)
		}
	})
}

func TestNothingSecretIsStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	u := w.person("ann")
	app, _ := w.app("read")
	code, err := w.Authorize(w.ctx, access.Grant{App: app, User: u, RedirectURI: callback, Scopes: access.Scopes{"read"}})
	w.ok(err)
	token, err := w.Exchange(w.ctx, app, code, callback, "")
	w.ok(err)
	confirm, _, err := w.MintReset(w.ctx, u.Email)
	w.ok(err)
	for _, sql := range []string{"SELECT code_hash FROM oauth_access_grants", "SELECT token_hash FROM oauth_access_tokens", "SELECT reset_hash FROM users", "SELECT args FROM jobs"} {
		list, err := db.Column[string](w.ctx, w.World.DB, sql)
		w.ok(err)
		for _, s := range list {
			if strings.Contains(s, code) || strings.Contains(s, token.Plain) || strings.Contains(s, confirm) || strings.Contains(s, password) {
				t.Errorf("%s has a secret", sql)
			}
		}
	}
}

// OAU-09: a revocation reaches the processes that have the token in mind.
func TestRevocationReachesOtherProcesses(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		u := w.person("ann")
		app, _ := w.app("read")
		there := w.process()
		ctx, stop := context.WithCancel(w.ctx)
		done := make(chan struct{})
		go func() { defer close(done); _ = there.Listen(ctx) }()
		defer func() { stop(); <-done }()
		heard := w.bus.Subscribe(access.Channel)
		defer heard.Close()

		for what, revoke := range map[string]func(*access.NewToken) error{
			"by the application": func(t *access.NewToken) error { return w.RevokeToken(w.ctx, app, t.Plain) },
			"by the person":      func(*access.NewToken) error { return w.RevokeApp(w.ctx, u.ID, app.ID) },
			"by a new password":  func(*access.NewToken) error { return w.SetPassword(w.ctx, u.ID, "another password") },
		} {
			token, err := w.IssueToken(w.ctx, app, u.ID, access.Scopes{"read"})
			w.ok(err)
			_, _, _, err = there.Authenticate(w.ctx, token.Plain)
			w.ok(err)
			w.ok(revoke(token))
			c := access.ParseChange((<-heard.C).Payload)
			if !c.Revoked || (c.User != u.ID && (len(c.Tokens) != 1 || c.Tokens[0] != token.ID)) {
				t.Errorf("%s: told %+v", what, c)
			}
			for { // the message is on its way
				if _, _, _, err := there.Authenticate(w.ctx, token.Plain); err != nil {
					break
				}
			}
			if _, _, _, err := w.Authenticate(w.ctx, token.Plain); errs.KindOf(err) != errs.UnauthorizedKind {
				t.Errorf("%s: still works here: %v", what, err)
			}
		}
		// Somebody who hears nothing finds out by time.
		deaf := access.New(access.Deps{DB: d, Jobs: w.World.Jobs, IDs: w.World.IDs, Clock: w.World.Clock, Settings: w.settings, Accounts: w.World.Accounts, Bus: pubsub.NewLocal()})
		token := w.token(u, "read")
		_, _, _, err := deaf.Authenticate(w.ctx, token.Plain)
		w.ok(err)
		w.ok(w.SetPassword(w.ctx, u.ID, "yet another password"))
		w.World.Clock.Advance(11 * time.Second)
		if _, _, _, err := deaf.Authenticate(w.ctx, token.Plain); errs.KindOf(err) != errs.UnauthorizedKind {
			t.Errorf("%v", err)
		}
	})
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	for _, bad := range []string{"", "x", "a b", strings.Repeat("x", 10_000), "' OR 1=1 --"} {
		if _, _, _, err := w.Authenticate(w.ctx, bad); errs.KindOf(err) != errs.UnauthorizedKind {
			t.Errorf("%.10q: %v", bad, err)
		}
	}
	app, _ := w.app("read write")
	own, err := w.IssueToken(w.ctx, app, 0, access.Scopes{"read"})
	w.ok(err)
	token, u, a, err := w.Authenticate(w.ctx, own.Plain)
	if err != nil || u != nil || a != nil || token.App.Name != "App" || token.AccountID != 0 {
		t.Errorf("%+v, %v, %v, %v", token, u, a, err)
	}
	person := w.person("ann")
	mine := w.token(person, "read")
	_, u, a, err = w.Authenticate(w.ctx, mine.Plain)
	if err != nil || access.Barred(u, a) != nil {
		t.Errorf("%v, %v", err, access.Barred(u, a))
	}
	// What bars a person is seen at once, though the token is in mind.
	w.ok(w.Disable(w.ctx, person.ID, true))
	if _, u, a, err = w.Authenticate(w.ctx, mine.Plain); err != nil || access.Barred(u, a) == nil {
		t.Errorf("disabled: %v, %v", err, access.Barred(u, a))
	}
	w.ok(w.Disable(w.ctx, person.ID, false))
	w.ok(w.Accounts.Suspend(w.ctx, person.AccountID, true))
	if _, u, a, err = w.Authenticate(w.ctx, mine.Plain); err != nil || access.Barred(u, a) == nil {
		t.Errorf("suspended: %v, %v", err, access.Barred(u, a))
	}
	// A known token costs one question.
	ctx, count := db.Counting(w.ctx)
	if _, _, _, err := w.Authenticate(ctx, mine.Plain); err != nil || count.N() != 1 {
		t.Errorf("%d statements, %v", count.N(), err)
	}
}

func TestRevokeIsForTheOwnApplication(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	u := w.person("ann")
	app, _ := w.app("read")
	other, _ := w.app("read")
	token, err := w.IssueToken(w.ctx, app, u.ID, access.Scopes{"read"})
	w.ok(err)
	if err := w.RevokeToken(w.ctx, other, token.Plain); errs.KindOf(err) != errs.ForbiddenKind {
		t.Errorf("another application revokes: %v", err)
	}
	if err := w.RevokeToken(w.ctx, app, "nonsense"); !errs.IsNotFound(err) {
		t.Errorf("%v", err)
	}
	list, err := w.AuthorizedApps(w.ctx, w.World.DB, u.ID)
	if err != nil || len(list) != 1 || list[0].Name != "App" || list[0].Granted.String() != "read" {
		t.Errorf("%+v, %v", list, err)
	}
	w.ok(w.RevokeToken(w.ctx, app, token.Plain))
	w.ok(w.RevokeToken(w.ctx, app, token.Plain))
	if list, _ := w.AuthorizedApps(w.ctx, w.World.DB, u.ID); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}
