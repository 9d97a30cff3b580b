package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// scriptLimit bounds a script by others: they do some hundred requests.
const scriptLimit = 10 * time.Minute

// closing is the last line of every script: how many checks passed and failed.
var closing = regexp.MustCompile(`(?m)^(\d+) passed, (\d+) failed(?:, \d+ skipped)?\s*\z`)

// Client runs a script of test/clients against the server with two people, and fails the test unless each of its checks passed.
func (s *Server) Client(script string, one, other Account) {
	s.t.Helper()
	runScript(s.t, filepath.Join("..", "clients"), script,
		"GOMPH_URL="+s.URL, "GOMPH_EMAIL="+one.Email, "GOMPH_PASSWORD="+one.Password, "GOMPH_EMAIL2="+other.Email, "GOMPH_PASSWORD2="+other.Password)
}

// ActorTests runs the actor tests that others wrote against one actor; env is for the program that runs them.
func (s *Server) ActorTests(actor string, env ...string) {
	s.t.Helper()
	runScript(s.t, filepath.Join("..", "peers"), "actor-tests.js", append(env, "ACTOR="+actor)...)
}

// runScript runs a JavaScript or Python file in its folder.
func runScript(t testing.TB, folder, script string, env ...string) {
	t.Helper()
	program := interpreter(t, folder, script)
	ctx, cancel := context.WithTimeout(t.Context(), scriptLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, script)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), append(env, "PYTHONDONTWRITEBYTECODE=1")...)
	output, err := cmd.CombinedOutput()
	counts := closing.FindStringSubmatch(string(output))
	switch {
	case counts == nil:
		t.Fatalf("%s did not come to its end: %v\n%s", script, err, output)
	case err != nil || counts[1] == "0" || counts[2] != "0":
		t.Fatalf("%s: %s passed, %s failed: %v\n%s", script, counts[1], counts[2], err, output)
	}
	t.Logf("%s: %s passed", script, counts[1])
}

// interpreter returns what runs a script. Like a missing service, a missing one is skipped by developers and fatal in CI.
func interpreter(t testing.TB, folder, script string) string {
	t.Helper()
	if strings.HasSuffix(script, ".py") {
		const python = "/usr/bin/python3" // Debian's, which has Debian's libraries
		if exec.Command(python, "-c", "import mastodon, toot").Run() != nil {
			lacks(t, "toot and Mastodon.py are not installed; scripts/install-deps installs them")
		}
		return python
	}
	node, err := exec.LookPath("node")
	if err != nil {
		lacks(t, "node is not installed")
	}
	need(t, filepath.Join(folder, "node_modules"), "the packages of "+folder+" are not installed; make test-deps installs them")
	return node
}

// lacks ends a test that needs what is not on this machine.
func lacks(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") != "" || os.Getenv("GOMPH_TEST_ALL") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// need ends a test unless a file or folder is there.
func need(t testing.TB, path, otherwise string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		lacks(t, otherwise)
	}
}

// Peer is a small server of another make, on the Fedify library; test/peers/fedify tells what it can do.
type Peer struct {
	// Actor is the address of its only actor, and Handle its name.
	Actor, Handle string

	control string
	t       testing.TB
}

// Seen is an activity that reached a peer with a good signature.
type Seen struct {
	Type, ID, Signer, Object string
	JSON                     map[string]any
}

// StartPeer starts a peer that runs until the test ends. Environment entries such as "FOLLOWS=manual" change what it does.
func StartPeer(t testing.TB, name string, env ...string) *Peer {
	t.Helper()
	folder := filepath.Join("..", "peers")
	node := interpreter(t, folder, "server.js")
	cmd := exec.Command(node, filepath.Join("fedify", "server.js"))
	cmd.Dir, cmd.Env = folder, append(os.Environ(), append([]string{"NAME=" + name}, env...)...)
	errors, err := os.Create(filepath.Join(t.TempDir(), "peer.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = errors
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting a peer: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if text, err := os.ReadFile(errors.Name()); err == nil && t.Failed() {
			t.Logf("peer %s complained: %s", name, shorten(text))
		}
		_ = errors.Close()
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	var told struct{ Actor, Handle, Control string }
	if err == nil {
		err = json.Unmarshal(line, &told)
	}
	if err != nil {
		text, _ := os.ReadFile(errors.Name())
		t.Fatalf("peer %s did not start: %v: %s", name, err, shorten(text))
	}
	return &Peer{t: t, Actor: told.Actor, Handle: told.Handle, control: told.Control}
}

// Act tells the peer to do something, such as "follow" or "like", to a target, and returns the ids of the activity and of the post it made. More
// details come in pairs: "text", "hello".
func (p *Peer) Act(verb, target string, details ...string) (activity, object string) {
	p.t.Helper()
	body := map[string]any{"do": verb, "target": target}
	for i := 0; i+1 < len(details); i += 2 {
		body[details[i]] = details[i+1]
	}
	var made struct{ ID, Object string }
	if err := p.ask(http.MethodPost, "/do", body, &made); err != nil {
		p.t.Fatalf("peer: %s %s: %v", verb, target, err)
	}
	return made.ID, made.Object
}

// Seen returns every activity that came so far.
func (p *Peer) Seen() []Seen {
	p.t.Helper()
	var seen []Seen
	if err := p.ask(http.MethodGet, "/seen", nil, &seen); err != nil {
		p.t.Fatalf("peer: %v", err)
	}
	return seen
}

// Wait returns the first activity of a type for which fits holds, past or to come.
func (p *Peer) Wait(kind string, fits func(Seen) bool) Seen {
	p.t.Helper()
	var found Seen
	Eventually(p.t, "the peer sees a "+kind, func() error {
		var kinds []string
		for _, one := range p.Seen() {
			if one.Type == kind && fits(one) {
				found = one
				return nil
			}
			kinds = append(kinds, one.Type+" "+one.ID)
		}
		return fmt.Errorf("it saw %v", kinds)
	})
	return found
}

// Request is one that reached a peer: Signature is rfc9421, cavage or empty.
type Request struct {
	Method, Path, Signature string
	Status                  int
}

// Requests returns every request that came so far.
func (p *Peer) Requests() []Request {
	p.t.Helper()
	var list []Request
	if err := p.ask(http.MethodGet, "/requests", nil, &list); err != nil {
		p.t.Fatalf("peer: %v", err)
	}
	return list
}

// State is what a peer knows about itself.
type State struct {
	Followers []string
	// Following has "requested" or "accepted" for each actor.
	Following map[string]string
	Posts     []struct {
		ID, Content string
		Deleted     bool
	}
}

// State returns whom the peer follows, who follows it, and its posts.
func (p *Peer) State() State {
	p.t.Helper()
	var state State
	if err := p.ask(http.MethodGet, "/state", nil, &state); err != nil {
		p.t.Fatalf("peer: %v", err)
	}
	return state
}

// Lookup returns what the peer understands of a remote object or handle, which it fetches with a signature.
func (p *Peer) Lookup(target string) (map[string]any, error) {
	var found struct{ JSON map[string]any }
	err := p.ask(http.MethodGet, Query("/lookup", url.Values{"url": {target}}), nil, &found)
	return found.JSON, err
}

// Collection returns the ids in a remote collection, over all its pages.
func (p *Peer) Collection(target string) ([]string, error) {
	var ids []string
	err := p.ask(http.MethodGet, Query("/collection", url.Values{"url": {target}}), nil, &ids)
	return ids, err
}

func (p *Peer) ask(method, path string, body, into any) error {
	answer, err := ask(method, p.control+path, "", body)
	if err != nil {
		return err
	}
	if answer.Status != http.StatusOK {
		return fmt.Errorf("status %d: %s", answer.Status, shorten(answer.Body))
	}
	if err := json.Unmarshal(answer.Body, into); err != nil {
		return fmt.Errorf("reading what the peer says: %w", err)
	}
	return nil
}
