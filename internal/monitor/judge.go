package monitor

import (
	"math/rand/v2"
	"time"

	"evcp"
	"evcp/internal/outbox"
	"evcp/internal/probe"
)

// finding judges one finding of the probe.
func (s *shard) finding(f *probe.Finding) {
	c := s.cps[f.Target]
	at := s.clock.stamp(f.At)
	if f.Greeted {
		s.judge(f.Target, evcp.Observation{Kind: evcp.Greeted, Response: f.Greeting, At: at})
	}
	if f.Last {
		c.inFlight, c.rechecking = false, false
		s.inFlight--
	}
	if f.Checked {
		outcome, gap := s.prober.Judge(*f, s.slept)
		s.judge(f.Target, evcp.Observation{Kind: evcp.Checked, Outcome: outcome, At: at})
		s.meter.checked(s.since(f.At), outcome)
		c.stalled(gap, 0)
		s.scheduleRecheck(f.Target, f.At, outcome)
	}
	s.recordStall(f.Target)
	if f.Last {
		s.change(f.Target)
	}
}

// scheduleRecheck lets the next check come soon, unless its tick comes sooner.
func (s *shard) scheduleRecheck(slot int, ended time.Time, o evcp.Outcome) {
	after := s.m.o.RecheckAfter
	if after == 0 || !s.cps[slot].checked(o) {
		return
	}
	if due := s.since(ended) + after; due < s.ring.due(slot) {
		s.cps[slot].soon = true
		s.ring.move(slot, due)
	}
}

// recordStall records a stall once no exchange with the charge point is in flight, so
// that the failed check and the missed ticks of one stall make one event.
func (s *shard) recordStall(slot int) {
	c := s.cps[slot]
	if c.inFlight || c.stall == 0 {
		return
	}
	o := evcp.Observation{Kind: evcp.StallEnded, Gap: c.stall, Missed: c.stallMissed}
	s.meter.stalled(c.stall)
	c.stall, c.stallMissed = 0, 0
	s.judge(slot, o)
}

// observe judges what others observed, unless its charge point has gone meanwhile.
func (s *shard) observe(o addressed) {
	if o.CP == "" || o.slot >= len(s.cps) {
		return
	}
	if c := s.cps[o.slot]; c != nil && c.cp == o.CP && !c.released {
		s.judge(o.slot, o.Observation)
	}
}

// judge applies an observation to its charge point, and counts the events.
func (s *shard) judge(slot int, o evcp.Observation) {
	s.meter.add(s.cps[slot], s.apply(slot, o))
}

// mostEvents is how many events of one wake-up are handed to the outbox at once. A start
// makes thousands.
const mostEvents = 256

// apply is judge without counting. It returns the events, until the next call.
func (s *shard) apply(slot int, o evcp.Observation) []evcp.Event {
	if len(s.events) >= mostEvents {
		s.flush()
	}
	c := s.cps[slot]
	o.CP = c.cp
	switch now := s.clock.stamp(s.now); {
	case o.At == 0:
		o.At = now
	case o.At < c.state.At && c.state.At <= now:
		o.At = c.state.At // noticed after what came later: the wall clock was not set
	}
	o.Incident = s.currentID(slot, o.Incident)
	judged := o
	judged.Renumber = o.Renumber || c.renumber
	if judged.Renumber || c.state.Epoch == 0 {
		judged.EpochOffset = rand.Uint32N(evcp.MaxEpochOffset)
	}
	from := len(s.events)
	c.state, s.events = c.policy.Next(c.state, judged, s.events)
	made := s.events[from:]
	if len(made) == 0 {
		return nil
	}
	c.renumber = false
	s.judged = append(s.judged, outbox.Judged{Handle: int(c.handle), Events: len(made), State: c.state})
	s.pending.add(newPending(slot, o, opened(made)))
	return made
}

// opened is the incident that was opened; the zero EventID: none.
func opened(made []evcp.Event) (id evcp.EventID) {
	for i := range made[1:] { // the check comes first
		if e := &made[1+i]; e.Action == evcp.EngineFailed {
			id = e.ID()
		}
	}
	return id
}

// flush hands what was judged to the outbox.
func (s *shard) flush() {
	if len(s.judged) == 0 {
		return
	}
	a := s.m.o.Box.Append(outbox.Batch{Generation: s.generation, Events: s.events, Judged: s.judged})
	s.pending.appended(s.judged, a)
	s.pending.removeKept(a.Kept)
	s.events, s.judged = s.events[:0], s.judged[:0]
}

// rejudge returns every charge point to its kept state and judges the pending
// observations again, in a new epoch. They were counted the first time.
func (s *shard) rejudge(generation uint64) {
	if generation <= s.generation {
		return
	}
	again := s.pending.rollBack(s.m.o.Box.KeptIn(s.generation))
	s.generation = generation
	clear(s.newIDs)
	for _, c := range s.cps {
		if c != nil {
			c.state, c.renumber = s.m.o.Box.StateAt(int(c.handle)), true
		}
	}
	for i := range again {
		p := &again[i]
		s.apply(int(p.slot), p.observation())
		if before, now := p.opened(), s.cps[p.slot].state.Incident.ID; before != now && before != (evcp.EventID{}) {
			s.newIDs[incidentID{int(p.slot), before}] = now
		}
	}
	s.flush()
}

// currentID is the present id of an incident.
func (s *shard) currentID(slot int, incident evcp.EventID) evcp.EventID {
	if len(s.newIDs) == 0 {
		return incident
	}
	if now, ok := s.newIDs[incidentID{slot, incident}]; ok {
		return now
	}
	return incident
}

// checkClock records for every charge point when the wall clock was set, and when the
// machine slept: a stall that the monotonic clock, and so the ticks, don't show.
func (s *shard) checkClock() {
	step, sleep := s.clock.follow(s.now, s.slept)
	if step == 0 && sleep == 0 {
		return
	}
	for slot, c := range s.cps {
		if c == nil || c.released {
			continue
		}
		if step != 0 {
			s.judge(slot, evcp.Observation{Kind: evcp.ClockStepped, Gap: step})
		}
		c.stalled(sleep, uint32(sleep/c.policy.Interval))
		s.recordStall(slot)
	}
}
