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

// carry plays a plan: every lane in its own goroutine, each fault at its time.
// The first thing that could not be done ends it.
func (c *campaign) carry(ctx context.Context, p plan, told func(fault)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lanes := map[lane][]fault{}
	for _, f := range p.faults {
		lanes[f.lane()] = append(lanes[f.lane()], f)
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
				if err := c.do(ctx, f); err != nil {
					cancel(fmt.Errorf("%s: %w", f, err))
					return
				}
			}
		})
	}
	playing.Wait()
	return context.Cause(ctx)
}

// do makes one fault happen and end.
func (c *campaign) do(ctx context.Context, f fault) error {
	wait := func() { wait.For(ctx, f.lasts) }
	switch f.kind {
	case engineFault:
		return c.misbehave(c.points[f.cp], f.item, wait)
	case engineLink:
		return c.points[f.cp].linkFails(engineSide, f.mode, wait)
	case centralLink:
		return c.points[f.cp].linkFails(centralSide, f.mode, wait)
	case monitorFault:
		return c.strikeMonitor(c.points[f.cp], f.what, wait)
	case centralFault:
		return c.strikeCentral(f.what, wait)
	case brokerFault:
		return c.strikeBroker(f.what, wait)
	case cpuFault:
		return c.hogs(wait)
	case diskFault:
		if c.disk == nil {
			return nil // the table says so
		}
		return c.fillDisk(c.points[f.cp], wait)
	}
	return fmt.Errorf("no such fault: %s", f)
}

func (c *campaign) misbehave(p *point, i item, wait func()) error {
	if err := p.behave(i); err != nil {
		return err
	}
	wait()
	return p.behave(p.usual)
}

func (c *campaign) strikeMonitor(p *point, what string, wait func()) error {
	if p.process().UnexpectedExit() {
		c.journal.misfortune(fmt.Sprintf("%s: its Monitor ended by itself: %s", p.id, p.process().Tail()))
	}
	switch what {
	case "kill":
		return p.absent((*process.Child).Kill, wait)
	case "restart":
		return p.absent(p.retire, wait)
	case "stutter":
		p.stutter(wait)
		return nil
	default:
		p.stop(wait)
		return nil
	}
}

// strikeCentral stops or ends Central. While nobody listens, the links refuse, as
// the kernel would if they were not there.
func (c *campaign) strikeCentral(what string, wait func()) error {
	from := now()
	defer func() { c.journal.window(-1, from, oracle.Window{Kind: oracle.CentralDown}) }()
	if what == "stop" {
		c.central.Signal(syscall.SIGSTOP)
		wait()
		c.central.Signal(syscall.SIGCONT)
		return nil
	}
	if what == "kill" {
		c.central.Kill()
	} else if took, ok := c.central.Stop(stopPatience); !ok {
		c.journal.misfortune(fmt.Sprintf("Central did not stop within %s", took.Round(ms)))
	}
	if err := c.centralIsAway(true); err != nil {
		return err
	}
	wait()
	if err := c.startCentral(); err != nil {
		return err
	}
	return c.centralIsAway(false)
}

func (c *campaign) centralIsAway(away bool) error {
	for _, p := range c.points {
		if err := p.relink(func() { p.away = away }); err != nil {
			return err
		}
	}
	return nil
}

func (c *campaign) strikeBroker(what string, wait func()) error {
	end, begin := c.broker.freeze, c.broker.thaw
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

// hogs want two CPUs for each that there is.
func (c *campaign) hogs(wait func()) error {
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
		c.journal.window(-1, from, oracle.Window{Kind: oracle.CPUBusy})
	}()
	for range 2 * runtime.NumCPU() {
		h, err := c.startChild("hog", nil, self, partHog)
		if err != nil {
			return err
		}
		all = append(all, h)
	}
	wait()
	return nil
}

// healed is how long after a full disk has room again the outbox may still keep
// events in memory: it looks every 30 s.
const healed = 33 * time.Second

// fillDisk fills the small disk.
func (c *campaign) fillDisk(p *point, wait func()) error {
	from := now()
	err := c.disk.fill()
	wait()
	if gone := c.disk.empty(); err == nil {
		err = gone
	}
	c.journal.add(p.number, oracle.Window{Kind: oracle.DiskFailing, From: from, To: now().Add(healed)})
	return err
}

// fallen notes which programs ended by themselves.
func (c *campaign) fallen() {
	for _, p := range c.points {
		if p.process().UnexpectedExit() {
			c.journal.misfortune(fmt.Sprintf("%s: its Monitor ended by itself: %s", p.id, p.process().Tail()))
		}
	}
	if c.central.UnexpectedExit() {
		c.journal.misfortune("Central ended by itself: " + c.central.Tail())
	}
}

func sortWindows(all []oracle.Window) []oracle.Window {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b oracle.Window) int { return int(a.From - b.From) })
	return all
}
