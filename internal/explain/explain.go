package explain

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/display"
)

// Lines are StatusLines and the reasons: the last checks, the last messages to
// Central and their answers, and what happens next and when.
func Lines(d MonitorStatus, how View) []string {
	v := newView(d, how)
	lines := v.status()
	for _, c := range d.ChargePoints {
		lines = slices.Concat(lines, []string{"", v.checksTitle(c)}, v.checks(c), []string{"", v.Language.Text(english.messages)}, v.messages(c),
			[]string{"", v.Language.Text(english.next)}, v.schedule(c))
	}
	lines = append(append(lines, ""), v.outbox()...)
	if len(v.Files) > 0 {
		lines = slices.Concat(lines, []string{"", v.Language.Text(english.files)}, v.files(false))
	}
	return lines
}

func (v view) checksTitle(c ChargePointStatus) string {
	switch n := len(c.Checks); n {
	case 0:
		return v.Language.Sprintf(english.noCheck, c.Engine)
	case 1:
		return v.Language.Sprintf(english.oneCheck, c.Engine, v.zoneName())
	default:
		return v.Language.Sprintf(english.checked, n, c.Engine, v.zoneName())
	}
}

// checks is a line for each check; the columns also stand under one another when
// some of them have a date.
func (v view) checks(c ChargePointStatus) (lines []string) {
	wide := 0
	for _, o := range c.Checks {
		wide = max(wide, len(v.shortClock(o.At)))
	}
	for i, o := range c.Checks {
		lines = append(lines, fmt.Sprintf("  %*s %s", wide, v.shortClock(o.At), v.check(c, o, i == len(c.Checks)-1)))
	}
	return lines
}

// check is one check: outcome, latency, of the last one which failure in a row it is,
// and the cause.
func (v view) check(c ChargePointStatus, o CheckStatus, last bool) string {
	text := fmt.Sprintf("%s %-16s %7s", shapeOf(o.Status).Mark(), o.Status, display.Milliseconds(duration(o.LatencyMS)))
	if last && o.failed() && o.Failures > 1 {
		text += v.Language.Sprintf(english.inARow, o.Failures)
	}
	if o.Cause != "" {
		text = v.Language.Sprintf(english.because, text, advice.For(v.Language, advice.Engine, causeOf(o.Cause, o.Detail)).With(c.details(o)).Phrase)
	}
	return strings.TrimRight(text, " ")
}

func (v view) messages(c ChargePointStatus) (lines []string) {
	for _, x := range c.Central.Answered {
		lines = append(lines, v.message(x))
	}
	if last := c.Central.Last; last != nil && !slices.ContainsFunc(c.Central.Answered, last.same) {
		lines = append(lines, v.message(*last))
	}
	if len(lines) == 0 {
		return []string{v.Language.Text(english.nothing)}
	}
	return lines
}

// same reports whether y is the same message: the same text and answer, within a second.
func (x MessageStatus) same(y MessageStatus) bool {
	return x.Message == y.Message && x.Answer == y.Answer && x.At.Stamp().Sub(y.At.Stamp()).Abs() < time.Second
}

func (v view) message(x MessageStatus) string {
	text := fmt.Sprintf("  %s %s %s", v.clock(x.At), display.Reported.Mark(), x.Message)
	if x.Repeat > 0 {
		text += v.Language.Sprintf(english.repeat, x.Repeat)
	}
	if !x.Answered {
		return text + v.Language.Sprintf(english.noReceipt, advice.For(v.Language, advice.Central, causeOf(x.Cause, x.Detail)).With(advice.Details{Reply: x.Why}).Phrase)
	}
	return text + v.Language.Sprintf(english.receipt, display.Milliseconds(duration(x.LatencyMS)), x.Answer)
}

func (v view) schedule(c ChargePointStatus) (lines []string) {
	for _, s := range c.Next {
		to := v.Language.Text(english.central)
		if s.To == "engine" {
			to = v.Language.Text(english.engine)
		}
		lines = append(lines, v.Language.Sprintf(english.step, v.clock(s.At), v.until(s.At), s.What, to))
	}
	if text := v.untilVerdict(c); text != "" {
		lines = append(lines, "  "+text)
	}
	return lines
}

// until is how long it is from now to m.
func (v view) until(m Moment) string {
	if left := m.Stamp().Sub(v.Now.Stamp()); left > 0 {
		return v.Language.Sprintf(english.within, display.Duration(left))
	}
	return v.Language.Text(english.now)
}

// untilVerdict is how many OKs close the open incident, or how many failures open one.
func (v view) untilVerdict(c ChargePointStatus) string {
	switch {
	case c.Incident != nil && c.OKs < c.Rise:
		return english.closes.In(v.Language).Of(int64(c.Rise - c.OKs))
	case c.Incident == nil && c.Failures == 0 && c.Fall > 0:
		return english.opens.In(v.Language).Of(int64(c.Fall))
	case c.Incident == nil && c.Failures < c.Fall:
		return english.opensYet.In(v.Language).Of(int64(c.Fall - c.Failures))
	}
	return ""
}

func (v view) outbox() []string {
	const mib = 1 << 20
	lines := []string{
		v.Language.Sprintf(english.folder, v.Outbox.Folder),
		v.Language.Sprintf(english.size, float64(v.Outbox.Bytes)/mib, float64(v.Outbox.Limit)/mib, v.PID, v.Version),
	}
	if n := v.Outbox.Dropped; n > 0 {
		lines = append(lines, english.dropped.In(v.Language).Of(int64(n)))
	}
	if l := v.Log; l.Events > 0 || l.Notices > 0 {
		lines = append(lines, v.Language.Sprintf(english.leftOut, english.events.In(v.Language).Of(int64(l.Events)), english.notices.In(v.Language).Of(int64(l.Notices))))
	}
	return lines
}

// Cells: where the text under a row begins, the widest column of names or addresses, the
// narrowest of names, and the least room in which text is begun.
const (
	indent    = 13
	maxColumn = 24
	minName   = 8
	minText   = 20
)

// row is shape, name, address and text, on as many lines as it takes.
func (v view) row(sh display.Shape, name, address, text string) []string {
	head := fmt.Sprintf("  %s %-*s %-*s", sh.Mark(), v.names(), name, v.column(), address)
	room := v.Columns - display.Width(head) - 2
	if room < minText {
		return append([]string{strings.TrimRight(head, " ")}, v.indented(text)...)
	}
	lines := display.WrapHanging(text, room, v.Columns, indent)
	lines[0] = head + "  " + lines[0]
	return lines
}

// names is the length of the longest name, at least minName. One beyond maxColumn does not
// count: its row is broken anyway, and the others keep their room.
func (v view) names() int {
	wide := minName
	for _, c := range v.ChargePoints {
		if n := len(c.CP); n <= maxColumn {
			wide = max(wide, n)
		}
	}
	return wide
}

// column is the length of the longest address, at most maxColumn.
func (v view) column() int {
	wide := len(v.Instance)
	for _, f := range v.Files {
		wide = max(wide, len("--"+f.Use))
	}
	for _, c := range v.ChargePoints {
		wide = max(wide, len(c.Engine), len(c.Central.Address))
	}
	if v.Fleet != nil {
		wide = max(wide, len(v.Fleet.Central.Address), len(path.Base(v.Outbox.Folder)))
	}
	if v.Kafka != nil {
		wide = max(wide, len(strings.Join(v.Kafka.Brokers, ",")))
	}
	return min(wide, maxColumn)
}

// indented is text under a row; none for an empty one.
func (v view) indented(text string) []string { return display.WrapIndented(text, v.Columns, indent) }

// clock is a time of day, with its date unless it is today's.
func (v view) clock(m Moment) string { return v.dated(m, time.DateTime) }

// shortClock is clock without the year.
func (v view) shortClock(m Moment) string { return v.dated(m, "01-02 15:04:05") }

func (v view) dated(m Moment, layout string) string {
	return display.TimeOfDay(m.Stamp().Time().In(v.Zone), v.Now.Stamp().Time().In(v.Zone), layout)
}

// age is the time from m to now.
func (v view) age(m Moment) string { return display.Duration(v.Now.Stamp().Sub(m.Stamp())) }

// zoneName is the abbreviation of the time zone: CET.
func (v view) zoneName() string {
	name, _ := v.Now.Stamp().Time().In(v.Zone).Zone()
	return name
}

// shapeOf is the shape of a state or of a check's status by its name.
func shapeOf(status string) display.Shape {
	s, _ := evcp.ParseStatus(status)
	return display.ShapeOf(s)
}

func (o CheckStatus) failed() bool { return shapeOf(o.Status) == display.Failed }

// causeOf is the cause of that name and detail. What only a later version knows is Other,
// or the cause without its detail.
func causeOf(name, detail string) evcp.Cause {
	if c, known := evcp.ParseCause(name, detail); known {
		return c
	}
	if c, known := evcp.ParseCause(name, ""); known {
		return c
	}
	return evcp.Other
}
