// Package generator makes the events of charge points whose outages are known before, with
// the judgement of the real Monitor and without a network: what Central must make of them can
// be computed by hand. The demo's past comes from it.
package generator

import (
	"iter"
	"time"

	"evcp"
)

// Outage is a time in which each check fails.
type Outage struct {
	From, To evcp.Stamp
	Outcome  evcp.Outcome // of those checks; zero: the Engine refuses
}

// Watch is one charge point under one Monitor, which registers it at From, with an answer at once, and
// checks it from then on, each interval of the policy, until it is stopped at To. It does not check in Off.
type Watch struct {
	CP       evcp.CPID
	Policy   evcp.Policy
	From, To evcp.Stamp
	Down     []Outage // by time, apart
	Off      []Outage // the same
}

// version is that of the Monitor in its events.
const version = "generated"

// Events yields the events in their order.
func (w Watch) Events() iter.Seq[evcp.Event] {
	return func(yield func(evcp.Event) bool) {
		m := SimulatedMonitor{CP: w.CP, Policy: w.Policy}
		for _, o := range []evcp.Observation{
			{Kind: evcp.Started, At: w.From, Version: version}, {Kind: evcp.Registering, At: w.From}, {Kind: evcp.Registered, At: w.From, Response: "OK"},
		} {
			if !each(m.Observe(o), yield) {
				return
			}
		}
		down, off := w.Down, w.Off
		for now := w.From; now < w.To; now = now.Add(w.Policy.Interval) {
			if at(&off, now) {
				continue
			}
			o := evcp.Outcome{Status: evcp.OK, Response: "OK", Latency: 812 * time.Microsecond}
			if at(&down, now) {
				if o = down[0].Outcome; o == (evcp.Outcome{}) {
					o = evcp.Outcome{Status: evcp.ConnectionError, Cause: evcp.Refused}
				}
			}
			if !each(m.Check(now, o), yield) {
				return
			}
		}
		each(m.Observe(evcp.Observation{Kind: evcp.Stopping, At: w.To, Reason: evcp.ReasonAsked}), yield)
	}
}

// at reports whether a moment is in one of the outages; those before it are left out.
func at(all *[]Outage, now evcp.Stamp) bool {
	for len(*all) > 0 && (*all)[0].To <= now {
		*all = (*all)[1:]
	}
	return len(*all) > 0 && (*all)[0].From <= now
}

func each(events []evcp.Event, yield func(evcp.Event) bool) bool {
	for _, e := range events {
		if !yield(e) {
			return false
		}
	}
	return true
}

// SimulatedMonitor makes the events of one Monitor of one charge point, observation by observation.
type SimulatedMonitor struct {
	CP     evcp.CPID
	Policy evcp.Policy
	state  evcp.State
	events []evcp.Event
}

// answer is how long Central takes for a report.
const answer = 30 * time.Millisecond

// Observe returns the events that follow. They are valid until the next call.
func (m *SimulatedMonitor) Observe(o evcp.Observation) []evcp.Event {
	m.events = m.events[:0]
	m.observe(o)
	return m.events
}

func (m *SimulatedMonitor) observe(o evcp.Observation) {
	o.CP = m.CP
	m.state, m.events = m.Policy.Next(m.state, o, m.events)
}

// Check is Observe of a check, and of Central's receipt for what it opens or closes.
func (m *SimulatedMonitor) Check(at evcp.Stamp, o evcp.Outcome) []evcp.Event {
	m.events = m.events[:0]
	m.observe(evcp.Observation{Kind: evcp.Checked, At: at, Outcome: o})
	last := m.events[len(m.events)-1]
	receipt := evcp.Observation{At: at.Add(answer), Incident: last.Incident, Response: "OK", Latency: answer}
	switch last.Action {
	case evcp.EngineFailed:
		receipt.Kind = evcp.FailureReported
	case evcp.EngineRecovered:
		receipt.Kind = evcp.RecoveryReported
	default:
		return m.events
	}
	m.observe(receipt)
	return m.events
}

// Forget begins a new numbering with the next event, as a Monitor does that has lost its
// state.
func (m *SimulatedMonitor) Forget() { m.state = evcp.State{} }
