package db

import (
	"fmt"

	"golang.org/x/sys/unix"
)

func placeOf(path string) (string, error) {
	var s unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_INO|unix.STATX_BTIME, &s); err != nil {
		return "", err
	}
	made := int64(0)
	if s.Mask&unix.STATX_BTIME != 0 {
		made = s.Btime.Sec*1e9 + int64(s.Btime.Nsec)
	}
	return fmt.Sprintf("sqlite %d %d", s.Ino, made), nil
}
