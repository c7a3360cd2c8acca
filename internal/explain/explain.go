package explain

import (
	"fmt"
	"strings"
	"time"

	"evcp/internal/advice"
	"evcp/internal/display"
)

// ExplainLines says how a Monitor does and why: what it saw last, what Central was
// told and answered, and what happens next and when.
func ExplainLines(d MonitorStatus, zone *time.Location, columns int) []string {
	v := view{MonitorStatus: d, zone: zone, columns: columns}
	lines := StatusLines(d, zone, columns)
	for _, c := range d.ChargePoints {
		lines = append(append(lines, "", v.lastOf(c)), v.outcomes(c)...)
		lines = append(append(lines, "", english.heard), v.told(c)...)
		lines = append(append(lines, "", english.next), v.next(c)...)
	}
	return append(append(lines, ""), v.kept()...)
}

func (v view) lastOf(c ChargePointStatus) string {
	switch n := len(c.Checks); n {
	case 0:
		return fmt.Sprintf(english.noCheck, c.Engine)
	case 1:
		return fmt.Sprintf(english.oneCheck, c.Engine, v.zoneName())
	default:
		return fmt.Sprintf(english.checked, n, c.Engine, v.zoneName())
	}
}

// outcomes is a line for each check, under one another also across midnight.
func (v view) outcomes(c ChargePointStatus) (lines []string) {
	wide := 0
	for _, o := range c.Checks {
		wide = max(wide, len(v.brief(o.At)))
	}
	for i, o := range c.Checks {
		lines = append(lines, fmt.Sprintf("  %*s %s", wide, v.brief(o.At), o.text(c, i == len(c.Checks)-1)))
	}
	return lines
}

// text is one check: what it said, how fast, of the last one which failure in a
// row it is, and why. Words of the Engine stand at the end, where a narrow line
// may cut them.
func (o CheckStatus) text(c ChargePointStatus, last bool) string {
	text := fmt.Sprintf("%s %-16s %7s", shapeOf(o.Status).Mark(), o.Status, display.Milliseconds(span(o.LatencyMS)))
	if last && o.failed() && o.Failures > 1 {
		text += fmt.Sprintf(english.inARow, o.Failures)
	}
	if o.Cause != "" {
		text = fmt.Sprintf(english.because, text, advice.For(advice.Engine, causeOf(o.Cause)).With(c.facts(o)).Phrase)
	}
	return strings.TrimRight(text, " ")
}

func (v view) told(c ChargePointStatus) (lines []string) {
	for _, x := range c.Central.Answered {
		lines = append(lines, v.exchange(x))
	}
	if last := c.Central.Last; last != nil && !recorded(*last, c.Central.Answered) {
		lines = append(lines, v.exchange(*last))
	}
	if len(lines) == 0 {
		return []string{english.nothing}
	}
	return lines
}

// recorded reports whether an exchange is one of told already: the same message,
// answered within the same second.
func recorded(x MessageStatus, told []MessageStatus) bool {
	for _, t := range told {
		if t.Message == x.Message && t.Answer == x.Answer && t.At.Stamp().Sub(x.At.Stamp()).Abs() < time.Second {
			return true
		}
	}
	return false
}

func (v view) exchange(x MessageStatus) string {
	text := fmt.Sprintf("  %s %s %s", v.clock(x.At), display.Reported.Mark(), x.Message)
	if x.Repeat > 0 {
		text += fmt.Sprintf(english.repeat, x.Repeat)
	}
	if !x.Answered {
		return text + fmt.Sprintf(english.silence, advice.For(advice.Central, causeOf(x.Cause)).With(advice.Details{}).Phrase)
	}
	return text + fmt.Sprintf(english.receipt, display.Milliseconds(span(x.LatencyMS)), x.Answer)
}

func (v view) next(c ChargePointStatus) (lines []string) {
	for _, s := range c.Next {
		to := english.central
		if s.To == "engine" {
			to = english.engine
		}
		lines = append(lines, fmt.Sprintf(english.step, v.clock(s.At), v.in(s.At), s.What, to))
	}
	if text := c.judgement(); text != "" {
		lines = append(lines, "  "+text)
	}
	return lines
}

// in is how long it is until a moment.
func (v view) in(m Moment) string {
	if left := m.Stamp().Sub(v.Now.Stamp()); left > 0 {
		return fmt.Sprintf(english.within, display.Duration(left))
	}
	return english.now
}

// judgement is how far the next verdict is.
func (c ChargePointStatus) judgement() string {
	switch {
	case c.Incident != nil && c.OKs < c.Rise:
		return english.closes.Of(int64(c.Rise - c.OKs))
	case c.Incident == nil && c.Failures == 0 && c.Fall > 0:
		return english.opens.Of(int64(c.Fall))
	case c.Incident == nil && c.Failures < c.Fall:
		return english.opensYet.Of(int64(c.Fall - c.Failures))
	}
	return ""
}

func (v view) kept() []string {
	const mib = 1 << 20
	lines := []string{
		fmt.Sprintf(english.state, v.Outbox.Folder),
		fmt.Sprintf(english.size, float64(v.Outbox.Bytes)/mib, float64(v.Outbox.Limit)/mib, v.PID, v.Version),
	}
	if n := v.Outbox.Dropped; n > 0 {
		lines = append(lines, english.dropped.Of(int64(n)))
	}
	if l := v.Log; l.Events > 0 || l.Notices > 0 {
		lines = append(lines, fmt.Sprintf(english.leftOut, english.events.Of(int64(l.Events)), english.notices.Of(int64(l.Notices))))
	}
	return lines
}
