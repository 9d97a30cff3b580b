package app

import (
	"context"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/config"
	"github.com/gomph/gomph/internal/testkit/services"
)

// C9: all processes together stay below what the database takes; who finds nothing left says what to do.
func TestTheLedgerOfConnections(t *testing.T) {
	t.Parallel()
	own := services.OwnPostgres(t, "", func(string) []string { return []string{"max_connections=20", "superuser_reserved_connections=0"} })
	data := t.TempDir()
	start := func(roles string, pool int) (*App, error) {
		c := &config.Config{Data: data, LogLevel: "error", DBPool: pool, RateLimits: "on", DatabaseURL: own.URL()}
		if err := c.Check(false); err != nil {
			t.Fatal(err)
		}
		return New(context.Background(), c, Options{Roles: roles, Migrate: true})
	}
	must := func(roles string, pool, want int) *App {
		t.Helper()
		a, err := start(roles, pool)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(a.Close)
		if got := a.DB.Stats().Max; got != want {
			t.Errorf("a %s that asked for %d connections has %d, not %d", roles, pool, got, want)
		}
		if err := a.DB.Ping(context.Background()); err != nil {
			t.Errorf("its database does not answer: %v", err)
		}
		return a
	}
	must("web", 8, 8) // of 18, nine tenths of 20
	must("streaming", 0, 4)
	third := must("worker", 0, 6) // what is left
	if _, err := start("web", 4); err == nil || !strings.Contains(err.Error(), "C9") || !strings.Contains(err.Error(), "PgBouncer") {
		t.Errorf("one more: %v", err)
	}
	command, err := start("command", 0)
	if err != nil {
		t.Errorf("a command: %v", err)
	} else {
		command.Close()
	}
	third.Close()
	must("worker", 5, 5)
}
