package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"evcp/internal/wait"
)

// checker is one program that checks Engines once a second, as it is compared.
type checker struct {
	name    string
	targets int
	closes  bool // its Engine, each connection after one answer
	start   func(ctx context.Context, l *lab, engine string) (*process, error)

	cost     spread // µs of processor time per check
	share    spread // of the cost of C with epoll in the same round
	pace     spread // checks per target and second
	resident spread // MB, and so below
	fairly   spread // proportional
	private  spread
	heap     spread
}

// duty is a checker at work in one round.
type duty struct {
	*checker
	engine, process *process
	at              time.Time
	asked           int64
	cpu             time.Duration
	memory          memory
}

// serve starts a checker and an Engine of its own.
func (c *checker) serve(ctx context.Context, l *lab) (*duty, error) {
	port, err := l.free()
	if err != nil {
		return nil, err
	}
	manner := "keep"
	if c.closes {
		manner = "close"
	}
	d := &duty{checker: c}
	if d.engine, err = l.start(ctx, l.program("engine"), port, manner); err != nil {
		return nil, err
	}
	if err := d.engine.listens(ctx, port); err != nil {
		return d, err
	}
	d.process, err = c.start(ctx, l, port)
	return d, err
}

func (d *duty) stop() {
	if d.process != nil {
		d.process.stop()
	}
	d.engine.stop()
}

// read takes what the checker has used so far.
func (d *duty) read(ctx context.Context) (err error) {
	if err := d.process.alive(); err != nil {
		return err
	}
	if d.asked, err = d.engine.answers(ctx); err != nil {
		return err
	}
	d.at = time.Now()
	if d.cpu, err = d.process.cpu(); err != nil {
		return err
	}
	d.memory, err = d.process.memory()
	return err
}

// answers asks peers/engine.c how many it has given.
func (p *process) answers(ctx context.Context) (int64, error) {
	before := lines(p.log)
	p.signal(syscall.SIGUSR1)
	for range 1000 {
		if now := lines(p.log); len(now) > len(before) {
			var n int64
			_, err := fmt.Sscan(string(now[len(now)-1]), &n)
			return n, err
		}
		if !wait.For(ctx, 2*time.Millisecond) {
			return 0, ctx.Err()
		}
	}
	return 0, fmt.Errorf("%s does not say how much it answered", p.name)
}

// lines are those that are whole.
func lines(file string) [][]byte {
	b, _ := os.ReadFile(file) // what is missing has none
	all := bytes.Split(b, []byte("\n"))
	return all[:len(all)-1]
}

// ours is a Monitor of its own id and state.
func ours(cp, central, broker string, more ...string) func(context.Context, *lab, string) (*process, error) {
	return func(ctx context.Context, l *lab, engine string) (*process, error) {
		state, err := l.folder("state")
		if err != nil {
			return nil, err
		}
		return l.monitor(ctx, site{cp: cp, central: central, engine: engine, broker: broker, state: state, more: more})
	}
}

// plainC is peers/limit.c or peers/floor.c; it would stop by itself in an hour.
func plainC(program string, targets int) func(context.Context, *lab, string) (*process, error) {
	return func(ctx context.Context, l *lab, engine string) (*process, error) {
		return l.start(ctx, l.program(program), engine, fmt.Sprint(targets), "1000", "3600")
	}
}

// haproxy is one with a configuration by peers/haproxy.sh.
func haproxy(ctx context.Context, l *lab, engine string) (*process, error) {
	dir, err := l.folder("haproxy-configuration")
	if err != nil {
		return nil, err
	}
	text, err := exec.CommandContext(ctx, "sh", l.program("haproxy.sh"), "1", engine).Output()
	if err != nil {
		return nil, fmt.Errorf("write a configuration for HAProxy: %w", err)
	}
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	return l.start(ctx, haproxyPath(), "-db", "-f", file)
}

// haproxyPath is "" without one. Debian keeps it where only root's PATH looks.
func haproxyPath() string {
	for _, name := range []string{"haproxy", "/usr/sbin/haproxy"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func haproxyVersion(ctx context.Context) string {
	if haproxyPath() == "" {
		return "not installed, left out"
	}
	return said(ctx, haproxyPath(), "-v")
}
