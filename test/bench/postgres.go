package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgres is a private server for one run, durable as a real one: what is measured includes its commits.
type postgres struct {
	cmd *exec.Cmd
	url string
}

// program finds one of PostgreSQL's programs; Debian keeps them out of PATH.
func program(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("%s is not installed; scripts/install-deps installs it", name)
	}
	sort.Strings(found)
	return found[len(found)-1], nil
}

// servant is whom PostgreSQL runs as when root starts it, which it refuses to be.
func servant() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nobody else is needed
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
			gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2) //nolint:gosec // parsed as 32 bits
		}
	}
	return nil, errors.New("there is neither a user postgres nor nobody to run PostgreSQL as")
}

func startPostgres(ctx context.Context, dir string) (*postgres, error) {
	as, err := servant()
	if err != nil {
		return nil, err
	}
	initdb, err := program("initdb")
	if err != nil {
		return nil, err
	}
	binary, err := program("postgres")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "postgres")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("making PostgreSQL's folder: %w", err)
	}
	if as != nil {
		if err := os.Chown(data, int(as.Uid), int(as.Gid)); err != nil {
			return nil, fmt.Errorf("making PostgreSQL's folder: %w", err)
		}
	}
	create := exec.CommandContext(ctx, initdb, "--pgdata", data, "--username", "gomph", "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8")
	create.Dir, create.SysProcAttr = data, &syscall.SysProcAttr{Credential: as}
	if out, err := create.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("creating a cluster: %w: %s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(dir, "postgres.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening PostgreSQL's log: %w", err)
	}
	defer func() { _ = log.Close() }()
	p := &postgres{url: fmt.Sprintf("postgres://gomph@127.0.0.1:%d/postgres?sslmode=disable", port)}
	// As it comes, but for more memory than the 1990s had.
	p.cmd = exec.Command(binary, "-D", data, "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "shared_buffers=512MB", "-c", "max_wal_size=4GB", "-c", "jit=off", "-c", "log_min_duration_statement=30")
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = data, log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGINT}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	for {
		c, err := pgx.Connect(ctx, p.url)
		if err == nil {
			return p, c.Close(ctx)
		}
		if syscall.Kill(p.cmd.Process.Pid, 0) != nil || ctx.Err() != nil {
			return nil, fmt.Errorf("waiting for PostgreSQL: %w", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// stop ends the server without waiting for its clients.
func (p *postgres) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	_ = p.cmd.Wait()
}
