package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// patience is how long anything that must come is waited for. It bounds a failure; it says nothing about speed.
	patience = 2 * time.Minute
	// lookEvery is the pause between two looks at something that must come.
	lookEvery = 20 * time.Millisecond
	// stopLimit is how long a process may drain before it is killed; the server's own limits are shorter.
	stopLimit = 90 * time.Second
	// logShown is how many bytes of a process' log a failed test shows.
	logShown = 16 << 10
	// pageLimit is how many bytes of an answer are read.
	pageLimit = 32 << 20
)

// built is the binary under test, built once for all tests of the run.
var built = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("GOMPH_E2E_BINARY"); path != "" {
		return filepath.Abs(path)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	// In the module's own folder for what is built, so that no run leaves another copy behind.
	path := filepath.Join(root, "bin", "gomph-e2e")
	build := exec.Command("go", "build", "-o", path, "./cmd/gomph")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0") // as it is released
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the binary: %w: %s", err, output)
	}
	return path, nil
})

func binary(t testing.TB) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// execute runs a program to its end.
func execute(program string, env []string, args ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// part is one process of a server.
type part struct {
	name    string
	command []string
	port    int // 0: no public pages
	scheme  string
	metrics int
	log     string

	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has ended
	err    error         // how it ended; read after exited is closed
}

func (p *part) metricsAddress() string { return "127.0.0.1:" + strconv.Itoa(p.metrics) }

func (p *part) start(binary string, env []string) error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the log of %s: %w", p.name, err)
	}
	defer log.Close() // the process has its own
	cmd := exec.Command(binary, p.command...)
	cmd.Env = append(env[:len(env):len(env)], "METRICS_BIND="+p.metricsAddress(), "PORT="+strconv.Itoa(p.port))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	exited := make(chan struct{})
	p.cmd, p.exited = cmd, exited
	go func() {
		defer close(exited)
		p.err = cmd.Wait()
	}()
	return nil
}

func (p *part) running() bool {
	if p.exited == nil {
		return false
	}
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// stop asks the process to end, and returns an error unless it ended well. A process that does not run is stopped already.
func (p *part) stop() error {
	if !p.running() {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("asking it to stop: %w", err)
	}
	select {
	case <-p.exited:
		return p.err
	case <-time.After(stopLimit):
		p.kill()
		return fmt.Errorf("it did not stop within %s", stopLimit)
	}
}

func (p *part) kill() {
	if !p.running() {
		return
	}
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// ready asks the process, by the same pages that an operator's tools ask.
func (p *part) ready() error {
	if !p.running() {
		return fmt.Errorf("%w: %s ended: %v: %s", errHopeless, p.name, p.err, p.tail())
	}
	address := "http://" + p.metricsAddress() + "/metrics"
	switch {
	case p.name == "streaming":
		address = "http://127.0.0.1:" + strconv.Itoa(p.port) + "/api/v1/streaming/health"
	case p.port != 0:
		address = p.scheme + "://127.0.0.1:" + strconv.Itoa(p.port) + "/health/ready"
	}
	answer, err := http.Get(address)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, pageLimit))
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %d: %s", address, answer.StatusCode, text)
	}
	return nil
}

// tail returns the end of what the process said.
func (p *part) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-logShown):]))
}

// errHopeless is returned by a look at something that will never come.
var errHopeless = errors.New("there is no use in waiting")

// Eventually looks again and again until look returns no error, and fails the test with its last error when that does not happen.
func Eventually(t testing.TB, what string, look func() error) {
	t.Helper()
	deadline := time.After(patience)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		err := look()
		switch {
		case err == nil:
			return
		case errors.Is(err, errHopeless):
			t.Fatalf("waiting until %s: %v", what, err)
		}
		select {
		case <-deadline:
			t.Fatalf("waiting until %s: %v", what, err)
		case <-ticker.C:
		}
	}
}
