// Package redistest owns private Redis servers for tests: each on a free port, in a folder of its own, gone when the test ends.
package redistest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/redis"
)

// startAttempts bounds how often another port is tried when somebody else took the free one first.
const startAttempts = 5

// readyWithin bounds the wait for the server's first answer; it is generous because machines of continuous integration stall.
const readyWithin = 30 * time.Second

// Server is a private Redis server.
type Server struct {
	URL  string // redis://127.0.0.1:port
	Port int
	Dir  string

	args []string
	cmd  *exec.Cmd
	gone chan struct{}
}

// Start runs a server until the test ends. More arguments are redis-server's own. Without the binary the test is skipped,
// unless CI is set in the environment: there a missing server is a failure.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("redis-server is not installed")
		}
		t.Skip("redis-server is not installed")
	}
	var last error
	for range startAttempts {
		s := &Server{Port: freePort(t), Dir: t.TempDir(), args: append([]string{bin}, args...)}
		s.URL = "redis://127.0.0.1:" + strconv.Itoa(s.Port)
		if last = s.run(); last == nil {
			t.Cleanup(s.Stop)
			return s
		}
	}
	t.Fatalf("starting redis-server: %v", last)
	return nil
}

// Open starts a server and connects to it; both end with the test.
func Open(t testing.TB, args ...string) (*redis.Client, *Server) {
	t.Helper()
	s := Start(t, args...)
	return s.Client(t), s
}

// Client connects to the server; the connection ends with the test.
func (s *Server) Client(t testing.TB) *redis.Client {
	t.Helper()
	c, err := redis.Open(context.Background(), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Stop ends the server at once. It may be called again.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.gone
	s.cmd = nil
}

// Restart ends the server and starts an empty one on the same port.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop()
	if err := s.run(); err != nil {
		t.Fatalf("restarting redis-server: %v", err)
	}
}

func (s *Server) run() error {
	log := filepath.Join(s.Dir, "log")
	args := append([]string{"--bind", "127.0.0.1", "--port", strconv.Itoa(s.Port), "--save", "", "--appendonly", "no",
		"--dir", s.Dir, "--logfile", log}, s.args[1:]...)
	cmd := exec.Command(s.args[0], args...)
	if err := cmd.Start(); err != nil {
		return err
	}
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(gone)
	}()
	s.cmd, s.gone = cmd, gone
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(readyWithin); time.Now().Before(deadline); {
		select {
		case <-gone:
			s.cmd = nil
			text, _ := os.ReadFile(log)
			return fmt.Errorf("it ended at once: %s", text)
		case <-tick.C:
			if conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(s.Port)); err == nil {
				return conn.Close()
			}
		}
	}
	s.Stop()
	return fmt.Errorf("it did not answer within %s", readyWithin)
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
