package main

import (
	"cmp"
	"slices"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/wire"
)

// cpHistory is what is known of one charge point when a story is over: what the
// oracle read, for the story's own figures.
type cpHistory struct {
	oracle.CPTrace
	rules  oracle.Rules
	events []evcp.Event // each once, by number
}

// histories has one for each point, in their order.
func histories(r oracle.Trace) []cpHistory {
	all := make([]cpHistory, len(r.CPs))
	for i, cp := range r.CPs {
		all[i] = cpHistory{CPTrace: cp, rules: r.Rules, events: eventsOf(cp.Records)}
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

// timeRange is a time in which an Engine did one thing.
type timeRange struct{ from, to evcp.Stamp }

// intervalsOf are those of a behaviour, in order; the last may still go on.
func (a cpHistory) intervalsOf(name string) []timeRange {
	var all []timeRange
	for i, b := range a.Behaviours {
		if b.Name != name {
			continue
		}
		s := timeRange{b.At, now()}
		if i+1 < len(a.Behaviours) {
			s.to = a.Behaviours[i+1].At
		}
		all = append(all, s)
	}
	return all
}

// windows are those of a kind, in order.
func (a cpHistory) windows(k oracle.WindowKind) []oracle.Window {
	return slices.DeleteFunc(slices.Clone(a.Windows), func(w oracle.Window) bool { return w.Kind != k })
}

// count is how many events of a time are so.
func (a cpHistory) count(s timeRange, is func(evcp.Event) bool) int {
	n := 0
	for _, e := range a.events {
		if e.At >= s.from && e.At <= s.to && is(e) {
			n++
		}
	}
	return n
}

// wholeRun is the whole story.
func (a cpHistory) wholeRun() timeRange { return timeRange{0, now()} }

func failedCheck(e evcp.Event) bool  { return e.Action == evcp.HealthCheck && e.Status.Failed() }
func unknownCheck(e evcp.Event) bool { return e.Action == evcp.HealthCheck && !e.Status.Countable() }
func okCheck(e evcp.Event) bool    { return e.Action == evcp.HealthCheck && e.Status == evcp.OK }

func isAction(want evcp.Action) func(evcp.Event) bool {
	return func(e evcp.Event) bool { return e.Action == want }
}

// after is the first event from a moment on that is so.
func (a cpHistory) after(at evcp.Stamp, is func(evcp.Event) bool) (evcp.Event, bool) {
	for _, e := range a.events {
		if e.At >= at && is(e) {
			return e, true
		}
	}
	return evcp.Event{}, false
}

// messagesSent are the messages of a kind that the Monitor sent in a time.
func (a cpHistory) messagesSent(v wire.Verb, s timeRange) []oracle.CentralMessage {
	var all []oracle.CentralMessage
	for _, m := range a.Messages {
		if m.Verb == v && m.Sent >= s.from && m.Sent <= s.to {
			all = append(all, m)
		}
	}
	return all
}

// epochs are the numberings, in order.
func (a cpHistory) epochs() []int64 {
	var all []int64
	for _, e := range a.events {
		if len(all) == 0 || all[len(all)-1] != e.Epoch {
			all = append(all, e.Epoch)
		}
	}
	return all
}

// missing is how many numbers of their epochs are not on the topic.
func (a cpHistory) missing() int {
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

// maxLateness is by how much the latest check missed its tick, as the Engine saw it.
// The first check is at once, and so out of step.
func (a cpHistory) maxLateness() time.Duration {
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

// maxDetection is when a mute Engine must have been found at the latest, if nothing
// stood still.
func maxDetection(r oracle.Rules) time.Duration {
	return time.Duration(r.Fall)*r.Interval + r.Timeout + 3*evcp.DefaultGrace
}
