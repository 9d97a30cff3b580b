package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
)

// fakeMark makes this test binary play the server, so that the harness can be tested without one.
const fakeMark = "GOMPH_E2E_FAKE"

func TestMain(m *testing.M) {
	if os.Getenv(fakeMark) == "" {
		// The harness talks to loopback alone, and to servers with certificates that only the test knows; what the server trusts is tested.
		http.DefaultTransport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // see above
		os.Exit(m.Run())
	}
	if err := fake(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// fake answers as the harness expects of a server, and tells by JSON what it was asked.
func fake(args []string) error {
	switch strings.Join(args[:min(2, len(args))], " ") {
	case "account create":
		return json.NewEncoder(os.Stdout).Encode(map[string]any{"username": args[2]})
	case "token create":
		fmt.Println("token-of-" + args[2])
		return nil
	case "migrate":
		if !strings.HasPrefix(os.Getenv("DATABASE_URL"), "postgres://") {
			return errors.New("no database")
		}
		return nil
	case "fail":
		return errors.New("as told")
	}
	return fakeServe(args[0])
}

func fakeServe(role string) error {
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	mux := http.NewServeMux()
	for _, path := range []string{"/health/ready", "/metrics", "/api/v1/streaming/health"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("OK")) })
	}
	mux.HandleFunc("/api/v1/accounts/verify_credentials", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token-of-ann" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":"The access token is invalid"}`))
			return
		}
		_, _ = w.Write([]byte(`{"id":"7"}`))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseMultipartForm(1 << 20)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"role": role, "path": r.URL.Path, "host": r.Host, "form": r.Form, "forwarded": r.Header.Get("X-Forwarded-For"), "domain": os.Getenv("LOCAL_DOMAIN"),
		})
	})
	failed := make(chan error, 2)
	go func() { failed <- http.ListenAndServe(os.Getenv("METRICS_BIND"), mux) }()
	if port := os.Getenv("PORT"); port != "0" {
		go func() { failed <- http.ListenAndServe("127.0.0.1:"+port, mux) }()
	}
	select {
	case err := <-failed:
		return err
	case <-stop.Done():
		return nil
	}
}

// startFake runs the fake in a layout.
func startFake(t *testing.T, layout Layout) *Server {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := prepare(t, layout, program, Env(fakeMark, "1"))
	s.Resume()
	return s
}

func TestHarnessRunsBothLayouts(t *testing.T) {
	t.Parallel()
	for _, layout := range []Layout{One, Five} {
		t.Run(layout.String(), func(t *testing.T) {
			t.Parallel()
			s := startFake(t, layout)
			ann := s.Person("ann")
			if ann.ID != "7" || ann.Email == "" || ann.Details["username"] != "ann" {
				t.Errorf("person: %+v", ann)
			}
			var said struct{ Role, Path, Host, Forwarded, Domain string }
			s.Do("GET", "/about", "", nil).Want(200).Into(&said)
			if said.Host != s.Domain || said.Domain != s.Domain || said.Path != "/about" {
				t.Errorf("the server sees %+v, want host %s", said, s.Domain)
			}
			if layout == Five && (said.Role != "web" || said.Forwarded != "127.0.0.1") {
				t.Errorf("behind the proxy: %+v", said)
			}
			s.Do("GET", "/api/v1/streaming/user", "", nil).Want(200).Into(&said)
			if layout == Five && said.Role != "streaming" {
				t.Errorf("streaming is answered by %s", said.Role)
			}
		})
	}
}

func TestHarnessStopsKillsAndResumes(t *testing.T) {
	t.Parallel()
	s := startFake(t, One)
	s.Kill9()
	if _, err := ask("GET", s.URL+"/", "", nil); err == nil {
		t.Error("the killed server answers")
	}
	s.Resume()
	s.Do("GET", "/", "", nil).Want(200)
	s.Restart()
	s.Do("GET", "/", "", nil).Want(200)
}

func TestHarnessEndsOneProcessOfFive(t *testing.T) {
	t.Parallel()
	s := startFake(t, Five)
	s.Kill9("worker")
	for _, p := range s.parts {
		if p.running() == strings.HasPrefix(p.name, "worker") {
			t.Errorf("%s: running is %v", p.name, p.running())
		}
	}
	s.Resume()
	if answer, err := ask("GET", s.Metrics("worker-2"), "", nil); err != nil || answer.Status != 200 {
		t.Errorf("worker-2 after the restart: %d, %v", answer.Status, err)
	}
}

func TestHarnessSendsEachKindOfBody(t *testing.T) {
	t.Parallel()
	s := startFake(t, One)
	for name, body := range map[string]any{
		"form":      url.Values{"status": {"a & b"}},
		"multipart": Multipart{Fields: url.Values{"status": {"a & b"}}, Files: map[string][]byte{"file": {1, 2, 3}}},
	} {
		var said struct{ Form url.Values }
		s.Do("POST", "/", "", body).Want(200).Into(&said)
		if said.Form.Get("status") != "a & b" {
			t.Errorf("%s: %v", name, said.Form)
		}
	}
	if got := s.Do("GET", "/api/v1/accounts/verify_credentials", "wrong", nil).Want(401).Error(); got != "The access token is invalid" {
		t.Errorf("error %q", got)
	}
	if _, stderr, err := s.Run("fail"); err == nil || !strings.Contains(stderr, "as told") {
		t.Errorf("a command that fails: %v, %q", err, stderr)
	}
}

func TestHarnessDoesNotWaitForAServerThatEnded(t *testing.T) {
	t.Parallel()
	s := startFake(t, One)
	s.Stop()
	if err := s.parts[0].ready(); !errors.Is(err, errHopeless) {
		t.Errorf("got %v", err)
	}
}

func TestPeersFederateWithEachOther(t *testing.T) {
	t.Parallel()
	ann, bob := StartPeer(t, "ann"), StartPeer(t, "bob", "SIGN=draft-cavage-http-signatures-12")
	follow, _ := bob.Act("follow", ann.Handle)
	if seen := ann.Wait("Follow", func(s Seen) bool { return s.ID == follow }); seen.Signer != bob.Actor {
		t.Errorf("signed by %s", seen.Signer)
	}
	if bob.State().Following[ann.Actor] != "accepted" {
		t.Errorf("bob follows %v", bob.State().Following)
	}
	create, post := ann.Act("post", "", "text", "hello")
	bob.Wait("Create", func(s Seen) bool { return s.ID == create && s.Object == post })
	found, err := bob.Lookup(post)
	if err != nil || found["content"] != "<p>hello</p>" {
		t.Errorf("bob reads %v: %v", found, err)
	}
	if ids, err := ann.Collection(ann.Actor + "/followers"); err != nil || len(ids) != 1 || ids[0] != bob.Actor {
		t.Errorf("followers %v: %v", ids, err)
	}
}

func TestPeerTestsItself(t *testing.T) {
	t.Parallel()
	runScript(t, "../peers", "fedify/selftest.js")
}

func TestActorTestsJudgeAPeer(t *testing.T) {
	t.Parallel()
	peer := StartPeer(t, "ann")
	(&Server{t: t}).ActorTests(peer.Actor)
}

func TestBrowserSignsIn(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(interpreter(t, "../clients", "browser_test.py"), "-B", "-m", "unittest", "browser_test")
	cmd.Dir = "../clients"
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}
