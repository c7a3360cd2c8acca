package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"evcp/internal/wait"
)

// process is one that is measured, or that a measured one talks to. Its output
// goes to a file: a pipe would need a goroutine of ours beside it.
type process struct {
	name    string
	cmd     *exec.Cmd
	log     string
	started time.Time // just before it was forked
	gone    chan struct{}
}

// start starts a program in a folder of its own.
func (l *lab) start(ctx context.Context, program string, args ...string) (*process, error) {
	name := filepath.Base(program)
	dir, err := l.folder(name)
	if err != nil {
		return nil, err
	}
	p := &process{name: name, log: filepath.Join(dir, "log"), gone: make(chan struct{})}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", name, err)
	}
	p.cmd = exec.CommandContext(ctx, program, args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, out, out
	p.cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8"}
	p.started = time.Now()
	err = p.cmd.Start()
	if err = errors.Join(err, out.Close()); err != nil { // the child has its own
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(p.gone)
		_ = p.cmd.Wait() // how it ended is in its log; alive says that it did
	}()
	return p, nil
}

// stop ends it as a person would, or for good after five seconds, and waits.
func (p *process) stop() {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.gone:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill() // gone already, if it fails
		<-p.gone
	}
}

// signal sends s; to a process that is gone it does nothing, as alive will say.
func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// alive is nil, or the reason with the end of its log.
func (p *process) alive() error {
	select {
	case <-p.gone:
		return fmt.Errorf("%s ended: %s", p.name, p.tail())
	default:
		return nil
	}
}

func (p *process) tail() []byte {
	b, _ := os.ReadFile(p.log) // a log that is missing has no end
	return bytes.TrimSpace(b[max(0, len(b)-400):])
}

// listens waits until something answers the port.
func (p *process) listens(ctx context.Context, port string) error {
	const patience = 10 * time.Second
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if err := p.alive(); err != nil {
			return err
		}
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			c.Close()
			return nil
		}
		if !wait.For(ctx, 10*time.Millisecond) {
			return ctx.Err()
		}
	}
	return fmt.Errorf("%s does not listen on %s after %s", p.name, port, patience)
}
