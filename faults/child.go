package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"evcp/internal/process"
)

// yielding is the argument for nice(1) by which a child yields to this process:
// the witnesses must not starve with those whom they watch. If somebody gave this
// process more than is usual, a child gets what is usual.
func yielding() string {
	const usual, less = 20, 10 // as the system call has it: 20 less the nice value
	if own, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0); err == nil && own > usual {
		return strconv.Itoa(own - usual)
	}
	return strconv.Itoa(less)
}

// startChild runs a program at yielding niceness in the folder of the campaign; its
// output is appended to a file named after it, but stdout to the file given, if any.
func (c *campaign) startChild(name string, stdout *os.File, program string, args ...string) (*process.Child, error) {
	cmd := exec.Command("nice", append([]string{"-n", yielding(), program}, args...)...)
	cmd.Dir, cmd.Env = c.o.dir, process.Env(c.o.dir)
	if stdout != nil { // a nil *os.File is no nil io.Writer
		cmd.Stdout = stdout
	}
	return c.children.Start(name, filepath.Join(c.o.dir, name+".log"), cmd)
}
