package console_test

import (
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// toForeground gives the terminal on stdin to a process group, as a shell's fg does.
func toForeground(group int) error {
	signal.Ignore(syscall.SIGTTOU)
	return unix.IoctlSetPointerInt(0, unix.TIOCSPGRP, group)
}
