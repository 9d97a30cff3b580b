package rest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

func TestRoutesAreThoseOfTheTable(t *testing.T) {
	t.Parallel()
	law, err := readTables()
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, dbtest.SQLite(t))
	seen := map[string]bool{}
	for _, r := range api.Describe(d.routes) {
		name := r.Method + " " + shape(r.Pattern)
		row, ok := law.endpoints[name]
		switch {
		case !ok:
			t.Errorf("%s is in no table", name)
		case strings.HasPrefix(row.removed, "removed"):
			t.Errorf("%s was %s", name, row.removed)
		case row.auth != r.Auth:
			t.Errorf("%s asks for %s, the table for %s", name, r.Auth, row.auth)
		case !slices.Equal(row.scopes, r.Scopes):
			t.Errorf("%s asks for %v, the table for %v", name, r.Scopes, row.scopes)
		case seen[name]:
			t.Errorf("%s is there twice", name)
		}
		seen[name] = true
	}
}

// TestEveryRouteIsGuarded asks each route as everybody who might come.
func TestEveryRouteIsGuarded(t *testing.T) {
	t.Parallel()
	d := open(t, dbtest.SQLite(t))
	ann := d.person("ann")
	app := d.token(nobody)
	other := d.token(ann, "admin:read", "push")
	limbo := d.person("limbo")
	if err := d.DB.Write(d.Ctx(), func(tx *db.Tx) error {
		_, err := tx.Exec(d.Ctx(), "UPDATE users SET confirmed_at = 0 WHERE id = $1", limbo.user)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	const scope = "This action is outside the authorized scopes"
	for _, r := range d.routes {
		at := param.ReplaceAllString(r.Pattern, "7")
		ask := func(as *who) *reply { return d.call(r.Method, at, as, nil) }
		if r.Auth == api.None {
			if got := ask(&who{bearer: "nonsense"}); got.code != 200 && got.code != 404 {
				t.Errorf("%s %s answers everybody %d", r.Method, at, got.code)
			}
			continue
		}
		ask(&who{bearer: "nonsense"}).says(401, "The access token is invalid")
		if slices.Contains(r.Scopes, "push") {
			ask(d.token(ann, "admin:read", "read", "write", "follow")).says(403, scope)
		} else if len(r.Scopes) > 0 {
			ask(other).says(403, scope)
		}
		for _, s := range r.Scopes {
			if got := ask(d.token(ann, s)); got.code == 401 || got.code == 403 && got.str("error") == scope {
				t.Errorf("%s %s refuses the scope %s: %s", r.Method, at, s, got.body)
			}
		}
		anonymous := ask(nobody)
		if (anonymous.code == 401) != (r.Auth != api.Optional) {
			t.Errorf("%s %s answers %d to nobody", r.Method, at, anonymous.code)
		}
		if r.Auth == api.User {
			ask(app).says(422, "This method requires an authenticated user")
			ask(limbo).says(403, "Your login is missing a confirmed e-mail address")
		}
	}
}

// TestEveryScopeOpensItsRoutesAlone asks each route with each scope there is: it is let in by the scope named, by that one's parent, by the old
// "follow" where Mastodon says so, and by none else (OAU-04).
func TestEveryScopeOpensItsRoutesAlone(t *testing.T) {
	t.Parallel()
	d := open(t, dbtest.SQLite(t))
	ann := d.person("ann")
	covers := func(scope, required string) bool {
		parent, _, _ := strings.Cut(required, ":")
		switch {
		case scope == required, scope == parent && parent != "admin":
			return true
		case strings.HasPrefix(required, "admin:"):
			return strings.HasPrefix(required, scope+":") && scope != "admin"
		case scope == "follow":
			return slices.Contains([]string{"read:blocks", "write:blocks", "read:mutes", "write:mutes", "read:follows", "write:follows"}, required)
		}
		return required == "profile" && (scope == "read" || scope == "read:accounts")
	}
	for _, scope := range access.KnownScopes() {
		as := d.token(ann, scope)
		for _, r := range d.routes {
			if len(r.Scopes) == 0 || r.Auth == api.None {
				continue
			}
			allowed := slices.ContainsFunc(r.Scopes, func(required string) bool { return covers(scope, required) })
			got := d.call(r.Method, param.ReplaceAllString(r.Pattern, "7"), as, nil)
			if refused := got.code == 403 && got.str("error") == "This action is outside the authorized scopes"; refused == allowed || got.code == 401 {
				t.Errorf("%s %s answers %d to %s, which opens it: %v", r.Method, r.Pattern, got.code, scope, allowed)
			}
		}
	}
}

func TestLoginsThatMayNotBeUsed(t *testing.T) {
	t.Parallel()
	d := open(t, dbtest.SQLite(t))
	ann := d.person("ann")
	set := func(column string, v any) {
		t.Helper()
		if err := d.DB.Write(d.Ctx(), func(tx *db.Tx) error {
			_, err := tx.Exec(d.Ctx(), "UPDATE users SET "+column+" = $1 WHERE id = $2", v, ann.user)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	set("approved", false)
	d.get("/api/v1/preferences", ann).says(403, "Your login is currently pending approval")
	set("approved", true)
	set("disabled", true)
	d.get("/api/v1/preferences", ann).says(403, "Your login is currently disabled")
	set("disabled", false)
	d.get("/api/v1/preferences", ann).want(200)
	if err := d.Accounts.Suspend(d.Ctx(), ann.ID, true); err != nil {
		t.Fatal(err)
	}
	d.get("/api/v1/preferences", ann).says(403, "Your login is currently disabled")
}
