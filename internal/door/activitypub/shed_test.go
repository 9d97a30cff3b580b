package activitypub_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// A3: when far more comes in than can be performed, what strangers send comes again later; what somebody here waits for is taken, and nothing that
// was accepted is refused (INB-09; that a host holds a twentieth of the slots is tested in kit/jobs).
func TestUnderPressureStrangersComeAgainLater(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	row := func(sql string, args ...any) {
		s.us.must(s.us.db.Write(ctx(), func(tx *db.Tx) error { _, err := tx.Exec(ctx(), sql, args...); return err }))
	}
	hourAgo := s.us.clock.Now().Add(-time.Hour).UnixMilli()
	row("INSERT INTO jobs (id, queue, kind, args, run_at, created_at) VALUES (1, 'ingress', 'test.of_a_newer_version', '{}', $1, $1)", hourAgo)
	own, stop := context.WithCancel(ctx())
	pressed := make(chan error, 1)
	go func() { pressed <- s.us.Jobs.Press(own, slog.New(slog.DiscardHandler)) }()
	deadline := time.After(patience)
	for tick := time.NewTicker(time.Millisecond); s.us.Jobs.Pressure() != jobs.Flooded; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("no pressure")
		}
	}
	stop()
	s.us.must(<-pressed)
	row("DELETE FROM jobs WHERE id = 1")
	s.taken(s.bob.send(s.us, s.bob.activity("Create", s.bob.note("of one whom alice follows"))))
	create := s.mallory.activity("Create", s.mallory.note("of a stranger"))
	s.refused(s.mallory.send(s.us, create), http.StatusServiceUnavailable)
	body, err := json.Marshal(create)
	s.us.must(err)
	answer := serve(s.us, s.mallory.request(s.us, http.MethodPost, "/inbox", body))
	if n, err := strconv.Atoi(answer.Header().Get("Retry-After")); answer.Code != http.StatusServiceUnavailable || err != nil || n < 60 {
		t.Errorf("answered %d, Retry-After %q", answer.Code, answer.Header().Get("Retry-After"))
	}
}
