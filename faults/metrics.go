package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/wire"
)

// scenarioMetric is a line of a scenario's table: what was measured, beside what is required.
// Of several charge points it is that of the one that is furthest from it.
type scenarioMetric struct {
	name     string
	measured string
	required string // "": anything
	off      int64  // how far it is from what is required, or how near; the less the better
	sum      int    // of a count
	of       int    // charge points
	broken   int    // of them
	timed    bool   // a busy machine alone can break it
}

// metricOf is that of one charge point, or of them all.
func metricOf(name, measured, required string, off int64, broken bool) scenarioMetric {
	m := scenarioMetric{name: name, measured: measured, required: required, off: off, of: 1}
	if broken {
		m.broken = 1
	}
	return m
}

// joined are the metrics with those of the same name joined, in the order of the first of each.
func joined(all []scenarioMetric) (rows []scenarioMetric) {
	at := map[string]int{}
	for _, m := range all {
		n, known := at[m.name]
		if !known {
			at[m.name] = len(rows)
			rows = append(rows, m)
			continue
		}
		rows[n] = rows[n].join(m)
	}
	return rows
}

// join keeps the one that is further off, and counts both.
func (m scenarioMetric) join(o scenarioMetric) scenarioMetric {
	worst := m
	if o.broken > 0 && m.broken == 0 || (o.broken > 0) == (m.broken > 0) && o.off > m.off {
		worst = o
	}
	worst.of, worst.broken, worst.sum = m.of+o.of, m.broken+o.broken, m.sum+o.sum
	worst.timed = (m.broken == 0 || m.timed) && (o.broken == 0 || o.timed) // a busy machine explains all
	if m.required == "" {
		worst.measured = strconv.Itoa(worst.sum)
	}
	return worst
}

func exactly(name string, got, want int) scenarioMetric {
	return metricOf(name, strconv.Itoa(got), strconv.Itoa(want), max(int64(got-want), int64(want-got)), got != want)
}

// onTime is m where a busy machine alone can break it.
func onTime(m scenarioMetric) scenarioMetric {
	m.timed = true
	return m
}

func notMore(name string, got, most int) scenarioMetric {
	return metricOf(name, strconv.Itoa(got), "at most "+strconv.Itoa(most), int64(got-most), got > most)
}

func notLess(name string, got, least int) scenarioMetric {
	return metricOf(name, strconv.Itoa(got), "at least "+strconv.Itoa(least), int64(least-got), got < least)
}

func atMost(name string, got, most time.Duration) scenarioMetric {
	m := metricOf(name, inSeconds(got), "at most "+inSeconds(most), int64(got-most), got < 0 || got > most)
	m.timed = got >= 0
	if got < 0 {
		m.off = math.MaxInt64
	}
	return m
}

func atLeast(name string, got, least time.Duration) scenarioMetric {
	return onTime(metricOf(name, inSeconds(got), "at least "+inSeconds(least), int64(least-got), got < least))
}

func holds(name string, it bool) scenarioMetric {
	got := "no"
	if it {
		got = "yes"
	}
	return metricOf(name, got, "yes", 0, !it)
}

// count says how much there was to look at; nothing is required of it.
func count(name string, got int) scenarioMetric {
	return scenarioMetric{name: name, measured: strconv.Itoa(got), sum: got, of: 1}
}

// never is the duration until what did not happen.
const never = -time.Second

func inSeconds(d time.Duration) string {
	if d < 0 {
		return "never"
	}
	return fmt.Sprintf("%.3f s", d.Seconds())
}

// printMetrics prints the table, a line for each name, and counts the broken ones. If the machine was busy, those
// that came too late do not count.
func printMetrics(out io.Writer, all []scenarioMetric, busy bool) (broken int) {
	fmt.Fprintf(out, "\n%-62s %10s  %s\n", "metric", "measured", "required")
	for _, m := range joined(all) {
		mark := ""
		if m.of > 1 {
			mark = fmt.Sprintf("  (%d)", m.of)
		}
		switch {
		case m.broken > 0 && m.timed && busy:
			mark += "  (not counted: the machine was busy)"
		case m.broken > 0:
			mark += fmt.Sprintf("  *** %d broken ***", m.broken)
			broken += m.broken
		}
		fmt.Fprintf(out, "  %-60s %10s  %s%s\n", m.name, m.measured, m.required, mark)
	}
	return broken
}

// cpHistory is what is known of one charge point after a scenario: what the oracle reads,
// for the scenario's own metrics.
type cpHistory struct {
	oracle.CPTrace
	label  string // of its group
	rules  oracle.Rules
	shared []oracle.Window // of all charge points
	events []evcp.Event    // each once, by epoch and seq
}

// histories has those of each group, in their order.
func (c *campaign) histories(r campaignResult) (groups [][]cpHistory) {
	for _, p := range c.cps {
		for len(groups) <= p.group {
			groups = append(groups, nil)
		}
		groups[p.group] = append(groups[p.group], cpHistory{
			CPTrace: r.trace.CPs[p.number], label: p.label(), rules: r.trace.Rules, shared: r.trace.Shared, events: r.verification.Histories[p.number],
		})
	}
	return groups
}

// label is what the metrics of a charge point are called by: its id, or in a fleet its site.
func (p *cpUnderTest) label() string {
	if p.c.o.fleet {
		return siteName(p.group)
	}
	return string(p.id)
}

// ofEach are the metrics of each charge point of a group.
func ofEach(group []cpHistory, measure func(cpHistory) []scenarioMetric) (found []scenarioMetric) {
	for _, h := range group {
		found = append(found, measure(h)...)
	}
	return found
}

// timeRange includes both its ends.
type timeRange struct{ from, to evcp.Stamp }

func (r timeRange) has(at evcp.Stamp) bool { return at >= r.from && at <= r.to }

// shrunk is r without so much time at each end, where a check may still meet what was
// before or is after.
func (r timeRange) shrunk(d time.Duration) timeRange { return timeRange{r.from.Add(d), r.to.Add(-d)} }

// always is the whole scenario.
func always() timeRange { return timeRange{0, now()} }

// rangesOf are the times in which the Engine had a behaviour, in order; the last may not
// be over.
func (h cpHistory) rangesOf(behaviour string) []timeRange {
	var all []timeRange
	for i, b := range h.Behaviours {
		if b.Name != behaviour {
			continue
		}
		r := timeRange{b.At, now()}
		if i+1 < len(h.Behaviours) {
			r.to = h.Behaviours[i+1].At
		}
		all = append(all, r)
	}
	return all
}

// windows are those of a kind, in order.
func (h cpHistory) windows(k oracle.WindowKind) []oracle.Window {
	return slices.DeleteFunc(slices.Clone(h.Windows), func(w oracle.Window) bool { return w.Kind != k })
}

func failedCheck(e evcp.Event) bool  { return e.Action == evcp.HealthCheck && e.Status.Failed() }
func unknownCheck(e evcp.Event) bool { return e.Action == evcp.HealthCheck && !e.Status.Countable() }
func okCheck(e evcp.Event) bool      { return e.Action == evcp.HealthCheck && e.Status == evcp.OK }

func isAction(want evcp.Action) func(evcp.Event) bool {
	return func(e evcp.Event) bool { return e.Action == want }
}

// count is how many events of a time match.
func (h cpHistory) count(r timeRange, match func(evcp.Event) bool) int {
	n := 0
	for _, e := range h.events {
		if r.has(e.At) && match(e) {
			n++
		}
	}
	return n
}

// unexplained is a failed check during which the process with the Engine did not stall.
func (h cpHistory) unexplained(e evcp.Event) bool {
	return failedCheck(e) && !slices.ContainsFunc(h.shared, func(w oracle.Window) bool {
		return w.Kind == oracle.HarnessStalled && w.From <= e.At && w.To >= e.At.Add(-e.Latency)
	})
}

// after is the first event from a time on that matches.
func (h cpHistory) after(at evcp.Stamp, match func(evcp.Event) bool) (evcp.Event, bool) {
	i := slices.IndexFunc(h.events, func(e evcp.Event) bool { return e.At >= at && match(e) })
	if i < 0 {
		return evcp.Event{}, false
	}
	return h.events[i], true
}

// sent are the messages of a kind that the Monitor sent to Central in a time.
func (h cpHistory) sent(v wire.Verb, r timeRange) []oracle.CentralMessage {
	return slices.DeleteFunc(slices.Clone(h.Messages), func(m oracle.CentralMessage) bool { return m.Verb != v || !r.has(m.Sent) })
}

// epochs are those of the events, in order.
func (h cpHistory) epochs() []int64 {
	var all []int64
	for _, e := range h.events {
		all = append(all, e.Epoch)
	}
	return slices.Compact(all)
}

// missing is how many seqs of the epochs are not on the topic.
func (h cpHistory) missing() int {
	n, before := 0, evcp.EventID{}
	for _, e := range h.events {
		if e.Epoch != before.Epoch {
			before = evcp.EventID{Epoch: e.Epoch}
		}
		n += int(e.Seq - before.Seq - 1)
		before = e.ID()
	}
	return n
}

// maxLateness is the largest lateness of a check, as the Engine saw it. The first check
// is left out: it is sent at once, without a tick.
func (h cpHistory) maxLateness() time.Duration {
	if len(h.EngineChecks) < 3 {
		return never
	}
	checks, every := h.EngineChecks[1:], h.rules.Interval
	first, worst := checks[0].Received, time.Duration(0)
	earliest, latest := time.Duration(0), time.Duration(0) // against the ticks that begin at first
	for i, check := range checks {
		off := (check.Received.Sub(first)+every/2)%every - every/2
		earliest, latest = min(earliest, off), max(latest, off)
		if i > 0 {
			worst = max(worst, check.Received.Sub(checks[i-1].Received)-every)
		}
	}
	return max(worst, latest-earliest)
}

// maxDetection is the longest time until a mute Engine has an incident, without stalls.
func maxDetection(r oracle.Rules) time.Duration {
	return time.Duration(r.Fall)*r.Interval + r.Timeout + 3*evcp.DefaultGrace
}
