package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// children starts processes, all from one thread that lives as long as the
// campaign: the kernel ends them with it. Everything that runs is known here.
type children struct {
	dir    string
	orders chan func()
	done   sync.WaitGroup

	mu  sync.Mutex
	all map[*child]struct{}
}

func newChildren(dir string) *children {
	c := &children{dir: dir, orders: make(chan func()), all: map[*child]struct{}{}}
	c.done.Go(func() {
		runtime.LockOSThread()
		for order := range c.orders {
			order()
		}
	})
	return c
}

// child is a process under trial, or one that disturbs.
type child struct {
	of   *children
	name string
	cmd  *exec.Cmd
	log  string
	gone chan struct{}

	mu     sync.Mutex
	wanted bool // somebody here ended it
}

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

// start runs a program; its output is added to a file named after it.
func (c *children) start(name, program string, args ...string) (*child, error) {
	return c.startWith(name, nil, program, args...)
}

// startWith is start; answers go to stdout, if that is not nil.
func (c *children) startWith(name string, stdout *os.File, program string, args ...string) (*child, error) {
	p := &child{of: c, name: name, log: filepath.Join(c.dir, name+".log"), gone: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", name, err)
	}
	defer func() { _ = out.Close() }() // the child has its own
	p.cmd = exec.Command("nice", append([]string{"-n", yielding(), program}, args...)...)
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr, p.cmd.Dir = out, out, tethered(), c.dir
	if stdout != nil {
		p.cmd.Stdout = stdout
	}
	p.cmd.Env = []string{"HOME=" + c.dir, "PATH=" + os.Getenv("PATH"), "TZ=UTC", "LANG=C.UTF-8"}
	started := make(chan error)
	c.orders <- func() { started <- p.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c.mu.Lock()
	c.all[p] = struct{}{}
	c.mu.Unlock()
	c.done.Go(p.wait)
	return p, nil
}

func (p *child) wait() {
	_ = p.cmd.Wait() // how it ended is in its log
	p.of.mu.Lock()
	delete(p.of.all, p)
	p.of.mu.Unlock()
	close(p.gone)
}

// signal sends s; to a process that is gone it does nothing.
func (p *child) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// kill ends it at once.
func (p *child) kill() {
	p.want()
	p.signal(syscall.SIGKILL)
	<-p.gone
}

// end asks it to stop, and reports how long that took and whether it did.
func (p *child) end(patience time.Duration) (took time.Duration, stopped bool) {
	p.want()
	began := time.Now()
	p.signal(syscall.SIGTERM)
	select {
	case <-p.gone:
		return time.Since(began), true
	case <-time.After(patience):
		p.kill()
		return time.Since(began), false
	}
}

func (p *child) want() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = true
}

// fell reports whether it ended although nobody wanted that.
func (p *child) fell() bool {
	select {
	case <-p.gone:
	default:
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.wanted
}

// tail is the end of its log.
func (p *child) tail() string {
	b, _ := os.ReadFile(p.log) // a log that is missing has no end
	return string(bytes.TrimSpace(b[max(0, len(b)-600):]))
}

// listens waits until its port takes connections.
func (p *child) listens(address string) error {
	const patience = 20 * time.Second
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * ms) {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			c.Close()
			return nil
		}
		if p.fell() {
			return fmt.Errorf("%s ended: %s", p.name, p.tail())
		}
	}
	return fmt.Errorf("%s does not listen on %s after %s: %s", p.name, address, patience, p.tail())
}

// close kills what still runs, stopped ones too, and waits for all.
func (c *children) close() {
	c.mu.Lock()
	for p := range c.all {
		p.want()
		p.signal(syscall.SIGKILL)
	}
	c.mu.Unlock()
	close(c.orders)
	c.done.Wait()
}
