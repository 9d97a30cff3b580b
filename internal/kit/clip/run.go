package clip

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gomph/gomph/internal/kit/sandbox"
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
	// stdoutLimit is how much of an answer is read. A description of maxStreams streams has 30 kB, the list of all codecs 60 kB.
	stdoutLimit = 1 << 20
)

// run runs a program to its end and returns what it wrote to its standard output. Everything that strangers made passes through here. It
// waits for a place as long as ctx lasts. It reads one file, and writes into one folder. Errors are those that a person may see where the file is at fault.
func (t *Tools) run(ctx context.Context, folder, in string, cpu time.Duration, name string, args ...string) ([]byte, error) {
	leave, err := sandbox.Enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	bounded, cancel := context.WithTimeout(ctx, patience*cpu)
	defer cancel()
	cmd := t.command(bounded, sandbox.Limits{CPU: cpu, Memory: memoryLimit, FileSize: fileLimit, Files: filesLimit, Folder: folder, Reads: in}, name, args...)
	stdout := &head{limit: stdoutLimit}
	cmd.Stdout = stdout
	err = sandbox.Run(cmd)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, blame(name, cpu, bounded.Err() != nil, err)
	case stdout.over:
		return nil, fmt.Errorf("%w: %s says too much", ErrFormat, filepath.Base(name))
	}
	return stdout.Bytes(), nil
}

// blame tells why a program failed: because of the file, unless it is clear that the machine is at fault.
func blame(name string, cpu time.Duration, late bool, err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("running %s: %w", filepath.Base(name), err)
	}
	said := string(exit.Stderr)
	cause := fmt.Errorf("running %s: %w: %s", filepath.Base(name), err, strings.TrimSpace(said))
	if strings.Contains(said, "No space left on device") {
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
