package services

import "syscall"

// dieWithParent makes the kernel end the server when the test's process ends in a way that runs no clean-up.
func dieWithParent(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGKILL}
}
