package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/process"
	"evcp/internal/wait"
)

// startChild runs a program in the folder of the campaign, at a lower priority than this
// process. Its output is appended to NAME.log; stdout takes its standard output, if not nil.
func (c *campaign) startChild(name string, stdout *os.File, program string, args ...string) (*process.Child, error) {
	cmd := exec.Command("nice", append([]string{"-n", niceness(), program}, args...)...)
	cmd.Dir, cmd.Env = c.o.dir, process.Env(c.o.dir)
	if stdout != nil { // a nil *os.File is no nil io.Writer
		cmd.Stdout = stdout
	}
	return c.children.Start(name, filepath.Join(c.o.dir, name+".log"), cmd)
}

// startSelf runs a subcommand of this program.
func (c *campaign) startSelf(part string, stdout *os.File, args ...string) (*process.Child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return c.startChild(part, stdout, self, append([]string{part}, args...)...)
}

// niceness is the argument for nice(1) of a child. The Engines and links of this process
// must not starve beside the Monitors. If this process was given a higher priority than
// the default, a child gets the default.
func niceness() string {
	const usual, less = 20, 10 // as the system call has it: 20 minus the nice value
	if own, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0); err == nil && own > usual {
		return strconv.Itoa(own - usual)
	}
	return strconv.Itoa(less)
}

// stopPatience is how long a program may take to stop after SIGTERM. The Monitor promises
// 2.5 s, on a machine that is not overloaded.
const stopPatience = 5 * time.Second

// stop sends SIGTERM; problem describes a child that had to be killed.
func (c *campaign) stop(child *process.Child, problem string) {
	if took, ok := child.Stop(stopPatience); !ok {
		c.truth.addProblem(fmt.Sprintf("%s within %s", problem, took.Round(ms)))
	}
}

// cpuLoad keeps one CPU busy until ctx ends.
func cpuLoad(ctx context.Context) {
	runtime.GOMAXPROCS(1)
	for x := uint64(1); ; x++ {
		if x&0xfffffff == 0 && ctx.Err() != nil {
			return
		}
	}
}

// How late a wake-up after wakeInterval may be.
const (
	wakeInterval   = 5 * time.Millisecond
	stallTolerance = 15 * time.Millisecond // of this process
	probeTolerance = 40 * time.Millisecond // of schedProbe
)

// lateWakeUps sleeps for wakeInterval again and again, and reports each time that took
// longer by more than tolerance, until ctx ends or report returns an error.
func lateWakeUps(ctx context.Context, tolerance time.Duration, report func(from, to evcp.Stamp) error) {
	for last := time.Now(); wait.For(ctx, wakeInterval); last = time.Now() {
		if woke := time.Now(); woke.Sub(last) > wakeInterval+tolerance && report(evcp.StampOf(last), evcp.StampOf(woke)) != nil {
			return
		}
	}
}

// watchOwnStalls records when this process stalled: Engines and links did not do then
// what they were set to.
func (c *campaign) watchOwnStalls(ctx context.Context) {
	lateWakeUps(ctx, stallTolerance, func(from, _ evcp.Stamp) error {
		c.truth.endWindow(-1, from, oracle.Window{Kind: oracle.HarnessStalled})
		return nil
	})
}

// schedProbe prints when it woke late, at the priority of the Monitors: something else had
// the CPU then, whether the campaign started it or not.
func schedProbe(ctx context.Context, out io.Writer) {
	lateWakeUps(ctx, probeTolerance, func(from, to evcp.Stamp) error {
		_, err := fmt.Fprintln(out, from, to)
		return err
	})
}

// startSchedProbe starts schedProbe and records what it prints.
func (c *campaign) startSchedProbe() error {
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("pipe to the scheduling probe: %w", err)
	}
	_, err = c.startSelf(partSchedProbe, w)
	w.Close() //nolint:errcheck // the child has its own
	if err != nil {
		r.Close() //nolint:errcheck // nothing was read
		return err
	}
	c.serving.Go(func() {
		defer r.Close() //nolint:errcheck // as above
		for lines := bufio.NewScanner(r); lines.Scan(); {
			var from, to evcp.Stamp
			if _, err := fmt.Sscan(lines.Text(), &from, &to); err == nil {
				c.truth.addWindow(-1, oracle.Window{Kind: oracle.CPUBusy, From: from, To: to})
				c.truth.addBusy(to.Sub(from))
			}
		}
	})
	return nil
}

const topic = "monitor-events"

// controlledBroker is a Kafka-compatible broker in a process of its own, with its data on
// disk.
type controlledBroker interface {
	address() string
	start() error
	stop() error // in order
	kill() error
	pause() error
	resume() error
}

// kfakeBroker runs testbed.ServeBroker as a child.
type kfakeBroker struct {
	c     *campaign
	data  string
	child *process.Child
}

func (b *kfakeBroker) address() string { return b.c.brokerAddress }

func (b *kfakeBroker) start() (err error) {
	if b.child, err = b.c.startSelf(partBroker, nil, portOf(b.address()), b.data); err != nil {
		return err
	}
	return b.child.WaitListening(b.c.ctx, b.address())
}

func (b *kfakeBroker) stop() error   { b.child.Stop(stopPatience); return nil }
func (b *kfakeBroker) kill() error   { b.child.Kill(); return nil }
func (b *kfakeBroker) pause() error  { b.child.Signal(syscall.SIGSTOP); return nil }
func (b *kfakeBroker) resume() error { b.child.Signal(syscall.SIGCONT); return nil }

// apacheBroker is Apache Kafka by scripts/kafka.sh, with its data in the campaign's folder.
type apacheBroker struct {
	script string
	addr   string
	env    []string
}

func newApacheBroker(address, data string) (*apacheBroker, error) {
	script, err := filepath.Abs("scripts/kafka.sh")
	if err != nil {
		return nil, fmt.Errorf("find scripts/kafka.sh: %w", err)
	}
	return &apacheBroker{script: script, addr: address, env: append(os.Environ(), "KAFKA_PORT="+portOf(address), "KAFKA_DIR="+data)}, nil
}

func (b *apacheBroker) address() string { return b.addr }
func (b *apacheBroker) start() error    { return b.do("start") }
func (b *apacheBroker) stop() error     { return b.do("stop") }
func (b *apacheBroker) kill() error     { return b.do("kill") }
func (b *apacheBroker) pause() error    { return b.do("freeze") }
func (b *apacheBroker) resume() error   { return b.do("thaw") }

// do runs the script. Its output goes to a file: the broker that it starts inherits it,
// and keeps a pipe open.
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
		output, _ := os.ReadFile(out.Name()) // it only adds to the error
		return errors.Join(fmt.Errorf("kafka.sh %s: %w", verb, err), errors.New(strings.TrimSpace(string(output))))
	}
	return nil
}
