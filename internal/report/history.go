package report

import (
	"fmt"
	"strings"
	"time"

	"evcp"
	"evcp/internal/display"
	"evcp/internal/history"
	"evcp/internal/language"
)

// states are the names of the states of a segment.
var states = map[history.SegmentState]display.Shape{history.Up: display.Up, history.Down: display.Failed, history.Unwatched: display.Gone}

// CPStory is what is known of one charge point.
type CPStory struct {
	CP        evcp.CPID
	Segments  []history.CPSegment
	Incidents []history.IncidentDetail
	Reports   []history.TCPReport // that Central heard by the text protocol, in order
}

// Text is its story as a person reads it: the segments that end after since, and its incidents.
func (h CPStory) Text(since evcp.Stamp, zone *time.Location, said language.Language) string {
	var b strings.Builder
	moment := func(at evcp.Stamp) string { return at.Time().In(zone).Format("2006-01-02 15:04:05") }
	for _, s := range h.Segments {
		if s.To <= since {
			continue
		}
		fmt.Fprintf(&b, "%s  %s  %s %s", moment(s.From), moment(s.To), states[s.State].Mark(), said.Text(string(s.State)))
		if s.Cause != "" {
			fmt.Fprintf(&b, ": %s", display.Safe(s.Cause))
		}
		fmt.Fprintf(&b, ", %s", display.Duration(s.To.Sub(s.From)))
		if s.Evidence.NotNumbered {
			b.WriteString(" (" + said.Text("not numbered: gaps can't be seen") + ")")
		} else if s.Evidence.First.Epoch != 0 {
			fmt.Fprintf(&b, " [%s – %s]", s.Evidence.First.Text(h.CP), s.Evidence.Last.Text(h.CP))
		}
		b.WriteByte('\n')
	}
	for _, d := range h.Incidents {
		if d.Recovered != 0 && d.Recovered <= since {
			continue
		}
		b.WriteString(said.Sprintf("incident %s: %s, first failed check %s", d.ID.Text(h.CP), display.Safe(d.Cause), moment(d.FirstFailed)))
		if d.Told != 0 {
			b.WriteString(said.Sprintf(", Central told %s", moment(d.Told)))
		}
		switch {
		case d.Recovered != 0:
			b.WriteString(said.Sprintf(", recovered %s after %s", moment(d.Recovered), display.Duration(d.Recovered.Sub(d.FirstFailed))))
		case d.EndUnseen:
			b.WriteString(said.Text(", over, and nobody saw when"))
		default:
			b.WriteString(said.Text(", open"))
		}
		b.WriteString(said.Sprintf("; %d failed checks, %d not judged", d.Failed, d.NotJudged) + "\n")
		failure, recovery := d.Reported(h.Reports)
		for _, r := range []*history.TCPReport{failure, recovery} {
			if r != nil {
				b.WriteString("  " + reported(*r, zone, said) + "\n")
			}
		}
		if failure != nil && d.Told != 0 {
			b.WriteString("  " + said.Sprintf("the events say: told %s, answered in %s", d.Told.Time().In(zone).Format(reportTime), display.Milliseconds(d.AnsweredIn)) + "\n")
		}
	}
	return b.String()
}

// reportTime shows milliseconds: what is compared lies close together.
const reportTime = "2006-01-02 15:04:05.000"

// reported says what the text protocol said of an incident.
func reported(r history.TCPReport, zone *time.Location, said language.Language) string {
	at := r.At.Time().In(zone).Format(reportTime)
	if r.Answered == "" {
		return display.Safe(said.Sprintf("the TCP report said %s at %s; the answer could not be sent", r.Said, at))
	}
	return display.Safe(said.Sprintf("the TCP report said %s at %s, answered %s in %s", r.Said, at, r.Answered, display.Milliseconds(r.AnsweredIn)))
}
