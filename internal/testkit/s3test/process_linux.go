package s3test

import "syscall"

// dieWithParent makes the kernel end a server when the tests' process ends in a way that runs no clean-up.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
