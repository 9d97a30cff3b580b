package app

import (
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/config"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// OPS-06: a server that was copied with its keys tells other servers nothing until somebody says that it is the only one.
func TestACopyDoesNotFederate(t *testing.T) {
	t.Parallel()
	start := func(data, roles string) *App {
		t.Helper()
		c := &config.Config{Data: data, LogLevel: "error", RateLimits: "on"}
		if err := c.Check(false); err != nil {
			t.Fatal(err)
		}
		a, err := New(t.Context(), c, Options{Roles: roles, Migrate: true, FirstStart: true, Out: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(a.Close)
		return a
	}
	want := func(what string, a *App, held bool) {
		t.Helper()
		c, err := a.Jobs.Controls(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, queue := range jobs.Queues {
			if is := queue == jobs.Push || queue == jobs.Pull; c.Paused[queue] != (is && held) {
				t.Errorf("%s: the queue %s is paused: %t", what, queue, c.Paused[queue])
			}
		}
		w := httptest.NewRecorder()
		a.ready(w, httptest.NewRequestWithContext(t.Context(), "GET", "/health/ready", nil))
		if w.Code != 200 || strings.Contains(w.Body.String(), "gomph federation confirm") != held {
			t.Errorf("%s: it is ready so: %d %s", what, w.Code, w.Body)
		}
	}
	here, elsewhere := t.TempDir(), t.TempDir()
	for range 2 {
		a := start(here, "web,worker")
		want("where it was", a, false)
		a.Close()
	}
	if err := os.CopyFS(filepath.Join(elsewhere, "data"), os.DirFS(here)); err != nil {
		t.Fatal(err)
	}
	elsewhere = filepath.Join(elsewhere, "data")
	for range 2 { // a restart is no confirmation
		a := start(elsewhere, "web,worker")
		want("a copy", a, true)
		a.Close()
	}
	a := start(elsewhere, "command")
	if was, err := a.ConfirmPlace(t.Context()); err != nil || !was {
		t.Fatalf("confirming: %t %v", was, err)
	}
	if was, err := a.ConfirmPlace(t.Context()); err != nil || was {
		t.Errorf("confirming again: %t %v", was, err)
	}
	a.Close()
	a = start(elsewhere, "web,worker")
	want("a copy that is confirmed", a, false)
	a.Close()
	a = start(here, "web,worker")
	want("what was copied", a, false)
}
