//go:build unix && !linux

package s3test

import "syscall"

// dieWithParent cannot ask for anything here: only Linux ends a process together with its parent.
func dieWithParent() *syscall.SysProcAttr { return nil }
