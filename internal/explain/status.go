package explain

import (
	"fmt"
	"strings"
	"time"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/console"
	"evcp/internal/console/cell"
)

// Where the text of a line begins, and how wide prose may be.
const (
	indent = 13
	prose  = 76 - indent
)

// Status says in a few lines how a Monitor does. Times are shown in zone.
func Status(d Document, zone *time.Location) []string {
	v := view{Document: d, zone: zone}
	wide := v.widest()
	var lines []string
	for _, c := range d.Watched {
		lines = append(lines, peer(shapeOf(c.State), string(c.CP), c.Engine, wide, v.standing(c)))
		lines = append(lines, v.advised(c)...)
		lines = append(lines, v.central(c.Central, wide))
	}
	lines = append(append(lines, v.kafka(wide)), v.monitor(wide)...)
	if d.Note != "" {
		lines = append(lines, hang(d.Note)...)
	}
	return lines
}

// view is a document that is being told.
type view struct {
	Document
	zone *time.Location
}

func peer(sh console.Shape, name, address string, wide int, what string) string {
	return fmt.Sprintf("  %s %-8s %-*s  %s", sh.Mark(), name, wide, address, what)
}

// widest is the length of the longest address, within reason.
func (v view) widest() int {
	wide := len(v.Instance)
	for _, c := range v.Watched {
		wide = max(wide, len(c.Engine), len(c.Central.Address))
	}
	if v.Kafka != nil {
		wide = max(wide, len(strings.Join(v.Kafka.Brokers, ",")))
	}
	return min(wide, 24)
}

// standing is what a charge point is seen as: "OK for 2h3m, answers in 1 ms".
func (v view) standing(c ChargePoint) string {
	text := c.State
	if c.Since != 0 {
		text += " since " + v.clock(c.Since)
	}
	switch {
	case c.State == evcp.Monitoring.String():
		return text + ": watching, no verdict yet"
	case c.Incident != nil:
		return text + ": " + v.phrase(c).Phrase
	case c.Failures > 0:
		return fmt.Sprintf("%s; but %d failed in a row, %d open an incident", text, c.Failures, c.Fall)
	case len(c.Outcomes) > 0:
		return text + ": answers in " + console.Ms(span(c.Outcomes[len(c.Outcomes)-1].LatencyMS))
	}
	return text
}

// phrase is what the one table says of the last failed check.
func (v view) phrase(c ChargePoint) advice.Advice {
	cause, _ := evcp.ParseCause(c.Cause)
	facts := advice.Facts{CP: c.CP}
	for _, o := range c.Outcomes {
		if o.Cause == c.Cause {
			facts.Words, facts.Wait = o.Response, 0
		}
	}
	return advice.For(advice.Engine, cause).With(facts)
}

// advised says what an open incident means and what to do first.
func (v view) advised(c ChargePoint) []string {
	if c.Incident == nil {
		return nil
	}
	a := v.phrase(c)
	return append(hang(a.Meaning), hang(a.Do)...)
}

func hang(text string) (lines []string) {
	if text == "" {
		return nil
	}
	for _, line := range cell.Wrap(text, prose) {
		lines = append(lines, strings.Repeat(" ", indent)+line)
	}
	return lines
}

func (v view) central(c Central, wide int) string {
	shape, text := console.Note, c.State
	switch c.State {
	case "registered":
		shape, text = console.Up, "registered"
	case "refused":
		shape, text = console.Failed, "refuses this Monitor"
	case "away":
		shape = console.Gone
	}
	if c.Since != 0 {
		text += v.since(c.Since)
	}
	if c.Waiting > 0 {
		text += "; " + row(c.Waiting, "report waits", "reports wait")
	}
	if c.State == "away" && c.Last != nil && !c.Last.Answered {
		cause, _ := evcp.ParseCause(c.Last.Cause)
		text += ": " + advice.For(advice.Central, cause).With(advice.Facts{}).Phrase
	}
	return peer(shape, "Central", c.Address, wide, text)
}

func (v view) since(m Moment) string { return " for " + console.Span(v.Now.Stamp().Sub(m.Stamp())) }

func (v view) kafka(wide int) string {
	k := v.Kafka
	if k == nil {
		return peer(console.Note, "Kafka", "none", wide, "events stay on disk")
	}
	shape, text := console.Note, strings.ReplaceAll(k.State, "_", " ")
	switch k.State {
	case "connected", "catching_up":
		shape = console.Up
	case "away":
		shape = console.Gone
	}
	text += v.since(k.Since) + "; " + row(k.Waiting, "event waits", "events wait")
	if k.Why != "" {
		text += `: "` + k.Why + `"`
	}
	return peer(shape, "Kafka", strings.Join(k.Brokers, ","), wide, text)
}

func (v view) monitor(wide int) []string {
	counts := fmt.Sprintf("%s; %s, %d failed, %d missed",
		v.since(v.Started), row(v.Checks.Total, "check", "checks"), v.Checks.Failed, v.Checks.Missed)
	if v.Healthy {
		return []string{peer(console.Up, "Monitor", v.Instance, wide, "watches"+counts)}
	}
	return append([]string{peer(console.Failed, "Monitor", v.Instance, wide, "is not well; up"+counts)}, hang(v.Trouble)...)
}

// clock is a moment of today as a time, another with its date.
func (v view) clock(m Moment) string {
	t, now := m.Stamp().Time().In(v.zone), v.Now.Stamp().Time().In(v.zone)
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// shapeOf is the shape of a state or of a check's outcome.
func shapeOf(status string) console.Shape {
	s, _ := evcp.ParseStatus(status)
	switch {
	case s == evcp.OK:
		return console.Up
	case s.Failed():
		return console.Failed
	}
	return console.Unknown
}
