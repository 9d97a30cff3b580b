package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/testkit/services"
)

// TestPeople signs people up and in, and lets apps act for them.
func TestPeople(t *testing.T) {
	t.Parallel()
	for _, layout := range []Layout{One, Five} {
		t.Run(layout.String(), func(t *testing.T) {
			t.Parallel()
			mailbox := services.Mail(t)
			host, port, err := net.SplitHostPort(mailbox.Address)
			if err != nil {
				t.Fatal(err)
			}
			s := Start(t, layout, Env("SMTP_SERVER", host), Env("SMTP_PORT", port), Env("SMTP_AUTH_METHOD", "none"), Env("SMTP_ENABLE_STARTTLS", "never"))
			ann := s.Person("ann")
			app := s.register(t, "read write follow")
			s.Step(t, "an app's own token", func(t *testing.T) { appTokens(t, s, app) })
			s.Step(t, "sign-up by an app", func(t *testing.T) { signUpByApp(t, s, app, mailbox) })
			s.Step(t, "sign-up by form", func(t *testing.T) { signUpByForm(t, s, mailbox) })
			s.Step(t, "a sign-up that cannot be", func(t *testing.T) { refusedSignUps(t, s, app) })
			s.Step(t, "who may sign up", func(t *testing.T) { registrations(t, s, app, mailbox) })
			s.Step(t, "sign-in", func(t *testing.T) { signIns(t, s, ann) })
			s.Step(t, "code with a proof key", func(t *testing.T) { codeFlow(t, s, ann) })
			s.Step(t, "code out of band", func(t *testing.T) { outOfBand(t, s, ann, app) })
			s.Step(t, "an authorization that cannot be", func(t *testing.T) { refusedAuthorizations(t, s, ann, app) })
			s.Step(t, "scopes", func(t *testing.T) { scopes(t, s, app) })
			s.Step(t, "revoking cuts at once", func(t *testing.T) { revoking(t, s, ann, app) })
		})
	}
}

const (
	outOfBandURI = "urn:ietf:wg:oauth:2.0:oob"
	callback     = "http://127.0.0.1:1/callback"
)

// App is an app that is registered with a server.
type App struct {
	ID           string `json:"client_id"`
	Secret       string `json:"client_secret"`
	VapidKey     string `json:"vapid_key"`
	Name         string `json:"name"`
	Website      string `json:"website"`
	RedirectURI  string `json:"redirect_uri"`
	RedirectURIs any    `json:"redirect_uris"`
}

func (s *Server) register(t *testing.T, scopes string) App {
	t.Helper()
	var app App
	s.Do("POST", "/api/v1/apps", "", url.Values{
		"client_name": {"the app"}, "redirect_uris": {outOfBandURI + "\n" + callback}, "scopes": {scopes}, "website": {"https://app.example"},
	}).Want(200).Into(&app)
	if app.ID == "" || app.Secret == "" || app.Name != "the app" {
		t.Fatalf("registered as %+v", app)
	}
	return app
}

// grant asks for a token.
func (s *Server) grant(app App, kind string, more ...string) Answer {
	s.t.Helper()
	values := url.Values{"grant_type": {kind}, "client_id": {app.ID}, "client_secret": {app.Secret}}
	for i := 0; i+1 < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	return s.Do("POST", "/oauth/token", "", values)
}

func appTokens(t *testing.T, s *Server, app App) {
	var token Token
	s.grant(app, "client_credentials", "scope", "read write").Want(200).Into(&token)
	if token.AccessToken == "" || token.TokenType != "Bearer" || token.Scope != "read write" || token.CreatedAt == 0 {
		t.Errorf("token %+v", token)
	}
	s.Do("GET", "/api/v1/apps/verify_credentials", token.AccessToken, nil).Want(200)
	if got := s.Do("GET", Home, token.AccessToken, nil).Want(422).Error(); got != "This method requires an authenticated user" {
		t.Errorf("home by an app: %q", got)
	}
	if got := s.Do("GET", Home, "", nil).Want(401).Error(); got != "The access token is invalid" {
		t.Errorf("home by nobody: %q", got)
	}
	wrong := app
	wrong.Secret = "wrong"
	var failure struct{ Error string }
	if s.grant(wrong, "client_credentials").Want(401).Into(&failure); failure.Error != "invalid_client" {
		t.Errorf("a wrong secret: %q", failure.Error)
	}
	if s.grant(app, "client_credentials", "scope", "admin:write").Want(400).Into(&failure); failure.Error != "invalid_scope" {
		t.Errorf("a scope that the app did not register: %q", failure.Error)
	}
	if s.grant(app, "nonsense").Want(400).Into(&failure); failure.Error != "unsupported_grant_type" {
		t.Errorf("an unknown grant: %q", failure.Error)
	}
}

func (s *Server) appToken(app App) string {
	s.t.Helper()
	var token Token
	s.grant(app, "client_credentials", "scope", "read write").Want(200).Into(&token)
	return token.AccessToken
}

func signUp(name string, more ...string) url.Values {
	values := url.Values{"username": {name}, "email": {name + "@people.example"}, "password": {"a long password"}, "agreement": {"true"}, "locale": {"en"}}
	for i := 0; i+1 < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	return values
}

func signUpByApp(t *testing.T, s *Server, app App, mailbox *services.Mailbox) {
	var token Token
	s.Do("POST", "/api/v1/accounts", s.appToken(app), signUp("newbie")).Want(200).Into(&token)
	if token.AccessToken == "" {
		t.Fatal("no token")
	}
	if got := s.Do("GET", Home, token.AccessToken, nil).Want(403).Error(); !strings.Contains(got, "confirmed") {
		t.Errorf("before the address is confirmed: %q", got)
	}
	if page := s.Browser().Open(confirmation(t, s, mailbox.Next(t), "newbie@people.example")); page.Status != 200 || strings.Contains(page.Body, "not work") {
		t.Errorf("confirming leads to %s, %d: %s", page.URL, page.Status, page.Body)
	}
	s.Do("GET", Home, token.AccessToken, nil).Want(200)
	post := Person{Account: Account{Name: "newbie"}, Server: s, Token: token.AccessToken}.Write("here I am")
	if post.Account.Acct != "newbie" {
		t.Errorf("posted as %q", post.Account.Acct)
	}
}

// confirmation returns the address in a mail by which its receiver confirms the address.
func confirmation(t *testing.T, s *Server, mail services.Message, to string) string {
	t.Helper()
	if len(mail.To) != 1 || mail.To[0] != to {
		t.Fatalf("the mail goes to %v, not to %s", mail.To, to)
	}
	text := strings.NewReplacer("=\r\n", "", "=\n", "", "=3D", "=", "&amp;", "&").Replace(string(mail.Raw))
	found := regexp.MustCompile(regexp.QuoteMeta(s.URL) + `/auth/confirmation[^\s"<>]*`).FindString(text)
	if found == "" {
		t.Fatalf("no address to confirm by: %s", text)
	}
	return found
}

func signUpByForm(t *testing.T, s *Server, mailbox *services.Mailbox) {
	browser := s.Browser()
	page := browser.Open("/auth/sign_up").Want(200)
	form := page.Form("password", "")
	page.Fill(form, map[string]string{"username": "former", "email": "former@people.example", "password": "a long password"})
	page.Submit(form).Want(200)
	browser.Open(confirmation(t, s, mailbox.Next(t), "former@people.example"))
	s.Browser().SignIn("former@people.example", "a long password").Want(200)
	var account Profile
	s.Do("GET", "/api/v1/accounts/lookup?acct=former", "", nil).Want(200).Into(&account)
}

func refusedSignUps(t *testing.T, s *Server, app App) {
	token := s.appToken(app)
	for name, c := range map[string]struct {
		values      url.Values
		field, code string
	}{
		"taken":             {signUp("ANN"), "username", "ERR_TAKEN"},
		"taken address":     {signUp("other", "email", "ann@people.example"), "email", "ERR_TAKEN"},
		"reserved":          {signUp("admin"), "username", "ERR_RESERVED"},
		"bad letters":       {signUp("böb", "email", "bob@people.example"), "username", "ERR_INVALID"},
		"a long name":       {signUp(strings.Repeat("a", 31)), "username", "ERR_TOO_LONG"},
		"no name":           {signUp("", "email", "bob@people.example"), "username", "ERR_BLANK"},
		"no address":        {signUp("bob", "email", "bob"), "email", "ERR_INVALID"},
		"two addresses":     {signUp("bob", "email", "bob@people.example,eve@people.example"), "email", "ERR_INVALID"},
		"a header":          {signUp("bob", "email", "bob@people.example\r\nBcc: eve@people.example"), "email", "ERR_INVALID"},
		"a short password":  {signUp("bob", "password", "short"), "password", "ERR_TOO_SHORT"},
		"without agreement": {signUp("bob", "agreement", "false"), "agreement", "ERR_ACCEPTED"},
	} {
		var failure struct {
			Error   string
			Details map[string][]struct{ Error, Description string }
		}
		s.Do("POST", "/api/v1/accounts", token, c.values).Want(422).Into(&failure)
		if details := failure.Details[c.field]; len(details) == 0 || details[0].Error != c.code || failure.Error == "" {
			t.Errorf("%s: %+v, want %s of %s", name, failure, c.code, c.field)
		}
	}
	if got := s.Do("POST", "/api/v1/accounts", "", signUp("bob")).Status; got != 401 {
		t.Errorf("without a token: %d", got)
	}
}

// registrations closes and opens the server while it runs.
func registrations(t *testing.T, s *Server, app App, mailbox *services.Mailbox) {
	type instance struct {
		Registrations struct {
			Enabled  bool `json:"enabled"`
			Approval bool `json:"approval_required"`
		}
	}
	set := func(mode string, enabled, approval bool) {
		s.Command("settings", "set", "registrations_mode", mode)
		Eventually(t, "sign-up is "+mode, func() error {
			var got instance
			if s.Do("GET", "/api/v2/instance", "", nil).Want(200).Into(&got); got.Registrations.Enabled != enabled || got.Registrations.Approval != approval {
				return fmt.Errorf("%+v", got)
			}
			return nil
		})
	}
	token := s.appToken(app)
	set("none", false, false)
	if got := s.Do("POST", "/api/v1/accounts", token, signUp("late")); got.Status != 403 {
		t.Errorf("sign-up while closed: %d %s", got.Status, got.Body)
	}
	if page := s.Browser().Open("/auth/sign_up"); strings.Contains(page.Body, `type="password"`) {
		t.Error("the form is shown while closed")
	}
	set("approved", true, true)
	var granted Token
	s.Do("POST", "/api/v1/accounts", token, signUp("patient", "reason", "to talk")).Want(200).Into(&granted)
	s.Browser().Open(confirmation(t, s, mailbox.Next(t), "patient@people.example"))
	if got := s.Do("GET", Home, granted.AccessToken, nil).Want(403).Error(); !strings.Contains(got, "approv") && !strings.Contains(got, "pending") {
		t.Errorf("before the approval: %q", got)
	}
	set("open", true, false)
}

func signIns(t *testing.T, s *Server, ann Person) {
	wrong := s.Browser().SignIn(ann.Email, "wrong password")
	unknown := s.Browser().SignIn("nobody@people.example", "wrong password")
	for name, page := range map[string]Page{"wrong password": wrong, "unknown address": unknown} {
		if page.Status == 200 && !strings.Contains(page.URL.Path, "/auth/sign_in") {
			t.Errorf("%s leads to %s", name, page.URL)
		}
	}
	sentence := regexp.MustCompile(`(?i)invalid[^<]*`)
	if a, b := sentence.FindString(wrong.Body), sentence.FindString(unknown.Body); a == "" || a != b {
		t.Errorf("a wrong password is answered %q, an unknown address %q", a, b)
	}
	browser := s.Browser()
	if page := browser.SignIn(ann.Email, ann.Password); page.Status != 200 || strings.Contains(page.URL.Path, "/auth/sign_in") {
		t.Errorf("signing in leads to %s, %d", page.URL, page.Status)
	}
	for _, cookie := range browser.client.Jar.Cookies(browser.Open("/").URL) {
		if strings.Contains(cookie.Value, ann.Email) {
			t.Errorf("the cookie %s tells the address", cookie.Name)
		}
	}
}

// authorize opens the authorization page of an app as a signed-in person, consents, and returns where the browser was sent.
func authorize(s *Server, browser *Browser, app App, redirect string, more ...string) Page {
	s.t.Helper()
	page := browser.Open(authorization(app, redirect, more...)).Want(200)
	return page.Submit(page.Form("", "/oauth/authorize"))
}

func authorization(app App, redirect string, more ...string) string {
	values := url.Values{"response_type": {"code"}, "client_id": {app.ID}, "redirect_uri": {redirect}, "scope": {"read write"}}
	for i := 0; i+1 < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	return Query("/oauth/authorize", values)
}

func codeFlow(t *testing.T, s *Server, ann Person) {
	app := s.register(t, "read write")
	browser := s.Browser()
	// Whoever is not signed in signs in first and then comes back.
	page := browser.Open(authorization(app, callback, "state", "a state"))
	form := page.Form("password", "")
	page.Fill(form, map[string]string{"email": ann.Email, "password": ann.Password})
	page = page.Submit(form).Want(200)
	if page.Header.Get("X-Frame-Options") == "" && !strings.Contains(page.Header.Get("Content-Security-Policy"), "frame-ancestors") {
		t.Error("the consent page can be framed")
	}
	page.Form("", "/oauth/authorize")

	verifier := strings.Repeat("verifier-", 6)
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	code := func() string {
		sent := authorize(s, browser, app, callback, "state", "a state", "code_challenge", challenge, "code_challenge_method", "S256")
		if sent.URL.Query().Get("state") != "a state" || !strings.HasPrefix(sent.URL.String(), callback) {
			t.Fatalf("sent to %s", sent.URL)
		}
		return sent.URL.Query().Get("code")
	}
	for name, wrong := range map[string][]string{
		"another verifier":    {"redirect_uri", callback, "code_verifier", strings.Repeat("w", 50)},
		"no verifier":         {"redirect_uri", callback},
		"the challenge":       {"redirect_uri", callback, "code_verifier", challenge},
		"another redirection": {"redirect_uri", outOfBandURI, "code_verifier", verifier},
	} {
		if got := s.grant(app, "authorization_code", append(wrong, "code", code())...); got.Status != 400 {
			t.Errorf("%s: %d: %s", name, got.Status, got.Body)
		}
	}
	one := code()
	var token Token
	right := []string{"code", one, "redirect_uri", callback, "code_verifier", verifier}
	s.grant(app, "authorization_code", right...).Want(200).Into(&token)
	if token.Scope != "read write" {
		t.Errorf("scope %q", token.Scope)
	}
	var me Profile
	s.Do("GET", "/api/v1/accounts/verify_credentials", token.AccessToken, nil).Want(200).Into(&me)
	if me.ID != ann.ID {
		t.Errorf("the token is %s's", me.Acct)
	}
	if got := s.grant(app, "authorization_code", right...); got.Status != 400 {
		t.Errorf("a code used twice: %d", got.Status)
	}
	var metadata struct {
		Issuer     string   `json:"issuer"`
		Challenges []string `json:"code_challenge_methods_supported"`
		Scopes     []string `json:"scopes_supported"`
	}
	s.Do("GET", "/.well-known/oauth-authorization-server", "", nil).Want(200).Into(&metadata)
	if strings.TrimSuffix(metadata.Issuer, "/") != s.URL || len(metadata.Challenges) != 1 || metadata.Challenges[0] != "S256" || len(metadata.Scopes) == 0 {
		t.Errorf("metadata %+v", metadata)
	}
}

func outOfBand(t *testing.T, s *Server, ann Person, app App) {
	browser := s.Browser()
	browser.SignIn(ann.Email, ann.Password)
	page := authorize(s, browser, app, outOfBandURI).Want(200)
	code := page.URL.Query().Get("code")
	if code == "" || !strings.Contains(page.Body, code) {
		t.Fatalf("no code to copy at %s", page.URL)
	}
	s.grant(app, "authorization_code", "code", code, "redirect_uri", outOfBandURI).Want(200)
}

func refusedAuthorizations(t *testing.T, s *Server, ann Person, app App) {
	browser := s.Browser()
	browser.SignIn(ann.Email, ann.Password)
	for name, address := range map[string]string{
		"another host":      authorization(app, "https://evil.example/callback"),
		"a longer address":  authorization(app, callback+"/../x"),
		"a script":          authorization(app, "javascript:alert(1)"),
		"an unknown client": authorization(App{ID: "nobody"}, callback),
	} {
		page := browser.Open(address)
		if page.Status < 400 || page.Status > 499 || page.URL.Host != s.Domain {
			t.Errorf("%s: %d at %s", name, page.Status, page.URL)
		}
	}
	for name, more := range map[string][]string{
		"a scope that was not registered": {"scope", "admin:read"},
		"a plain challenge":               {"code_challenge", strings.Repeat("c", 43), "code_challenge_method", "plain"},
		"another kind of answer":          {"response_type", "token"},
	} {
		page := browser.Open(authorization(app, callback, more...))
		if page.URL.Query().Get("code") != "" || (page.Status == 200 && strings.Contains(page.Body, `name="code_challenge"`)) {
			t.Errorf("%s: %d at %s", name, page.Status, page.URL)
		}
		if page.URL.Host == s.Domain && page.Status < 400 {
			t.Errorf("%s: %d at %s", name, page.Status, page.URL)
		}
	}
	page := browser.Open(authorization(app, callback)).Want(200)
	form := page.Form("", "/oauth/authorize")
	for name := range form.Fields {
		if strings.Contains(name, "csrf") || strings.Contains(name, "authenticity") {
			form.Fields.Set(name, "forged")
		}
	}
	request, err := http.NewRequest("POST", s.URL+"/oauth/authorize", strings.NewReader(form.Fields.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", "https://evil.example")
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	answer, err := browser.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if strings.Contains(answer.Header.Get("Location"), "code=") {
		t.Errorf("consent was forged from another site: %d", answer.StatusCode)
	}
}

// scopes tries tokens on what they may and what they may not.
func scopes(t *testing.T, s *Server, app App) {
	reading, narrow, posting := s.Token("ann", "read"), s.Token("ann", "read:accounts"), s.Token("ann", "write:statuses")
	for _, c := range []struct {
		method, path, token string
		body                any
		want                int
	}{
		{"GET", Home, reading, nil, 200},
		{"POST", "/api/v1/statuses", reading, M{"status": "no"}, 403},
		{"GET", "/api/v1/accounts/verify_credentials", narrow, nil, 200},
		{"GET", Home, narrow, nil, 403},
		{"GET", "/api/v1/notifications", narrow, nil, 403},
		{"POST", "/api/v1/statuses", posting, M{"status": "yes"}, 200},
		{"POST", "/api/v1/lists", posting, M{"title": "no"}, 403},
		{"GET", Home, posting, nil, 403},
		{"GET", Home, s.appToken(app), nil, 422},
		{"GET", Home, "nonsense", nil, 401},
		{"GET", Public, "nonsense", nil, 401},
	} {
		got := s.Do(c.method, c.path, c.token, c.body)
		if got.Status != c.want {
			t.Errorf("%s %s: %d, want %d: %s", c.method, c.path, got.Status, c.want, shorten(got.Body))
		}
		if got.Status == 403 && got.Error() != "This action is outside the authorized scopes" {
			t.Errorf("%s %s: %q", c.method, c.path, got.Error())
		}
	}
}

func revoking(t *testing.T, s *Server, ann Person, app App) {
	browser := s.Browser()
	browser.SignIn(ann.Email, ann.Password)
	sent := authorize(s, browser, app, callback)
	var token Token
	s.grant(app, "authorization_code", "code", sent.URL.Query().Get("code"), "redirect_uri", callback).Want(200).Into(&token)
	guest := ann
	guest.Token = token.AccessToken
	socket, events := guest.Socket(url.Values{"stream": {"user"}}), guest.Events("user", nil)
	socket.Started("user", func() { guest.Write("probe") })
	events.Started("", func() { guest.Write("probe") })

	stranger := s.register(t, "read")
	if got := s.Do("POST", "/oauth/revoke", "", url.Values{"client_id": {stranger.ID}, "client_secret": {stranger.Secret}, "token": {token.AccessToken}}); got.Status != 403 {
		t.Errorf("another app revokes: %d", got.Status)
	}
	s.Do("GET", Home, token.AccessToken, nil).Want(200)
	s.Do("POST", "/oauth/revoke", "", url.Values{"client_id": {app.ID}, "client_secret": {app.Secret}, "token": {token.AccessToken}}).Want(200)
	Eventually(t, "a revoked token opens nothing", func() error {
		if got := s.Do("GET", Home, token.AccessToken, nil); got.Status != 401 {
			return fmt.Errorf("status %d", got.Status)
		}
		return nil
	})
	socket.Ended()
	events.Ended()
	if _, _, err := s.Dial(url.Values{"stream": {"user"}, "access_token": {token.AccessToken}}, nil); err == nil {
		t.Error("a revoked token opens a new stream")
	}
	ann.Get(Home, &[]Status{}) // the person's other tokens live on
}
