package app

import (
	"strings"
	"sync"
	"testing"

	"github.com/gomph/gomph/internal/kit/config"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/services"
)

// Workers and pages need the files that the others have (requirement E23).
func TestAProcessWithOtherFilesDoesNotStart(t *testing.T) {
	t.Parallel()
	database, redis := dbtest.PostgresURL(t), services.Redis(t)
	start := func(data, roles string) error {
		c := &config.Config{Data: data, DatabaseURL: database, RedisURL: redis, LogLevel: "error", DBPool: 4, RateLimits: "on"}
		if err := c.Check(false); err != nil {
			t.Fatal(err)
		}
		a, err := New(t.Context(), c, Options{Roles: roles, Several: true})
		if err == nil {
			a.Close()
		}
		return err
	}
	here, elsewhere := t.TempDir(), t.TempDir()
	var wg sync.WaitGroup
	for _, roles := range []string{"web", "worker", "worker", "web,worker"} { // all at once, the first time
		wg.Go(func() {
			if err := start(here, roles); err != nil {
				t.Errorf("%s: %v", roles, err)
			}
		})
	}
	wg.Wait()
	for _, roles := range []string{"worker", "web", "web,streaming,worker,scheduler"} {
		err := start(elsewhere, roles)
		if err == nil || !strings.Contains(err.Error(), "E23") || !strings.Contains(err.Error(), elsewhere) {
			t.Errorf("%s elsewhere: %v", roles, err)
		}
	}
	for _, roles := range []string{"streaming", "scheduler", "command"} { // these do nothing with files
		if err := start(elsewhere, roles); err != nil {
			t.Errorf("%s elsewhere: %v", roles, err)
		}
	}
	if err := start(here, "worker"); err != nil { // as with a folder that hosts share
		t.Error(err)
	}
}
