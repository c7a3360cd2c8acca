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

// controlledBroker is what takes the events: a process that can be frozen and killed, and
// keeps what it has on disk.
type controlledBroker interface {
	start() error
	stop() error // in order
	kill() error
	pause() error
	resume() error
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

// kfakeBroker is that process, seen from here.
type kfakeBroker struct {
	c          *campaign
	self       string
	port, data string
	now        *process.Child
}

func newKfakeBroker(c *campaign, port, data string) (*kfakeBroker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return &kfakeBroker{c: c, self: self, port: port, data: data}, nil
}

func (b *kfakeBroker) address() string { return "127.0.0.1:" + b.port }

func (b *kfakeBroker) start() (err error) {
	if b.now, err = b.c.startChild("broker", nil, b.self, partBroker, b.port, b.data); err != nil {
		return err
	}
	return b.now.WaitListening(b.c.ctx, b.address())
}

func (b *kfakeBroker) stop() error {
	b.now.Stop(stopPatience)
	return nil
}

func (b *kfakeBroker) kill() error {
	b.now.Kill()
	return nil
}

func (b *kfakeBroker) pause() error {
	b.now.Signal(syscall.SIGSTOP)
	return nil
}

func (b *kfakeBroker) resume() error {
	b.now.Signal(syscall.SIGCONT)
	return nil
}

// apacheBroker is Apache Kafka by scripts/kafka.sh, in a folder of this run's own.
type apacheBroker struct {
	script string
	env    []string
	port   string
}

func newApacheBroker(port, data string) (*apacheBroker, error) {
	script, err := filepath.Abs("scripts/kafka.sh")
	if err != nil {
		return nil, fmt.Errorf("find scripts/kafka.sh: %w", err)
	}
	return &apacheBroker{script: script, port: port, env: append(os.Environ(), "KAFKA_PORT="+port, "KAFKA_DIR="+data)}, nil
}

func (b *apacheBroker) address() string { return "127.0.0.1:" + b.port }
func (b *apacheBroker) start() error    { return b.do("start") }
func (b *apacheBroker) stop() error     { return b.do("stop") }
func (b *apacheBroker) kill() error     { return b.do("kill") }
func (b *apacheBroker) pause() error   { return b.do("freeze") }
func (b *apacheBroker) resume() error     { return b.do("thaw") }

// do runs the script. Its output goes to a file: the broker that it starts keeps
// what it inherits, and a pipe would never end.
func (b *apacheBroker) do(verb string) error {
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
