package main

import (
	"cmp"
	"slices"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/wire"
)

// account is what is known of one charge point when a story is over: what the
// oracle read, for the story's own figures.
type account struct {
	oracle.CPTrace
	rules  oracle.Rules
	events []evcp.Event // each once, by number
}

// accountsOf has one for each point, in their order.
func accountsOf(r oracle.Trace) []account {
	all := make([]account, len(r.CPs))
	for i, cp := range r.CPs {
		all[i] = account{CPTrace: cp, rules: r.Rules, events: eventsOf(cp.Records)}
	}
	return all
}

// eventsOf reads what is on the topic. What is no event is the oracle's to say.
func eventsOf(entries []oracle.TopicRecord) []evcp.Event {
	var all []evcp.Event
	for _, entry := range entries {
		if e, err := evcp.ParseEvent([]byte(entry.Raw)); err == nil {
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b evcp.Event) int {
		return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Seq, b.Seq))
	})
	return slices.CompactFunc(all, func(a, b evcp.Event) bool { return a.ID() == b.ID() })
}

// spell is a time in which an Engine did one thing.
type spell struct{ from, to evcp.Stamp }

// spells are those of a behaviour, in order; the last may still go on.
func (a account) spells(name string) []spell {
	var all []spell
	for i, b := range a.Behaviours {
		if b.Name != name {
			continue
		}
		s := spell{b.At, now()}
		if i+1 < len(a.Behaviours) {
			s.to = a.Behaviours[i+1].At
		}
		all = append(all, s)
	}
	return all
}

// windows are those of a kind, in order.
func (a account) windows(k oracle.WindowKind) []oracle.Window {
	return slices.DeleteFunc(slices.Clone(a.Windows), func(w oracle.Window) bool { return w.Kind != k })
}

// count is how many events of a time are so.
func (a account) count(s spell, is func(evcp.Event) bool) int {
	n := 0
	for _, e := range a.events {
		if e.At >= s.from && e.At <= s.to && is(e) {
			n++
		}
	}
	return n
}

// all is the whole story.
func (a account) all() spell { return spell{0, now()} }

func failed(e evcp.Event) bool  { return e.Action == evcp.HealthCheck && e.Status.Failed() }
func unknown(e evcp.Event) bool { return e.Action == evcp.HealthCheck && !e.Status.Countable() }
func isOK(e evcp.Event) bool    { return e.Action == evcp.HealthCheck && e.Status == evcp.OK }

func isAction(want evcp.Action) func(evcp.Event) bool {
	return func(e evcp.Event) bool { return e.Action == want }
}

// after is the first event from a moment on that is so.
func (a account) after(at evcp.Stamp, is func(evcp.Event) bool) (evcp.Event, bool) {
	for _, e := range a.events {
		if e.At >= at && is(e) {
			return e, true
		}
	}
	return evcp.Event{}, false
}

// sent are the messages of a kind that the Monitor sent in a time.
func (a account) sent(v wire.Verb, s spell) []oracle.CentralMessage {
	var all []oracle.CentralMessage
	for _, m := range a.Messages {
		if m.Verb == v && m.Sent >= s.from && m.Sent <= s.to {
			all = append(all, m)
		}
	}
	return all
}

// epochs are the numberings, in order.
func (a account) epochs() []int64 {
	var all []int64
	for _, e := range a.events {
		if len(all) == 0 || all[len(all)-1] != e.Epoch {
			all = append(all, e.Epoch)
		}
	}
	return all
}

// missing is how many numbers of their epochs are not on the topic.
func (a account) missing() int {
	n, before := 0, evcp.EventID{}
	for _, e := range a.events {
		if e.Epoch != before.Epoch {
			before = evcp.EventID{Epoch: e.Epoch}
		}
		n += int(e.Seq - before.Seq - 1)
		before = e.ID()
	}
	return n
}

// latest is by how much the latest check missed its tick, as the Engine saw it.
// The first check is at once, and so out of step.
func (a account) latest() time.Duration {
	if len(a.EngineChecks) < 3 {
		return never
	}
	asked, every := a.EngineChecks[1:], a.rules.Interval
	base, worst := asked[0].Received, time.Duration(0)
	earliest, last := time.Duration(0), time.Duration(0)
	for i, q := range asked {
		off := (q.Received.Sub(base) + every/2) % every
		earliest, last = min(earliest, off-every/2), max(last, off-every/2)
		if i > 0 {
			worst = max(worst, q.Received.Sub(asked[i-1].Received)-every)
		}
	}
	return max(worst, last-earliest)
}

// bound is when a mute Engine must have been found at the latest, if nothing
// stood still.
func bound(r oracle.Rules) time.Duration {
	return time.Duration(r.Fall)*r.Interval + r.Timeout + 3*evcp.DefaultGrace
}
