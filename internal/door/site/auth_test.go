package site_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
)

const cookie = "__Host-gomph_session"

func TestSignUpAndIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	_, page := b.send("/auth/sign_up", "/auth/sign_up", 422, "username", "admin", "email", "x", "password", "short")
	has(t, page, "Is reserved.", "Is invalid.", "Is too short", "Must be accepted.", `value="admin"`)
	lacks(t, page, `value="short"`)
	_, page = b.send("/auth/sign_up", "/auth/sign_up", 200, "username", "ann", "email", "ann@mail.example", "password", password, "agreement", "1")
	has(t, page, "Check your mail", "ann@mail.example")
	if w.emitted("access.signed_up") != 1 {
		t.Error("no mail will be sent")
	}
	_, page = b.send("/auth/sign_in", "/auth/sign_in", 200, "email", "ann@mail.example", "password", password)
	has(t, page, "Check your mail")
	if b.cookies[cookie] != "" {
		t.Error("somebody unconfirmed is signed in")
	}
	to, _ := b.send("/auth/sign_in", "/auth/confirmation", 303, "email", "ann@mail.example")
	if to != "/auth/sign_in?notice=again" || w.emitted("access.confirmation_wanted") != 1 {
		t.Errorf("sent to %s", to)
	}
	u, err := w.access.ByEmail(w.Ctx(), w.DB, "ann@mail.example")
	w.ok(err)
	token, _, err := w.access.MintConfirmation(w.Ctx(), u.ID)
	w.ok(err)
	has(t, b.get("/auth/confirmation?confirmation_token=nonsense", 200), "This link does not work")
	has(t, b.get("/auth/confirmation?confirmation_token="+token, 200), "You are in")
	has(t, b.get("/auth/confirmation?confirmation_token="+token, 200), "This link does not work")

	_, page = b.send("/auth/sign_in", "/auth/sign_in", 422, "email", "ann@mail.example", "password", "wrong password")
	has(t, page, "Invalid e-mail address or password.")
	_, other := b.send("/auth/sign_in", "/auth/sign_in", 422, "email", "nobody@mail.example", "password", "wrong password")
	if strings.ReplaceAll(other, "nobody@", "ann@") != page {
		t.Error("the page tells who has an account")
	}
	b.cookies[cookie] = "planted-by-somebody-else" // SES-01
	b.signIn(u)
	if b.cookies[cookie] == "planted-by-somebody-else" || b.cookies[cookie] == "" {
		t.Errorf("cookies %v", b.cookies)
	}
	has(t, b.get("/", 200), "Your account")
	first := b.cookies[cookie]
	to, _ = b.send("/auth/edit", "/auth/sign_out", 303)
	if to != "/auth/sign_in?notice=out" || b.cookies[cookie] != "" {
		t.Errorf("sent to %s with %v", to, b.cookies)
	}
	b.cookies[cookie] = first
	if rec := b.do("GET", "/auth/edit", nil); rec.Code != 302 {
		t.Errorf("the old cookie works: %d", rec.Code)
	}
}

func TestHoneypot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	_, page := b.send("/auth/sign_up", "/auth/sign_up", 200, "username", "bot", "email", "bot@mail.example", "password", password, "agreement", "1", "website", "https://spam.example")
	has(t, page, "Check your mail")
	if _, err := w.Accounts.ByAcct(w.Ctx(), w.DB, "bot", ""); err == nil {
		t.Error("a bot has an account")
	}
}

func TestOpenServersSignInAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.access.AutoConfirm = true
	b := w.browser()
	to, _ := b.send("/auth/sign_up?next=/oauth/authorize?x=1", "/auth/sign_up", 303, "username", "ann", "email", "ann@mail.example", "password", password, "agreement", "1", "next", "/oauth/authorize?x=1")
	if to != "/oauth/authorize?x=1" || b.cookies[cookie] == "" {
		t.Errorf("sent to %s with %v", to, b.cookies)
	}
	w.ok(w.settings.Set(w.Ctx(), "registrations_mode", "none"))
	has(t, w.browser().get("/auth/sign_up", 200), "No new accounts")
}

// SES-12.
func TestReturnPathsStayHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.person("ann")
	for next, want := range map[string]string{
		"/auth/edit": "/auth/edit", "/oauth/authorize?a=b&c=%26": "/oauth/authorize?a=b&c=%26",
		"//evil.example": "/", "/\\evil.example": "/", "https:evil.example": "/", "https://evil.example": "/", "/\t/evil.example": "/", "\t//evil.example": "/", "@evil.example": "/",
		"javascript:alert(1)": "/", "/x\r\nSet-Cookie: a=b": "/", "": "/", "/%09/evil.example": "/%09/evil.example", "///evil.example": "/",
	} {
		b := w.browser()
		to, _ := b.send("/auth/sign_in?"+url.Values{"next": {next}}.Encode(), "/auth/sign_in", 303, "email", u.Email, "password", password, "next", next)
		if to != want {
			t.Errorf("%q leads to %q", next, to)
		}
		if rec := b.do("GET", "/auth/sign_in?"+url.Values{"next": {next}}.Encode(), nil); rec.Header().Get("Location") != want {
			t.Errorf("signed in, %q leads to %q", next, rec.Header().Get("Location"))
		}
	}
}

// SES-11.
func TestFormsOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	b.signIn(w.person("ann"))
	good := token.FindStringSubmatch(b.get("/auth/edit", 200))[1]
	form := url.Values{"_csrf": {good}, "display_name": {"changed"}}
	post := func() int { return b.do("POST", "/settings/profile", form).Code }
	for what, headers := range map[string]http.Header{
		"another site":  {"Sec-Fetch-Site": {"cross-site"}},
		"a sub-domain":  {"Sec-Fetch-Site": {"same-site"}},
		"origin":        {"Origin": {"https://evil.example"}},
		"origin null":   {"Origin": {"null"}},
		"origin by dot": {"Origin": {"https://local.example.evil.example"}},
	} {
		if b.headers = headers; post() != 422 {
			t.Errorf("from %s it is taken", what)
		}
	}
	b.headers = http.Header{"Origin": {"https://local.example"}, "Sec-Fetch-Site": {"same-origin"}}
	for _, bad := range []string{"", "x", good + "x"} {
		if form.Set("_csrf", bad); post() != 422 {
			t.Errorf("token %q is taken", bad)
		}
	}
	// The token of another browser is worth nothing here.
	theirs := w.browser()
	form.Set("_csrf", token.FindStringSubmatch(theirs.get("/auth/sign_in", 200))[1])
	if post() != 422 {
		t.Error("another browser's token is taken")
	}
	form.Set("_csrf", good)
	if code := post(); code != 303 {
		t.Errorf("our own form: %d", code)
	}
	form.Set("note", strings.Repeat("x", 100<<10))
	if code := post(); code != 413 {
		t.Errorf("a huge form: %d", code)
	}
	// A method in a header or a parameter is no method.
	b.headers.Set("X-HTTP-Method-Override", "POST")
	if rec := b.do("GET", "/auth/sign_out?_method=post", nil); rec.Code != 405 {
		t.Errorf("%d", rec.Code)
	}
}

func TestTriesAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.person("ann")
	b := w.browser()
	wrong := 0
	for range 30 {
		found := token.FindStringSubmatch(b.get("/auth/sign_in", 200))
		rec := b.do("POST", "/auth/sign_in", url.Values{"_csrf": {found[1]}, "email": {""}, "password": {""}})
		if rec.Code == 429 {
			break
		}
		wrong++
	}
	if wrong != 25 {
		t.Errorf("%d tries were allowed", wrong)
	}
	b = w.browser()
	mails := 0
	for range 8 {
		found := token.FindStringSubmatch(b.get("/auth/password/new", 200))
		rec := b.do("POST", "/auth/password/new", url.Values{"_csrf": {found[1]}, "email": {u.Email}})
		if rec.Code == 429 {
			break
		}
		mails++
	}
	if mails != 5 {
		t.Errorf("%d mails were asked for", mails)
	}
}

func TestForgottenPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.person("ann")
	b := w.browser()
	// SES-05, SES-06: the answer does not tell who has an account.
	_, known := b.send("/auth/password/new", "/auth/password/new", 200, "email", u.Email)
	_, unknown := b.send("/auth/password/new", "/auth/password/new", 200, "email", "nix@mail.example")
	if strings.ReplaceAll(unknown, "nix@", "ann@") != known || w.emitted("access.reset_wanted") != 2 {
		t.Error("the answers differ")
	}
	reset, _, err := w.access.MintReset(w.Ctx(), u.Email)
	w.ok(err)
	page := "/auth/password/edit?reset_password_token=" + reset
	if rec := b.do("GET", "/auth/password/edit?reset_password_token=x", nil); rec.Code != 422 {
		t.Errorf("a wrong link: %d", rec.Code)
	}
	_, body := b.send(page, "/auth/password/edit", 422, "reset_password_token", reset, "password", "short")
	has(t, body, "Is too short")
	to, _ := b.send(page, "/auth/password/edit", 303, "reset_password_token", reset, "password", "another password")
	if to != "/auth/edit?notice=password" {
		t.Errorf("sent to %s", to)
	}
	has(t, b.get(to, 200), "Your password was changed.")
	_, _, err = w.access.SignIn(w.Ctx(), u.Email, password, access.Browser{})
	if err == nil {
		t.Error("the old password works")
	}
}

func TestOwnSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.person("ann")
	b, other := w.browser(), w.browser()
	for _, path := range []string{"/auth/edit", "/settings", "/settings/profile", "/oauth/authorized_applications", "/admin/pending", "/authorize_interaction?uri=x"} {
		rec := b.do("GET", path, nil)
		if rec.Code != 302 || rec.Header().Get("Location") != "/auth/sign_in?next="+url.QueryEscape(path) {
			t.Errorf("%s: %d to %s", path, rec.Code, rec.Header().Get("Location"))
		}
	}
	b.headers.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	b.signIn(u)
	other.signIn(u)
	has(t, b.get("/auth/edit", 200), "ann@mail.example", "Firefox on Linux", "This browser")

	_, page := b.send("/auth/edit", "/auth/edit/email", 422, "email", "new@mail.example", "current_password", "wrong")
	has(t, page, "Is incorrect.")
	b.send("/auth/edit", "/auth/edit/email", 303, "email", "new@mail.example", "current_password", password)
	has(t, b.get("/auth/edit", 200), "new@mail.example")

	before := b.cookies[cookie]
	_, page = b.send("/auth/edit", "/auth/edit/password", 422, "current_password", "wrong", "password", "another password")
	has(t, page, "Is incorrect.")
	b.send("/auth/edit", "/auth/edit/password", 303, "current_password", password, "password", "another password")
	if b.cookies[cookie] == before {
		t.Error("the cookie stays the same")
	}
	b.get("/auth/edit", 200)
	if rec := other.do("GET", "/auth/edit", nil); rec.Code != 302 {
		t.Errorf("the other browser stays signed in: %d", rec.Code)
	}

	b.send("/settings/profile", "/settings/profile", 303, "display_name", "Ann\u202e B", "note", "I like\r\nelephants", "locked", "1")
	a, err := w.Accounts.ByAcct(w.Ctx(), w.DB, "ann", "")
	if err != nil || a.DisplayName != "Ann B" || a.Note != "I like\nelephants" || !a.Locked || a.Discoverable {
		t.Errorf("%+v, %v", a, err)
	}
	_, page = b.send("/settings/profile", "/settings/profile", 422, "display_name", strings.Repeat("x", 31), "note", strings.Repeat("y", 501))
	has(t, page, "Is too long.")

	app, _, err := w.access.Register(w.Ctx(), access.NewApp{Name: "Fine App", RedirectURIs: []string{"https://app.example/"}})
	w.ok(err)
	grant, err := w.access.IssueToken(w.Ctx(), app, u.ID, access.Scopes{"read"})
	w.ok(err)
	page = b.get("/oauth/authorized_applications", 200)
	has(t, page, "Fine App")
	lacks(t, page, grant.Plain)
	_, rest, _ := strings.Cut(page, `action="/oauth/authorized_applications/`)
	id, _, _ := strings.Cut(rest, "/")
	b.send("/oauth/authorized_applications", "/oauth/authorized_applications/"+id+"/revoke", 303)
	if _, _, _, err := w.access.Authenticate(w.Ctx(), grant.Plain); err == nil {
		t.Error("the app's token still works")
	}
	grant, err = w.access.IssueToken(w.Ctx(), app, u.ID, access.Scopes{"read"})
	w.ok(err)
	if rec := b.do("DELETE", "/oauth/authorized_applications/"+id, nil); rec.Code != 422 {
		t.Errorf("without the form's token: %d", rec.Code) // SES-11
	}
	b.headers.Set("X-CSRF-Token", token.FindStringSubmatch(b.get("/settings/profile", 200))[1])
	if rec := b.do("DELETE", "/oauth/authorized_applications/"+id, nil); rec.Code != 303 {
		t.Errorf("as a script of Mastodon's pages does: %d %s", rec.Code, plain(rec.Body.String()))
	}
	if _, _, _, err := w.access.Authenticate(w.Ctx(), grant.Plain); err == nil {
		t.Error("the app's token works after all")
	}
	// Another person's session and app cannot be ended.
	mine := w.browser()
	mine.signIn(w.person("bob"))
	list, err := w.access.Sessions(w.Ctx(), w.DB, u.ID)
	w.ok(err)
	mine.send("/auth/edit", "/auth/sessions/"+strings.TrimSpace(idOf(int64(list[0].ID)))+"/revoke", 404)
}

func TestPendingIsForStaff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ok(w.settings.Set(w.Ctx(), "registrations_mode", "approved"))
	staff, member := w.person("staff1"), w.person("ann")
	w.ok(w.access.SetRole(w.Ctx(), staff.ID, access.Moderator))
	var waiting []*access.User
	for _, name := range []string{"eve", "fay"} {
		u, err := w.access.SignUp(w.Ctx(), access.NewUser{Username: name, Email: name + "@mail.example", Password: password, Agreement: true, Reason: "because of " + name})
		w.ok(err)
		w.ok(w.access.ConfirmByAdmin(w.Ctx(), u.ID))
		waiting = append(waiting, u)
	}
	b := w.browser()
	b.signIn(member)
	b.get("/admin/pending", 404)
	b.send("/auth/edit", "/admin/pending/"+idOf(int64(waiting[0].ID))+"/approve", 404)
	b = w.browser()
	b.signIn(staff)
	has(t, b.get("/admin/pending", 200), "because of eve", "because of fay")
	b.send("/admin/pending", "/admin/pending/"+idOf(int64(waiting[0].ID))+"/approve", 303)
	b.send("/admin/pending", "/admin/pending/"+idOf(int64(waiting[1].ID))+"/reject", 303)
	has(t, b.get("/admin/pending", 200), "Nobody is waiting")
	b.send("/auth/edit", "/admin/pending/"+idOf(int64(waiting[0].ID))+"/promote", 404)
	w.browser().signIn(waiting[0])
	if _, err := w.Accounts.ByAcct(w.Ctx(), w.DB, "fay", ""); err == nil {
		t.Error("somebody turned away is still there")
	}
}

func TestAutomatedPostDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.person("ann")
	b := w.browser()
	b.signIn(u)
	has(t, b.get("/statuses_cleanup", 200), "Automated post deletion", `name="keep_pinned" value="1" checked`, `<option value="1209600" selected>`)
	_, page := b.send("/statuses_cleanup", "/statuses_cleanup", 422, "enabled", "1", "min_status_age", "5", "min_favs", "many")
	has(t, page, "Choose one of the ages.", "Write a number")
	to, _ := b.send("/statuses_cleanup", "/statuses_cleanup", 303, "enabled", "1", "min_status_age", "604800", "keep_media", "1", "min_favs", "7")
	if to != "/statuses_cleanup?notice=cleanup" {
		t.Errorf("sent to %s", to)
	}
	page = b.get("/statuses_cleanup", 200)
	has(t, page, `name="enabled" value="1" checked`, `<option value="604800" selected>`, `name="keep_media" value="1" checked`, `value="7"`)
	lacks(t, page, `name="keep_pinned" value="1" checked`)
}

// TestSignUpAsksForTheAge where the server has a least one.
func TestSignUpAsksForTheAge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ok(w.settings.Set(w.Ctx(), "registrations_mode", "open"))
	b := w.browser()
	if page := b.get("/auth/sign_up", 200); strings.Contains(page, "date_of_birth") {
		t.Error("the date of birth is asked for without a reason")
	}
	w.ok(w.settings.Set(w.Ctx(), "min_age", "16"))
	has(t, b.get("/auth/sign_up", 200), `name="date_of_birth" type="date"`, "You must be 16 or older")
	with := func(born string) []string {
		return []string{"username", "ann", "email", "ann@mail.example", "password", password, "agreement", "1", "date_of_birth", born}
	}
	_, page := b.send("/auth/sign_up", "/auth/sign_up", 422, with("")...)
	has(t, page, "blank")
	_, page = b.send("/auth/sign_up", "/auth/sign_up", 422, with(w.Clock.Now().AddDate(-15, 0, 0).Format(time.DateOnly))...)
	has(t, page, "Is below the age limit.")
	b.send("/auth/sign_up", "/auth/sign_up", 200, with("1990-02-03")...)
}
