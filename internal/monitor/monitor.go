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
