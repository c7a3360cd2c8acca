// Package process starts, signals and ends child processes: the programs under
// trial in the fault campaign, the measured ones in bench, and those of tests.
//
// No child outlives its Group: Close kills what still runs, and on Linux the kernel
// kills every child when this process is killed.
package process

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"evcp/internal/wait"
)

// Group starts children, and knows those that run. Any goroutine may call Start,
// but not during or after Close.
type Group struct {
	forks   chan func() // run by one OS thread: see pdeathsig
	serving sync.WaitGroup

	mu      sync.Mutex
	running map[*Child]struct{}
}

// NewGroup is a group without children. Close ends its OS thread.
func NewGroup() *Group {
	g := &Group{forks: make(chan func()), running: map[*Child]struct{}{}}
	g.serving.Go(func() {
		runtime.LockOSThread()
		for fork := range g.forks {
			fork()
		}
	})
	return g
}

// Child is one process. Any goroutine may call its methods.
type Child struct {
	Name    string // in errors
	Log     string // the file that its output is appended to; "" for none
	Started time.Time

	group  *Group
	cmd    *exec.Cmd
	exited chan struct{} // closed when it has been waited for

	exitExpected atomic.Bool // Stop, Kill or Close was called
}

// Env is an environment without any variable that configures a program of ours.
func Env(home string) []string {
	return []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TZ=UTC", "LANG=C.UTF-8"}
}

// Start starts cmd in a process group of its own, so that the terminal's Ctrl-C does
// not reach it, unless cmd has a SysProcAttr. Where cmd has no Stdout or Stderr, the file
// log takes it; log may be "".
func (g *Group) Start(name, log string, cmd *exec.Cmd) (*Child, error) {
	c := &Child{Name: name, Log: log, group: g, cmd: cmd, exited: make(chan struct{})}
	if log != "" {
		out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fmt.Errorf("log of %s: %w", name, err)
		}
		defer func() { _ = out.Close() }() // the child has its own descriptor
		if cmd.Stdout == nil {
			cmd.Stdout = out
		}
		if cmd.Stderr == nil {
			cmd.Stderr = out
		}
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = pdeathsig()
	}
	started := make(chan error)
	g.forks <- func() {
		c.Started = time.Now()
		started <- cmd.Start()
	}
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	g.mu.Lock()
	g.running[c] = struct{}{}
	g.mu.Unlock()
	g.serving.Go(c.wait)
	return c, nil
}

// Close kills every child that still runs, stopped ones too, and waits for all.
func (g *Group) Close() {
	g.mu.Lock()
	for c := range g.running {
		c.exitExpected.Store(true)
		c.Signal(syscall.SIGKILL)
	}
	g.mu.Unlock()
	close(g.forks)
	g.serving.Wait()
}

func (c *Child) wait() {
	_ = c.cmd.Wait() // ExitCode has the result
	c.group.mu.Lock()
	delete(c.group.running, c)
	c.group.mu.Unlock()
	close(c.exited)
}

// PID is its process id.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Signal sends s; a process that has exited gets nothing.
func (c *Child) Signal(s syscall.Signal) { _ = c.cmd.Process.Signal(s) }

// Kill sends SIGKILL and waits.
func (c *Child) Kill() {
	c.exitExpected.Store(true)
	c.Signal(syscall.SIGKILL)
	<-c.exited
}

// Stop sends SIGTERM and waits; after patience it kills. It reports how long the exit
// took, and whether SIGTERM was enough.
func (c *Child) Stop(patience time.Duration) (took time.Duration, stopped bool) {
	c.exitExpected.Store(true)
	began := time.Now()
	c.Signal(syscall.SIGTERM)
	select {
	case <-c.exited:
		return time.Since(began), true
	case <-time.After(patience):
		c.Kill()
		return time.Since(began), false
	}
}

// Exited is closed when the process has exited and all its output is written.
func (c *Child) Exited() <-chan struct{} { return c.exited }

// ExitCode waits for the exit; -1 means that a signal ended the process.
func (c *Child) ExitCode() int {
	<-c.exited
	return c.cmd.ProcessState.ExitCode()
}

// UnexpectedExit reports whether the process exited before Stop, Kill or Close.
func (c *Child) UnexpectedExit() bool {
	select {
	case <-c.exited:
		return !c.exitExpected.Load()
	default:
		return false
	}
}

// Tail is the end of its log, at most 600 bytes.
func (c *Child) Tail() string {
	b, _ := os.ReadFile(c.Log) // a missing log has no end
	return string(bytes.TrimSpace(b[max(0, len(b)-600):]))
}

// WaitListening waits until address accepts TCP connections: for 20 s at most, and
// not after an unexpected exit or the end of ctx.
func (c *Child) WaitListening(ctx context.Context, address string) error {
	const patience = 20 * time.Second
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answered := wait.Until(waiting, 5*time.Millisecond, func() bool { return c.UnexpectedExit() || accepts(address) })
	switch {
	case c.UnexpectedExit():
		return fmt.Errorf("%s ended: %s", c.Name, c.Tail())
	case ctx.Err() != nil:
		return ctx.Err()
	case !answered:
		return fmt.Errorf("%s does not listen on %s after %s: %s", c.Name, address, patience, c.Tail())
	}
	return nil
}

func accepts(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
