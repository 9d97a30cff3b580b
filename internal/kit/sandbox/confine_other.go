//go:build !linux

package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
	"syscall"
)

// Fenced reports whether this system holds a process to its folder and off the network.
func Fenced() bool { return false }

// Elsewhere than on Linux, for those who develop there, a process of its own and its time are all that is bounded.
func init() {
	if len(os.Args) != 2 || os.Args[0] != wrapperName {
		return
	}
	var o order
	err := json.Unmarshal([]byte(os.Args[1]), &o)
	if err == nil {
		if o.Limits.CPU > 0 {
			seconds := uint64(o.Limits.CPU.Seconds() + 0.999)
			_ = syscall.Setrlimit(syscall.RLIMIT_CPU, &syscall.Rlimit{Cur: seconds, Max: seconds})
		}
		err = syscall.Exec(o.Path, o.Args, o.Env)
	}
	fmt.Fprintln(os.Stderr, "sandbox:", err)
	os.Exit(126)
}
