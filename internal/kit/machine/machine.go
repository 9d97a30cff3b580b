// Package machine owns what this process may use of the machine it runs on: memory and open files, as its container or the system allows.
package machine

import (
	"bufio"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
)

// memoryShare is the part of a container's memory that the Go heap may aim at; the rest is for stacks, mapped files and the moment between two
// looks of the collector.
const memoryShare = 0.9

// minMemory is the smallest limit that is believed, in bytes: a collector that aims at less only burns CPU.
const minMemory = 32 << 20

// LimitMemory tells the collector how much memory there is, when a container says so and nobody has set GOMEMLIMIT: close to the limit it then
// works harder, instead of being killed (requirement B2). It returns the limit in force in bytes, 0 for none.
func LimitMemory() int64 {
	if os.Getenv("GOMEMLIMIT") == "" {
		if limit := Memory("/"); limit >= minMemory {
			debug.SetMemoryLimit(int64(float64(limit) * memoryShare))
		}
	}
	if in := debug.SetMemoryLimit(-1); in != math.MaxInt64 {
		return in
	}
	return 0
}

// Memory is what this process's container allows in bytes, 0 when it says nothing. The smallest limit of its own group and those above holds.
// root is where the file system begins, for tests.
func Memory(root string) int64 {
	text, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup")) //nolint:gosec // the kernel's own file
	if err != nil {
		return 0
	}
	var least int64
	for line := range strings.Lines(string(text)) {
		// hierarchy:controllers:path, where version 2 has hierarchy 0 and no controllers.
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		base, file := "sys/fs/cgroup", "memory.max"
		switch {
		case parts[0] == "0" && parts[1] == "":
		case parts[1] == "memory":
			base, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		for dir := filepath.Clean("/" + parts[2]); ; dir = filepath.Dir(dir) {
			if limit := number(filepath.Join(root, base, dir, file)); limit > 0 && (least == 0 || limit < least) {
				least = limit
			}
			if dir == "/" {
				break
			}
		}
	}
	return least
}

// unlimited is what version 1 writes for no limit, rounded down to pages: anything near it.
const unlimited = math.MaxInt64 / 2

func number(path string) int64 {
	text, err := os.ReadFile(path) //nolint:gosec // the kernel's own file
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n >= unlimited { // "max" is no number
		return 0
	}
	return n
}

// Files are a process's open files and how many it may open, and the same of the whole system; 0 where the system does not say.
type Files struct {
	Open, Limit             int64
	SystemOpen, SystemLimit int64
}

// OpenFiles counts. Go raises the soft limit to the hard one at start, so Limit is the hard one (requirement I3).
func OpenFiles() Files {
	var f Files
	if list, err := os.ReadDir("/proc/self/fd"); err == nil {
		f.Open = int64(len(list))
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil && limit.Cur < unlimited {
		f.Limit = int64(limit.Cur) //nolint:gosec // compared above
	}
	f.SystemOpen, f.SystemLimit = systemFiles("/proc/sys/fs/file-nr")
	return f
}

// systemFiles reads three numbers: in use, free (always 0), the most.
func systemFiles(path string) (open, limit int64) {
	file, err := os.Open(path) //nolint:gosec // the kernel's own file
	if err != nil {
		return 0, 0
	}
	defer file.Close() //nolint:errcheck // only read
	line, _ := bufio.NewReader(file).ReadString('\n')
	parts := strings.Fields(line)
	if len(parts) != 3 {
		return 0, 0
	}
	open, _ = strconv.ParseInt(parts[0], 10, 64)
	limit, _ = strconv.ParseInt(parts[2], 10, 64)
	if limit >= unlimited {
		limit = 0
	}
	return open, limit
}
