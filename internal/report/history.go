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

// History is the story of one charge point, as a person reads it: the segments that end after
// since, and its incidents.
func History(cp evcp.CPID, segments []history.CPSegment, incidents []history.IncidentDetail, since evcp.Stamp, zone *time.Location, said language.Language) string {
	var b strings.Builder
	moment := func(at evcp.Stamp) string { return at.Time().In(zone).Format("2006-01-02 15:04:05") }
	for _, s := range segments {
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
			fmt.Fprintf(&b, " [%s – %s]", s.Evidence.First.Text(cp), s.Evidence.Last.Text(cp))
		}
		b.WriteByte('\n')
	}
	for _, d := range incidents {
		if d.Recovered != 0 && d.Recovered <= since {
			continue
		}
		b.WriteString(said.Sprintf("incident %s: %s, first failed check %s", d.ID.Text(cp), display.Safe(d.Cause), moment(d.FirstFailed)))
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
	}
	return b.String()
}
