package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/process"
	"evcp/internal/wait"
)

func stampOf(t time.Time) evcp.Stamp { return evcp.StampOf(t) }

// runPlan plays a plan: every lane in its own goroutine, each fault at its time.
// The first thing that could not be done ends it.
func (c *campaign) runPlan(ctx context.Context, p plan, told func(plannedFault)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lanes := map[resource][]plannedFault{}
	for _, f := range p.faults {
		lanes[f.resource()] = append(lanes[f.resource()], f)
	}
	began := time.Now()
	var playing sync.WaitGroup
	for _, faults := range lanes {
		playing.Go(func() {
			for _, f := range faults {
				if !wait.For(ctx, time.Until(began.Add(f.at))) {
					return
				}
				told(f)
				if err := c.inject(ctx, f); err != nil {
					cancel(fmt.Errorf("%s: %w", f, err))
					return
				}
			}
		})
	}
	playing.Wait()
	return context.Cause(ctx)
}

// inject makes one fault happen and end.
func (c *campaign) inject(ctx context.Context, f plannedFault) error {
	wait := func() { wait.For(ctx, f.lasts) }
	switch f.kind {
	case engineFault:
		return c.injectBehaviour(c.cps[f.cp], f.catalogueEntry, wait)
	case engineLink:
		return c.cps[f.cp].impairLink(engineSide, f.impairment, wait)
	case centralLink:
		return c.cps[f.cp].impairLink(centralSide, f.impairment, wait)
	case monitorFault:
		return c.injectMonitor(c.cps[f.cp], f.name, wait)
	case centralFault:
		return c.injectCentral(f.name, wait)
	case brokerFault:
		return c.injectBroker(f.name, wait)
	case cpuFault:
		return c.loadCPU(wait)
	case diskFault:
		if c.disk == nil {
			return nil // the table says so
		}
		return c.fillDisk(c.cps[f.cp], wait)
	}
	return fmt.Errorf("no such fault: %s", f)
}

func (c *campaign) injectBehaviour(p *cpUnderTest, i catalogueEntry, wait func()) error {
	if err := p.setBehaviour(i); err != nil {
		return err
	}
	wait()
	return p.setBehaviour(p.usual)
}

func (c *campaign) injectMonitor(p *cpUnderTest, what string, wait func()) error {
	if p.process().UnexpectedExit() {
		c.truth.addProblem(fmt.Sprintf("%s: its Monitor ended by itself: %s", p.id, p.process().Tail()))
	}
	switch what {
	case "kill":
		return p.withMonitorDown((*process.Child).Kill, wait)
	case "restart":
		return p.withMonitorDown(p.stopMonitor, wait)
	case "stutter":
		p.pauseRepeatedly(wait)
		return nil
	default:
		p.pauseMonitor(wait)
		return nil
	}
}

// injectCentral stops or ends Central. While nobody listens, the links refuse, as
// the kernel would if they were not there.
func (c *campaign) injectCentral(what string, wait func()) error {
	from := now()
	defer func() { c.truth.endWindow(-1, from, oracle.Window{Kind: oracle.CentralDown}) }()
	if what == "stop" {
		c.central.Signal(syscall.SIGSTOP)
		wait()
		c.central.Signal(syscall.SIGCONT)
		return nil
	}
	if what == "kill" {
		c.central.Kill()
	} else if took, ok := c.central.Stop(stopPatience); !ok {
		c.truth.addProblem(fmt.Sprintf("Central did not stop within %s", took.Round(ms)))
	}
	if err := c.setCentralDown(true); err != nil {
		return err
	}
	wait()
	if err := c.startCentral(); err != nil {
		return err
	}
	return c.setCentralDown(false)
}

func (c *campaign) setCentralDown(away bool) error {
	for _, p := range c.cps {
		if err := p.updateLinks(func() { p.centralDown = away }); err != nil {
			return err
		}
	}
	return nil
}

func (c *campaign) injectBroker(what string, wait func()) error {
	end, begin := c.broker.pause, c.broker.resume
	switch what {
	case "kill":
		end, begin = c.broker.kill, c.broker.start
	case "restart":
		end, begin = c.broker.stop, c.broker.start
	}
	if err := end(); err != nil {
		return err
	}
	wait()
	return begin()
}

// loadCPU want two CPUs for each that there is.
func (c *campaign) loadCPU(wait func()) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	from := now()
	var all []*process.Child
	defer func() {
		for _, h := range all {
			h.Kill()
		}
		c.truth.endWindow(-1, from, oracle.Window{Kind: oracle.CPUBusy})
	}()
	for range 2 * runtime.NumCPU() {
		h, err := c.startChild("hog", nil, self, partCPULoad)
		if err != nil {
			return err
		}
		all = append(all, h)
	}
	wait()
	return nil
}

// outboxRetry is how long after a full disk has room again the outbox may still keep
// events in memory: it looks every 30 s.
const outboxRetry = 33 * time.Second

// fillDisk fills the small disk.
func (c *campaign) fillDisk(p *cpUnderTest, wait func()) error {
	from := now()
	err := c.disk.fill()
	wait()
	if gone := c.disk.empty(); err == nil {
		err = gone
	}
	c.truth.addWindow(p.number, oracle.Window{Kind: oracle.DiskFailing, From: from, To: now().Add(outboxRetry)})
	return err
}

// noteExits notes which programs ended by themselves.
func (c *campaign) noteExits() {
	for _, p := range c.cps {
		if p.process().UnexpectedExit() {
			c.truth.addProblem(fmt.Sprintf("%s: its Monitor ended by itself: %s", p.id, p.process().Tail()))
		}
	}
	if c.central.UnexpectedExit() {
		c.truth.addProblem("Central ended by itself: " + c.central.Tail())
	}
}

func sortWindows(all []oracle.Window) []oracle.Window {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b oracle.Window) int { return int(a.From - b.From) })
	return all
}
