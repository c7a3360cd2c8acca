package process

import "syscall"

// pdeathsig makes the kernel kill a child when the thread that forked it ends
// (PR_SET_PDEATHSIG). A Group therefore forks from one thread that lives until Close.
func pdeathsig() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
