package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func init() {
	if len(os.Args) != 2 || os.Args[0] != wrapperName {
		return
	}
	var o order
	err := json.Unmarshal([]byte(os.Args[1]), &o)
	if err == nil {
		err = become(o)
	}
	fmt.Fprintln(os.Stderr, "sandbox:", err)
	os.Exit(126)
}

// become makes this process another one, within limits. It returns only what went wrong.
func become(o order) error {
	runtime.LockOSThread() // what the thread is held to, the new program is held to
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, niceness)
	if o.Idle {
		_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE, Nice: niceness}, 0)
	}
	_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if err := fence(o.Limits, o.Path); err != nil {
		return err
	}
	seconds := uint64(0)
	if o.Limits.CPU > 0 {
		seconds = uint64(o.Limits.CPU.Seconds() + 0.999)
	}
	memory := uint64(max(o.Limits.Memory, 0))
	if raceEnabled && len(o.Args) > 0 && o.Args[0] == partName {
		memory = 0 // the race detector's own memory is beyond any limit
	}
	for _, l := range []struct {
		what  int
		limit uint64
		bound bool
	}{
		{unix.RLIMIT_CORE, 0, true}, {unix.RLIMIT_CPU, seconds, seconds > 0}, {unix.RLIMIT_FSIZE, uint64(max(o.Limits.FileSize, 0)), o.Limits.FileSize > 0},
		{unix.RLIMIT_NOFILE, uint64(max(o.Limits.Files, 0)), o.Limits.Files > 0}, {unix.RLIMIT_DATA, memory, memory > 0},
	} {
		if !l.bound {
			continue
		}
		if err := unix.Setrlimit(l.what, &unix.Rlimit{Cur: l.limit, Max: l.limit}); err != nil {
			return err
		}
	}
	return syscall.Exec(o.Path, o.Args, o.Env) //nolint:gosec // named by this program
}

// Rights of Landlock, the kernel's way to hold a process to some folders (landlock(7)).
const (
	readRights  = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	fileRights  = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE
	writeRights = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_MAKE_REG
	// allRights are those of the first version: what is not allowed of them is forbidden.
	allRights = 1<<13 - 1
	// networkVersion is the first that knows of connections.
	networkVersion = 4
	networkRights  = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
)

// readable are the folders and files of the system that programs need.
var readable = []string{"/usr", "/lib", "/lib64", "/lib32", "/bin", "/opt", "/nix/store", "/gnu/store", "/etc/ld.so.cache", "/etc/alternatives",
	"/dev/null", "/dev/zero", "/dev/urandom", "/sys/devices/system/cpu", "/proc/self", "/sys/kernel/mm/transparent_hugepage"}

// Fenced reports whether this kernel holds a process to its folder and off the network.
func Fenced() bool { return landlockVersion() > 0 }

func landlockVersion() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
}

// fence forbids this thread, and what it becomes, all files but those of the system, its program and its folder, and all connections.
func fence(l Limits, program string) error {
	version := landlockVersion()
	if version == 0 {
		return nil // an older kernel: the other limits hold
	}
	attr := unix.LandlockRulesetAttr{Handled_access_fs: allRights}
	size := unsafe.Sizeof(attr.Handled_access_fs)
	if version >= networkVersion {
		attr.Handled_access_net = networkRights
		size += unsafe.Sizeof(attr.Handled_access_net)
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0) //nolint:gosec // how the call is made
	if errno != 0 {
		return fmt.Errorf("making rules: %w", errno)
	}
	defer unix.Close(int(fd))
	for _, at := range append(readable, program, l.Reads) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			at = real
		}
		if err := allow(int(fd), at, readRights); err != nil {
			return err
		}
	}
	if l.Folder != "" {
		if err := allow(int(fd), l.Folder, writeRights); err != nil {
			return err
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return fmt.Errorf("taking on rules: %w", errno)
	}
	return nil
}

func allow(rules int, at string, rights uint64) error {
	f, err := unix.Open(at, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil // not there on this system
	}
	defer unix.Close(f)
	var stat unix.Stat_t
	if err := unix.Fstat(f, &stat); err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= fileRights | unix.LANDLOCK_ACCESS_FS_WRITE_FILE
		if at == "/dev/null" {
			rights |= unix.LANDLOCK_ACCESS_FS_WRITE_FILE
		}
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(f)}                                                                  //nolint:gosec // a small number
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(rules), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0) //nolint:gosec // how the call is made
	if errno != 0 {
		return fmt.Errorf("allowing %s: %w", at, errno)
	}
	return nil
}
