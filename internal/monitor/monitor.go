// Package monitor checks the charge points of one process: pace says when a check is
// due, probe makes it, evcp judges it, outbox keeps the events.
//
// One goroutine, in Run, owns every State. Other goroutines (the uplink with Central's
// replies, the outbox with what it dropped) send an Observation through Observe, and
// it is judged like a check. Nothing here waits for a disk or a network.
//
// One charge point is a fleet of one. What a lone Monitor does differently is the
// option Lone: the first check comes at once, as soon as Central has replied or 200 ms
// have passed.
package monitor

import (
	"container/heap"
	"context"
	"time"

	"evcp"
	"evcp/internal/outbox"
	"evcp/internal/pace"
	"evcp/internal/probe"
)

// Options are what a Monitor needs.
type Options struct {
	CPs      []evcp.CPID
	Policy   evcp.Policy
	Interval time.Duration
	Version  string
	// Lone: the first check comes at once, instead of at the next tick.
	Lone bool
	// Gate is closed when Central has begun to reply, or can't be reached. A lone
	// Monitor's first check waits for it, at most for 200 ms.
	Gate  <-chan struct{}
	Probe probe.Prober // its slots are the indices of CPs
	Box   *outbox.Outbox
	// Slept reads how long this machine has slept. It is called once for each wake-up
	// of Run.
	Slept func() time.Duration
}

// How long the first check waits for Central, and the end for the last check.
const (
	gateLimit   = 200 * time.Millisecond
	finishLimit = 1200 * time.Millisecond
)

// Monitor checks charge points. Observe and Refused may be called from any goroutine;
// Run from one, once.
type Monitor struct {
	o       Options
	clock   wallClock
	cps     []monitoredCP
	index   map[evcp.CPID]int
	due     tickQueue
	inbox   chan evcp.Observation
	refused chan uint64
	done    chan struct{}

	generation uint64
	events     []evcp.Event // reused by every judgement
	asked      []int        // reused by every tick
	found      []probe.Finding
	meter      meter
}

// New makes a Monitor that goes on from the states in the outbox.
func New(o Options) *Monitor {
	m := &Monitor{
		o: o, index: make(map[evcp.CPID]int, len(o.CPs)), cps: make([]monitoredCP, len(o.CPs)),
		inbox: make(chan evcp.Observation, 256), refused: make(chan uint64, 1), done: make(chan struct{}),
		generation: o.Box.Generation(),
	}
	m.meter.start()
	for i, cp := range o.CPs {
		m.index[cp] = i
		m.cps[i] = monitoredCP{cp: cp, handle: o.Box.Handle(cp)}
		m.cps[i].state, m.cps[i].renumber = o.Box.StateAt(m.cps[i].handle), o.Box.Renumber(m.cps[i].handle)
		m.cps[i].kept = m.cps[i].state
		if open := m.cps[i].state.Incident; open.Open {
			m.cps[i].since.Store(int64(open.Since))
		}
	}
	return m
}

// Observe hands over an observation from elsewhere. A zero At is dated when it is
// judged. It returns false when the Monitor has stopped.
func (m *Monitor) Observe(o evcp.Observation) bool {
	select {
	case <-m.done:
		return false
	default:
	}
	select {
	case m.inbox <- o:
		return true
	case <-m.done:
		return false
	}
}

// Refused reports that the disk refused a commit. What was judged after the last kept
// event is judged again in a new epoch, for the outbox's new generation.
func (m *Monitor) Refused(generation uint64) {
	select {
	case m.refused <- generation:
	case <-m.done:
	}
}

// Missed is how many ticks passed without a check.
func (m *Monitor) Missed() uint64 { return m.meter.missed.Load() }

// Run checks until ctx ends, finishes the checks in flight, records that it stopped,
// and returns. All events are in the outbox then.
func (m *Monitor) Run(ctx context.Context) {
	defer close(m.done)
	m.start(time.Now())
	m.loop(ctx)
	m.finish()
}

func (m *Monitor) start(now time.Time) {
	m.clock = newWallClock(now, m.o.Slept())
	m.meter.mark(&m.meter.begun, now)
	for i := range m.cps {
		c := &m.cps[i]
		c.grid = pace.NewGrid(c.cp, m.o.Interval, now)
		c.due = c.grid.After(now)
		if m.o.Lone {
			c.due = now.Add(gateLimit)
		}
		m.meter.mark(&c.next, c.due)
		m.judge(i, evcp.Observation{Kind: evcp.Started, Version: m.o.Version})
	}
	m.due = newTickQueue(m.cps)
}

// loop waits for ticks, findings and the observations of others.
func (m *Monitor) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	gate := m.o.Gate
	for {
		timer.Reset(time.Until(m.due.next()))
		var other evcp.Observation
		select {
		case <-ctx.Done():
			return
		case <-gate:
			gate = nil
			m.openGate(time.Now())
		case <-timer.C:
		case <-m.o.Probe.Ready():
		case other = <-m.inbox:
		case g := <-m.refused:
			m.rejudge(g)
		}
		m.step() // what was found before the observation is judged before it
		m.observe(other)
	}
}

// step does what is due: first the ticks, so that a stall is recorded once, then the
// findings.
func (m *Monitor) step() {
	now, slept := m.take()
	m.checkClock(now, slept)
	m.tick(now, slept)
	m.judgeFound(slept)
}

// take takes what the probe has found, and reads the clocks, once for each wake-up.
// The findings come first: a check must not end after the reading that judges it.
func (m *Monitor) take() (now time.Time, slept time.Duration) {
	m.found = m.o.Probe.Take(m.found[:0])
	return time.Now(), m.o.Slept()
}

func (m *Monitor) judgeFound(slept time.Duration) {
	for _, f := range m.found {
		m.finding(f, slept)
	}
}

// openGate makes a lone Monitor's first check due.
func (m *Monitor) openGate(now time.Time) {
	if !m.o.Lone {
		return
	}
	for i := range m.cps {
		if c := &m.cps[i]; !c.begun && c.due.After(now) {
			c.due = now
		}
	}
	heap.Init(&m.due)
}

// tick asks the charge points that are due.
func (m *Monitor) tick(now time.Time, slept time.Duration) {
	m.asked = m.asked[:0]
	for !m.due.next().After(now) {
		i, late := m.due.first(), now.Sub(m.due.next())
		onGrid := m.cps[i].begun || !m.o.Lone
		check, missed := m.cps[i].tick(now, m.o.Lone)
		if check {
			m.asked = append(m.asked, i)
		}
		if check && onGrid {
			m.meter.lateness.Observe(late)
		}
		m.meter.missed.Add(uint64(missed))
		m.recordStall(i)
		heap.Fix(&m.due, 0)
		m.meter.mark(&m.cps[i].next, m.cps[i].due)
	}
	m.meter.mark(&m.meter.next, m.due.next())
	m.o.Probe.Ask(slept, m.asked...)
}

// finish waits for the checks in flight and records that the Monitor stopped.
func (m *Monitor) finish() {
	limit := time.NewTimer(finishLimit)
	defer limit.Stop()
	for waiting := true; waiting && m.anyInFlight(); {
		var other evcp.Observation
		select {
		case <-m.o.Probe.Ready():
		case other = <-m.inbox:
		case g := <-m.refused:
			m.rejudge(g)
		case <-limit.C:
			waiting = false
		}
		_, slept := m.take()
		m.judgeFound(slept)
		m.observe(other)
	}
	m.o.Probe.Close()
	for i := range m.cps {
		m.judge(i, evcp.Observation{Kind: evcp.Stopping, Reason: evcp.ReasonAsked})
	}
}

func (m *Monitor) anyInFlight() bool {
	for i := range m.cps {
		if m.cps[i].inFlight {
			return true
		}
	}
	return false
}
