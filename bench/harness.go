package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"evcp/internal/process"
	"evcp/internal/testbed"
)

// harness starts the programs that are measured and their peers, each in a folder
// of its own, on ports of 127.0.0.1. One goroutine uses it; another one needs a scope.
type harness struct {
	bin      string // folder of the programs; absolute, as dir is
	dir      string // folder for state and logs
	sizes    sampleSizes
	ports    *testbed.Ports
	children *process.Group
	folders  *atomic.Int32 // made so far
	undo     []func()      // called last first by close

	fleetSizes []fleetSize
	fleetNamed bool   // they are not the default ones
	kafka      string // port of a broker on 127.0.0.1 for fleets; "": one in memory for each
	plots      string // folder of the document; "": nothing is drawn
}

// scope is a harness that ends by its close what it has started.
func (h *harness) scope() *harness {
	inner := *h
	inner.undo = nil
	return &inner
}

func (h *harness) onClose(f func()) { h.undo = append(h.undo, f) }

func (h *harness) close() {
	for _, f := range slices.Backward(h.undo) {
		f()
	}
}

func (h *harness) folder(name string) (string, error) {
	dir := filepath.Join(h.dir, fmt.Sprintf("%03d-%s", h.folders.Add(1), name))
	return dir, os.MkdirAll(dir, 0o755)
}

// program is the path of a program that scripts/bench.sh has built.
func (h *harness) program(name string) string { return filepath.Join(h.bin, name) }

// freePort is a port that nobody listens on now.
func (h *harness) freePort() (string, error) {
	addresses, err := h.ports.Take(1)
	if err != nil {
		return "", err
	}
	return testbed.Port(addresses[0]), nil
}

// start starts a program with its output in a file: a pipe would need a goroutine
// of this process for each child. At the end it gets SIGTERM, and SIGKILL after 5 s.
func (h *harness) start(ctx context.Context, program string, args ...string) (*process.Child, error) {
	name := filepath.Base(program)
	dir, err := h.folder(name)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = dir, process.Env(dir)
	c, err := h.children.Start(name, filepath.Join(dir, "log"), cmd)
	if err == nil {
		h.onClose(func() { c.Stop(5 * time.Second) })
	}
	return c, err
}

// startServer starts a program that listens on port, and waits until it does.
func (h *harness) startServer(ctx context.Context, port, program string, args ...string) (*process.Child, error) {
	c, err := h.start(ctx, program, args...)
	if err == nil {
		err = c.WaitListening(ctx, "127.0.0.1:"+port)
	}
	return c, err
}

// endedError is nil unless the process has exited by itself.
func endedError(c *process.Child) error {
	if c.UnexpectedExit() {
		return fmt.Errorf("%s ended: %s", c.Name, c.Tail())
	}
	return nil
}

// monitorConfig is an ev-cp-m to be started, by ports of 127.0.0.1.
type monitorConfig struct {
	cp, central string
	broker      string // "": none is configured
	stateDir    string // "": a new one at each start
	flags       []string
}

// start is a startFunc.
func (m monitorConfig) start(ctx context.Context, h *harness, engine string) (_ *process.Child, err error) {
	if m.stateDir == "" {
		if m.stateDir, err = h.folder("state"); err != nil {
			return nil, err
		}
	}
	brokers := ""
	if m.broker != "" {
		brokers = "127.0.0.1:" + m.broker
	}
	return h.start(ctx, h.program("ev-cp-m"), append([]string{
		"--cp-id", m.cp, "--instance", "bench",
		"--central-ip", "127.0.0.1", "--central-port", m.central,
		"--engine-ip", "127.0.0.1", "--engine-port", engine,
		"--kafka-brokers", brokers, "--state-dir", m.stateDir,
	}, m.flags...)...)
}

// central starts ev-central and returns its port.
func (h *harness) central(ctx context.Context) (string, error) {
	addresses, err := h.ports.Take(2)
	if err != nil {
		return "", err
	}
	state, err := h.folder("central-state")
	if err != nil {
		return "", err
	}
	port := testbed.Port(addresses[0])
	_, err = h.startServer(ctx, port, h.program("ev-central"), "--listen", addresses[0], "--http", addresses[1], "--state-dir", state)
	return port, err
}

// broker starts a Kafka-compatible broker in memory, and returns its port. It has a
// process of its own: so it can be frozen, and costs the measuring process nothing.
func (h *harness) broker(ctx context.Context) (*process.Child, string, error) {
	port, err := h.freePort()
	if err != nil {
		return nil, "", err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, "", fmt.Errorf("find this program: %w", err)
	}
	c, err := h.startServer(ctx, port, self, "broker", port)
	return c, port, err
}

// centralAndBroker starts both, and returns their ports.
func (h *harness) centralAndBroker(ctx context.Context) (central, broker string, err error) {
	if _, broker, err = h.broker(ctx); err == nil {
		central, err = h.central(ctx)
	}
	return central, broker, err
}

// replies asks peers/engine.c on a port how many health checks it has answered.
func replies(ctx context.Context, port string) (n int64, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+port)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second)) // fails only on a closed connection
	if _, err := io.WriteString(conn, "count"); err != nil {
		return 0, err
	}
	_, err = fmt.Fscan(conn, &n)
	return n, err
}

// replyFunc returns the reply to a message that was received at the given time. The
// goroutines of several connections may call it at once.
type replyFunc = func(message string, at time.Time) string

// peer starts an Engine or a Central in this process, and returns its port: so the
// times of its messages and of what is done to the Monitor are of one clock. A
// message's time is late by what an idle process needs to wake a goroutine.
func (h *harness) peer(closes bool, reply replyFunc) (string, error) {
	p, err := testbed.ListenText("127.0.0.1:0", closes, reply)
	if err != nil {
		return "", err
	}
	h.onClose(p.Close)
	return testbed.Port(p.Address), nil
}

// centralReplies accepts every Monitor and every report; received, unless nil, is
// called for each message first.
func centralReplies(received func(message string, at time.Time)) replyFunc {
	return func(message string, at time.Time) string {
		if received != nil {
			received(message, at)
		}
		switch {
		case strings.HasSuffix(message, "registration request"):
			return "Authentication successful"
		case strings.HasSuffix(message, "ENGINE_FAILURE"):
			return "Failure report received"
		case strings.HasSuffix(message, "ENGINE_RECOVERED"):
			return "Recovery report received"
		}
		return "OK"
	}
}

// engineReplies replies OK after delay; received is called for each health check.
func engineReplies(delay time.Duration, received func(at time.Time)) replyFunc {
	return func(message string, at time.Time) string {
		if strings.HasSuffix(message, "health_check") {
			received(at)
			time.Sleep(delay)
		}
		return "OK"
	}
}
