package oauth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/kit/db"
)

func TestTheWholeWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, session := w.person("ann")
	c := w.register("read write push")
	verifier := strings.Repeat("v", 50)
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	to := w.allow(session, c.form("scope", "read write:statuses", "code_challenge", challenge, "code_challenge_method", "S256"))
	if got := to.Scheme + "://" + to.Host + to.Path; got != callback || to.Query().Get("state") != "a&b=ü" {
		t.Errorf("sent to %s", to)
	}
	code := to.Query().Get("code")

	// OAU-02: every wrong way first; none of them uses the code up.
	for what, v := range map[string]url.Values{
		"no verifier":     c.exchange(code),
		"wrong verifier":  c.exchange(code, "code_verifier", strings.Repeat("w", 50)),
		"the challenge":   c.exchange(code, "code_verifier", challenge),
		"another address": c.exchange(code, "code_verifier", verifier, "redirect_uri", callback+"/x"),
		"no such code":    c.exchange("nonsense", "code_verifier", verifier),
	} {
		m := w.answer(w.ask("POST", "/oauth/token", v), 400)
		if m["error"] != "invalid_grant" || !strings.HasPrefix(m["error_description"].(string), "The provided authorization grant is invalid") {
			t.Errorf("%s: %v", what, m)
		}
	}
	rec := w.ask("POST", "/oauth/token", c.exchange(code, "code_verifier", verifier))
	m := w.answer(rec, 200)
	if m["token_type"] != "Bearer" || m["scope"] != "read write:statuses" || m["created_at"] != float64(w.Clock.Now().Unix()) || len(m) != 4 {
		t.Errorf("%v", m)
	}
	if rec.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%v", rec.Header())
	}
	token := m["access_token"].(string)
	info := w.answer(w.ask("GET", "/oauth/userinfo", nil, "Authorization", "Bearer "+token), 200)
	if info["preferred_username"] != "ann" || info["sub"] != "https://local.example/users/ann" || info["iss"] != "https://local.example/" {
		t.Errorf("%v", info)
	}
	info = w.answer(w.ask("GET", "/oauth/token/info", nil, "Authorization", "Bearer "+token), 200)
	if info["expires_in"] != nil || info["application"].(map[string]any)["uid"] != c.id {
		t.Errorf("%v", info)
	}
	// The code again: refused, and the token made of it is worth nothing any more.
	if m := w.answer(w.ask("POST", "/oauth/token", c.exchange(code, "code_verifier", verifier)), 400); m["error"] != "invalid_grant" {
		t.Errorf("%v", m)
	}
	if m := w.answer(w.ask("GET", "/oauth/userinfo", nil, "Authorization", "Bearer "+token), 401); m["error"] != "The access token is invalid" {
		t.Errorf("%v", m)
	}
}

func TestRegistration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.answer(w.ask("POST", "/api/v1/apps", `{"client_name":"App","redirect_uris":["https://app.example/cb","urn:ietf:wg:oauth:2.0:oob"],"scopes":"read write","website":"https://app.example"}`), 200)
	for _, field := range []string{"id", "name", "website", "scopes", "redirect_uris", "redirect_uri", "vapid_key", "client_id", "client_secret", "client_secret_expires_at"} {
		if _, ok := m[field]; !ok {
			t.Errorf("no %s in %v", field, m)
		}
	}
	if m["redirect_uri"] != "https://app.example/cb\nurn:ietf:wg:oauth:2.0:oob" || m["client_secret_expires_at"] != 0.0 || m["id"].(string) == "" {
		t.Errorf("%v", m)
	}
	c := client{m["client_id"].(string), m["client_secret"].(string)}
	own := w.answer(w.ask("POST", "/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {c.id}, "client_secret": {c.secret}, "scope": {"read"}}), 200)
	seen := w.answer(w.ask("GET", "/api/v1/apps/verify_credentials", nil, "Authorization", "Bearer "+own["access_token"].(string)), 200)
	// OAU-08.
	if seen["name"] != "App" || seen["client_secret"] != nil || seen["client_id"] != nil {
		t.Errorf("%v", seen)
	}
	for what, body := range map[string]string{
		"empty":      `{}`,
		"wrong type": `{"client_name":{"a":1},"redirect_uris":7}`,
		"script":     `{"client_name":"x","redirect_uris":"javascript:alert(1)"}`,
	} {
		if m := w.answer(w.ask("POST", "/api/v1/apps", body), 422); !strings.HasPrefix(m["error"].(string), "Validation failed: ") {
			t.Errorf("%s: %v", what, m)
		}
	}
	if rec := w.ask("GET", "/api/v1/apps/verify_credentials", nil); rec.Code != 401 {
		t.Errorf("without a token: %d", rec.Code)
	}
}

func TestTokenRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.register("read write:accounts")
	basic := func(id, secret string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
	}
	for what, x := range map[string]struct {
		v      url.Values
		auth   string
		status int
		code   string
	}{
		"nothing":            {url.Values{}, "", 400, "invalid_request"},
		"refresh":            {url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}, "", 400, "unsupported_grant_type"},
		"password":           {url.Values{"grant_type": {"password"}, "username": {"x"}, "password": {"x"}}, "", 400, "unsupported_grant_type"},
		"no client":          {url.Values{"grant_type": {"client_credentials"}}, "", 401, "invalid_client"},
		"wrong secret":       {url.Values{"grant_type": {"client_credentials"}, "client_id": {c.id}, "client_secret": {"x"}}, "", 401, "invalid_client"},
		"no secret":          {url.Values{"grant_type": {"client_credentials"}, "client_id": {c.id}}, "", 401, "invalid_client"},
		"broken Basic":       {url.Values{"grant_type": {"client_credentials"}, "client_id": {c.id}, "client_secret": {c.secret}}, "Basic ???", 401, "invalid_client"},
		"no code":            {url.Values{"grant_type": {"authorization_code"}, "client_id": {c.id}, "client_secret": {c.secret}}, "", 400, "invalid_request"},
		"wider scope":        {url.Values{"grant_type": {"client_credentials"}, "scope": {"read write"}}, basic(c.id, c.secret), 400, "invalid_scope"},
		"unknown scope":      {url.Values{"grant_type": {"client_credentials"}, "scope": {"everything"}}, basic(c.id, c.secret), 400, "invalid_scope"},
		"scopes with plus":   {url.Values{"grant_type": {"client_credentials"}, "scope": {"read+write"}}, basic(c.id, c.secret), 400, "invalid_scope"},
		"code of nobody":     {url.Values{"grant_type": {"authorization_code"}, "code": {"x"}, "redirect_uri": {callback}}, basic(c.id, c.secret), 400, "invalid_grant"},
		"code, wrong client": {url.Values{"grant_type": {"authorization_code"}, "code": {"x"}, "redirect_uri": {callback}}, basic(c.id, "x"), 401, "invalid_client"},
	} {
		rec := w.ask("POST", "/oauth/token", x.v, "Authorization", x.auth)
		m := w.answer(rec, x.status)
		if m["error"] != x.code || m["error_description"].(string) == "" || len(m) != 2 {
			t.Errorf("%s: %v", what, m)
		}
		if x.status == 401 && !strings.Contains(rec.Header().Get("WWW-Authenticate"), `error="invalid_client"`) {
			t.Errorf("%s: %v", what, rec.Header())
		}
	}
	m := w.answer(w.ask("POST", "/oauth/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", basic(c.id, c.secret)), 200)
	if m["scope"] != "read" {
		t.Errorf("%v", m)
	}
}

// OAU-01 and the other requests that are answered here, and never by sending the browser away.
func TestBadRequestsAreShownHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, session := w.person("ann")
	c := w.register("read")
	bad := map[string]url.Values{
		"unknown client":      c.form("client_id", "x"),
		"no client":           c.form("client_id", ""),
		"no address":          c.form("redirect_uri", ""),
		"no response type":    c.form("response_type", ""),
		"token response type": c.form("response_type", "token"),
		"wider scope":         c.form("scope", "read write"),
		"unknown scope":       c.form("scope", "everything"),
		"admin scope":         c.form("scope", "admin:read"),
		"plain challenge":     c.form("code_challenge", strings.Repeat("v", 50), "code_challenge_method", "plain"),
		"challenge by itself": c.form("code_challenge", strings.Repeat("v", 43)),
		"short challenge":     c.form("code_challenge", "abc", "code_challenge_method", "S256"),
		"long state":          c.form("state", strings.Repeat("x", 5000)),
	}
	for _, uri := range []string{callback + "/../x", callback + "?x", callback + "#f", "//app.example/cb", "https://app.example.evil.example/cb", "https://u@app.example/cb", "http://app.example/cb",
		"https://app.example:1/cb", "https://APP.example/cb", "javascript:alert(1)"} {
		bad[uri] = c.form("redirect_uri", uri)
	}
	twice := c.form()
	twice.Add("redirect_uri", "https://evil.example/cb")
	bad["two addresses"] = twice
	for what, v := range bad {
		for _, who := range []string{session, ""} {
			rec := w.ask("GET", "/oauth/authorize?"+v.Encode(), nil, "Session", who)
			if rec.Code != 400 || rec.Header().Get("Location") != "" || rec.Body.Len() == 0 {
				t.Errorf("%s: %d to %q: %s", what, rec.Code, rec.Header().Get("Location"), rec.Body)
			}
		}
		form := url.Values{"_csrf": {"ok"}, "decision": {"allow"}}
		for k, l := range v {
			form[k] = l
		}
		if rec := w.ask("POST", "/oauth/authorize", form, "Session", session); rec.Code != 400 || rec.Header().Get("Location") != "" {
			t.Errorf("%s, sent as a form: %d to %q", what, rec.Code, rec.Header().Get("Location"))
		}
	}
	if n, err := db.Value[int](w.Ctx(), w.DB, "SELECT COUNT(*) FROM oauth_access_grants"); err != nil || n != 0 {
		t.Errorf("%d codes were made, %v", n, err)
	}
}

// OAU-06.
func TestConsentCannotBeForged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, session := w.person("ann")
	c := w.register("read")
	form := func(pairs ...string) url.Values {
		return c.form(append([]string{"decision", "allow", "_csrf", "ok"}, pairs...)...)
	}
	if rec := w.ask("POST", "/oauth/authorize", form("_csrf", ""), "Session", session); rec.Code != 422 {
		t.Errorf("without our form: %d", rec.Code)
	}
	if rec := w.ask("POST", "/oauth/authorize", form()); rec.Code != 401 {
		t.Errorf("without a session: %d", rec.Code)
	}
	if rec := w.ask("GET", "/oauth/authorize?"+form().Encode(), nil, "Session", session); rec.Code != 200 || rec.Header().Get("Location") != "" {
		t.Errorf("allowed by GET: %d", rec.Code)
	}
	if rec := w.ask("POST", "/oauth/authorize?"+c.form().Encode(), url.Values{"_csrf": {"ok"}, "decision": {"allow"}}, "Session", session); rec.Code != 400 {
		t.Errorf("parameters in the address of a form: %d", rec.Code)
	}
	rec := w.ask("POST", "/oauth/authorize", form("decision", "deny"), "Session", session)
	to, err := url.Parse(rec.Header().Get("Location"))
	if err != nil || rec.Code != 302 || to.Query().Get("error") != "access_denied" || to.Query().Get("state") != "a&b=ü" || to.Query().Get("code") != "" || to.Host != "app.example" {
		t.Errorf("refused: %d to %v", rec.Code, to)
	}
	rec = w.ask("DELETE", "/oauth/authorize?"+c.form("response_type", "").Encode(), nil, "Session", session, "X-CSRF-Token", "ok")
	if rec.Code != 302 || !strings.Contains(rec.Header().Get("Location"), "error=access_denied") {
		t.Errorf("refused by DELETE: %d to %q", rec.Code, rec.Header().Get("Location"))
	}
}

func TestSigningInFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, session := w.person("ann")
	c := w.register("read")
	rec := w.ask("GET", "/oauth/authorize?"+c.form("lang", "de", "evil", "x").Encode(), nil)
	to, err := url.Parse(rec.Header().Get("Location"))
	if err != nil || rec.Code != 302 {
		t.Fatalf("%d, %v", rec.Code, err)
	}
	next, err := url.Parse(to.Query().Get("next"))
	if err != nil || next.Path != "/oauth/authorize" || next.Query().Get("state") != "a&b=ü" || next.Query().Has("evil") {
		t.Errorf("back to %v, %v", next, err)
	}
	rec = w.ask("GET", "/oauth/authorize?"+c.form("force_login", "true").Encode(), nil, "Session", session)
	if rec.Code != 302 || rec.Header().Get("Anew") != "1" || strings.Contains(rec.Header().Get("Location"), "force_login") {
		t.Errorf("forced: %d, %v", rec.Code, rec.Header())
	}
	if rec = w.ask("GET", "/oauth/authorize?"+c.form("force_login", "false").Encode(), nil, "Session", session); rec.Code != 200 {
		t.Errorf("not forced: %d", rec.Code)
	}
}

func TestOutOfBandAndOwnSchemes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, session := w.person("ann")
	c := w.register("read", access.OutOfBand, "com.example.app:/cb?x=1")
	to := w.allow(session, c.form("redirect_uri", access.OutOfBand))
	if to.Path != "/oauth/authorize/native" || to.Host != "" {
		t.Fatalf("sent to %s", to)
	}
	rec := w.ask("GET", to.String(), nil, "Session", session)
	code := to.Query().Get("code")
	if rec.Code != 200 || !strings.Contains(rec.Body.String(), code) {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	w.answer(w.ask("POST", "/oauth/token", c.exchange(code, "redirect_uri", access.OutOfBand)), 200)
	for _, bad := range []string{"", "x", "<b>your account is closed, call 555</b>", "a b c d e f g h i j k l m n o p q r s t"} {
		if rec := w.ask("GET", "/oauth/authorize/native?"+url.Values{"code": {bad}}.Encode(), nil, "Session", session); rec.Code != 400 || strings.Contains(rec.Body.String(), "555") {
			t.Errorf("%q is shown: %d", bad, rec.Code)
		}
	}
	if rec := w.ask("GET", to.String(), nil); rec.Code != 401 {
		t.Errorf("to nobody: %d", rec.Code)
	}
	to = w.allow(session, c.form("redirect_uri", "com.example.app:/cb?x=1"))
	if to.Scheme != "com.example.app" || to.Query().Get("x") != "1" || to.Query().Get("code") == "" {
		t.Errorf("sent to %s", to)
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, session := w.person("ann")
	c, other := w.register("read"), w.register("read")
	m := w.answer(w.ask("POST", "/oauth/token", c.exchange(w.allow(session, c.form()).Query().Get("code"))), 200)
	token := m["access_token"].(string)
	for what, v := range map[string]url.Values{
		"another application": {"client_id": {other.id}, "client_secret": {other.secret}, "token": {token}},
		"no application":      {"token": {token}},
		"a wrong secret":      {"client_id": {c.id}, "client_secret": {"x"}, "token": {token}},
	} {
		m := w.answer(w.ask("POST", "/oauth/revoke", v), 403)
		if m["error"] != "unauthorized_client" || m["error_description"] != "You are not authorized to revoke this token" {
			t.Errorf("%s: %v", what, m)
		}
	}
	for _, x := range []string{"nonsense", token, token} {
		if m := w.answer(w.ask("POST", "/oauth/revoke", url.Values{"client_id": {c.id}, "client_secret": {c.secret}, "token": {x}}), 200); len(m) != 0 {
			t.Errorf("%v", m)
		}
	}
	if rec := w.ask("GET", "/oauth/userinfo", nil, "Authorization", "Bearer "+token); rec.Code != 401 {
		t.Errorf("a revoked token: %d", rec.Code)
	}
}

// TestIntrospection: an application learns about its own tokens alone, and whoever is none learns nothing (OAU-08).
func TestIntrospection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, session := w.person("ann")
	c, other := w.register("read write"), w.register("read")
	token := w.answer(w.ask("POST", "/oauth/token", c.exchange(w.allow(session, c.form()).Query().Get("code"))), 200)["access_token"].(string)
	own := func(of client) string {
		return w.answer(w.ask("POST", "/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {of.id}, "client_secret": {of.secret}}), 200)["access_token"].(string)
	}
	secret := func(of client, token string) url.Values {
		return url.Values{"client_id": {of.id}, "client_secret": {of.secret}, "token": {token}}
	}
	ask := func(v url.Values, headers ...string) map[string]any {
		return w.answer(w.ask("POST", "/oauth/introspect", v, headers...), 200)
	}
	for what, m := range map[string]map[string]any{
		"by secret": ask(secret(c, token)), "by its own token": ask(url.Values{"token": {token}}, "Authorization", "Bearer "+own(c)),
		"by basic": ask(url.Values{"token": {token}}, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(c.id+":"+c.secret))),
	} {
		if m["active"] != true || m["scope"] != "read" || m["client_id"] != c.id || m["token_type"] != "Bearer" || m["iat"] != float64(w.Clock.Now().Unix()) || len(m) != 5 {
			t.Errorf("%s: %v", what, m)
		}
	}
	for what, m := range map[string]map[string]any{
		"another's by secret": ask(secret(other, token)), "another's by token": ask(url.Values{"token": {token}}, "Authorization", "Bearer "+own(other)),
		"none": ask(secret(c, "nonsense")), "nothing": ask(secret(c, "")), "a long one": ask(secret(c, strings.Repeat("x", 5000))),
	} {
		if m["active"] != false || len(m) != 1 {
			t.Errorf("%s: %v", what, m)
		}
	}
	for what, rec := range map[string]*httptest.ResponseRecorder{
		"nobody": w.ask("POST", "/oauth/introspect", url.Values{"token": {token}}), "a wrong secret": w.ask("POST", "/oauth/introspect", secret(client{c.id, "x"}, token)),
		"a token about itself": w.ask("POST", "/oauth/introspect", url.Values{"token": {token}}, "Authorization", "Bearer "+token),
		"a bad token":          w.ask("POST", "/oauth/introspect", url.Values{"token": {token}}, "Authorization", "Bearer nonsense"),
	} {
		if rec.Code != 401 {
			t.Errorf("%s: %d %s", what, rec.Code, rec.Body)
		}
	}
	w.answer(w.ask("POST", "/oauth/revoke", secret(c, token)), 200)
	if m := ask(secret(c, token)); m["active"] != false {
		t.Errorf("revoked: %v", m)
	}
}

func TestSignUpByApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.register("read write")
	own := w.answer(w.ask("POST", "/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {c.id}, "client_secret": {c.secret}, "scope": {"read write"}}), 200)["access_token"].(string)
	auth := []string{"Authorization", "Bearer " + own}
	form := func(pairs ...string) url.Values {
		v := url.Values{"username": {"ann"}, "email": {"ann@mail.example"}, "password": {password}, "agreement": {"true"}, "locale": {"en"}}
		for i := 0; i+1 < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	m := w.answer(w.ask("POST", "/api/v1/accounts", form("username", "admin", "password", "short", "agreement", "false"), auth...), 422)
	details := m["details"].(map[string]any)
	for attribute, code := range map[string]string{"username": "ERR_RESERVED", "password": "ERR_TOO_SHORT", "agreement": "ERR_ACCEPTED"} {
		if got := details[attribute].([]any)[0].(map[string]any)["error"]; got != code {
			t.Errorf("%s: %v", attribute, got)
		}
	}
	if rec := w.ask("POST", "/api/v1/accounts", form()); rec.Code != 401 {
		t.Errorf("without a token: %d", rec.Code)
	}
	m = w.answer(w.ask("POST", "/api/v1/accounts", form(), auth...), 200)
	token := m["access_token"].(string)
	mine := []string{"Authorization", "Bearer " + token}
	if m["scope"] != "read write" || m["token_type"] != "Bearer" {
		t.Errorf("%v", m)
	}
	// OAU-10: the token rests until the address is confirmed.
	if m := w.answer(w.ask("GET", "/oauth/userinfo", nil, mine...), 403); m["error"] != "Your login is missing a confirmed e-mail address" {
		t.Errorf("%v", m)
	}
	if rec := w.ask("GET", "/api/v1/emails/check_confirmation", nil, mine...); rec.Body.String() != "false" {
		t.Errorf("%s", rec.Body)
	}
	w.answer(w.ask("POST", "/api/v1/emails/confirmations", url.Values{}, mine...), 200)
	w.answer(w.ask("POST", "/api/v1/emails/confirmations", url.Values{"email": {"other@mail.example"}}, mine...), 200)
	u, err := w.access.ByEmail(w.Ctx(), w.DB, "ann@mail.example")
	if err != nil || u.UnconfirmedEmail != "other@mail.example" {
		t.Fatalf("%+v, %v", u, err)
	}
	// Another application may not.
	theirs, err := w.access.IssueToken(w.Ctx(), nil, u.ID, access.Scopes{"write"})
	if err != nil {
		t.Fatal(err)
	}
	w.answer(w.ask("POST", "/api/v1/emails/confirmations", url.Values{}, "Authorization", "Bearer "+theirs.Plain), 403)
	if err := w.access.ConfirmByAdmin(w.Ctx(), u.ID); err != nil {
		t.Fatal(err)
	}
	if m := w.answer(w.ask("GET", "/oauth/userinfo", nil, mine...), 200); m["preferred_username"] != "ann" {
		t.Errorf("%v", m)
	}
	if rec := w.ask("GET", "/api/v1/emails/check_confirmation", nil, mine...); rec.Body.String() != "true" {
		t.Errorf("%s", rec.Body)
	}
	if rec := w.ask("POST", "/api/v1/emails/confirmations", url.Values{}, auth...); rec.Code != 422 {
		t.Errorf("with an application's own token: %d", rec.Code)
	}

	if err := w.settings.Set(w.Ctx(), "registrations_mode", "none"); err != nil {
		t.Fatal(err)
	}
	if m := w.answer(w.ask("POST", "/api/v1/accounts", form("username", "bob", "email", "bob@mail.example"), auth...), 403); m["error"] != "This action is not allowed" {
		t.Errorf("%v", m)
	}
}

// TestSignUpByInvitation: an app may sign up whoever was invited, though nobody else gets in.
func TestSignUpByInvitation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann, _ := w.person("ann")
	if err := w.settings.Set(w.Ctx(), "registrations_mode", "none"); err != nil {
		t.Fatal(err)
	}
	i, err := w.access.Invite(w.Ctx(), ann.ID, time.Hour, 5, false)
	if err != nil {
		t.Fatal(err)
	}
	c := w.register("read write")
	own := w.answer(w.ask("POST", "/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {c.id}, "client_secret": {c.secret}, "scope": {"read write"}}), 200)["access_token"].(string)
	join := func(name, code string, status int) {
		t.Helper()
		w.answer(w.ask("POST", "/api/v1/accounts", url.Values{"username": {name}, "email": {name + "@mail.example"}, "password": {password}, "agreement": {"true"}, "invite_code": {code}}, "Authorization", "Bearer "+own), status)
	}
	join("bob", "", 403)
	join("bob", "nonsense", 403)
	join("bob", i.Code, 200)
	if i, err = w.access.InviteByCode(w.Ctx(), w.DB, i.Code); err != nil || i.Uses != 1 {
		t.Errorf("%+v, %v", i, err)
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.answer(w.ask("GET", "/.well-known/oauth-authorization-server", nil, "Host", "evil.example", "X-Forwarded-Host", "evil.example"), 200)
	if m["issuer"] != "https://local.example/" || m["token_endpoint"] != "https://local.example/oauth/token" || m["app_registration_endpoint"] != "https://local.example/api/v1/apps" ||
		m["introspection_endpoint"] != "https://local.example/oauth/introspect" {
		t.Errorf("%v", m)
	}
	if l := m["code_challenge_methods_supported"].([]any); len(l) != 1 || l[0] != "S256" {
		t.Errorf("%v", l)
	}
	if !slices.Contains(m["scopes_supported"].([]any), any("write:statuses")) {
		t.Errorf("%v", m["scopes_supported"])
	}
}

func TestCodesEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, session := w.person("ann")
	c := w.register("read")
	code := w.allow(session, c.form()).Query().Get("code")
	w.Clock.Advance(11 * time.Minute)
	w.answer(w.ask("POST", "/oauth/token", c.exchange(code)), 400)
}
