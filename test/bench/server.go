package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// tick is the kernel's unit of CPU time in /proc (USER_HZ, 100 on every Linux that Go runs on).
	tick = 10 * time.Millisecond
	// patience bounds every wait for something that must come.
	patience = 10 * time.Minute
	// stopLimit is how long a stopping server may drain.
	stopLimit = time.Minute
)

// build makes the binary as it is released, unless one is given.
func build(ctx context.Context, given, dir string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	path := filepath.Join(dir, "gomph")
	args := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", path}
	if found, _ := filepath.Glob("web/dist/*"); len(found) == 0 {
		args = append(args, "-tags", "noweb")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/gomph")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the binary (run this at the top of the module): %w: %s", err, out)
	}
	return path, nil
}

// server is a running Gomph: one process with all its roles.
type server struct {
	binary  string
	url     string
	domain  string
	port    int
	metrics string
	env     []string
	log     string
	// server is how it is started.
	server   []string
	profiles bool

	cmd *exec.Cmd
}

// newServer lays a server out without starting it.
func newServer(binary, dir, databaseURL string) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	metrics, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &server{binary: binary, port: port, domain: "127.0.0.1:" + strconv.Itoa(port), metrics: "127.0.0.1:" + strconv.Itoa(metrics), log: filepath.Join(dir, "server.log"), server: []string{binary, "serve"}}
	s.url = "http://" + s.domain
	s.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + os.TempDir(), "LOCAL_DOMAIN=" + s.domain, "LOCAL_HTTPS=false", "BIND=127.0.0.1",
		"PORT=" + strconv.Itoa(port), "GOMPH_DATA=" + filepath.Join(dir, "data"), "METRICS_BIND=" + s.metrics, "ALLOWED_PRIVATE_ADDRESSES=127.0.0.0/8",
		"GOMPH_RATE_LIMITS=off", "SECRET_KEY_BASE=" + strings.Repeat("bench", 26),
	}
	if databaseURL != "" {
		s.env = append(s.env, "DATABASE_URL="+databaseURL)
	}
	return s, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("looking for a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// launch starts the process and does not wait for it.
func (s *server) launch() error {
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	defer func() { _ = log.Close() }()                 // the process has its own
	s.cmd = exec.Command(s.server[0], s.server[1:]...) //nolint:gosec // what was asked to be measured
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = s.env, log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("starting the server: %w", err)
	}
	return nil
}

// start launches the process and waits until it is ready.
func (s *server) start(ctx context.Context) error {
	if err := s.launch(); err != nil {
		return err
	}
	return s.until(ctx, "/health/ready")
}

// until waits for the first 200 of a path.
func (s *server) until(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if res, err := http.Get(s.url + path); err == nil { //nolint:gosec,noctx // our own server
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		if err := syscall.Kill(s.cmd.Process.Pid, 0); err != nil || ctx.Err() != nil {
			return fmt.Errorf("waiting for %s: the log says: %s", path, s.tail())
		}
		time.Sleep(time.Millisecond)
	}
}

func (s *server) tail() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

func (s *server) stop() error {
	if s.cmd == nil {
		return nil
	}
	cmd := s.cmd
	s.cmd = nil
	_ = cmd.Process.Signal(syscall.SIGTERM)
	killer := time.AfterFunc(stopLimit, func() { _ = cmd.Process.Kill() })
	defer killer.Stop()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("stopping the server: %w: the log says: %s", err, s.tail())
	}
	return nil
}

// command runs a command of the binary to its end.
func (s *server) command(ctx context.Context, args ...string) (string, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, s.binary, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("gomph %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return strings.TrimSpace(out.String()), nil
}

// cpu is how much processor time a process has used so far.
func cpu(pid int) (time.Duration, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, fmt.Errorf("reading the CPU time: %w", err)
	}
	_, rest, ok := strings.Cut(string(text), ") ") // the name in front may hold spaces
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, errors.New("reading the CPU time: not the known form")
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick, errors.Join(err1, err2)
}

func (s *server) cpu() (time.Duration, error) { return cpu(s.cmd.Process.Pid) }

// rss is the memory that the process holds, in MiB.
func (s *server) rss() (float64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/status")
	if err != nil {
		return 0, fmt.Errorf("reading the memory: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			return kb / 1024, err
		}
	}
	return 0, errors.New("reading the memory: no VmRSS")
}
