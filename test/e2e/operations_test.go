package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/testkit/services"
)

// TestOperations runs the server as an operator does.
func TestOperations(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *Server) {
		ann, bob := s.Person("ann"), s.Person("bob")
		s.Step(t, "health and metrics", func(t *testing.T) { healthAndMetrics(t, s) })
		s.Step(t, "a restart keeps everything", func(t *testing.T) { restarts(t, s, ann, bob) })
		s.Step(t, "a drain ends well", func(t *testing.T) { drains(t, s, ann) })
		s.Step(t, "commands work beside the server", func(t *testing.T) { commands(t, s) })
		s.Step(t, "the settings in force are shown without secrets", func(t *testing.T) { settings(t, s) })
		s.Step(t, "rules, terms and reports", func(t *testing.T) { papers(t, s, ann) })
	})
}

func healthAndMetrics(t *testing.T, s *Server) {
	if got := s.Do("GET", "/health", "", nil).Want(200); strings.TrimSpace(string(got.Body)) != "OK" {
		t.Errorf("health: %s", got.Body)
	}
	s.Do("GET", "/health/ready", "", nil).Want(200)
	for _, p := range s.parts {
		got, err := ask(http.MethodGet, s.Metrics(p.name), "", nil)
		if err != nil || got.Status != 200 || !bytes.Contains(got.Body, []byte("\ngomph_")) || !bytes.Contains(got.Body, []byte("go_goroutines")) {
			t.Errorf("metrics of %s: %d %v %.300s", p.name, got.Status, err, got.Body)
		}
	}
	if got := s.Do("GET", "/metrics", "", nil); got.Status == 200 && bytes.Contains(got.Body, []byte("go_goroutines")) {
		t.Error("the public listener shows the metrics")
	}
}

func restarts(t *testing.T, s *Server, ann, bob Person) {
	bob.Follows(ann)
	var list List
	bob.Post("/api/v1/lists", M{"title": "kept"}, &list)
	post := ann.Write("kept")
	bob.On(post.ID, "favourite")
	bob.Sees(Home, post.ID)
	ann.Told("favourite", About(post.ID))
	s.Restart()
	if got := bob.Read(post.ID); !got.Favourited || got.FavouritesCount != 1 {
		t.Errorf("after the restart: %+v", got)
	}
	bob.Sees(Home, post.ID)
	ann.Told("favourite", About(post.ID))
	if got := bob.Relation(ann.ID); !got.Following {
		t.Errorf("after the restart: %+v", got)
	}
	bob.Get("/api/v1/lists/"+list.ID, &list)
	fresh := ann.Write("after the restart")
	bob.Sees(Home, fresh.ID)
}

// drains stops the server while streams are open and requests are on their way. Stop fails the test when a process does not exit with 0.
func drains(t *testing.T, s *Server, ann Person) {
	socket, events := ann.Socket(url.Values{"stream": {"user"}}), ann.Events("user", nil)
	socket.Started("user", func() { ann.Write("probe") })
	events.Started("", func() { ann.Write("probe") })
	type outcome struct {
		status int
		id     string
	}
	const clients = 4
	done := make(chan []outcome, clients)
	started := make(chan struct{}, clients*1000)
	for c := range clients {
		go func() {
			var all []outcome
			for i := 0; ; i++ {
				answer, err := ask(http.MethodPost, s.URL+"/api/v1/statuses", ann.Token, M{"status": fmt.Sprintf("drain %d %d", c, i)})
				if err != nil || answer.Status != 200 {
					break
				}
				var status Status
				_ = json.Unmarshal(answer.Body, &status)
				all = append(all, outcome{answer.Status, status.ID})
				select {
				case started <- struct{}{}:
				default:
				}
			}
			done <- all
		}()
	}
	for range clients * 2 {
		<-started
	}
	s.Stop()
	var acknowledged []string
	for range clients {
		for _, one := range <-done {
			acknowledged = append(acknowledged, one.id)
		}
	}
	socket.Ended()
	events.Ended()
	s.Resume()
	for _, id := range acknowledged {
		ann.Read(id)
	}
}

func commands(t *testing.T, s *Server) {
	if got := s.Command("version"); !strings.HasPrefix(got, "gomph ") {
		t.Errorf("version: %s", got)
	}
	if got := s.CreateAccount("moda", "--role", "moderator"); got.Details["username"] != "moda" {
		t.Errorf("created %+v", got.Details)
	}
	var token struct {
		Token  string `json:"token"`
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(s.Command("token", "create", "moda", "--scopes", "read", "--json")), &token); err != nil || token.Token+token.Access == "" {
		t.Errorf("token %+v: %v", token, err)
	}
	s.Do("GET", "/api/v1/accounts/verify_credentials", token.Token+token.Access, nil).Want(200)
	for _, args := range [][]string{
		{"account", "create", "moda", "--email", "other@people.example", "--password", "a long password"}, {"account", "create", "x y", "--email", "x@people.example", "--password", "a long password"},
		{"account", "create", "xyz", "--email", "nonsense", "--password", "a long password"}, {"account", "create", "xyz", "--email", "x@people.example", "--password", "short"},
		{"account", "create", "xyz", "--email", "x@people.example", "--password", "a long password", "--role", "king"},
		{"hosts", "show", "nowhere.example"}, {"hosts", "clear", "nowhere.example"}, {"hosts", "--state", "strange"},
		{"federation", "trace", "nobody"}, {"federation", "trace", "http://127.0.0.1:1/nothing"}, {"federation", "trace"},
		{"token", "create", "nobody", "--scopes", "read"}, {"token", "create", "moda", "--scopes", "everything"}, {"nonsense"},
	} {
		stdout, stderr, err := s.Run(args...)
		if err == nil || strings.TrimSpace(stderr) == "" || strings.Contains(stderr, "goroutine ") {
			t.Errorf("gomph %v: %v %s%s", args, err, stdout, stderr)
		}
	}
	if got := s.Command("hosts"); !strings.HasPrefix(got, "HOST") {
		t.Errorf("hosts: %s", got)
	}
	for _, line := range strings.Split(strings.TrimSpace(s.Command("hosts", "list", "--json", "--state", "failing,healthy,recovering,unavailable")), "\n") {
		if line != "" && !json.Valid([]byte(line)) {
			t.Errorf("hosts: %s", line)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(s.Command("federation", "trace", "moda", "--json")), "\n") {
		if !strings.Contains(line, `"outcome":"ok"`) || !json.Valid([]byte(line)) {
			t.Errorf("trace: %s", line)
		}
	}
	if help := s.Command("--help"); !strings.Contains(help, "LOCAL_DOMAIN") || !strings.Contains(help, "serve") {
		t.Errorf("help: %s", help)
	}
}

func settings(t *testing.T, s *Server) {
	shown := s.Command("config")
	for _, one := range s.env {
		name, value, _ := strings.Cut(one, "=")
		secret := name == "SECRET_KEY_BASE"
		if secret && strings.Contains(shown, value) {
			t.Errorf("config shows %s", name)
		}
		if name == "LOCAL_DOMAIN" && !regexp.MustCompile(`LOCAL_DOMAIN\s+`+regexp.QuoteMeta(value)+`\s+environment`).MatchString(shown) {
			t.Errorf("config does not show %s: %s", one, shown)
		}
	}
	if _, stderr, err := s.Run("config", "--database-url", "postgres://u:topsecret@localhost/db"); err != nil || strings.Contains(stderr, "topsecret") {
		t.Errorf("config: %v %s", err, stderr)
	}
	if got := s.Command("config", "--database-url", "postgres://u:topsecret@localhost/db"); strings.Contains(got, "topsecret") || !strings.Contains(got, "flag") {
		t.Errorf("config: %s", got)
	}
}

// TestSecondServer starts a second server on the same files.
func TestSecondServer(t *testing.T) {
	t.Parallel()
	s := Start(t, One)
	for command, reason := range map[string]string{"serve": "SQLite", "web": "PostgreSQL", "worker": "PostgreSQL"} {
		_, stderr, err := execute(s.binary, append(s.env[:len(s.env):len(s.env)], "PORT="+strconv.Itoa(services.FreePort(t))), command)
		if err == nil || !strings.Contains(stderr, reason) || len(stderr) > 2000 {
			t.Errorf("%s: %v %s", command, err, stderr)
		}
	}
	s.Do("GET", "/health", "", nil).Want(200)
}

// TestFirstStart reads what the first start prints, signs in with it, and starts again. Its settings come from a file of Mastodon's.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), ".env.production")
	s := prepare(t, One, binary(t))
	lines := []string{
		"# Generated by mastodon:setup", "LOCAL_DOMAIN=" + s.Domain, "SINGLE_USER_MODE=false", "SECRET_KEY_BASE=" + secret(), "OTP_SECRET=" + secret(),
		"VAPID_PRIVATE_KEY=yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw=", `SMTP_FROM_ADDRESS="Gomph <notifications@people.example>"`, "ES_ENABLED=false", "S3_ENABLED=false", "RAILS_LOG_LEVEL=warn",
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	var env []string
	for _, one := range s.env {
		if name, _, _ := strings.Cut(one, "="); name != "LOCAL_DOMAIN" && name != "SECRET_KEY_BASE" {
			env = append(env, one)
		}
	}
	s.env = env
	s.parts[0].command = []string{"serve", "--env-file", file}
	s.Resume()
	said := s.parts[0].tail()
	if !strings.Contains(said, "OTP_SECRET") || strings.Contains(said, "LOCAL_DOMAIN") {
		t.Errorf("names without meaning are not reported: %s", said)
	}
	email := regexp.MustCompile(`[\w.+-]+@[\w.:-]+`).FindAllString(said, -1)
	password := regexp.MustCompile(`(?i)password:?\s+(\S+)`).FindStringSubmatch(said)
	if len(email) == 0 || password == nil {
		t.Fatalf("no login is printed: %s", said)
	}
	if page := s.Browser().SignIn(strings.TrimRight(email[len(email)-1], "."), password[1]); page.Status != 200 || strings.Contains(page.URL.Path, "sign_in") {
		t.Errorf("signing in leads to %s, %d", page.URL, page.Status)
	}
	s.Restart()
	if strings.Count(s.parts[0].tail(), password[1]) != 1 {
		t.Error("the login is printed again")
	}
	var instance struct{ Domain string }
	if s.Do("GET", "/api/v2/instance", "", nil).Want(200).Into(&instance); instance.Domain != s.Domain {
		t.Errorf("the domain of the file is not in force: %s", instance.Domain)
	}
}
