//go:build unix

package app

import (
	"fmt"
	"os"
	"syscall"
)

// rightUser refuses to work as root in a folder of somebody else: what is made there, the server could not change.
func rightUser(data string) error {
	info, err := os.Stat(data)
	if err != nil {
		return nil // a finding, later
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 && s.Uid != 0 {
		return fmt.Errorf("%s belongs to user %d: run this as that user, so that what it makes is theirs", data, s.Uid)
	}
	return nil
}
