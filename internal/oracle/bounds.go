package oracle

import (
	"slices"
	"time"

	"evcp"
)

// incidents checks the bounds: an Engine that fails, and goes on failing, has an open
// incident by then; one that is OK again has none.
func (v *verifier) incidents() {
	r := v.trace.Rules
	fall := time.Duration(r.Fall)*r.Interval + r.Timeout + 3*grace
	rise := 2*r.Interval + r.Timeout + 3*grace // a check that began before may still fail
	for _, p := range v.periods() {
		bound, want := rise, false
		switch p.expect {
		case ExpectFailure:
			bound, want = fall, true
		case ExpectEither:
			continue
		}
		bound += v.linkDelay(span{p.from, p.from.Add(bound)})
		due := v.deadline(p.from, bound)
		if want {
			due = v.deadline(v.streakStart(p.from, due), bound)
		}
		due = due.Add(slack)
		if due >= p.to || v.of(MonitorDown).meet(span{due, due}) {
			continue
		}
		v.result.Bounds++
		if open := v.openAt(due); open != want {
			v.violated(MissedIncident, due, "%s since %s; an incident is open: %t", p.expect, clock(p.from), open)
		}
	}
}

// streakStart is from when failures count for an incident that must be open at due:
// failures before a stall longer than Rules.streakPause may have expired.
func (v *verifier) streakStart(from, due evcp.Stamp) evcp.Stamp {
	r := v.trace.Rules
	for _, s := range v.stalls {
		if s.to > from && s.from <= due && s.length() > r.streakPause()-r.Interval-r.Timeout {
			from = s.to
		}
	}
	return from
}

// linkDelay is what a slow link adds to the bound: each check may dial for a whole
// timeout before it sends, and so take one tick more.
func (v *verifier) linkDelay(s span) time.Duration {
	for _, w := range v.cp.Windows {
		if w.Kind == EngineLink && w.Delay > 0 && s.meets(span{w.From, w.To}) {
			return time.Duration(v.trace.Rules.Fall) * v.trace.Rules.Interval
		}
	}
	return 0
}

// openAt reports whether an incident was open at a moment.
func (v *verifier) openAt(t evcp.Stamp) bool {
	open := false
	for _, e := range v.events {
		if e.At > t {
			break
		}
		switch e.Action {
		case evcp.EngineFailed:
			open = true
		case evcp.EngineRecovered:
			open = false
		}
	}
	return open
}

// lateChecks checks the intervals between checks, as the Engine received them, while the
// Monitor could run and the Engine could be reached.
func (v *verifier) lateChecks() {
	r := v.trace.Rules
	unseen := union(append(v.of(EngineLink, OwnNetwork, HarnessStalled, MonitorPaused, MonitorDown), v.notListening()...))
	for i := 1; i < len(v.cp.EngineChecks); i++ {
		s := span{v.cp.EngineChecks[i-1].Received, v.cp.EngineChecks[i].Received}
		if s.to > v.trace.To || s.from < v.trace.From || unseen.meet(s.wider(maxLateness)) {
			continue
		}
		v.result.Intervals++
		limit := r.Interval + maxLateness
		if v.first(i-1) || r.Rechecks || v.overranBusy(s) {
			limit += r.Interval
		}
		if over := s.length() - limit; over > 0 && over > v.stallTime(s) {
			v.violated(LateCheck, s.to, "%s after the one before", s.length())
		}
	}
	v.firstChecks()
}

// first reports whether a check was the first of a process. It is not on the grid, and
// the next tick is skipped if it is nearer than half an interval; it also waits for the
// greeting, and so may run into the next tick.
func (v *verifier) first(i int) bool {
	if i == 0 {
		return true
	}
	between := span{v.cp.EngineChecks[i-1].Received, v.cp.EngineChecks[i].Received}
	return v.of(MonitorDown).meet(between)
}

// overranBusy reports whether busy CPUs let an exchange that waited for the Engine's greeting, or
// for its whole timeout, run into the next tick.
func (v *verifier) overranBusy(between span) bool {
	return v.of(MachineBusy).meet(between.wider(maxLateness)) && slices.ContainsFunc(v.events, func(e evcp.Event) bool {
		long := e.Action == evcp.ConnectedToEngine || e.Action == evcp.HealthCheck && e.Latency > v.trace.Rules.Timeout
		return long && between.meets(span{e.At, e.At})
	})
}

// stallTime is how much lateness the Monitor's stalls explain.
func (v *verifier) stallTime(s span) time.Duration {
	sum := time.Duration(0)
	for _, x := range v.stalls {
		if x.meets(s.wider(maxLateness)) {
			sum += x.cost + v.trace.Rules.Interval
		}
	}
	return sum
}

// firstChecks wants a check soon after every start.
func (v *verifier) firstChecks() {
	r := v.trace.Rules
	unseen := union(append(v.of(EngineLink, OwnNetwork, HarnessStalled, MonitorPaused), v.notListening()...))
	for _, down := range v.of(MonitorDown) {
		due := down.to.Add(r.Ready)
		if due > v.trace.To || unseen.meet(span{down.to, due}) || v.of(MonitorDown).meet(span{down.to + 1, due}) {
			continue
		}
		if end, busy := v.of(MachineBusy).end(span{down.to, due}); busy {
			due = max(due, end).Add(r.Ready)
		}
		if len(v.checksReceived(span{down.to, due})) == 0 {
			v.violated(LateCheck, due, "started %s ago without a check", due.Sub(down.to))
		}
	}
}

// lost looks for checks that the Engine received and that have no event. A kill may
// lose those that ended just before it.
func (v *verifier) lost() {
	var known []span
	for _, e := range v.events {
		if e.Action == evcp.HealthCheck {
			known = append(known, v.checkTime(e).wider(slack))
		}
	}
	covered := union(known)
	unclear := v.of(EngineLink, HarnessStalled) // a delayed check is received later than it was sent
	removed := v.of(Removed)                    // a check in flight is broken off
	for _, c := range v.cp.EngineChecks {
		at := span{c.Received, c.Received}
		switch {
		case c.Received < v.trace.From || c.Received > v.trace.To:
		case covered.meet(at):
		case unclear.meet(span{c.Received.Add(-maxLateness), c.Received}):
		case removed.meet(at):
		case v.lostByKill(c):
		default:
			v.violated(LostEvent, c.Received, "the Engine received a check and replied %q; no event", c.Reply)
		}
	}
}

// lastCheck is how long a Monitor that stops waits for the check in flight.
const lastCheck = time.Second

// lostByKill reports whether a kill came before the check's event could be kept, or a stop before
// the check was over.
func (v *verifier) lostByKill(c EngineCheck) bool {
	latest := c.Received.Add(v.trace.Rules.Timeout + 2*grace)
	over := min(c.Done, latest)
	if c.Reply == "" || v.of(EngineLink).meet(span{c.Received, c.Done}) { // no reply, or one at an unknown time
		over = latest
	}
	idle := v.of(MonitorPaused, MachineBusy, HarnessStalled) // no progress meanwhile
	for _, down := range v.of(MonitorDown) {
		if down.from < c.Received.Add(-slack) {
			if end := down.from.Add(lastCheck); c.Received < end && over > end.Add(-slack) { // broken off at a clean stop
				return true
			}
			continue
		}
		running := down.from.Sub(over) - idle.within(span{over, down.from})
		if running <= v.trace.Rules.Noticing+commit || v.inMemory(c.Received, down.from) {
			return true
		}
	}
	return false
}

// inMemory reports whether the disk failed from then until the kill.
func (v *verifier) inMemory(asked, killed evcp.Stamp) bool {
	for _, s := range v.of(DiskFailing) {
		if s.from.Add(-time.Second) <= asked && asked <= s.to && killed <= s.to {
			return true
		}
	}
	return false
}
