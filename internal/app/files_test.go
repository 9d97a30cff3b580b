package app

import (
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/gomph/gomph/internal/kit/config"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/s3test"
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

// Hosts that share a bucket share no folder: what one stores, the others give out (requirements E23, N13).
func TestHostsShareABucket(t *testing.T) {
	t.Parallel()
	database, redis := dbtest.PostgresURL(t), services.Redis(t)
	s3test.Each(t, func(t *testing.T, server s3test.Server) {
		o := server.Bucket(t)
		open := func(roles string) *App {
			c := &config.Config{Data: t.TempDir(), DatabaseURL: database, RedisURL: redis, LogLevel: "error", DBPool: 4, RateLimits: "on", SecretKeyBase: strings.Repeat("x", 64)}
			c.S3Enabled, c.S3Bucket, c.S3Endpoint, c.S3Key, c.S3Secret, c.S3Retries, c.CacheGB = "true", o.Bucket, server.Endpoint, o.AccessKey, o.SecretKey, 1, 1
			c.S3ReadTimeout, c.S3OpenTimeout, c.S3Threshold = 30, 5, 16<<20
			if err := c.Check(false); err != nil {
				t.Fatal(err)
			}
			a, err := New(t.Context(), c, Options{Roles: roles, Several: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(a.Close)
			return a
		}
		first, second := open("web"), open("web,worker")
		if err := first.Files().Put(t.Context(), "media_attachments/files/x.png", strings.NewReader("a picture"), -1); err != nil {
			t.Fatal(err)
		}
		f, err := second.Files().Open(t.Context(), "media_attachments/files/x.png")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		if got, err := io.ReadAll(f); err != nil || string(got) != "a picture" {
			t.Errorf("the other host reads %q, %v", got, err)
		}
		wrong := *second.Config
		wrong.S3Secret = "another"
		if _, err := New(t.Context(), &wrong, Options{Roles: "web", Several: true}); err == nil || !strings.Contains(err.Error(), "the bucket of files") {
			t.Errorf("a wrong key: %v", err)
		}
	})
}
