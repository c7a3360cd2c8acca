package explain

import (
	"fmt"
	"strings"
	"time"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/console"
)

// Explain says how a Monitor does and why: what it saw last, what Central was
// told and answered, and what happens next and when.
func Explain(d Document, zone *time.Location) []string {
	v := view{Document: d, zone: zone}
	lines := Status(d, zone)
	for _, c := range d.Watched {
		lines = append(lines, "", lastOf(c))
		for _, o := range c.Outcomes {
			lines = append(lines, v.outcome(o))
		}
		lines = append(lines, "", "What Central was told")
		lines = append(lines, v.told(c)...)
		lines = append(lines, "", "What happens next")
		lines = append(lines, v.next(c)...)
	}
	return append(append(lines, ""), v.kept()...)
}

func lastOf(c ChargePoint) string {
	switch len(c.Outcomes) {
	case 0:
		return "No check of " + c.Engine + " yet"
	case 1:
		return "The last check of " + c.Engine
	}
	return fmt.Sprintf("The last %d checks of %s", len(c.Outcomes), c.Engine)
}

func (v view) outcome(o Outcome) string {
	text := fmt.Sprintf("  %s %s %-16s %7s", v.clock(o.At), shapeOf(o.Status).Mark(), o.Status, console.Ms(span(o.LatencyMS)))
	if o.Failures > 0 {
		text += fmt.Sprintf(" (%d)", o.Failures)
	}
	if o.Cause != "" {
		cause, _ := evcp.ParseCause(o.Cause)
		text += " " + why(cause, o)
	}
	return strings.TrimRight(text, " ")
}

// why is the phrase of the one table; the Monitor's own trouble is not in it.
func why(c evcp.Cause, o Outcome) string {
	if c > evcp.Other {
		return "this Monitor could not judge: " + o.Cause
	}
	return advice.For(advice.Engine, c).With(advice.Facts{Words: o.Response}).Phrase
}

func (v view) told(c ChargePoint) (lines []string) {
	for _, x := range c.Central.Told {
		lines = append(lines, v.exchange(x))
	}
	if last := c.Central.Last; last != nil && !recorded(*last, c.Central.Told) {
		lines = append(lines, v.exchange(*last))
	}
	if len(lines) == 0 {
		return []string{"  nothing yet"}
	}
	return lines
}

// recorded reports whether an exchange is one of told already: the same message,
// answered within the same second.
func recorded(x Exchange, told []Exchange) bool {
	for _, t := range told {
		if t.Told == x.Told && t.Answer == x.Answer && t.At.Stamp().Sub(x.At.Stamp()).Abs() < time.Second {
			return true
		}
	}
	return false
}

func (v view) exchange(x Exchange) string {
	text := fmt.Sprintf("  %s %s %s", v.clock(x.At), console.Told.Mark(), x.Told)
	if x.Repeat > 0 {
		text += fmt.Sprintf(" (repeat %d)", x.Repeat)
	}
	if !x.Answered {
		cause, _ := evcp.ParseCause(x.Cause)
		return text + ": " + advice.For(advice.Central, cause).With(advice.Facts{}).Phrase
	}
	return text + ": answered in " + console.Ms(span(x.LatencyMS)) + `: "` + x.Answer + `"`
}

func (v view) next(c ChargePoint) (lines []string) {
	for _, s := range c.Next {
		to := "Central"
		if s.To == "engine" {
			to = "the Engine"
		}
		lines = append(lines, fmt.Sprintf("  %s  %s to %s", v.clock(s.At), s.What, to))
	}
	if text := c.judgement(); text != "" {
		lines = append(lines, "  "+text)
	}
	return lines
}

// judgement is how far the next verdict is.
func (c ChargePoint) judgement() string {
	switch {
	case c.Incident != nil && c.OKs < c.Rise:
		return row(c.Rise-c.OKs, "OK closes", "OKs in a row close") + " the incident"
	case c.Incident == nil && c.Failures < c.Fall:
		return row(c.Fall-c.Failures, "failed check opens", "failed checks in a row open") + " an incident"
	}
	return ""
}

// row is a number with what it counts.
func row[N uint32 | uint64 | int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (v view) kept() []string {
	const mib = 1 << 20
	lines := []string{
		"State " + v.Outbox.Folder,
		fmt.Sprintf("      %.1f of %.0f MiB; process %d, version %s", float64(v.Outbox.Bytes)/mib, float64(v.Outbox.Limit)/mib, v.PID, v.Version),
	}
	if v.Outbox.Dropped > 0 {
		lines = append(lines, "      "+row(v.Outbox.Dropped, "event was", "events were")+" given up")
	}
	return lines
}
