package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"evcp/internal/oracle"
	"evcp/internal/process"
	"evcp/internal/testbed"
	"evcp/internal/wait"
)

// campaign is everything that takes part. What is acquired registers its undo;
// close undoes all, in reverse.
type campaign struct {
	o        *options
	timing     timing
	ports    *testbed.Ports
	truth  *groundTruth
	children *process.Group
	ctx     context.Context // of all that serves here; ends with close
	serving  sync.WaitGroup
	undos    []func()

	broker         controlledBroker
	central        *process.Child
	centralAddress string
	centralPage    string
	brokerAddress  string
	cps         []*cpUnderTest
	disk           *smallDisk
	diskErr         error // why there is none
	from           time.Time
	keepFolder         bool // the folder stays: somebody will want to look
}

func (c *campaign) undo(f func()) { c.undos = append(c.undos, f) }

func (c *campaign) close() {
	for len(c.undos) > 0 {
		last := len(c.undos) - 1
		c.undos[last]()
		c.undos = c.undos[:last]
	}
}

// open starts everybody and returns when all Monitors watch. usual is what each
// Engine does between faults.
func open(ctx context.Context, o *options, p timing, usual []catalogueEntry) (*campaign, error) {
	own := *o // its folder is this run's own
	c := &campaign{o: &own, timing: p, ports: testbed.NewPorts(), truth: &groundTruth{}}
	if err := c.start(ctx, usual); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *campaign) start(ctx context.Context, usual []catalogueEntry) error {
	var err error
	if c.o.dir, err = filepath.Abs(c.o.dir); err != nil {
		return fmt.Errorf("folder of the campaign: %w", err)
	}
	if c.o.bin, err = filepath.Abs(c.o.bin); err != nil {
		return fmt.Errorf("folder of the programs: %w", err)
	}
	if c.o.dir, err = os.MkdirTemp(c.o.dir, "run"); err != nil {
		return fmt.Errorf("folder of the campaign: %w", err)
	}
	c.undo(c.removeFolder)
	c.children = process.NewGroup()
	life, stop := context.WithCancel(ctx)
	c.ctx = life
	c.undo(func() { stop(); c.serving.Wait() })
	c.undo(c.children.Close)
	free, err := c.ports.Take(3)
	if err != nil {
		return err
	}
	c.centralAddress, c.centralPage, c.brokerAddress = free[0], free[1], free[2]
	for _, start := range []func() error{c.startSchedProbe, c.startBroker, c.startCentral, c.startDisk} {
		if err := start(); err != nil {
			return err
		}
	}
	for n, i := range usual {
		if err := c.startCP(n, i, n == len(usual)-1); err != nil {
			return err
		}
	}
	c.serving.Go(func() { c.watchOwnStalls(life) })
	c.from = time.Now()
	return c.waitForMonitors(ctx)
}

func (c *campaign) removeFolder() {
	if c.keepFolder {
		return
	}
	if err := os.RemoveAll(c.o.dir); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
	}
}

func (c *campaign) startBroker() (err error) {
	port, data := portOf(c.brokerAddress), filepath.Join(c.o.dir, "kafka")
	if c.o.kafka == "real" {
		c.broker, err = newApacheBroker(port, data)
		c.undo(func() { _ = c.broker.kill() }) // it is gone already, if it fails
	} else {
		c.broker, err = newKfakeBroker(c, port, data)
	}
	if err != nil {
		return err
	}
	return c.broker.start()
}

func (c *campaign) startCentral() (err error) {
	c.central, err = c.startChild("central", nil, filepath.Join(c.o.bin, "ev-central"), "--listen", c.centralAddress,
		"--http", c.centralPage, "--heartbeat", c.timing.heartbeat.String(), "--state-dir", filepath.Join(c.o.dir, "central"))
	if err != nil {
		return err
	}
	return c.central.WaitListening(c.ctx, c.centralAddress)
}

// startDisk is for drawn faults; a story's Monitors write a true disk.
func (c *campaign) startDisk() error {
	if c.o.scenario != "" {
		c.diskErr = errors.New("no story fills a disk")
		return nil
	}
	dir := filepath.Join(c.o.dir, "small")
	if c.disk, c.diskErr = mountDisk(dir); c.diskErr == nil {
		c.undo(func() { _ = c.disk.close() }) // detached whatever holds it
	}
	return nil
}

// startCP puts the last charge point on the small disk, if there is one.
func (c *campaign) startCP(n int, usual catalogueEntry, last bool) error {
	state := filepath.Join(c.o.dir, "state")
	if last && c.diskErr == nil {
		state = filepath.Join(c.o.dir, "small")
	}
	p, err := c.newCP(cpID(n), mainInstance, usual, state)
	if err != nil {
		return err
	}
	c.cps = append(c.cps, p)
	return p.startMonitor()
}

// waitForMonitors waits until each Engine was asked twice.
func (c *campaign) waitForMonitors(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for _, p := range c.cps {
		if !p.waitForCheckCount(ctx, 2) {
			return fmt.Errorf("%s does not watch: %s", p.id, p.process().Tail())
		}
	}
	return nil
}

// waitForCheckCount waits until the Engine has dealt with so many questions in all, and
// reports whether ctx let it.
func (p *cpUnderTest) waitForCheckCount(ctx context.Context, want int) bool {
	for {
		n, news := p.c.truth.checkCount(p.number)
		if n >= want {
			return true
		}
		select {
		case <-news:
		case <-ctx.Done():
			return false
		}
	}
}

// Bounds of the witness of this process's own sleep.
const (
	wakeInterval  = 5 * time.Millisecond
	stallTolerance = 15 * time.Millisecond
)

// watchOwnStalls notes when this process itself stood still: Engines and links then
// did not do what they were told.
func (c *campaign) watchOwnStalls(ctx context.Context) {
	for last := time.Now(); wait.For(ctx, wakeInterval); last = time.Now() {
		if woke := time.Now(); woke.Sub(last) > wakeInterval+stallTolerance {
			c.truth.endWindow(-1, stampOf(last), oracle.Window{Kind: oracle.HarnessStalled})
		}
	}
}

// machine is a line on where this was carried out.
func machine() string {
	model := runtime.GOOS
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if rest, ok := strings.CutPrefix(line, "model name"); ok {
				model = strings.TrimSpace(strings.TrimLeft(rest, "\t :"))
				break
			}
		}
	}
	return fmt.Sprintf("%d × %s, %s", runtime.NumCPU(), model, runtime.Version())
}
