package services

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// poolSize is how many connections to PostgreSQL the pooler keeps for a database: few enough that a test with several processes has to share them.
const poolSize = 20

// PgBouncer starts a connection pooler in transaction mode in front of the given database address and returns the address to use instead. It keeps
// the pooler's strict defaults (unknown start-up parameters are refused), so that what works here works through anybody's.
func PgBouncer(t testing.TB, address string) string {
	t.Helper()
	program := need(t, "pgbouncer")
	server, err := url.Parse(address)
	if err != nil {
		t.Fatalf("reading the database address: %v", err)
	}
	as, err := servant() // it refuses to run as root
	if err != nil {
		t.Fatal(err)
	}
	dir, err := newDir(as, "pgbouncer-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })

	var failure error
	for range startTries {
		var pooled string
		if pooled, failure = startPgBouncer(t, program, dir, server, as); failure == nil {
			return pooled
		}
	}
	t.Fatal(failure)
	return ""
}

func startPgBouncer(t testing.TB, program, dir string, server *url.URL, as *syscall.Credential) (string, error) {
	t.Helper()
	port, err := freePort()
	if err != nil {
		return "", err
	}
	password, _ := server.User.Password()
	if password != "" {
		password = " password=" + password
	}
	config := fmt.Sprintf(`[databases]
* = host=%s port=%s user=%s%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = %d
max_client_conn = 2000
server_login_retry = 1
`, server.Hostname(), server.Port(), server.User.Username(), password, port, poolSize)
	path := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(path, []byte(config), 0o644); err != nil {
		return "", fmt.Errorf("writing the pooler's settings: %w", err)
	}
	running, err := startProcess(dir, as, program, path)
	if err != nil {
		return "", err
	}
	pooled := *server
	pooled.Host = "127.0.0.1:" + strconv.Itoa(port)
	err = waitUntil(running.cmd.Process.Pid, func(ctx context.Context) error { return ping(ctx, pooled.String()) })
	if err != nil {
		running.stop(syscall.SIGKILL)
		return "", fmt.Errorf("waiting for pgbouncer: %w: %s", err, tail(filepath.Join(dir, "log")))
	}
	t.Cleanup(func() { running.stop(syscall.SIGTERM) })
	return pooled.String(), nil
}
