// Package services owns the real servers that tests run against: PostgreSQL, PgBouncer, Redis and a mail sink, each started privately on a free
// port of 127.0.0.1 and stopped again, so that no test needs anything to be running beforehand.
//
// What is not installed is skipped on a developer's machine and fatal where everything must run: when CI or GOMPH_TEST_ALL is set.
package services

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// startLimit is how long a server may take to answer for the first time. It bounds a broken start; a slow machine stays far below.
	startLimit = 60 * time.Second
	// stopLimit is how long a server may take to stop when asked, before it is killed.
	stopLimit = 10 * time.Second
	// pollEvery is the pause between two looks at a server that is starting.
	pollEvery = 10 * time.Millisecond
	// startTries is how often a start is tried: the free port that was found may be taken by another process meanwhile.
	startTries = 3
)

// outsidePath holds folders where Debian keeps servers that are not in everyone's PATH. The newest version comes last and wins.
var outsidePath = []string{"/usr/sbin", "/usr/local/sbin", "/usr/lib/postgresql/*/bin"}

// find returns the path of an installed program, or an error that says how to install it.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range outsidePath {
		found, err := filepath.Glob(filepath.Join(dir, name))
		if err != nil {
			return "", fmt.Errorf("looking for %s: %w", name, err)
		}
		sort.Strings(found)
		if len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	return "", fmt.Errorf("%s is not installed; scripts/install-deps installs it", name)
}

// need returns the path of a program that the test cannot do without.
func need(t testing.TB, name string) string {
	t.Helper()
	path, err := find(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" || os.Getenv("GOMPH_TEST_ALL") != "" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

// FreePort returns a port of 127.0.0.1 that nobody listened on a moment ago, and no test of this process gets again.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// The ports that are tried lie below those that systems give to outgoing connections, of which a test makes many: one of them would take a port
// between the look and the server's start.
const (
	firstPort, lastPort = 20_000, 32_000
	portTries           = 200
)

// given are the ports that were handed out: a server may stop and come back to its own.
var given sync.Map

func freePort() (int, error) {
	failure := errors.New("all that were tried are taken")
	for range portTries {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			failure = err
			continue
		}
		return port, listener.Close()
	}
	return 0, fmt.Errorf("looking for a free port: %w", failure)
}

// servant is the user under whom servers run that refuse to run as root: nil unless root asks.
func servant() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(found.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("reading the id of user %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(found.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("reading the group of user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("neither user postgres nor user nobody exists to run servers that refuse to run as root")
}

// base is the folder that all test processes of this user share. It and what is in it belong to as, so that a server can write there.
func base(as *syscall.Credential) (string, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("gomph-test-%d", os.Geteuid()))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("creating the shared folder: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("looking at the shared folder: %w", err)
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if !info.IsDir() || (owner != uint32(os.Geteuid()) && (as == nil || owner != as.Uid)) {
		return "", fmt.Errorf("%s exists and belongs to somebody else", dir)
	}
	return dir, own(dir, as)
}

// own hands a file to the user that servers run as.
func own(path string, as *syscall.Credential) error {
	if as == nil {
		return nil
	}
	if err := os.Chown(path, int(as.Uid), int(as.Gid)); err != nil {
		return fmt.Errorf("handing over %s: %w", path, err)
	}
	return nil
}

// newDir makes a folder of its own inside base that a server run as as can write to.
func newDir(as *syscall.Credential, pattern string) (string, error) {
	parent, err := base(as)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(parent, pattern)
	if err != nil {
		return "", fmt.Errorf("creating a folder: %w", err)
	}
	return dir, own(dir, as)
}

// process is a server that lives as long as one test.
type process struct {
	cmd *exec.Cmd
	log *os.File
}

// startProcess starts a server that dies with the test, or at the latest with the test's process.
func startProcess(dir string, as *syscall.Credential, program string, args ...string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the log of %s: %w", program, err)
	}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = dieWithParent(as)
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", program, err), log.Close())
	}
	return &process{cmd: cmd, log: log}, nil
}

// stop ends the server: first politely, then surely.
func (p *process) stop(polite os.Signal) {
	_ = p.cmd.Process.Signal(polite)
	killer := time.AfterFunc(stopLimit, func() { _ = p.cmd.Process.Kill() })
	_ = p.cmd.Wait()
	killer.Stop()
	_ = p.log.Close()
}

// tail returns the end of a server's log, for the message of a failed start.
func tail(path string) string {
	const most = 2000 // bytes: a screenful
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// ended tells whether a child of this process has ended. It collects the child then.
func ended(pid int) bool {
	collected, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
	return collected == pid || errors.Is(err, syscall.ECHILD)
}

// waitUntil asks ready again and again until it agrees, and returns its last error when it does not within startLimit or when the server ends.
func waitUntil(pid int, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		if ended(pid) {
			return errors.New("the server ended")
		}
		select {
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
	}
}

// withDatabase returns the same server's address with another database.
func withDatabase(address, database string) (string, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("reading a database address: %w", err)
	}
	parsed.Path = "/" + database
	return parsed.String(), nil
}
