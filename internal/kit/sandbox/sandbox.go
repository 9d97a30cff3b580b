// Package sandbox owns working on what strangers sent: programs of others, and parts of this one, in processes of their own, with bounds that
// the kernel keeps.
//
// Whoever imports it may be started anew as such a process, tests included: it is recognized by its name and never comes to main.
package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Limits bound a process and all that it starts. Zero values do not bound, except that Folder always holds.
type Limits struct {
	// CPU is the time of all its threads together, rounded up to whole seconds.
	CPU time.Duration
	// Memory is how many bytes it may write to (RLIMIT_DATA).
	Memory int64
	// FileSize is how many bytes each file that it writes may have.
	FileSize int64
	// Files is how many it may have open.
	Files int
	// Folder is the only one that it may write, and with those of the system's programs the only one that it may read, where the kernel can
	// hold it to that (Linux with Landlock). It is also where it runs.
	Folder string
	// Reads is a file that it may read beside these; '' for none.
	Reads string
}

// ErrLimit says that a process needed more than its limits.
var ErrLimit = errors.New("it takes more time or memory than it may")

// niceness lets everything else go first (requirement B3).
const niceness = 19

// maxComplaint bounds what is kept of a process's complaints, in bytes.
const maxComplaint = 8 << 10

// Names that a process of this program is started under, instead of its path.
const (
	wrapperName = "gomph: sandbox"
	partName    = "gomph: part"
)

// order is what the wrapper is told, as its first argument.
type order struct {
	Limits Limits
	Idle   bool
	Path   string
	Args   []string
	Env    []string
}

// Command prepares a program of others, as exec.CommandContext does, to run within limits. Its environment is empty but for a path to programs.
func Command(ctx context.Context, l Limits, name string, args ...string) *exec.Cmd {
	path, err := exec.LookPath(name)
	cmd := wrapped(ctx, order{Limits: l, Path: path, Args: append([]string{name}, args...), Env: environment(l)})
	if err != nil && cmd.Err == nil {
		cmd.Err = err
	}
	return cmd
}

func environment(l Limits) []string {
	return []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + l.Folder, "TMPDIR=" + l.Folder, "LC_ALL=C.UTF-8",
		"MALLOC_ARENA_MAX=2"} // with more, glibc reserves more memory than some limits leave
}

func wrapped(ctx context.Context, o order) *exec.Cmd {
	self, err := os.Executable()
	o.Idle = isIdle(ctx)
	text, jsonErr := json.Marshal(o)
	cmd := exec.CommandContext(ctx, self) //nolint:gosec // this program
	cmd.Args = []string{wrapperName, string(text)}
	cmd.Env = []string{}
	cmd.Dir = o.Limits.Folder
	cmd.WaitDelay = 5 * time.Second // a grandchild that keeps a pipe open holds nobody up
	// Whoever it starts belongs to its group, and goes when it does.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err = errors.Join(err, jsonErr); err != nil {
		cmd.Err = fmt.Errorf("preparing a sandbox: %w", err)
	}
	return cmd
}

// parts are what of this program can run in a sandbox, by name.
var parts = map[string]bool{}

// Part says that a part of this program can be run by Do; call it from an init function. In a process that was started for the part it does
// the work and never returns. An error's text goes to whoever waits.
func Part(name string, work func(args []string, in io.Reader, out io.Writer) error) {
	parts[name] = true
	if len(os.Args) < 2 || os.Args[0] != partName || os.Args[1] != name {
		return
	}
	if err := work(os.Args[2:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprint(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// A Failure is what a part of this program said of what it was given, in its own words.
type Failure string

// Error gives the words.
func (f Failure) Error() string { return string(f) }

// Do runs a part of this program within limits, when there is a place; what it writes goes to out. Errors are a Failure where the part refused what
// it got, ErrLimit where it needed too much.
func Do(ctx context.Context, l Limits, part string, args []string, in io.Reader, out io.Writer) error {
	self, err := os.Executable()
	if err != nil || !parts[part] {
		return fmt.Errorf("running the part %q: %w", part, err)
	}
	env := append(environment(l), "GOMAXPROCS=1")
	if l.Memory > 0 {
		// Short work needs no collection of garbage until memory gets scarce.
		env = append(env, "GOGC=off", fmt.Sprintf("GOMEMLIMIT=%d", l.Memory*3/4))
	}
	cmd := wrapped(ctx, order{Limits: l, Path: self, Args: append([]string{partName, part}, args...), Env: env})
	cmd.Stdin, cmd.Stdout = in, out
	leave, err := Enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	err = Run(cmd)
	var failed *exec.ExitError
	if errors.As(err, &failed) && failed.ExitCode() == 1 {
		return Failure(failed.Stderr)
	}
	return err
}

// Run runs a prepared process to its end. Of one that fails the last of its complaints are in the *exec.ExitError; one that was ended because
// of its limits is also ErrLimit.
func Run(cmd *exec.Cmd) error {
	said := &tail{}
	cmd.Stderr = said
	err := cmd.Run()
	var failed *exec.ExitError
	if !errors.As(err, &failed) {
		return err
	}
	failed.Stderr = said.Bytes()
	status, _ := failed.Sys().(syscall.WaitStatus)
	ended := status.Signaled() && (status.Signal() == syscall.SIGXCPU || status.Signal() == syscall.SIGXFSZ || status.Signal() == syscall.SIGKILL)
	if text := string(failed.Stderr); ended || strings.Contains(text, "out of memory") || strings.Contains(text, "annot allocate memory") {
		return fmt.Errorf("%w: %w", ErrLimit, err)
	}
	return err
}

// tail keeps the last bytes written.
type tail struct{ bytes.Buffer }

// Write takes bytes, and forgets the oldest beyond maxComplaint.
func (t *tail) Write(b []byte) (int, error) {
	n, _ := t.Buffer.Write(b)
	if over := t.Len() - maxComplaint; over > 0 {
		t.Next(over)
	}
	return n, nil
}
