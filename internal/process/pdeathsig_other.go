//go:build unix && !linux

package process

import "syscall"

// pdeathsig has no equivalent here: a child survives a SIGKILL of this process.
func pdeathsig() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
