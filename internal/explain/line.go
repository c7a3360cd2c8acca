package explain

import (
	"fmt"
	"strings"
	"time"

	"evcp"
	"evcp/internal/console/cell"
	"evcp/internal/display"
)

// Where the text under a row begins, how wide a column of addresses grows, and the
// least room beside one, or under it, that is worth beginning in.
const (
	indent = 13
	widest = 24
	least  = 20
)

// peer is one row: shape, name, address, and what is to be said, on as many lines
// as it takes.
func (v view) peer(sh display.Shape, name, address, text string) []string {
	head := fmt.Sprintf("  %s %-8s %-*s", sh.Mark(), name, v.column(), address)
	room := v.columns - cell.Width(head) - 2
	if room < least {
		return append([]string{strings.TrimRight(head, " ")}, v.hang(text)...)
	}
	lines := cell.WrapHanging(text, room, max(v.columns-indent, least), indent)
	lines[0] = head + "  " + lines[0]
	return lines
}

// column is the length of the longest address, within reason.
func (v view) column() int {
	wide := len(v.Instance)
	for _, c := range v.ChargePoints {
		wide = max(wide, len(c.Engine), len(c.Central.Address))
	}
	if v.Kafka != nil {
		wide = max(wide, len(strings.Join(v.Kafka.Brokers, ",")))
	}
	return min(wide, widest)
}

// hang is prose under a row.
func (v view) hang(text string) (lines []string) {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	for _, line := range cell.Wrap(text, max(v.columns-indent, least)) {
		lines = append(lines, strings.Repeat(" ", indent)+line)
	}
	return lines
}

// clock is a moment of today as a time, another with its date.
func (v view) clock(m Moment) string { return v.dated(m, time.DateTime) }

// brief is clock for a row that must not get wide; the year is that of the rest.
func (v view) brief(m Moment) string { return v.dated(m, "01-02 15:04:05") }

func (v view) dated(m Moment, layout string) string {
	t, now := m.Stamp().Time().In(v.zone), v.Now.Stamp().Time().In(v.zone)
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(layout)
}

// age is how long ago a moment was.
func (v view) age(m Moment) string { return display.Duration(v.Now.Stamp().Sub(m.Stamp())) }

// zoneName is what people call the zone of all times: CET.
func (v view) zoneName() string {
	name, _ := v.Now.Stamp().Time().In(v.zone).Zone()
	return name
}

// shapeOf is the shape of a state or of a check's outcome.
func shapeOf(status string) display.Shape {
	s, _ := evcp.ParseStatus(status)
	switch {
	case s == evcp.OK:
		return display.Up
	case s.Failed():
		return display.Failed
	}
	return display.Unknown
}

func (o CheckStatus) failed() bool { return shapeOf(o.Status) == display.Failed }

// causeOf is the cause by its name; one that only a later version knows is Other.
func causeOf(name string) evcp.Cause {
	if c, known := evcp.ParseCause(name); known {
		return c
	}
	return evcp.Other
}
