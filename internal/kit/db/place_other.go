//go:build unix && !linux

package db

import (
	"fmt"

	"golang.org/x/sys/unix"
)

func placeOf(path string) (string, error) {
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		return "", err
	}
	return fmt.Sprintf("sqlite %d 0", s.Ino), nil
}
