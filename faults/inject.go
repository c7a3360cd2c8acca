package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"evcp"
	"evcp/internal/faultproxy"
	"evcp/internal/oracle"
	"evcp/internal/process"
	"evcp/internal/wait"
)

// runPlan injects the faults of a plan, each at its time, with a goroutine for each
// resource. It ends at the first fault that could not be injected.
func (c *campaign) runPlan(ctx context.Context, p plan) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	byResource := map[resource][]plannedFault{}
	for _, f := range p.faults {
		byResource[f.resource()] = append(byResource[f.resource()], f)
	}
	start := time.Now()
	var begun atomic.Int64
	var injecting sync.WaitGroup
	for _, faults := range byResource {
		injecting.Go(func() {
			for _, f := range faults {
				if !wait.For(ctx, time.Until(start.Add(f.at))) {
					return
				}
				if n := int(begun.Add(1)); n%10 == 0 || n == len(p.faults) {
					fmt.Fprintf(os.Stderr, "%d of %d: %s\n", n, len(p.faults), f)
				}
				if err := c.inject(ctx, f); err != nil {
					cancel(fmt.Errorf("%s: %w", f, err))
					return
				}
			}
		})
	}
	injecting.Wait()
	return context.Cause(ctx)
}

// inject makes one fault happen, and returns when it is over.
func (c *campaign) inject(ctx context.Context, f plannedFault) error {
	hold := func() { wait.For(ctx, f.lasts) }
	switch f.domain {
	case engineFault:
		return c.cps[f.cp].injectBehaviour(f.catalogueEntry, hold)
	case engineLink:
		return c.cps[f.cp].impairLink(engineSide, f.impairment, hold)
	case centralLink:
		return c.cps[f.cp].impairLink(centralSide, f.impairment, hold)
	case monitorFault:
		return c.cps[f.cp].injectMonitor(f.name, hold)
	case centralFault:
		return c.injectCentral(f.name, hold)
	case brokerFault:
		return c.injectBroker(f.name, hold)
	case cpuFault:
		return c.loadCPU(hold)
	default: // diskFault
		return c.fillDisk(c.cps[f.cp], hold)
	}
}

func (p *cpUnderTest) injectBehaviour(e catalogueEntry, hold func()) error {
	if err := p.setBehaviour(e); err != nil {
		return err
	}
	hold()
	return p.setBehaviour(p.usual)
}

// impairLink impairs a link until hold returns.
func (p *cpUnderTest) impairLink(side int, i faultproxy.Impairment, hold func()) error {
	from := now()
	if err := p.updateLinks(func() { p.impairments[side] = i }); err != nil {
		return err
	}
	hold()
	err := p.updateLinks(func() { p.impairments[side] = faultproxy.Impairment{} })
	w := oracle.Window{Kind: oracle.CentralLink, Delay: 2 * i.Delay}
	if p.c.certificates != nil {
		w.Delay *= 2 // a new connection has a handshake before
	}
	if side == engineSide {
		w.Kind = oracle.EngineLink
		if i.Kind != faultproxy.Slow {
			w.Expect = oracle.ExpectFailure
		}
	}
	p.c.truth.endWindow(p.number, from, w)
	return err
}

func (p *cpUnderTest) injectMonitor(name string, hold func()) error {
	p.noteUnexpectedExit()
	switch name {
	case "kill":
		return p.withMonitorDown((*process.Child).Kill, hold)
	case "restart":
		return p.withMonitorDown(p.stopMonitor, hold)
	case "repeated-stop":
		p.pauseRepeatedly(hold)
	default:
		p.pauseMonitor(hold)
	}
	return nil
}

// pauseMonitor stops the Monitor's process (SIGSTOP) until hold returns.
func (p *cpUnderTest) pauseMonitor(hold func()) {
	from := p.pause()
	hold()
	p.resume(from)
}

func (p *cpUnderTest) pause() (from evcp.Stamp) {
	from = now()
	p.process().Signal(syscall.SIGSTOP)
	return from
}

func (p *cpUnderTest) resume(from evcp.Stamp) {
	p.process().Signal(syscall.SIGCONT)
	p.c.truth.endWindow(p.number, from, oracle.Window{Kind: oracle.MonitorPaused})
}

// pauseUnanswered is pauseMonitor at the moment at which the Engine has received the next
// check and has not replied: the Monitor stops in its system call, or just after it. An
// Engine without delay has replied when the Monitor runs again.
func (p *cpUnderTest) pauseUnanswered(ctx context.Context, hold func()) {
	paused := make(chan evcp.Stamp, 1)
	p.hook.onNextCheck(func() { paused <- p.pause() })
	select {
	case from := <-paused:
		hold()
		p.resume(from)
	case <-ctx.Done():
	}
}

// Durations of pauseRepeatedly. Their sum divides no interval, so that in time every
// phase of a check is paused.
const (
	pausedFor  = 210 * ms
	runningFor = 170 * ms
)

// pauseRepeatedly pauses and resumes the Monitor in turns, until hold returns.
func (p *cpUnderTest) pauseRepeatedly(hold func()) {
	over := make(chan struct{})
	go func() { defer close(over); hold() }()
	for {
		p.pauseMonitor(func() { time.Sleep(pausedFor) })
		select {
		case <-over:
			return
		case <-time.After(runningFor):
		}
	}
}

// withMonitorDown ends the Monitor with end, and starts it when hold has returned.
func (p *cpUnderTest) withMonitorDown(end func(*process.Child), hold func()) error {
	from := now()
	end(p.process())
	hold()
	p.c.truth.endWindow(p.number, from, oracle.Window{Kind: oracle.MonitorDown})
	return p.startMonitor()
}

// withStateMoved is withMonitorDown while change alters the state folder; the Monitor may
// begin a new epoch after it.
func (p *cpUnderTest) withStateMoved(end func(*process.Child), change func(folder string) error) error {
	from, changed := now(), error(nil)
	err := p.withMonitorDown(end, func() {
		changed = change(p.stateFolder())
		p.c.truth.endWindow(p.number, from, oracle.Window{Kind: oracle.StateMoved})
	})
	return errors.Join(changed, err)
}

// injectCentral pauses or ends Central. While it is down the links refuse, as the kernel
// would without them.
func (c *campaign) injectCentral(name string, hold func()) error {
	from := now()
	defer func() { c.truth.endWindow(-1, from, oracle.Window{Kind: oracle.CentralDown}) }()
	switch name {
	case "stop":
		c.central.Signal(syscall.SIGSTOP)
		hold()
		c.central.Signal(syscall.SIGCONT)
		return nil
	case "kill":
		c.central.Kill()
	default:
		c.stop(c.central, "Central did not stop")
	}
	if err := c.setCentralDown(true); err != nil {
		return err
	}
	hold()
	if err := c.startCentral(); err != nil {
		return err
	}
	return c.setCentralDown(false)
}

func (c *campaign) setCentralDown(down bool) error {
	for _, p := range c.cps {
		if err := p.updateLinks(func() { p.down[centralSide] = down }); err != nil {
			return err
		}
	}
	return nil
}

func (c *campaign) injectBroker(name string, hold func()) error {
	verbs := map[string][2]string{"stop": {"freeze", "thaw"}, "kill": {"kill", "start"}, "restart": {"stop", "start"}}[name]
	if err := c.broker.do(verbs[0]); err != nil {
		return err
	}
	hold()
	return c.broker.do(verbs[1])
}

// loadCPU runs two busy processes for each CPU until hold returns.
func (c *campaign) loadCPU(hold func()) error {
	from := now()
	var busy []*process.Child
	defer func() {
		for _, child := range busy {
			child.Kill()
		}
		c.truth.endWindow(-1, from, oracle.Window{Kind: oracle.CPUBusy})
	}()
	for range 2 * runtime.NumCPU() {
		child, err := c.startChild("cpuload", "sh", "-c", "while :; do :; done")
		if err != nil {
			return err
		}
		busy = append(busy, child)
	}
	hold()
	return nil
}

// outboxRetry is how long the outbox may keep events in memory after a full disk has room
// again: it tries every 30 s.
const outboxRetry = 33 * time.Second

// fillDisk fills the small disk until hold returns; it does nothing if there is none, as
// the table says.
func (c *campaign) fillDisk(p *cpUnderTest, hold func()) error {
	if c.disk == nil {
		return nil
	}
	from := now()
	err := c.disk.fill()
	hold()
	if emptied := c.disk.empty(); err == nil {
		err = emptied
	}
	c.truth.addWindow(p.number, oracle.Window{Kind: oracle.DiskFailing, From: from, To: now().Add(outboxRetry)})
	return err
}
