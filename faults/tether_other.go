//go:build unix && !linux

package main

import "syscall"

// tethered keeps the terminal's Ctrl-C from a child: it is ended in order.
func tethered() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
