package simulation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"evcp"
	"evcp/internal/oracle"
)

// traceLine is one line about a trace.
type traceLine struct {
	at   evcp.Stamp
	text string
}

// traceAround is everything in the trace near a violation: behaviours and checks of the
// Engine, faults, messages to Central, and records of the topic.
func traceAround(r oracle.Trace, cp evcp.CPID, at evcp.Stamp) string {
	const before, after = 12 * time.Second, 40 * time.Second
	var b strings.Builder
	for _, m := range traceLines(r.CPs[slices.IndexFunc(r.CPs, func(c oracle.CPTrace) bool { return c.ID == cp })]) {
		if m.at >= at.Add(-before) && m.at <= at.Add(after) {
			fmt.Fprintf(&b, "\n  %s %s", m.at.Time().Format("04:05.000"), m.text)
		}
	}
	return b.String()
}

func traceLines(c oracle.CPTrace) []traceLine {
	var all []traceLine
	note := func(at evcp.Stamp, form string, args ...any) {
		if at != 0 {
			all = append(all, traceLine{at, fmt.Sprintf(form, args...)})
		}
	}
	for _, b := range c.Behaviours {
		note(b.At, "Engine: %s", b.Name)
	}
	for _, w := range c.Windows {
		note(w.From, "%s begins: %+v", windowNames[w.Kind], w)
		note(w.To, "%s ends", windowNames[w.Kind])
	}
	for _, q := range c.EngineChecks {
		note(q.Received, "Engine received a check, at %s replied %q", q.Done.Time().Format("04:05.000"), q.Reply)
	}
	for _, m := range c.Messages {
		note(m.Sent, "to Central: %s", m.Verb)
		note(m.Returned, "Central replied to %s", m.Verb)
	}
	for _, e := range c.Records {
		if event, err := evcp.ParseEvent([]byte(e)); err == nil {
			note(event.At, "topic: %s", e)
		}
	}
	slices.SortStableFunc(all, func(a, b traceLine) int { return cmp.Compare(a.at, b.at) })
	return all
}

var windowNames = map[oracle.WindowKind]string{
	oracle.EngineLink: "link to Engine", oracle.CentralLink: "link to Central", oracle.CentralDown: "Central down",
	oracle.MonitorDown: "no Monitor", oracle.DiskFailing: "disk fails", oracle.Removed: "removed from the fleet",
}
