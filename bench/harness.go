package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"evcp/internal/process"
	"evcp/internal/testbed"
	"evcp/internal/wait"
)

// harness starts the programs that are measured and their peers, each in a folder
// of its own, on ports of 127.0.0.1. Any goroutine may use it.
type harness struct {
	bin      string // folder of the programs
	dir      string // folder for state and logs
	sizes    sampleSizes
	ports    *testbed.Ports
	children *process.Group

	folders atomic.Int32 // made so far
}

func (h *harness) folder(name string) (string, error) {
	dir, err := filepath.Abs(filepath.Join(h.dir, fmt.Sprintf("%03d-%s", h.folders.Add(1), name)))
	if err != nil {
		return "", fmt.Errorf("name a folder: %w", err)
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// program is the path of a program that scripts/bench.sh has built.
func (h *harness) program(name string) string {
	path, err := filepath.Abs(filepath.Join(h.bin, name))
	if err != nil {
		return name
	}
	return path
}

// freePort is a port that nobody listens on now.
func (h *harness) freePort() (string, error) {
	addresses, err := h.ports.Take(1)
	if err != nil {
		return "", err
	}
	return testbed.Port(addresses[0]), nil
}

// start starts a program with its output in a file: a pipe would need a goroutine
// of this process for each child.
func (h *harness) start(ctx context.Context, program string, args ...string) (*process.Child, error) {
	name := filepath.Base(program)
	dir, err := h.folder(name)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = dir, process.Env(dir)
	return h.children.Start(name, filepath.Join(dir, "log"), cmd)
}

// startServer starts a program that listens on port, and waits until it does.
func (h *harness) startServer(ctx context.Context, port, program string, args ...string) (*process.Child, error) {
	c, err := h.start(ctx, program, args...)
	if err != nil {
		return nil, err
	}
	if err := c.WaitListening(ctx, "127.0.0.1:"+port); err != nil {
		stop(c)
		return nil, err
	}
	return c, nil
}

// stop sends SIGTERM, after 5 s SIGKILL, and waits.
func stop(c *process.Child) { c.Stop(5 * time.Second) }

// endedError is nil unless the process has exited by itself.
func endedError(c *process.Child) error {
	if c.UnexpectedExit() {
		return fmt.Errorf("%s ended: %s", c.Name, c.Tail())
	}
	return nil
}

// monitorConfig is one charge point to watch, by ports of 127.0.0.1.
type monitorConfig struct {
	cp              string
	central, engine string
	broker          string // "": none is configured
	stateDir        string
	flags           []string // further ones
}

// monitor starts ev-cp-m.
func (h *harness) monitor(ctx context.Context, m monitorConfig) (*process.Child, error) {
	brokers := ""
	if m.broker != "" {
		brokers = "127.0.0.1:" + m.broker
	}
	return h.start(ctx, h.program("ev-cp-m"), append([]string{
		"--cp-id", m.cp, "--instance", "bench",
		"--central-ip", "127.0.0.1", "--central-port", m.central,
		"--engine-ip", "127.0.0.1", "--engine-port", m.engine,
		"--kafka-brokers", brokers, "--state-dir", m.stateDir,
	}, m.flags...)...)
}

// central starts ev-central and returns its port.
func (h *harness) central(ctx context.Context) (*process.Child, string, error) {
	port, err := h.freePort()
	if err != nil {
		return nil, "", err
	}
	page, err := h.freePort()
	if err != nil {
		return nil, "", err
	}
	state, err := h.folder("central-state")
	if err != nil {
		return nil, "", err
	}
	c, err := h.startServer(ctx, port, h.program("ev-central"), "--listen", "127.0.0.1:"+port, "--http", "127.0.0.1:"+page, "--state-dir", state)
	return c, port, err
}

// brokerProcess is a Kafka-compatible broker in memory, in a process of its own: so
// it can be frozen, and costs the measuring process nothing.
type brokerProcess struct {
	*process.Child
	port string
}

func (h *harness) broker(ctx context.Context) (brokerProcess, error) {
	port, err := h.freePort()
	if err != nil {
		return brokerProcess{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return brokerProcess{}, fmt.Errorf("find this program: %w", err)
	}
	c, err := h.startServer(ctx, port, self, "broker", port)
	return brokerProcess{c, port}, err
}

func (b brokerProcess) freeze() { b.Signal(syscall.SIGSTOP) }
func (b brokerProcess) thaw()   { b.Signal(syscall.SIGCONT) }

// serveBroker runs in the process that harness.broker starts.
func serveBroker(ctx context.Context, port string) error {
	n, err := strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("port of the broker: %w", err)
	}
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(n), kfake.SeedTopics(1, "monitor-events"))
	if err != nil {
		return fmt.Errorf("start a broker: %w", err)
	}
	defer c.Close()
	<-ctx.Done()
	return nil
}

// replies asks peers/engine.c how many replies it has sent.
func replies(ctx context.Context, engine *process.Child) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	before := logLines(engine)
	engine.Signal(syscall.SIGUSR1)
	var now [][]byte
	if !wait.Until(ctx, 2*time.Millisecond, func() bool { now = logLines(engine); return len(now) > len(before) }) {
		return 0, fmt.Errorf("%s has not printed its number of replies", engine.Name)
	}
	var n int64
	_, err := fmt.Sscan(string(now[len(now)-1]), &n)
	return n, err
}

// logLines are the complete lines of a log.
func logLines(c *process.Child) [][]byte {
	b, _ := os.ReadFile(c.Log) // a missing file has no lines
	all := bytes.Split(b, []byte("\n"))
	return all[:len(all)-1]
}

// replyFunc returns the reply to a message that was received at the given time. The
// goroutines of several connections may call it at once.
type replyFunc = func(message string, at time.Time) string

// stubPeer starts an Engine or a Central in this process, so that the times of its
// messages and of what is done to the Monitor are of one clock. A message's time is
// late by what an idle process needs to wake a goroutine.
func stubPeer(closes bool, reply replyFunc) (*testbed.TextPeer, error) {
	return testbed.ListenText("127.0.0.1:0", closes, reply)
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
