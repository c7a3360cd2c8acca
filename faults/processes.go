package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/process"
	"evcp/internal/testbed"
	"evcp/internal/wait"
)

// niceness is how much lower the priority of a child is than that of this process: the
// Engines and links must not starve beside the Monitors.
const niceness = "10"

// startChild runs a program in the folder of the campaign. Its output is appended to
// NAME.log.
func (c *campaign) startChild(name, program string, args ...string) (*process.Child, error) {
	cmd := exec.Command("nice", append([]string{"-n", niceness, program}, args...)...)
	cmd.Dir, cmd.Env = c.o.dir, process.Env(c.o.dir)
	return c.children.Start(name, filepath.Join(c.o.dir, name+".log"), cmd)
}

// startSelf runs a subcommand of this program.
func (c *campaign) startSelf(subcommand string, args ...string) (*process.Child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return c.startChild(subcommand, self, append([]string{subcommand}, args...)...)
}

// stopPatience is how long a program may take to stop after SIGTERM. The Monitor promises
// 2.5 s, on a machine that is not overloaded and whose disk does not stand still: the kernel
// ends no process, killed or not, that waits for a sync.
const stopPatience = 20 * time.Second

// stop sends SIGTERM; problem describes a child that had to be killed.
func (c *campaign) stop(child *process.Child, problem string) {
	if took, ok := child.Stop(stopPatience); !ok {
		c.truth.addProblem(fmt.Sprintf("%s within %s", problem, took.Round(ms)))
	}
}

// How late a wake-up after wakeInterval may be.
const (
	wakeInterval   = 5 * time.Millisecond
	stallTolerance = 15 * time.Millisecond // of this process
	probeTolerance = 40 * time.Millisecond // of machineProbe
)

// How long a sync of machineProbe may take, and the pause between two.
const (
	syncInterval  = 100 * time.Millisecond
	syncTolerance = 250 * time.Millisecond
)

// lateWakeUps sleeps for wakeInterval again and again, and reports each time that took
// longer by more than tolerance, until ctx ends.
func lateWakeUps(ctx context.Context, tolerance time.Duration, report func(from, to evcp.Stamp)) {
	for last := time.Now(); wait.For(ctx, wakeInterval); last = time.Now() {
		if woke := time.Now(); woke.Sub(last) > wakeInterval+tolerance {
			report(evcp.StampOf(last), evcp.StampOf(woke))
		}
	}
}

// watchOwnStalls records when this process stalled: Engines and links did not do then
// what they were set to.
func (c *campaign) watchOwnStalls(ctx context.Context) {
	lateWakeUps(ctx, stallTolerance, func(from, to evcp.Stamp) {
		c.truth.addWindow(-1, oracle.Window{Kind: oracle.HarnessStalled, From: from, To: to})
	})
}

// machineProbe prints when it woke late, at the priority of the Monitors: something else had
// the CPU then, whether the campaign started it or not. It also prints when a file in dir, which
// is on the disk of the Monitors, took long to sync.
func machineProbe(ctx context.Context, dir string, out io.Writer) error {
	f, err := os.Create(filepath.Join(dir, "machineprobe"))
	if err != nil {
		return fmt.Errorf("probe the disk: %w", err)
	}
	tell := func(from, to evcp.Stamp) { fmt.Fprintln(out, from, to) }
	var syncing sync.WaitGroup
	syncing.Go(func() { slowSyncs(ctx, f, tell) })
	lateWakeUps(ctx, probeTolerance, tell)
	syncing.Wait()
	return f.Close()
}

// slowSyncs writes and syncs again and again, and reports each time that took longer than
// syncTolerance, until ctx ends. An error ends it: the campaign has a disk of its own to fill.
func slowSyncs(ctx context.Context, f *os.File, report func(from, to evcp.Stamp)) {
	for wait.For(ctx, syncInterval) {
		began := time.Now()
		if _, err := f.WriteAt([]byte{0}, 0); err != nil || f.Sync() != nil {
			return
		}
		if ended := time.Now(); ended.Sub(began) > syncTolerance {
			report(evcp.StampOf(began), evcp.StampOf(ended))
		}
	}
}

// readMachineProbe records what machineProbe has printed, and returns how long that was in all.
func (c *campaign) readMachineProbe() (busy time.Duration, err error) {
	log, err := os.ReadFile(c.machineProbe.Log)
	if err != nil {
		return 0, fmt.Errorf("read the machine probe: %w", err)
	}
	for line := range strings.Lines(string(log)) {
		var from, to evcp.Stamp
		if _, err := fmt.Sscan(line, &from, &to); err == nil {
			c.truth.addWindow(-1, oracle.Window{Kind: oracle.MachineBusy, From: from, To: to})
			busy += to.Sub(from)
		}
	}
	return busy, nil
}

const topic = "monitor-events"

// controlledBroker is a Kafka-compatible broker in a process of its own, with its data on
// disk. Its verbs are start, stop (in order), kill, freeze (SIGSTOP) and thaw (SIGCONT).
type controlledBroker interface{ do(verb string) error }

// kfakeBroker runs testbed.ServeBroker as a child.
type kfakeBroker struct {
	c     *campaign
	data  string
	child *process.Child
}

func (b *kfakeBroker) do(verb string) (err error) {
	switch verb {
	case "start":
		args := append([]string{portOf(b.c.brokerAddress), b.data}, b.c.certificates.brokerArgs()...)
		if b.child, err = b.c.startSelf(partBroker, args...); err == nil {
			err = b.child.WaitListening(b.c.ctx, b.c.brokerAddress)
		}
	case "stop":
		b.child.Stop(stopPatience)
	case "kill":
		b.child.Kill()
	case "freeze":
		b.child.Signal(syscall.SIGSTOP)
	case "thaw":
		b.child.Signal(syscall.SIGCONT)
	}
	return err
}

// apacheBroker is Apache Kafka, with its data in the campaign's folder.
type apacheBroker struct{ testbed.ApacheKafka }

func (b apacheBroker) do(verb string) error { return b.Do(verb) }
