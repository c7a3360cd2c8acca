package main

import "syscall"

// tethered ends a child should this process be killed. The kernel ties that to
// the thread that forked; see children.
func tethered() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
