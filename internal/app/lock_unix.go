//go:build unix

package app

import (
	"os"
	"syscall"
)

// lockFile takes the lock of a file without waiting; it is held until the file is closed or the process ends.
func lockFile(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
