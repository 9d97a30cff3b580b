package services

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// dropLimit bounds the removal of a test's database.
const dropLimit = 30 * time.Second

// Postgres returns the address of an empty database of the test's own, which is dropped after the test. All tests of a machine share one private
// cluster, started when first asked for and stopped when nobody has used it for 30 seconds; GOMPH_TEST_POSTGRES (a superuser's address) names
// another one to use instead.
func Postgres(t testing.TB) string {
	t.Helper()
	return createDatabase(t, "template1")
}

// PostgresTemplate returns the address of a database of the test's own that starts as prepare left it. What prepare does to the address that it is
// given happens once for each name, not once a test; it must close its connections. The cluster outlives a run of the tests, so a name must change
// whenever what prepare does changes: put a checksum of the migrations in it.
func PostgresTemplate(t testing.TB, name string, prepare func(address string) error) string {
	t.Helper()
	template := "gomph_template_" + shortHash(name)
	if err := ensureTemplate(superuser(t), template, prepare); err != nil {
		t.Fatalf("preparing template %q: %v", name, err)
	}
	return createDatabase(t, template)
}

// superuser returns the address of the shared cluster.
func superuser(t testing.TB) string {
	t.Helper()
	if os.Getenv("GOMPH_TEST_POSTGRES") == "" {
		for _, program := range []string{"initdb", "postgres", "flock"} {
			need(t, program)
		}
	}
	shared, err := sharedCluster()
	if err != nil {
		t.Fatal(err)
	}
	return shared.URL
}

func createDatabase(t testing.TB, template string) string {
	t.Helper()
	admin := superuser(t)
	name := "gomph_test_" + strings.ToLower(rand.Text()[:12])
	if err := execute(t.Context(), admin, "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		t.Fatalf("creating a database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), dropLimit) // the test's own context has ended
		defer cancel()
		if err := execute(ctx, admin, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("dropping the test's database: %v", err)
		}
	})
	address, err := withDatabase(admin, name)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// ensureTemplate makes the template unless it is there. A lock in the cluster makes other tests and processes wait for the first.
func ensureTemplate(admin, template string, prepare func(string) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*startLimit) // it may wait for another that prepares
	defer cancel()
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close(ctx) // gives the lock back
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", lockKey(template)); err != nil {
		return fmt.Errorf("locking: %w", err)
	}
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", template).Scan(&there); err != nil {
		return fmt.Errorf("looking for it: %w", err)
	}
	if there {
		return nil
	}
	draft := template + "_draft" // renamed when it is done, so that half a template is never used
	for _, statement := range []string{"DROP DATABASE IF EXISTS " + draft + " WITH (FORCE)", "CREATE DATABASE " + draft} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("creating it: %w", err)
		}
	}
	address, err := withDatabase(admin, draft)
	if err != nil {
		return err
	}
	if err := prepare(address); err != nil {
		return err
	}
	return finishTemplate(ctx, conn, draft, template)
}

// finishTemplate closes the draft to everyone, since a database with connections can be neither renamed nor copied, and gives it its name.
func finishTemplate(ctx context.Context, conn *pgx.Conn, draft, template string) error {
	if _, err := conn.Exec(ctx, "ALTER DATABASE "+draft+" WITH ALLOW_CONNECTIONS false"); err != nil {
		return fmt.Errorf("closing it: %w", err)
	}
	if _, err := conn.Exec(ctx, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1", draft); err != nil {
		return fmt.Errorf("closing its connections: %w", err)
	}
	if _, err := conn.Exec(ctx, "ALTER DATABASE "+draft+" RENAME TO "+template); err != nil {
		return fmt.Errorf("naming it: %w", err)
	}
	return nil
}

func execute(ctx context.Context, address, statement string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

func lockKey(text string) int64 {
	sum := sha256.Sum256([]byte(text))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}
