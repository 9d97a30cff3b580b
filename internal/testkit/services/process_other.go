//go:build unix && !linux

package services

import "syscall"

// dieWithParent cannot ask for more here: only Linux ends a process together with its parent.
func dieWithParent(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: as}
}
