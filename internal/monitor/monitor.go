// Package monitor owns the charge points that a process watches and is the one
// straight way of a fact: pace says when, probe asks, evcp judges, outbox keeps.
//
// One goroutine owns every State. Whatever else learns something (the uplink
// what Central answered, the outbox what it had to drop) sends an Observation
// through Observe, the front door, and it is judged like any check. Nothing here
// waits for a disk or for any network.
//
// One charge point is a fleet of one. What a lone Monitor does differently is
// the option Lone: it checks at once, as soon as Central has spoken or has been
// given 200 ms to.
package monitor

import (
	"context"
	"time"

	"evcp"
	"evcp/internal/outbox"
	"evcp/internal/pace"
	"evcp/internal/probe"
)

// Options are what a Monitor needs.
type Options struct {
	CPs      []evcp.CPID // in the order of the probe's targets
	Policy   evcp.Policy
	Interval time.Duration
	Version  string
	// Lone: the first check comes at once, instead of at the next tick.
	Lone bool
	// Gate is closed when Central has said its first word, or can't be reached.
	// A lone Monitor's first check waits for it, at most for 200 ms.
	Gate  <-chan struct{}
	Probe *probe.Probe
	Box   *outbox.Outbox
	// Slept is how long this machine has slept since it booted.
	Slept func() time.Duration
}

// Patience with Central before the first check, and with the last check at the end.
const (
	gateLimit = 200 * time.Millisecond
	lastLimit = 1200 * time.Millisecond
)

// Monitor watches. Observe and Refused may be called from any goroutine; Run
// from one, once.
type Monitor struct {
	o       Options
	clock   clock
	watches []watch
	index   map[evcp.CPID]int
	due     queue
	inbox   chan evcp.Observation
	refused chan uint64
	done    chan struct{}

	generation uint64
	events     []evcp.Event // reused by every judgement
	asked      []int        // reused by every tick
	found      []probe.Finding
	meter      meter
}

// New makes a Monitor of the states that the outbox remembers.
func New(o Options) *Monitor {
	m := &Monitor{
		o: o, index: make(map[evcp.CPID]int, len(o.CPs)), watches: make([]watch, len(o.CPs)),
		inbox: make(chan evcp.Observation, 256), refused: make(chan uint64, 1), done: make(chan struct{}),
		generation: o.Box.Generation(),
	}
	m.meter.begin()
	for i, cp := range o.CPs {
		m.index[cp] = i
		m.watches[i] = watch{cp: cp, state: o.Box.State(cp), renumber: o.Box.Renumber(cp)}
		m.watches[i].kept = m.watches[i].state
		if open := m.watches[i].state.Incident; open.Open {
			m.watches[i].since.Store(int64(open.Since))
		}
	}
	return m
}

// Observe brings something learned elsewhere in by the front door. A zero At is
// dated when it is judged. It reports false when the Monitor has stopped.
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

// Refused says that the disk refused: what was judged since the last kept ticket
// is judged again under a new numbering, for the outbox's new generation.
func (m *Monitor) Refused(generation uint64) {
	select {
	case m.refused <- generation:
	case <-m.done:
	}
}

// Missed is how many ticks passed without a check.
func (m *Monitor) Missed() uint64 { return m.meter.missed.Load() }

// Run watches until ctx ends, finishes the checks in flight, records that it
// stopped, and returns. What it judged is in the outbox.
func (m *Monitor) Run(ctx context.Context) {
	defer close(m.done)
	m.start(time.Now())
	m.watch(ctx)
	m.finish()
}

func (m *Monitor) start(now time.Time) {
	m.clock = newClock(now, m.o.Slept())
	m.meter.mark(&m.meter.begun, now)
	for i := range m.watches {
		w := &m.watches[i]
		w.grid = pace.NewGrid(w.cp, m.o.Interval, now)
		w.due = w.grid.After(now)
		if m.o.Lone {
			w.due = now.Add(gateLimit)
		}
		m.due.push(i, w.due)
		m.judge(i, evcp.Observation{Kind: evcp.Started, Version: m.o.Version})
	}
}

// watch is the loop: ticks, findings, and what others observed.
func (m *Monitor) watch(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	gate := m.o.Gate
	for {
		timer.Reset(time.Until(m.due.next()))
		var news evcp.Observation
		select {
		case <-ctx.Done():
			return
		case <-gate:
			gate = nil
			m.open(time.Now())
		case <-timer.C:
		case <-m.o.Probe.Ready():
		case news = <-m.inbox:
		case g := <-m.refused:
			m.rejudge(g)
		}
		m.step(time.Now()) // what was found before the news is judged before it
		m.learn(news)
	}
}

// step does what is due: first the ticks, so that a stall is one stall and not
// two, then the findings.
func (m *Monitor) step(now time.Time) {
	m.checkClock(now)
	m.tick(now)
	m.hear()
}

// hear takes what the probe has found.
func (m *Monitor) hear() {
	m.found = m.o.Probe.Take(m.found[:0])
	for _, f := range m.found {
		m.heard(f)
	}
}

// open lets a lone Monitor's first check go.
func (m *Monitor) open(now time.Time) {
	if !m.o.Lone {
		return
	}
	for i := range m.watches {
		if w := &m.watches[i]; !w.begun && w.due.After(now) {
			w.due = now
			m.due.move(i, now)
		}
	}
}

// tick asks the charge points that are due.
func (m *Monitor) tick(now time.Time) {
	m.asked = m.asked[:0]
	for !m.due.empty() && !m.due.next().After(now) {
		i, late := m.due.first(), now.Sub(m.due.next())
		onGrid := m.watches[i].begun || !m.o.Lone
		check, missed := m.watches[i].tick(now, m.o.Lone)
		if check {
			m.asked = append(m.asked, i)
		}
		if check && onGrid {
			m.meter.lateness.Observe(late)
		}
		m.meter.missed.Add(uint64(missed))
		m.told(i)
		m.due.move(i, m.watches[i].due)
	}
	m.meter.mark(&m.meter.next, m.due.next())
	m.o.Probe.Ask(m.asked...)
}

// heard judges one thing that an exchange came to.
func (m *Monitor) heard(f probe.Finding) {
	w := &m.watches[f.Target]
	w.inFlight = !f.Last
	at := m.clock.stamp(f.At)
	if f.Greeted {
		m.judge(f.Target, evcp.Observation{Kind: evcp.Greeted, Response: f.Greeting, At: at})
	}
	if f.Checked {
		m.judge(f.Target, evcp.Observation{Kind: evcp.Checked, Outcome: f.Outcome, At: at})
		m.meter.checked(f.At, f.Outcome)
		w.stood(f.Gap, 0)
	}
	m.told(f.Target)
}

// told records a stall once nothing of the charge point is in flight, so that
// the check it spoiled and the ticks it swallowed are one event.
func (m *Monitor) told(i int) {
	w := &m.watches[i]
	if w.inFlight || w.gap == 0 {
		return
	}
	o := evcp.Observation{Kind: evcp.Stood, Gap: w.gap, Missed: w.swallowed}
	m.meter.stalled(w.gap)
	w.gap, w.swallowed = 0, 0
	m.judge(i, o)
}

// learn judges what others observed. Of a charge point that is not watched, or of
// none, there is nothing to judge.
func (m *Monitor) learn(o evcp.Observation) {
	if i, ok := m.index[o.CP]; ok {
		m.judge(i, o)
	}
}

// judge folds an observation into its charge point, hands the events over, and
// counts them.
func (m *Monitor) judge(i int, o evcp.Observation) {
	m.fold(i, o)
	m.meter.opened(m.events)
	m.watches[i].turn(m.events)
}

// fold is judge without counting: for what was counted before.
func (m *Monitor) fold(i int, o evcp.Observation) {
	w := &m.watches[i]
	o.CP = w.cp
	if o.At == 0 {
		o.At = m.clock.stamp(time.Now())
	}
	o.Renumber = o.Renumber || w.renumber
	o.Incident = w.nameOf(o.Incident)
	w.state, m.events = m.o.Policy.Next(w.state, o, m.events[:0])
	if len(m.events) == 0 {
		return
	}
	w.renumber = false
	ticket := m.o.Box.Append(outbox.Batch{Generation: m.generation, CP: w.cp, Events: m.events, State: w.state})
	w.remember(judged{ticket, o, w.state}, m.o.Box.Kept())
}

// rejudge goes back to what is kept and judges the rest again, renumbered.
func (m *Monitor) rejudge(generation uint64) {
	m.generation = generation
	kept := m.o.Box.Kept() // once: what is judged again below is soon kept itself
	for i := range m.watches {
		w := &m.watches[i]
		for _, j := range w.forget(kept) {
			m.fold(i, j.from)
			w.rename(j.after.Incident.ID, w.state.Incident.ID)
		}
	}
}

// checkClock tells every charge point when the wall clock was set, and when the
// machine slept: a stall that the monotonic clock, and so the ticks, never saw.
func (m *Monitor) checkClock(now time.Time) {
	step, nap := m.clock.follow(now, m.o.Slept())
	if step == 0 && nap == 0 {
		return
	}
	for i := range m.watches {
		if step != 0 {
			m.judge(i, evcp.Observation{Kind: evcp.ClockStepped, Gap: step})
		}
		m.watches[i].stood(nap, uint32(nap/m.o.Interval))
		m.told(i)
	}
}

// finish waits for the checks in flight and says goodbye to the record.
func (m *Monitor) finish() {
	limit := time.NewTimer(lastLimit)
	defer limit.Stop()
	for waiting := true; waiting && m.anyInFlight(); {
		var news evcp.Observation
		select {
		case <-m.o.Probe.Ready():
		case news = <-m.inbox:
		case g := <-m.refused:
			m.rejudge(g)
		case <-limit.C:
			waiting = false
		}
		m.hear()
		m.learn(news)
	}
	m.o.Probe.Close()
	for i := range m.watches {
		m.judge(i, evcp.Observation{Kind: evcp.Stopping, Reason: "asked to stop"})
	}
}

func (m *Monitor) anyInFlight() bool {
	for i := range m.watches {
		if m.watches[i].inFlight {
			return true
		}
	}
	return false
}
