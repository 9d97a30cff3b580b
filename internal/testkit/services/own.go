package services

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Own is a PostgreSQL of one test's own, which the test may set up as it likes, stop and start again.
type Own struct {
	// Port is where it listens on 127.0.0.1. Its superuser is gomph, its database postgres.
	Port int
	// Dir is a folder that the server can read, with its data in it.
	Dir string

	server  string
	args    []string
	as      *syscall.Credential
	running *process
}

// OwnPostgres makes and starts a PostgreSQL for one test alone; it costs a second. hba is its pg_hba.conf, empty to trust everyone on
// loopback; prepare, which may be nil, puts files into the server's folder (see Hand) and says with which settings it starts, as name=value.
func OwnPostgres(t testing.TB, hba string, prepare func(dir string) []string) *Own {
	t.Helper()
	initdb, server := need(t, "initdb"), need(t, "postgres")
	as, err := servant()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := newDir(as, "own-")
	if err != nil {
		t.Fatal(err)
	}
	o := &Own{Dir: dir, server: server, as: as}
	t.Cleanup(func() {
		o.Stop()
		_ = os.RemoveAll(dir)
	})
	data, err := createCluster(initdb, dir, as)
	if err != nil {
		t.Fatal(err)
	}
	if hba != "" {
		if err := os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte(hba), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	settings := []string{"listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"}
	if prepare != nil {
		settings = append(settings, prepare(dir)...)
	}
	o.args = []string{"-D", data}
	for _, s := range settings {
		o.args = append(o.args, "-c", s)
	}
	o.Port = FreePort(t)
	o.Start(t)
	return o
}

// Hand gives a file to the user that servers run as, who alone may read it then.
func Hand(t testing.TB, path string) {
	t.Helper()
	as, err := servant()
	if err != nil {
		t.Fatal(err)
	}
	if err := own(path, as); err != nil {
		t.Fatal(err)
	}
}

// Start starts a server that was stopped, and returns when it takes connections.
func (o *Own) Start(t testing.TB) {
	t.Helper()
	running, err := startProcess(o.Dir, o.as, o.server, append(o.args, "-p", strconv.Itoa(o.Port))...)
	if err != nil {
		t.Fatal(err)
	}
	o.running = running
	host := "127.0.0.1:" + strconv.Itoa(o.Port)
	if err := waitUntil(running.cmd.Process.Pid, func(ctx context.Context) error { return greet(ctx, host) }); err != nil {
		o.Stop()
		t.Fatalf("waiting for PostgreSQL: %v: %s", err, tail(filepath.Join(o.Dir, "log")))
	}
}

// Stop stops the server at once, connections and all, as a restart by its admin does.
func (o *Own) Stop() {
	if o.running != nil {
		o.running.stop(syscall.SIGINT)
		o.running = nil
	}
}

// URL is the address of its database as its superuser, without TLS.
func (o *Own) URL() string {
	return fmt.Sprintf("postgres://gomph@127.0.0.1:%d/postgres?sslmode=disable", o.Port)
}
