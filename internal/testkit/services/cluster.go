package services

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// watchdog runs the cluster and stops it when it is no longer used. It is a shell script, since a test binary cannot start itself again as
// anything but a test, and since the cluster must outlive the process that happened to start it.
//
//go:embed watchdog.sh
var watchdog string

// connections is how many connections the shared cluster takes: several packages test at once, each with a few pools.
const connections = 500

// cluster is where this process found or started the shared PostgreSQL.
type cluster struct {
	// Dir is the folder of the running cluster, with its data, its log and the lock of its users.
	Dir string `json:"dir"`
	// URL is the address of its superuser.
	URL string `json:"url"`

	// users is locked for as long as this process lives, which tells the watchdog that the cluster is needed. Were the file forgotten here, it
	// would be collected, closed and so unlocked.
	users *os.File
}

// use takes the lock that keeps the cluster running.
func (c *cluster) use() (err error) {
	c.users, err = openLock(filepath.Join(c.Dir, "users"), syscall.LOCK_SH)
	return err
}

// sharedCluster joins the machine's test cluster, or starts it. One process asks once; what it gets stays until the process ends.
var sharedCluster = sync.OnceValues(func() (cluster, error) {
	if address := os.Getenv("GOMPH_TEST_POSTGRES"); address != "" {
		return cluster{URL: address}, nil
	}
	as, err := servant()
	if err != nil {
		return cluster{}, err
	}
	dir, err := base(as)
	if err != nil {
		return cluster{}, err
	}
	lock, err := openLock(filepath.Join(dir, "lock"), syscall.LOCK_EX)
	if err != nil {
		return cluster{}, err
	}
	defer lock.Close()
	if found, err := joinCluster(dir); err == nil {
		return found, nil
	}
	return startCluster(dir, as)
})

// openLock opens a file and locks it. Closing the file, or the end of the process, unlocks it.
func openLock(path string, how int) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening a lock: %w", err)
	}
	for {
		err = syscall.Flock(int(file.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), file.Close())
	}
	return file, nil
}

// joinCluster returns the running cluster, if there is one that answers.
func joinCluster(dir string) (cluster, error) {
	text, err := os.ReadFile(filepath.Join(dir, "current"))
	if err != nil {
		return cluster{}, fmt.Errorf("reading which cluster runs: %w", err)
	}
	var found cluster
	if err := json.Unmarshal(text, &found); err != nil {
		return cluster{}, fmt.Errorf("reading which cluster runs: %w", err)
	}
	if err := found.use(); err != nil {
		return cluster{}, err
	}
	if err := ping(context.Background(), found.URL); err != nil {
		return cluster{}, errors.Join(fmt.Errorf("asking the running cluster: %w", err), found.users.Close())
	}
	return found, nil
}

func ping(ctx context.Context, address string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// startCluster makes a new cluster and leaves it running under its watchdog.
func startCluster(base string, as *syscall.Credential) (cluster, error) {
	initdb, err := find("initdb")
	if err != nil {
		return cluster{}, err
	}
	server, err := find("postgres")
	if err != nil {
		return cluster{}, err
	}
	dir, err := newDir(as, "postgres-")
	if err != nil {
		return cluster{}, err
	}
	data, err := createCluster(initdb, dir, as)
	if err != nil {
		return cluster{}, err
	}
	started := cluster{Dir: dir}
	if err := started.use(); err != nil {
		return cluster{}, err
	}
	for range startTries {
		if started.URL, err = runCluster(dir, data, server, as); err == nil {
			return started, announce(base, started)
		}
	}
	return cluster{}, errors.Join(err, started.users.Close())
}

// createCluster makes the data of a cluster in dir: a collation by bytes, as SQLite sorts; no syncing, for this data is never worth keeping.
func createCluster(initdb, dir string, as *syscall.Credential) (data string, err error) {
	data = filepath.Join(dir, "data")
	create := exec.Command(initdb, "--pgdata", data, "--username", "gomph", "--auth", "trust", "--no-sync", "--encoding", "UTF8", "--locale", "C.UTF-8")
	create.Dir, create.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
	if output, err := create.CombinedOutput(); err != nil {
		return "", fmt.Errorf("creating a cluster: %w: %s", err, output)
	}
	return data, nil
}

// runCluster starts the server on a free port, waits until it answers, and returns its address.
func runCluster(dir, data, server string, as *syscall.Credential) (string, error) {
	port, err := freePort()
	if err != nil {
		return "", err
	}
	socket := dir
	if len(dir) > 90 { // a path longer than 107 bytes cannot be a socket; the name of the file in it takes some
		socket = ""
	}
	script := filepath.Join(dir, "watchdog.sh")
	if err := os.WriteFile(script, []byte(watchdog), 0o644); err != nil {
		return "", fmt.Errorf("writing the watchdog: %w", err)
	}
	args := []string{script, dir, server, "-D", data, "-p", strconv.Itoa(port)}
	for _, setting := range []string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=" + socket, "max_connections=" + strconv.Itoa(connections),
		"fsync=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0", // nothing here must survive a power cut
		"shared_buffers=64MB", "max_wal_size=2GB", "jit=off", "autovacuum_naptime=10min", // many small databases, short-lived
	} {
		args = append(args, "-c", setting)
	}
	cmd := exec.Command("/bin/sh", args...)
	// A session of its own: an interrupted test must not take the cluster away from others, and the watchdog stops it soon enough.
	cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as, Setsid: true}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("starting the cluster: %w", err)
	}
	address := fmt.Sprintf("postgres://gomph@127.0.0.1:%d/postgres?sslmode=disable", port)
	err = waitUntil(cmd.Process.Pid, func(ctx context.Context) error {
		return ping(ctx, address)
	})
	if err != nil {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		return "", fmt.Errorf("waiting for the cluster: %w: %s", err, tail(filepath.Join(dir, "log")))
	}
	return address, cmd.Process.Release()
}

// announce lets other test processes join the cluster.
func announce(base string, started cluster) error {
	text, err := json.Marshal(started)
	if err != nil {
		return fmt.Errorf("writing which cluster runs: %w", err)
	}
	path := filepath.Join(base, "current")
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		return fmt.Errorf("writing which cluster runs: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("writing which cluster runs: %w", err)
	}
	return nil
}
