package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"evcp/internal/process"

	"github.com/twmb/franz-go/pkg/kfake"
)

const topic = "monitor-events"

// broker is what takes the events: a process that can be frozen and killed, and
// keeps what it has on disk.
type broker interface {
	start() error
	stop() error // in order
	kill() error
	freeze() error
	thaw() error
	address() string
}

// serveBroker is the Kafka-compatible one, as a process of its own. One
// partition, so that the topic has one order.
func serveBroker(ctx context.Context, port, dir string) error {
	n, err := strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("port of the broker: %w", err)
	}
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(n), kfake.DataDir(dir), kfake.SeedTopics(1, topic))
	if err != nil {
		return fmt.Errorf("start a broker: %w", err)
	}
	defer c.Close()
	<-ctx.Done()
	return nil
}

// fakeBroker is that process, seen from here.
type fakeBroker struct {
	c          *campaign
	self       string
	port, data string
	now        *process.Child
}

func newFakeBroker(c *campaign, port, data string) (*fakeBroker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return &fakeBroker{c: c, self: self, port: port, data: data}, nil
}

func (b *fakeBroker) address() string { return "127.0.0.1:" + b.port }

func (b *fakeBroker) start() (err error) {
	if b.now, err = b.c.startChild("broker", nil, b.self, partBroker, b.port, b.data); err != nil {
		return err
	}
	return b.now.WaitListening(b.c.life, b.address())
}

func (b *fakeBroker) stop() error {
	b.now.Stop(stopPatience)
	return nil
}

func (b *fakeBroker) kill() error {
	b.now.Kill()
	return nil
}

func (b *fakeBroker) freeze() error {
	b.now.Signal(syscall.SIGSTOP)
	return nil
}

func (b *fakeBroker) thaw() error {
	b.now.Signal(syscall.SIGCONT)
	return nil
}

// realBroker is Apache Kafka by scripts/kafka.sh, in a folder of this run's own.
type realBroker struct {
	script string
	env    []string
	port   string
}

func newRealBroker(port, data string) (*realBroker, error) {
	script, err := filepath.Abs("scripts/kafka.sh")
	if err != nil {
		return nil, fmt.Errorf("find scripts/kafka.sh: %w", err)
	}
	return &realBroker{script: script, port: port, env: append(os.Environ(), "KAFKA_PORT="+port, "KAFKA_DIR="+data)}, nil
}

func (b *realBroker) address() string { return "127.0.0.1:" + b.port }
func (b *realBroker) start() error    { return b.do("start") }
func (b *realBroker) stop() error     { return b.do("stop") }
func (b *realBroker) kill() error     { return b.do("kill") }
func (b *realBroker) freeze() error   { return b.do("freeze") }
func (b *realBroker) thaw() error     { return b.do("thaw") }

// do runs the script. Its output goes to a file: the broker that it starts keeps
// what it inherits, and a pipe would never end.
func (b *realBroker) do(verb string) error {
	out, err := os.CreateTemp("", "kafka-sh")
	if err != nil {
		return fmt.Errorf("kafka.sh %s: %w", verb, err)
	}
	defer func() { _ = errors.Join(out.Close(), os.Remove(out.Name())) }() // it was only to be read
	cmd := exec.Command(b.script, verb)
	cmd.Env, cmd.Stdout, cmd.Stderr = b.env, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(out.Name()) // what it said is all there is to add
		return errors.Join(fmt.Errorf("kafka.sh %s: %w", verb, err), errors.New(strings.TrimSpace(string(said))))
	}
	return nil
}
