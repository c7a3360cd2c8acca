package monitor

import (
	"math/rand/v2"
	"time"

	"evcp"
	"evcp/internal/outbox"
	"evcp/internal/probe"
)

// finding judges one finding of the probe.
func (m *Monitor) finding(f probe.Finding, slept time.Duration) {
	c := &m.cps[f.Target]
	c.inFlight = !f.Last
	at := m.clock.stamp(f.At)
	if f.Greeted {
		m.judge(f.Target, evcp.Observation{Kind: evcp.Greeted, Response: f.Greeting, At: at})
	}
	if f.Checked {
		outcome, gap := m.o.Probe.Judge(f, slept)
		m.judge(f.Target, evcp.Observation{Kind: evcp.Checked, Outcome: outcome, At: at})
		m.meter.checked(f.At, outcome)
		c.stalled(gap, 0)
	}
	m.recordStall(f.Target)
}

// recordStall records a stall once no exchange with the charge point is in flight, so
// that the failed check and the missed ticks of one stall make one event.
func (m *Monitor) recordStall(i int) {
	c := &m.cps[i]
	if c.inFlight || c.stall == 0 {
		return
	}
	o := evcp.Observation{Kind: evcp.StallEnded, Gap: c.stall, Missed: c.stallMissed}
	m.meter.stalled(c.stall)
	c.stall, c.stallMissed = 0, 0
	m.judge(i, o)
}

// observe judges what others observed. An observation of no charge point, or of one
// that is not monitored, is ignored.
func (m *Monitor) observe(o evcp.Observation) {
	if i, ok := m.index[o.CP]; ok {
		m.judge(i, o)
	}
}

// judge applies an observation to its charge point, hands the events to the outbox
// and counts them.
func (m *Monitor) judge(i int, o evcp.Observation) {
	m.apply(i, o)
	m.count(&m.cps[i])
}

// apply is judge without counting.
func (m *Monitor) apply(i int, o evcp.Observation) {
	c := &m.cps[i]
	o.CP = c.cp
	if o.At == 0 {
		o.At = m.clock.stamp(time.Now())
	}
	o.Renumber = o.Renumber || c.renumber
	if o.Renumber || c.state.Epoch == 0 {
		o.EpochOffset = rand.Uint32N(evcp.MaxEpochOffset)
	}
	o.Incident = c.currentID(o.Incident)
	c.state, m.events = m.o.Policy.Next(c.state, o, m.events[:0])
	if len(m.events) == 0 {
		return
	}
	c.renumber = false
	judged := [1]outbox.Judged{{Handle: c.handle, Events: len(m.events), State: c.state}}
	a := m.o.Box.Append(outbox.Batch{Generation: m.generation, Events: m.events, Judged: judged[:]})
	c.addPending(pendingObservation{a.Ticket, a.Dropped, o, c.state}, a.Kept)
}

// rejudge returns every charge point to its kept state and judges the pending
// observations again, in a new epoch. They were counted the first time.
func (m *Monitor) rejudge(generation uint64) {
	kept := m.o.Box.KeptIn(m.generation)
	m.generation = generation
	for i := range m.cps {
		c := &m.cps[i]
		for _, p := range c.rollBack(kept) {
			m.apply(i, p.observation)
			c.renumbered(p.after.Incident.ID, c.state.Incident.ID)
		}
	}
}

// checkClock records for every charge point when the wall clock was set, and when the
// machine slept: a stall that the monotonic clock, and so the ticks, don't show.
func (m *Monitor) checkClock(now time.Time, slept time.Duration) {
	step, sleep := m.clock.follow(now, slept)
	if step == 0 && sleep == 0 {
		return
	}
	for i := range m.cps {
		if step != 0 {
			m.judge(i, evcp.Observation{Kind: evcp.ClockStepped, Gap: step})
		}
		m.cps[i].stalled(sleep, uint32(sleep/m.o.Interval))
		m.recordStall(i)
	}
}

// wallClock dates observations: the wall clock's time at the start plus the time that
// the monotonic clock counted since. So no date is before an earlier one, and the
// difference of two dates is the time elapsed. When the wall clock is set, follow
// returns the step, and dates go on from the new time.
type wallClock struct {
	base  time.Time
	wall  evcp.Stamp
	slept time.Duration
}

// minStep is how far wall and monotonic clock must differ to count as a step. Slewing
// by NTP moves both alike.
const minStep = 100 * time.Millisecond

func newWallClock(now time.Time, slept time.Duration) wallClock {
	return wallClock{base: now, wall: evcp.StampOf(now), slept: slept}
}

// stamp is the date of a moment of this process.
func (c *wallClock) stamp(t time.Time) evcp.Stamp { return c.wall.Add(t.Sub(c.base)) }

// follow compares the clocks and returns by how much the wall clock was set, and how
// long the machine slept, since the last call; each 0 when it did not happen. Time
// slept is no step: it is missing from the monotonic clock, not from the wall clock.
func (c *wallClock) follow(now time.Time, slept time.Duration) (step, sleep time.Duration) {
	difference := evcp.StampOf(now).Sub(c.stamp(now))
	if slept-c.slept >= minStep {
		sleep = slept - c.slept
	}
	step = difference - sleep
	if step.Abs() < minStep {
		step = 0
	}
	if step != 0 || sleep != 0 {
		c.slept, c.wall = slept, c.wall.Add(difference)
	}
	return step, sleep
}
