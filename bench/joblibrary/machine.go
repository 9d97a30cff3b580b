package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgres is a private server.
type postgres struct {
	cmd    *exec.Cmd
	socket string
	user   string
}

func startPostgres(bin, dir string) (*postgres, error) {
	p := &postgres{user: "bench"}
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	data := filepath.Join(dir, "pg")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 { // PostgreSQL refuses to be root
		u, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chmod(dir, 0o755); err != nil {
			return nil, err
		}
		if err := os.Chown(data, uid, gid); err != nil {
			return nil, err
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", p.user, "-A", "trust", "--no-locale", "-E", "UTF8")
	initdb.SysProcAttr, initdb.Dir = attr, data
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("making a cluster: %w: %s", err, out)
	}
	p.socket = data
	p.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", data, "-c", "listen_addresses=", "-c", "max_connections=200")
	p.cmd.SysProcAttr, p.cmd.Dir = attr, data
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for range 200 {
		if c, err := pgx.Connect(context.Background(), p.dsn("postgres")); err == nil {
			return p, c.Close(context.Background())
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.stop()
	return nil, fmt.Errorf("PostgreSQL did not answer")
}

func (p *postgres) dsn(db string) string {
	return fmt.Sprintf("host=%s user=%s dbname=%s", p.socket, p.user, db)
}

func (p *postgres) create(ctx context.Context, name string) string {
	c, err := pgx.Connect(ctx, p.dsn("postgres"))
	must(err)
	defer c.Close(ctx)
	_, err = c.Exec(ctx, "CREATE DATABASE "+name)
	must(err)
	return p.dsn(name)
}

func (p *postgres) version(ctx context.Context) (v string) {
	c, err := pgx.Connect(ctx, p.dsn("postgres"))
	must(err)
	defer c.Close(ctx)
	must(c.QueryRow(ctx, "SELECT 'PostgreSQL ' || current_setting('server_version')").Scan(&v))
	return v
}

func (p *postgres) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	_ = p.cmd.Wait()
}

// cpu is what this process, and PostgreSQL's, have used so far.
type cpu struct{ self, server time.Duration }

func (p *postgres) cpu() (c cpu) {
	var ru syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	c.self = time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		// pid (comm) state ppid … utime stime cutime cstime; comm may hold spaces
		s := string(b)
		f := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
		pid, _, _ := strings.Cut(s, " ")
		ticks := func(i int) time.Duration {
			n, _ := strconv.ParseInt(f[i], 10, 64)
			return time.Duration(n) * time.Second / 100
		}
		switch root := strconv.Itoa(p.cmd.Process.Pid); {
		case pid == root:
			c.server += ticks(11) + ticks(12) + ticks(13) + ticks(14) // with its ended children
		case f[1] == root:
			c.server += ticks(11) + ticks(12)
		}
	}
	return c
}

func (c cpu) minus(o cpu) cpu { return cpu{c.self - o.self, c.server - o.server} }
