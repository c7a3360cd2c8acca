package monitor

import (
	"time"

	"evcp"
	"evcp/internal/outbox"
	"evcp/internal/probe"
)

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
	o := evcp.Observation{Kind: evcp.StallEnded, Gap: w.gap, Missed: w.swallowed}
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
