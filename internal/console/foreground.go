//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package console

import "golang.org/x/sys/unix"

// isForeground says whether this process may use the terminal fd now, or a shell
// has it in the background. A terminal without job control, where nobody else
// could be meant, counts as ours.
func isForeground(fd int) bool {
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp()
}
