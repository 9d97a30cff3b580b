package e2e

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/testkit/draw"
)

// TestSecrets lets people, apps and other servers do all that has to do with secrets on a server that logs as much as it can, and then looks for
// the secrets where they must not be: in logs and metrics (OPS-03), in files and addresses that others read (OPS-02), in answers (OPS-06).
func TestSecrets(t *testing.T) {
	t.Parallel()
	// Under a mask that keeps nothing from anybody, the modes of files are those that were asked for.
	script := filepath.Join(t.TempDir(), "gomph")
	if err := os.WriteFile(script, []byte("#!/bin/sh\numask 0\nexec '"+binary(t)+"' \"$@\"\n"), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	s := prepare(t, One, script, Env("GOMPH_LOG_LEVEL", "debug"), func(s *Server) {
		for i, one := range s.env {
			if strings.HasPrefix(one, "SECRET_KEY_BASE=") {
				s.env[i] = "GOMPH_UNUSED=" // it makes its own
			}
		}
	})
	s.Resume()
	x := &secrets{s: s, kept: map[string]string{}, hashed: map[string]string{}, answers: map[string][]byte{}, bob: StartRemote(t, "127.0.0.1").Actor("bob", 0), mallory: StartRemote(t, "127.0.0.2").Actor("mallory", 1)}
	x.ann = s.Person("ann")
	x.secret("ann's password", x.ann.Password)
	x.keep("ann's address", x.ann.Email)
	x.secret("ann's token", x.ann.Token)
	step := func(name string, part func(t *testing.T)) { Step(t, name, part, s, x.bob.Remote, x.mallory.Remote) }
	step("people sign up and in", x.people)
	step("people write and look", x.writing)
	step("other servers send", x.others)
	step("answers have no keys", x.walk)
	step("an archive has no keys", x.archive)
	step("files are not to be had", x.addresses)
	step("modes", x.modes)
	step("metrics", x.metrics)
	s.Stop()
	step("the database", x.database)
	step("logs", x.logs)
}

// secrets is what is looked for.
type secrets struct {
	s            *Server
	ann          Person
	bob, mallory RemoteActor
	// kept must not be in logs, hashed neither there nor in the database. By what they are.
	kept, hashed map[string]string
	// answers are those that must have no key, by what was asked.
	answers map[string][]byte
}

func (x *secrets) keep(what, value string) string {
	if len(value) < 8 {
		x.s.t.Fatalf("%s is too short to be looked for: %q", what, value)
	}
	x.kept[what] = value
	return value
}

func (x *secrets) secret(what, value string) string {
	x.hashed[what] = value
	return x.keep(what, value)
}

// mail waits for a mail that has this, and returns it without its encoding.
func (x *secrets) mail(fits *regexp.Regexp) []string {
	x.s.t.Helper()
	var found []string
	Eventually(x.s.t, "a mail comes", func() error {
		files, err := filepath.Glob(filepath.Join(x.s.Data, "mails", "*.eml"))
		for _, path := range files {
			text, _ := os.ReadFile(path)
			if found = fits.FindStringSubmatch(strings.NewReplacer("=\r\n", "", "=\n", "", "=3D", "=").Replace(string(text))); found != nil {
				return nil
			}
		}
		return fmt.Errorf("%d mails do not fit: %v", len(files), err)
	})
	return found
}

func (x *secrets) people(*testing.T) {
	s := x.s
	app := s.register(s.t.(*testing.T), "read write follow push")
	x.secret("an app's secret", app.Secret)
	token := x.secret("an app's token", s.appToken(app))
	s.Do("POST", "/api/v1/accounts", token, signUp("eve", "email", x.keep("eve's address", "canary-eve@people.example"), "password", x.secret("eve's password", "canary-password-of-eve"))).Want(200)
	s.Do("POST", "/api/v1/accounts", token, signUp("eve2", "email", x.keep("an address that is none", "canary-none@@people..example"), "password", x.secret("a password that is refused", "canary-refused-password")))
	for _, password := range []string{x.secret("a wrong password", "canary-wrong-password"), x.ann.Password} {
		s.Browser().SignIn(x.ann.Email, password)
	}
	s.Browser().SignIn(x.keep("an address of nobody", "canary-nobody@people.example"), x.secret("another wrong password", "canary-other-password"))
	wrong := app
	wrong.Secret = x.secret("a wrong secret of an app", "canary-wrong-secret")
	s.grant(wrong, "client_credentials")
	s.grant(app, "authorization_code", "code", x.secret("a wrong code", "canary-wrong-code"), "redirect_uri", outOfBandURI)
	s.Do("GET", Home, x.secret("a wrong token", "canary-wrong-token-0123456789"), nil).Want(401)
	s.Do("GET", Home+"?access_token="+x.secret("a wrong token in an address", "canary-address-token-0123456789"), "", nil).Want(401)
	s.Do("GET", Home+"?access_token="+x.ann.Token, "", nil)

	browser := s.Browser()
	page := browser.Open("/auth/password/new").Want(200)
	form := page.Form("email", "")
	page.Fill(form, map[string]string{"email": x.ann.Email})
	page.Submit(form)
	reset := x.secret("a token that resets", x.mail(regexp.MustCompile(`reset_password_token=(\S+)`))[1])
	page = browser.Open("/auth/password/edit?reset_password_token=" + reset).Want(200)
	form = page.Form("password", "")
	x.ann.Password = x.secret("ann's new password", "canary-new-password-of-ann")
	form.Fields.Set("password", x.ann.Password)
	page.Submit(form).Want(200)
	browser = s.Browser()
	browser.SignIn(x.ann.Email, x.ann.Password).Want(200)
	where, err := url.Parse(s.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, cookie := range browser.client.Jar.Cookies(where) {
		if len(cookie.Value) >= 16 {
			x.secret("the cookie "+cookie.Name, cookie.Value)
		}
	}
	x.ann.Token = x.secret("ann's next token", s.Token("ann", AllScopes))
}

func (x *secrets) writing(*testing.T) {
	ann := x.ann
	ann.Write(x.keep("a direct text", "canary-direct-text"), M{"visibility": "direct"})
	post := ann.Write(x.keep("a text to followers", "canary-private-text"), M{"visibility": "private", "spoiler_text": x.keep("its warning", "canary-private-warning")})
	ann.Edit(post.ID, x.keep("its next text", "canary-edited-text"))
	ann.Write(x.keep("a text that is refused", "canary-refused-text"+"x"), M{"visibility": "private", "scheduled_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
	ann.Do("POST", "/api/v1/statuses", M{"status": x.keep("a text that is too long", "canary-long-text") + strings.Repeat(" long", 2000), "visibility": "private"}).Want(422)
	ann.Do("POST", "/api/v1/statuses", Text{jsonType, `{"status": "` + x.keep("a text in a body that is none", "canary-broken-text")})
	ann.upload(draw.PNG(draw.Quarters(43, 33)), url.Values{"description": {x.keep("a description", "canary-description")}})
	ann.Do("POST", "/api/v2/media", Multipart{Fields: url.Values{"description": {x.keep("a description of nothing", "canary-nothing-described")}}, Files: map[string][]byte{"file": []byte("canary-upload, no picture")}})
	x.keep("an upload", "canary-upload")
	ann.Do("POST", "/api/v2/filters", M{"title": x.keep("a filter", "canary-filter-title"), "context": []string{"home"}, "keywords_attributes": []M{{"keyword": x.keep("a filtered word", "canary-filter-word")}}}).Want(200)
	x.keep("where messages are pushed to", "canary-push-endpoint")
	keys := M{"p256dh": "BNNL5ZaTfK81qhXOx23-wewhigUeFb632jN6LvRWCFH1ubQr77FE_9qV1FuojuRmHP42zmf34rXgW80OvUVDgTk", "auth": x.keep("a key of a browser", "zqbxT6JKstKSY9JKibZLSQ")}
	for _, endpoint := range []string{"https://127.0.0.1:1/canary-push-endpoint", x.bob.Remote.URL + "/canary-push-endpoint"} {
		ann.Do("POST", "/api/v1/push/subscription", M{"subscription": M{"endpoint": endpoint, "keys": keys}, "data": M{"alerts": M{"mention": true, "follow": true}}})
	}
	ann.Do("GET", "/api/v2/search?q="+x.keep("what is looked for", "canary-search"), nil).Want(200)
}

func (x *secrets) others(t *testing.T) {
	s, ann := x.s, x.ann
	inbox := s.URL + "/users/ann/inbox"
	x.bob.Follow(ann)
	x.mallory.Follow(ann)
	ann.Post("/api/v1/accounts/"+ann.Find(x.bob.ID).ID+"/note", M{"comment": x.keep("a note on somebody", "canary-comment")}, nil)
	ann.Do("POST", "/api/v1/reports", M{"account_id": ann.Find(x.bob.ID).ID, "comment": x.keep("a report", "canary-report")}).Want(200)
	sent := func(by RemoteActor, activity any, change func(*http.Request)) {
		request := by.Request(inbox, activity, time.Now())
		change(request)
		if value := regexp.MustCompile(`signature="([^"]+)"`).FindStringSubmatch(request.Header.Get("Signature")); value != nil {
			x.keep(fmt.Sprintf("the signature %d", len(x.kept)), value[1])
		}
		if _, _, err := send(request); err != nil {
			t.Fatal(err)
		}
	}
	letter := func(by RemoteActor, text string) M {
		to := []string{s.URL + "/users/ann"}
		return by.Create(by.Note(x.keep(text, text), M{"to": to, "cc": []string{}, "tag": Mention(s.URL+"/users/ann", s.Handle("ann"))}))
	}
	as := func(*http.Request) {}
	sent(x.bob, letter(x.bob, "canary-letter-fine"), as)
	sent(x.bob, letter(x.bob, "canary-letter-unsigned"), func(r *http.Request) { r.Header.Del("Signature") })
	sent(x.bob, letter(x.bob, "canary-letter-stale"), func(r *http.Request) { r.Header.Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)) })
	sent(x.bob, letter(x.mallory, "canary-letter-of-another"), as)
	sent(x.bob, []byte(`{"type": "Create", "object": "`+x.keep("a broken letter", "canary-letter-broken")), as)
	odd := letter(x.bob, "canary-letter-odd")
	odd["type"] = "Strange"
	sent(x.bob, odd, as)
	odd = letter(x.bob, "canary-letter-without")
	delete(odd["object"].(M), "id")
	sent(x.bob, odd, as)
	last := x.bob.Note("settled", M{"tag": Mention(s.URL+"/users/ann", s.Handle("ann")), "to": []string{public, s.URL + "/users/ann"}})
	x.bob.Deliver(inbox, x.bob.Create(last))
	ann.Told("mention", func(n Notification) bool { return n.Status != nil && n.Status.URI == last["id"] })

	// A letter to mallory, whose server takes nothing.
	x.mallory.Remote.Refuse(true)
	before := x.mallory.Remote.Asked("/users/mallory/inbox")
	ann.Write("@mallory@"+x.mallory.Remote.Domain+" "+x.keep("a letter that is refused", "canary-letter-refused"), M{"visibility": "direct"})
	Eventually(t, "the letter is refused", func() error {
		if x.mallory.Remote.Asked("/users/mallory/inbox") == before {
			return fmt.Errorf("nobody brought it")
		}
		return nil
	})
}

// walk asks for everything that can be read, as somebody who may read everything.
func (x *secrets) walk(t *testing.T) {
	s := x.s
	s.CreateAccount("boss", "--role", "owner")
	token := s.Token("boss", AllScopes+" admin:read admin:write")
	post := Person{Account: Account{Name: "boss"}, Server: s, Token: token}.Write("a post")
	table, err := os.ReadFile(filepath.Join("..", "..", "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	variable := regexp.MustCompile(`:[a-z_]+`)
	asked := 0
	for _, row := range regexp.MustCompile(`(?m)^\| GET \| (\S+) \|`).FindAllStringSubmatch(string(table), -1) {
		if strings.HasPrefix(row[1], "/api/v1/streaming") {
			continue // it does not end
		}
		for _, value := range []string{x.ann.ID, post.ID, "ann"} {
			path := variable.ReplaceAllString(row[1], value)
			x.answers["GET "+path] = s.Do("GET", path, token, nil).Body
			if asked++; path == row[1] {
				break
			}
		}
	}
	if asked < 100 {
		t.Errorf("only %d addresses were asked for", asked)
	}
	for _, path := range []string{"/actor", "/users/ann", "/users/ann/outbox", "/users/ann/outbox?page=true", "/users/ann/followers", "/users/ann/following", "/users/ann/collections/featured", "/users/ann/collections/tags",
		"/users/boss/statuses/" + post.ID, "/nodeinfo/2.0", "/nodeinfo/2.1", "/.well-known/nodeinfo", "/.well-known/host-meta", "/.well-known/webfinger?resource=acct:ann@" + s.Domain} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept", activityType)
		status, body, err := send(request)
		if err != nil || status > 499 {
			t.Fatalf("%s: %d %v", path, status, err)
		}
		x.answers["document "+path] = []byte(body)
	}
	if !bytes.Contains(x.answers["document /users/ann"], []byte("BEGIN PUBLIC KEY")) {
		t.Errorf("ann's document has no key at all: %s", x.answers["document /users/ann"])
	}
	for _, args := range [][]string{{"config"}, {"federation", "trace", "ann", "--json"}, {"queues", "list", "--json"}, {"queues", "--json", "--hosts"}, {"processes", "--json"}, {"hosts"}, {"jobs", "recurring", "--json"}, {"settings"}, {"account", "list"}, {"account", "show", "ann"}, {"media", "usage"}} {
		stdout, stderr, _ := s.Run(args...)
		x.answers["gomph "+strings.Join(args, " ")] = []byte(stdout + stderr)
	}
}

// archive asks for the archive of all that ann wrote, and reads it.
func (x *secrets) archive(t *testing.T) {
	browser := x.s.Browser()
	browser.SignIn(x.ann.Email, x.ann.Password).Want(200)
	for _, path := range []string{"/auth/edit", "/settings/profile", "/settings/exports/follows.csv", "/oauth/authorized_applications"} {
		x.answers["page "+path] = []byte(browser.Open(path).Want(200).Body)
	}
	page := browser.Open("/settings/export").Want(200)
	page.Submit(page.Form("", "/settings/export"))
	address := regexp.MustCompile(`/settings/backups/\d+\.zip`)
	Eventually(t, "the archive is there", func() error {
		page = browser.Open("/settings/export")
		if !address.MatchString(page.Body) {
			return fmt.Errorf("the page has no address: %d", page.Status)
		}
		return nil
	})
	body := []byte(browser.Open(address.FindString(page.Body)).Want(200).Body)
	files, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files.File {
		f, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		if x.answers["archive "+file.Name], err = io.ReadAll(f); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	if !bytes.Contains(x.answers["archive actor.json"], []byte("preferredUsername")) {
		t.Errorf("the archive has no actor; it has %d files", len(files.File))
	}
}

// addresses asks for files that lie beside those that are served.
func (x *secrets) addresses(t *testing.T) {
	private, err := filepath.Glob(filepath.Join(x.s.Data, "system", "*", "*", "*", "*.zip"))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"gomph.sqlite3", "gomph.sqlite3-wal", "gomph.sqlite3-shm", "gomph.lock", "secret_key_base", "mails", "mails/", ".folder_mark"}
	mails, _ := filepath.Glob(filepath.Join(x.s.Data, "mails", "*.eml"))
	names = append(names, "mails/"+filepath.Base(mails[0]))
	for _, path := range private {
		name, _ := filepath.Rel(filepath.Join(x.s.Data, "system"), path)
		x.refuses(t, "/system/"+name)
	}
	for _, name := range names {
		for _, folder := range []string{"/system/../", "/system/..%2f", "/system/%2e%2e/", "/system//../", "/system/./../", "/system/accounts/../../", "/system/..%5c", "/system/", "/system" + x.s.Data + "/", "/system/" + x.s.Data + "/", "/system/%00/../../"} {
			x.refuses(t, folder+name)
		}
		for _, folder := range []string{"/", "/data/", "/../", "/../data/", "/%2e%2e/data/", "/assets/../../data/", "/packs/..%2f..%2fdata/", "/assets/", x.s.Data + "/", "/.git/"} {
			x.refuses(t, folder+name)
		}
	}
	for _, name := range []string{"/.env", "/.env.production", "/system", "/system/", "/system/backups", "/system/backups/", "/system/archives/", "/system/incoming/", "/system/.incoming/", "/backup.sql", "/dump.sql"} {
		x.refuses(t, name)
	}
}

// refuses fails the test unless an address shows nothing.
func (x *secrets) refuses(t *testing.T, path string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, x.s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	status, body, err := send(request)
	switch {
	case err != nil:
		t.Fatal(err)
	case strings.Contains(body, "SQLite format"), strings.Contains(body, "Message-ID"), strings.HasPrefix(body, "PK\x03"), status > 499:
		t.Errorf("%s shows %d %.100q", path, status, body)
	case status == http.StatusOK && (strings.HasPrefix(path, "/system") || !strings.Contains(body, "<html")):
		t.Errorf("%s answers %d %.100q", path, status, body)
	}
}

// modes looks at who may read what, under a mask that keeps nothing from anybody.
func (x *secrets) modes(t *testing.T) {
	seen := map[string]int{}
	err := filepath.WalkDir(x.s.Data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(x.s.Data, path)
		name = filepath.ToSlash(name)
		shown := strings.HasPrefix(name, "system")
		for _, folder := range []string{"system/archives/", "system/backups/", "system/incoming/"} {
			if strings.HasPrefix(name, folder) {
				shown = false
			}
		}
		mode, mask := info.Mode().Perm(), fs.FileMode(0o077)
		switch {
		case shown:
			mask = 0o022 // a web server may read what everybody may
		case name == ".":
			mask = 0o027
		}
		if mode&mask != 0 {
			t.Errorf("%s has mode %o", name, mode)
		}
		seen[strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))]++
		seen[filepath.Ext(name)]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"gomph", "secret_key_base", ".eml", ".zip", ".sqlite3-wal"} {
		if seen[kind] == 0 {
			t.Errorf("there is no %s to look at: %v", kind, seen)
		}
	}
}

func (x *secrets) metrics(t *testing.T) {
	got, err := ask(http.MethodGet, x.s.Metrics("serve"), "", nil)
	if err != nil || !bytes.Contains(got.Body, []byte("gomph_")) {
		t.Fatalf("%v: %.200s", err, got.Body)
	}
	x.without(t, "the metrics", string(got.Body))
	for _, host := range []string{x.bob.Remote.Domain, x.mallory.Remote.Domain} {
		if strings.Contains(string(got.Body), host) {
			t.Errorf("the metrics name %s", host)
		}
	}
}

// database reads the file as it lies there: what people are known by is hashed, and the server's own secret is in a file of its own. It also finds
// the keys of actors, which are nowhere else.
func (x *secrets) database(t *testing.T) {
	var all []byte
	for _, end := range []string{"", "-wal"} {
		body, err := os.ReadFile(filepath.Join(x.s.Data, "gomph.sqlite3"+end))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		all = append(all, body...)
	}
	own, err := os.ReadFile(filepath.Join(x.s.Data, "secret_key_base"))
	if err != nil {
		t.Fatal(err)
	}
	x.secret("the server's own secret", strings.TrimSpace(string(own)))
	for what, value := range x.hashed {
		if bytes.Contains(all, []byte(value)) {
			t.Errorf("the database has %s", what)
		}
	}
	keys := regexp.MustCompile(`PRIVATE KEY-----\s+([A-Za-z0-9+/]{64})\s+([A-Za-z0-9+/]{64})`).FindAllSubmatch(all, -1)
	if len(keys) == 0 {
		t.Fatal("the database has no keys of actors: the test does not know what to look for")
	}
	for i, key := range keys {
		x.keep(fmt.Sprintf("the private key %d", i), string(key[2]))
	}
	for what, body := range x.answers {
		for _, key := range keys {
			if bytes.Contains(body, []byte("PRIVATE KEY")) || bytes.Contains(body, key[2]) {
				t.Errorf("%s has a private key", what)
				break
			}
		}
		if bytes.Contains(body, own[:64]) {
			t.Errorf("%s has the server's own secret", what)
		}
	}
}

func (x *secrets) logs(t *testing.T) {
	for _, p := range x.s.parts {
		text, err := os.ReadFile(p.log)
		if err != nil {
			t.Fatal(err)
		}
		said := string(text)
		if !strings.Contains(said, "level=") {
			t.Errorf("%s hardly logs, so the test sees nothing: %.500s", p.name, said)
		}
		x.without(t, "the log of "+p.name, said)
	}
}

var forms = regexp.MustCompile(`(?i)-----BEGIN|PRIVATE KEY|bearer [a-z0-9]|authorization[:=]|signature=\\?"|[a-z0-9._-]+@people\.example`)

// without fails the test when a text has what must be kept.
func (x *secrets) without(t *testing.T, where, text string) {
	t.Helper()
	for what, value := range x.kept {
		for _, form := range []string{value, url.QueryEscape(value), url.PathEscape(value)} {
			if at := strings.Index(text, form); at >= 0 {
				t.Errorf("%s has %s: %q", where, what, text[max(0, at-200):min(len(text), at+len(form)+50)])
				break
			}
		}
	}
	if at := forms.FindStringIndex(text); at != nil {
		t.Errorf("%s has %q", where, text[max(0, at[0]-200):min(len(text), at[1]+50)])
	}
}
