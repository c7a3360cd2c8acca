package main

import (
	"context"
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
		return forEach(c.group(f.cp), func(p *cpUnderTest) error { return p.injectBehaviour(f.catalogueEntry, hold) })
	case engineLink:
		return forEach(c.group(f.cp), func(p *cpUnderTest) error { return p.impairLink(engineSide, f.impairment, hold) })
	case centralLink:
		return c.ofMonitor(f.cp).impairLink(centralSide, f.impairment, hold)
	case monitorFault:
		return c.ofMonitor(f.cp).injectMonitor(f.name, hold)
	case centralFault:
		return c.injectCentral(f.name, hold)
	case brokerFault:
		return c.injectBroker(f.name, hold)
	case cpuFault:
		return c.loadCPU(hold)
	case reloadFault:
		return c.fleets[0].without(f.cp, hold)
	default: // diskFault
		return c.fillDisk(c.ofMonitor(f.cp), hold)
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
	if err := p.links[side].impair(i); err != nil {
		return err
	}
	hold()
	err := p.links[side].impair(faultproxy.Impairment{})
	w := oracle.Window{Kind: oracle.CentralLink, Delay: 2 * i.Delay}
	if p.c.certificates != nil {
		w.Delay *= 2 // a new connection has a handshake before
	}
	if side == centralSide {
		p.endWindow(from, w)
		return err
	}
	w.Kind = oracle.EngineLink
	if i.Kind != faultproxy.Slow {
		w.Expect = oracle.ExpectFailure
	}
	p.c.truth.endWindow(p.number, from, w)
	return err
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
		if err := p.links[centralSide].setDown(down); err != nil {
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
		c.truth.endWindow(-1, from, oracle.Window{Kind: oracle.MachineBusy})
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

// ofMonitor is a charge point of the Monitor that a fault happens to.
func (c *campaign) ofMonitor(n int) *cpUnderTest { return c.cps[max(n, 0)] }

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
	p.addWindow(oracle.Window{Kind: oracle.DiskFailing, From: from, To: now().Add(outboxRetry)})
	return err
}
