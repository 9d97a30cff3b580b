package log_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/gomph/gomph/internal/kit/log"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// buffer is a writer that a folding timer may use too.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Split(strings.TrimSuffix(b.b.String(), "\n"), "\n")
}

func open(t *testing.T, o log.Options) (*slog.Logger, *buffer, func()) {
	t.Helper()
	out := &buffer{}
	o.Writer = out
	l, stop, err := log.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return l, out, stop
}

func TestLevels(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{"debug": 4, "info": 3, "warn": 2, "warning": 2, "": 2, " WARN ": 2, "error": 1, "fatal": 0, "unknown": 0} {
		l, out, stop := open(t, log.Options{Level: name})
		l.Debug("1")
		l.Info("2")
		l.Warn("3")
		l.Error("4")
		stop()
		got := len(out.lines())
		if out.lines()[0] == "" {
			got = 0
		}
		if got != want {
			t.Errorf("%q: %d lines, want %d", name, got, want)
		}
	}
	for _, o := range []log.Options{{Level: "loud"}, {Format: "xml"}} {
		if _, _, err := log.New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestFolding(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, out, stop := open(t, log.Options{Level: "info"})
		for i := range 500 {
			l.Warn("remote failed", "host", "a.example", "request_id", i)
			l.With("role", "web").Warn("remote failed", "host", "a.example")
			l.WithGroup("g").Info("once")
		}
		l.Error("remote failed", "host", "a.example")
		if n := len(out.lines()); n != 4 {
			t.Fatalf("%d lines at once:\n%s", n, strings.Join(out.lines(), "\n"))
		}
		time.Sleep(11 * time.Second) // synctest's clock: no time passes
		synctest.Wait()
		text := strings.Join(out.lines(), "\n")
		if n := strings.Count(text, "repeated=499"); len(out.lines()) != 7 || n != 3 || !strings.Contains(text, "g.repeated=499") {
			t.Fatalf("after the window:\n%s", text)
		}
		l.Warn("remote failed", "host", "a.example")
		if len(out.lines()) != 8 {
			t.Error("a line after the window is swallowed")
		}
		l.Warn("remote failed", "host", "a.example")
		stop()
		if n := len(out.lines()); n != 9 {
			t.Errorf("stop printed %d lines, want 1", n-8)
		}
	})
}

// A thousand failing hosts make a bounded log (requirement E21).
func TestSimilarLinesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, out, stop := open(t, log.Options{})
		for i := range 10_000 {
			l.Warn("remote failed", "host", fmt.Sprint(i, ".example"))
			l.Warn("other trouble", "n", i%3)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		stop()
		text := strings.Join(out.lines(), "\n")
		if n := len(out.lines()); n != 50+1+3+3 || !strings.Contains(text, "similar_not_shown=9950") {
			t.Errorf("%d lines:\n%s", n, text)
		}
	})
}

func TestInfoLinesOfRequestsAreAllShown(t *testing.T) {
	t.Parallel()
	l, out, stop := open(t, log.Options{Level: "info"})
	defer stop()
	for i := range 200 {
		l.InfoContext(log.With(t.Context(), "request_id", i), "request", "path", "/")
	}
	if n := len(out.lines()); n != 200 {
		t.Errorf("%d lines of 200", n)
	}
}

type lazy struct{}

func (lazy) LogValue() slog.Value {
	return slog.GroupValue(slog.String("api_key", "canary"), slog.String("name", "x"))
}

func TestSecretsAreBlanked(t *testing.T) {
	t.Parallel()
	u := &url.URL{Scheme: "redis", User: url.UserPassword("ann", "canary"), Host: "h"}
	for name, args := range map[string][]any{
		"plain":       {"password", "canary"},
		"camel":       {"newPassword", "canary"},
		"header":      {"Set-Cookie", "canary"},
		"snake":       {"access_token", "canary"},
		"upper":       {"SECRET_KEY_BASE", "canary"},
		"key":         {"private_key", []byte("canary")},
		"group":       {slog.Group("request", slog.Group("h", slog.String("Authorization", "Bearer canary")))},
		"valuer":      {"thing", lazy{}},
		"url":         {"url", "redis://:canary@host:6379/0"},
		"url type":    {"url", u},
		"url of user": {"url", "postgres://ann:canary@host/db?sslmode=off"},
		"error":       {"err", fmt.Errorf("fetching: %w", errors.New("https://x.example/?a=1&access_token=canary&b=2"))},
		"parameter":   {"query", "grant_type=x&code=canary"},
		"bearer":      {"line", "got Bearer canary-canary-canary"},
		"number":      {"otp", 123456},
	} {
		for _, format := range []string{"text", "json"} {
			l, out, stop := open(t, log.Options{Format: format})
			l.Warn("m", args...)
			l.With(args...).Warn("with")
			l.WarnContext(log.With(t.Context(), args...), "context")
			l.Warn("m", args...)
			stop()
			text := strings.Join(out.lines(), "\n")
			if strings.Contains(text, "canary") || strings.Contains(text, "123456") || !strings.Contains(text, "[secret]") {
				t.Errorf("%s, %s:\n%s", name, format, text)
			}
		}
	}
}

func TestOrdinaryAttributesAreKept(t *testing.T) {
	t.Parallel()
	l, out, stop := open(t, log.Options{Format: "json"})
	defer stop()
	l.Warn("m", "key_id", "https://a.example/actor#main-key", "monkey", "banana", "has_password", true, "err", errors.New("plain"), "n", 3)
	var got map[string]any
	if err := json.Unmarshal([]byte(out.lines()[0]), &got); err != nil {
		t.Fatal(err)
	}
	for k, want := range map[string]any{"key_id": "https://a.example/actor#main-key", "monkey": "banana", "has_password": true, "err": "plain", "n": 3.0} {
		if got[k] != want {
			t.Errorf("%s: %v, want %v", k, got[k], want)
		}
	}
}

func TestContextAndNotes(t *testing.T) {
	t.Parallel()
	l, out, stop := open(t, log.Options{})
	defer stop()
	ctx := log.With(t.Context(), "request_id", "r1")
	other := log.With(ctx, "step", 1)
	ctx = log.With(ctx, "account", 7)
	ctx, notes := log.Begin(ctx)
	log.Note(ctx, "status", 200)
	log.Note(context.WithoutCancel(ctx), "path", "/x")
	log.Note(context.Background(), "lost", true)
	l.LogAttrs(ctx, slog.LevelWarn, "request", notes.Attrs()...)
	l.WarnContext(other, "other")
	for i, want := range []string{"msg=request status=200 path=/x request_id=r1 account=7", "msg=other request_id=r1 step=1"} {
		if got := out.lines()[i]; !strings.HasSuffix(got, want) {
			t.Errorf("got %s, want …%s", got, want)
		}
	}
}

func TestConcurrent(t *testing.T) {
	t.Parallel()
	l, out, stop := open(t, log.Options{Fold: time.Millisecond})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 300 {
				l.With("w", w).Warn("m", "i", i%7)
			}
		})
	}
	wg.Wait()
	stop()
	if len(out.lines()) == 0 {
		t.Error("nothing was logged")
	}
}
