// Package e2e owns the tests that start the real binary and drive it only from outside: by HTTP, by its command line, by clients and servers that
// others wrote. This file and its neighbours are the harness; the scenarios are the tests.
//
// GOMPH_E2E_BINARY names a binary to test instead of building one.
package e2e

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/testkit/services"
)

// Layout is a way to run the server.
type Layout int

const (
	// One is a single process on SQLite and files, with nothing else.
	One Layout = iota
	// Five is web, streaming, two workers and the scheduler as processes of their own, on PostgreSQL through PgBouncer and on Redis over TLS, behind a
	// proxy.
	Five
)

func (l Layout) String() string {
	if l == Five {
		return "five processes on PostgreSQL"
	}
	return "one process on SQLite"
}

// Each runs a scenario in both layouts, each with a server of its own.
func Each(t *testing.T, scenario func(t *testing.T, s *Server)) {
	for _, layout := range []Layout{One, Five} {
		t.Run(layout.String(), func(t *testing.T) {
			t.Parallel()
			scenario(t, Start(t, layout))
		})
	}
}

// Server is a running Gomph.
type Server struct {
	// URL is where people and servers reach it, without a slash at the end.
	URL string
	// Domain is the host and port, as in @name@domain.
	Domain string
	// Data is the folder of its files.
	Data string
	// Layout is how it runs.
	Layout Layout
	// DatabaseURL and RedisURL are what it runs on, directly and not through the pooler; empty in layout One.
	DatabaseURL, RedisURL string

	t      testing.TB
	binary string
	env    []string // of every process and command
	parts  []*part
}

// Option changes the server before it starts.
type Option func(*Server)

// Env sets an environment variable of every process and command of the server.
func Env(name, value string) Option { return Lines(name + "=" + value) }

// Lines sets several, each as NAME=value.
func Lines(lines ...string) Option {
	return func(s *Server) { s.env = append(s.env, lines...) } // the last of two values of one name holds
}

// TLS lets a server of layout One answer by https, with a certificate of an authority of the test's own, which it trusts itself. It returns the
// authority's certificate too, for others who must trust it.
func TLS(t testing.TB) (option Option, authority, folder string) {
	t.Helper()
	folder = t.TempDir()
	services.NewAuthority(t, folder, "ca").Issue(t, "server", "127.0.0.1")
	authority = filepath.Join(folder, "ca.pem")
	return func(s *Server) {
		s.URL = "https://" + s.Domain
		s.env = append(s.env, "LOCAL_HTTPS=true", "GOMPH_CA_FILE="+authority, "GOMPH_TLS_CERT="+filepath.Join(folder, "server.pem"), "GOMPH_TLS_KEY="+filepath.Join(folder, "server.key.pem"))
		for _, p := range s.parts {
			p.scheme = "https"
		}
	}, authority, folder
}

// Start runs a server until the test ends, and returns when it is ready. Its logs are shown when the test fails.
func Start(t testing.TB, layout Layout, options ...Option) *Server {
	t.Helper()
	s := prepare(t, layout, binary(t), options...)
	s.Resume()
	return s
}

// prepare lays out a server without starting it.
func prepare(t testing.TB, layout Layout, binary string, options ...Option) *Server {
	t.Helper()
	port := services.FreePort(t)
	s := &Server{t: t, binary: binary, Layout: layout, Data: filepath.Join(t.TempDir(), "data"), Domain: "127.0.0.1:" + strconv.Itoa(port)}
	s.URL = "http://" + s.Domain
	s.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + os.TempDir(), "GOCOVERDIR=" + os.Getenv("GOCOVERDIR"),
		"LOCAL_DOMAIN=" + s.Domain, "LOCAL_HTTPS=false", "BIND=127.0.0.1", "GOMPH_DATA=" + s.Data, "SECRET_KEY_BASE=" + secret(),
		"ALLOWED_PRIVATE_ADDRESSES=127.0.0.0/8",                      // other servers of the test are on loopback
		"GOMPH_RATE_LIMITS=off",                                      // a test asks more often than a person
		"DISABLE_AUTOMATIC_SWITCHING_TO_APPROVED_REGISTRATIONS=true", // no moderator is about, and people sign up all the same
	}
	if layout == Five {
		s.five()
	} else {
		s.add("serve", port, "serve")
	}
	for _, option := range options {
		option(s)
	}
	t.Cleanup(s.finish)
	return s
}

// five lays out the processes and what they run on.
func (s *Server) five() {
	s.t.Helper()
	s.DatabaseURL, s.RedisURL = services.Postgres(s.t), services.RedisTLS(s.t)
	s.env = append(s.env,
		"DATABASE_URL="+services.PgBouncer(s.t, s.DatabaseURL), "REDIS_URL="+s.RedisURL,
		"STREAMING_API_BASE_URL=ws://"+s.Domain, "TRUSTED_PROXY_IP=127.0.0.1/32",
	)
	web, streaming := services.FreePort(s.t), services.FreePort(s.t)
	s.add("web", web, "web")
	s.add("streaming", streaming, "streaming")
	s.add("worker-1", 0, "worker")
	s.add("worker-2", 0, "worker")
	s.add("scheduler", 0, "scheduler")
	startProxy(s.t, s.Domain, map[string]int{"/api/v1/streaming": streaming, "/": web})
}

// add lays out one process; port 0 means that it has no public pages.
func (s *Server) add(name string, port int, command ...string) {
	s.t.Helper()
	p := &part{name: name, scheme: "http", command: command, port: port, metrics: services.FreePort(s.t), log: filepath.Join(s.t.TempDir(), name+".log")}
	s.parts = append(s.parts, p)
}

// Resume starts every process that does not run, and returns when all are ready.
func (s *Server) Resume() {
	s.t.Helper()
	if s.Layout == Five {
		s.migrate()
	}
	for _, p := range s.parts {
		if p.running() {
			continue
		}
		if err := p.start(s.binary, s.env); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, p := range s.parts {
		Eventually(s.t, p.name+" is ready", p.ready)
	}
}

// migrate prepares the database, directly: migrations hold a lock of their session, which a pooler in transaction mode cannot keep.
func (s *Server) migrate() {
	s.t.Helper()
	env := append(s.env[:len(s.env):len(s.env)], "DATABASE_URL="+s.DatabaseURL)
	if _, stderr, err := execute(s.binary, env, "migrate"); err != nil {
		s.t.Fatalf("migrating: %v: %s", err, stderr)
	}
}

// Restart stops all processes as an operator would, and starts them again.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	s.Resume()
}

// Stop asks processes to stop and waits until they have, which must end with exit code 0. Without names all are stopped; "worker" names both workers.
func (s *Server) Stop(names ...string) {
	s.t.Helper()
	for _, p := range s.named(names) {
		if err := p.stop(); err != nil {
			s.t.Errorf("stopping %s: %v", p.name, err)
		}
	}
}

// Kill9 ends processes without a warning. Without names all are ended; "worker" names both workers.
func (s *Server) Kill9(names ...string) {
	s.t.Helper()
	for _, p := range s.named(names) {
		p.kill()
	}
}

func (s *Server) named(names []string) []*part {
	s.t.Helper()
	var chosen []*part
	for _, p := range s.parts {
		for _, name := range names {
			if p.name == name || strings.HasPrefix(p.name, name+"-") {
				chosen = append(chosen, p)
			}
		}
	}
	if len(names) == 0 {
		return s.parts
	}
	if len(chosen) == 0 {
		s.t.Fatalf("no process is called %q here", names)
	}
	return chosen
}

// finish stops what runs and, if the test failed, shows what the processes said.
func (s *Server) finish() {
	for _, p := range s.parts {
		_ = p.stop()
	}
	if !s.t.Failed() {
		return
	}
	for _, p := range s.parts {
		s.t.Logf("the log of %s ends with:\n%s", p.name, p.tail())
	}
}

// Metrics returns the address of a process' metrics.
func (s *Server) Metrics(name string) string {
	s.t.Helper()
	return "http://" + s.named([]string{name})[0].metricsAddress() + "/metrics"
}

// Run runs a command of the binary beside the running server.
func (s *Server) Run(args ...string) (stdout, stderr string, err error) {
	return execute(s.binary, s.env, args...)
}

// Command runs a command that must succeed and returns what it printed, without white space around it.
func (s *Server) Command(args ...string) string {
	s.t.Helper()
	stdout, stderr, err := s.Run(args...)
	if err != nil {
		s.t.Fatalf("gomph %s: %v: %s%s", strings.Join(args, " "), err, stdout, stderr)
	}
	return strings.TrimSpace(stdout)
}

// Account is what a person signs in with.
type Account struct {
	Name, Email, Password string
	// Details is what the command line said about the account.
	Details map[string]any
}

// CreateAccount makes a confirmed account by the command line.
func (s *Server) CreateAccount(name string, flags ...string) Account {
	s.t.Helper()
	account := Account{Name: name, Email: name + "@people.example", Password: "correct horse battery " + name}
	args := []string{"account", "create", name, "--email", account.Email, "--password", account.Password, "--confirmed", "--json"}
	if err := json.Unmarshal([]byte(s.Command(append(args, flags...)...)), &account.Details); err != nil {
		s.t.Fatalf("reading what the command line says about %s: %v", name, err)
	}
	return account
}

// AllScopes is what an app asks for that may do everything a person may.
const AllScopes = "read write follow push"

// Token makes an access token by the command line.
func (s *Server) Token(name, scopes string) string {
	s.t.Helper()
	return s.Command("token", "create", name, "--scopes", scopes)
}

// Handle returns how other servers write a person of this one.
func (s *Server) Handle(name string) string { return fmt.Sprintf("@%s@%s", name, s.Domain) }

// Query adds parameters to a path.
func Query(path string, values url.Values) string { return path + "?" + values.Encode() }

func secret() string {
	key := make([]byte, 64) // as long as Mastodon makes it
	_, _ = rand.Read(key)   // never fails
	return hex.EncodeToString(key)
}
