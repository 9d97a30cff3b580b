package clip

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// convertCPU is how much time a conversion may compute. The longest video that is allowed takes about that on a slow core.
	convertCPU = 30 * time.Minute
	// lookCPU is the same for telling what a file is, and for one picture.
	lookCPU = 60 * time.Second
	// patience is how many times its CPU limit a run may take on the clock, for a machine that is busy; it ends what hangs without computing.
	patience = 4
	// memoryLimit is how much memory a program may have, in addresses: x264 and a decoder need 900 MiB for the largest frames.
	memoryLimit = 1 << 30
	// fileLimit is how large a file may be that a program writes; what is kept is at most MaxSize, and a lossless picture may have more.
	fileLimit = 200 << 20
	// filesLimit is how many files a program may have open: a handful, and the libraries that it loads.
	filesLimit = 64
	// stderrLimit is how much of what a program says on failure is kept, from the end.
	stderrLimit = 8 << 10
	// stdoutLimit is how much of an answer is read. A description of maxStreams streams has 30 kB, the list of all codecs 60 kB.
	stdoutLimit = 1 << 20
	// closeDelay is how long the ends of pipes are waited for after a program was killed.
	closeDelay = 5 * time.Second
)

// run runs a program to its end and returns what it wrote to its standard output. Everything that strangers made passes through here. At
// most atOnce runs are going on; one waits for its turn as long as ctx lasts. Errors are those that a person may see where the file is at
// fault.
func (t *Tools) run(ctx context.Context, cpu time.Duration, name string, args ...string) ([]byte, error) {
	select {
	case t.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-t.slots }()
	bounded, cancel := context.WithTimeout(ctx, patience*cpu)
	defer cancel()
	cmd := t.command(bounded, Limits{CPU: cpu, Memory: memoryLimit, FileSize: fileLimit, Files: filesLimit}, name, args...)
	stdout, stderr := &head{limit: stdoutLimit}, &tail{limit: stderrLimit}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, stdout, stderr
	if cmd.Env == nil {
		cmd.Env = environment()
	}
	asGroup(cmd)
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, blame(name, cpu, bounded.Err() != nil, err, stderr.String())
	case stdout.over:
		return nil, fmt.Errorf("%w: %s says too much", ErrFormat, filepath.Base(name))
	}
	return stdout.Bytes(), nil
}

// environment is what programs get of ours: nothing but PATH. With more than two arenas, glibc reserves more addresses than memoryLimit.
func environment() []string { return []string{"PATH=" + os.Getenv("PATH"), "MALLOC_ARENA_MAX=2"} }

// asGroup gives a program a process group, which is killed as a whole when the context ends.
func asGroup(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = closeDelay
}

// blame tells why a program failed: because of the file, unless it is clear that the machine is at fault.
func blame(name string, cpu time.Duration, late bool, err error, said string) error {
	cause := fmt.Errorf("running %s: %w: %s", filepath.Base(name), err, strings.TrimSpace(said))
	var exit *exec.ExitError
	if !errors.As(err, &exit) || strings.Contains(said, "No space left on device") {
		return cause
	}
	status, _ := exit.Sys().(syscall.WaitStatus)
	used := exit.UserTime() + exit.SystemTime()
	switch {
	case strings.Contains(said, "max_streams"): // of which ffmpeg says that there is no memory for them
		return fmt.Errorf("%w: %w", ErrFormat, cause)
	// The kernel counts in ticks, so that a little less than the limit is seen.
	case late, status.Signaled() && status.Signal() == syscall.SIGXCPU, used >= cpu-cpu/10:
		return fmt.Errorf("%w: %w", ErrTooSlow, cause)
	case status.Signaled() && status.Signal() == syscall.SIGXFSZ, strings.Contains(said, "File too large"), strings.Contains(said, "Cannot allocate memory"):
		return fmt.Errorf("%w: %w", ErrTooLarge, cause)
	}
	return fmt.Errorf("%w: %w", ErrFormat, cause)
}

// plain is the Command that is used when Options has none: prlimit and nice of util-linux and coreutils where they are, so that limits hold
// before the program begins; without them there are only time and the process group.
func plain() Command {
	prlimit, _ := exec.LookPath("prlimit")
	nice, _ := exec.LookPath("nice")
	return func(ctx context.Context, l Limits, name string, args ...string) *exec.Cmd {
		line := append([]string{name}, args...)
		if nice != "" {
			line = append([]string{nice, "-n", "19"}, line...)
		}
		if prlimit != "" {
			memory := strconv.FormatInt(l.Memory, 10)
			line = append([]string{prlimit, "--cpu=" + strconv.Itoa(max(1, int(l.CPU/time.Second))), "--as=" + memory, "--data=" + memory,
				"--fsize=" + strconv.FormatInt(l.FileSize, 10), "--nofile=" + strconv.Itoa(l.Files), "--core=0"}, line...)
		}
		return exec.CommandContext(ctx, line[0], line[1:]...)
	}
}

// head keeps the beginning of what is written to it.
type head struct {
	bytes.Buffer
	limit int
	over  bool
}

func (h *head) Write(p []byte) (int, error) {
	room := h.limit - h.Len()
	if len(p) > room {
		h.over = true
		h.Buffer.Write(p[:room])
		return len(p), nil
	}
	return h.Buffer.Write(p)
}

// tail keeps the end of what is written to it.
type tail struct {
	kept  []byte
	limit int
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - t.limit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.kept) }
