package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"evcp"
	"evcp/internal/process"
	"evcp/internal/testbed"
)

// campaign is everything that runs. What is acquired registers its undo; close calls them
// in reverse order.
type campaign struct {
	o        *options
	timing   timing
	ports    *testbed.Ports
	truth    *groundTruth
	children *process.Group
	ctx      context.Context // of the goroutines in serving; close ends it
	serving  sync.WaitGroup
	undos    []func()

	certificates   *certificateFiles // nil: no TLS
	broker         controlledBroker
	machineProbe   *process.Child
	central        *process.Child
	centralAddress string
	centralPage    string
	brokerAddress  string
	cps            []*cpUnderTest
	fleets         []*fleetUnderTest // none: each charge point has its own Monitor
	groups         int               // of charge points, at the start
	layout         layout
	network        *network // nil: loopback
	disk           *tmpfs
	diskErr        error      // why there is no disk
	from           evcp.Stamp // everything had started
	rotation       rotationTimes
	history        bool       // Central keeps it
	topicRecords   int64      // of which it was made, at the end
	stoppedAt      evcp.Stamp // the Monitors were stopped
	keepFolder     bool       // after close, for its logs
}

func (c *campaign) undo(f func()) { c.undos = append(c.undos, f) }

func (c *campaign) close() {
	for len(c.undos) > 0 {
		last := len(c.undos) - 1
		c.undos[last]()
		c.undos = c.undos[:last]
	}
}

// open starts everything and returns when all Monitors check their Engines. usual is what
// each Engine does between faults, and so has one entry for each charge point; they are divided
// into groups. The layout may be empty.
func open(ctx context.Context, o *options, t timing, usual []catalogueEntry, groups int, where layout) (*campaign, error) {
	own := *o // each run has its own folder
	c := &campaign{o: &own, timing: t, ports: testbed.NewPorts(), truth: &groundTruth{}, groups: groups, layout: where, history: o.history}
	c.timing.Noticing = o.noticing()
	if err := c.start(ctx, usual); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *campaign) start(ctx context.Context, usual []catalogueEntry) error {
	if err := c.makeFolder(); err != nil {
		return err
	}
	c.undo(c.removeFolder)
	if err := c.openNetwork(ctx); err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	c.ctx = serving
	c.undo(func() { stop(); c.serving.Wait() })
	if err := c.openCertificates(); err != nil {
		return err
	}
	c.children = process.NewGroup()
	c.undo(c.children.Close)
	free, err := c.ports.Take(3)
	if err != nil {
		return err
	}
	c.centralAddress, c.centralPage, c.brokerAddress = free[0], free[1], free[2]
	if c.machineProbe, err = c.startSelf(partMachineProbe, c.o.dir); err != nil {
		return err
	}
	for _, start := range []func() error{c.startBroker, c.startCentral} {
		if err := start(); err != nil {
			return err
		}
	}
	c.mountDisk()
	if err := c.startMonitors(ctx, usual); err != nil {
		return err
	}
	c.serving.Go(func() { c.watchOwnStalls(serving) })
	c.from = now()
	return c.waitForMonitors(ctx)
}

// startMonitors opens the charge points and starts their Monitors.
func (c *campaign) startMonitors(ctx context.Context, usual []catalogueEntry) error {
	if c.o.fleet {
		state := filepath.Join(c.o.dir, "state")
		if c.diskErr == nil {
			state = filepath.Join(c.o.dir, "small")
		}
		return c.openFleets(ctx, usual, state)
	}
	for n, entry := range usual {
		state := filepath.Join(c.o.dir, "state")
		if n == len(usual)-1 && c.diskErr == nil {
			state = filepath.Join(c.o.dir, "small")
		}
		p, err := c.newCP(n, cpID(n), mainInstance, entry, state, c.layout.place(n))
		if err != nil {
			return err
		}
		c.cps = append(c.cps, p)
		if err := p.startMonitor(); err != nil {
			return err
		}
		if before := n - startedAtOnce; before >= 0 {
			c.cps[before].waitForStart(ctx)
		}
	}
	return nil
}

// monitors are the Monitors, each once.
func (c *campaign) monitors() []*monitorUnderTest {
	var all []*monitorUnderTest
	for _, p := range c.cps {
		if !slices.Contains(all, p.monitorUnderTest) {
			all = append(all, p.monitorUnderTest)
		}
	}
	return all
}

// group are the charge points of a group. Faults of Engines happen to a group at once; in a
// written scenario each group has a part of its own. Where each charge point has its own
// Monitor it is a group alone; in a fleet a group is a site.
func (c *campaign) group(n int) []*cpUnderTest {
	return slices.DeleteFunc(slices.Clone(c.cps), func(p *cpUnderTest) bool { return p.group != n })
}

// startedAtOnce bounds how many Monitors start at the same time: more of them take the CPUs
// from the Engines, in this process.
const startedAtOnce = 8

// waitForStart waits for a check, or longer than a Monitor may take to start.
func (p *cpUnderTest) waitForStart(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	p.waitForCheckCount(ctx, 1)
}

// makeFolder makes a folder for this run in the one of the options.
func (c *campaign) makeFolder() (err error) {
	if c.o.bin, err = filepath.Abs(c.o.bin); err != nil {
		return fmt.Errorf("folder of the programs: %w", err)
	}
	if c.o.dir, err = os.MkdirTemp(c.o.dir, "run"); err == nil {
		c.o.dir, err = filepath.Abs(c.o.dir)
	}
	if err != nil {
		return fmt.Errorf("folder of the campaign: %w", err)
	}
	return nil
}

// openCertificates issues what a campaign with TLS needs to begin.
func (c *campaign) openCertificates() (err error) {
	if !c.o.tls {
		return nil
	}
	c.certificates, err = newCertificates(filepath.Join(c.o.dir, "certificates"))
	if err == nil {
		c.serving.Go(func() { c.certificates.watch(c.ctx, c.truth.addProblem) })
	}
	return err
}

// openNetwork opens the network of a process that runs for one scenario alone.
func (c *campaign) openNetwork(ctx context.Context) (err error) {
	if !c.o.isolated {
		return nil
	}
	names := c.layout.addresses
	if len(names) == 0 {
		names = []string{engineAddress}
	}
	c.network, err = openNetwork(ctx, c.o.dir, testbed.Addresses(names...))
	if err != nil {
		return err
	}
	c.undo(c.network.close)
	return errors.Join(c.network.give(engineAddress), c.network.give(farAddress))
}

func (c *campaign) removeFolder() {
	if c.keepFolder {
		return
	}
	if err := os.RemoveAll(c.o.dir); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
	}
}

func (c *campaign) startBroker() error {
	data := filepath.Join(c.o.dir, "kafka")
	c.broker = &kfakeBroker{c: c, data: data}
	if c.o.kafka == "real" {
		c.broker = apacheBroker{testbed.ApacheKafka{Port: portOf(c.brokerAddress), Dir: data}}
		c.undo(func() { _ = c.broker.do("kill") }) // it has exited already, if this fails
	}
	return c.broker.do("start")
}

func (c *campaign) startCentral() (err error) {
	args := []string{"--http", c.centralPage, "--heartbeat", c.timing.heartbeat.String(), "--state-dir", filepath.Join(c.o.dir, "central")}
	if c.history {
		args = append(args, "--kafka-brokers", c.brokerAddress)
		if c.certificates != nil {
			args = append(args, c.certificates.kafkaArgs()...)
		}
	}
	if c.certificates == nil {
		args = append(args, "--listen", c.centralAddress)
	} else {
		args = append(args, c.certificates.centralArgs(c.centralAddress)...)
	}
	if c.certificates != nil && c.o.fleet {
		registry, err := c.writeRegistry()
		if err != nil {
			return err
		}
		args = append(args, "--registry", registry)
	}
	c.central, err = c.startChild("central", filepath.Join(c.o.bin, "ev-central"), args...)
	if err != nil {
		return err
	}
	return c.central.WaitListening(c.ctx, c.centralAddress)
}

// mountDisk mounts the small disk of the last charge point, or of the fleet. Only random plans use it.
func (c *campaign) mountDisk() {
	if c.o.scenario != "" {
		c.diskErr = errors.New("no scenario fills a disk")
		return
	}
	size := "12m" // --state-max-size is 4 MiB
	if c.o.fleet {
		size = "192m" // it is 64 MiB
	}
	if c.disk, c.diskErr = mountDisk(filepath.Join(c.o.dir, "small"), size); c.diskErr == nil {
		c.undo(func() { _ = c.disk.close() }) // it is detached even while a process uses it
	}
}

// waitForMonitors waits until each Engine has served two checks.
func (c *campaign) waitForMonitors(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second+time.Duration(len(c.cps))*200*ms)
	defer cancel()
	for _, p := range c.cps {
		if !p.waitForCheckCount(ctx, 2) {
			return fmt.Errorf("%s does not watch: %s", p.id, p.child().Tail())
		}
	}
	return nil
}
