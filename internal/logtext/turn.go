package logtext

import (
	"log/slog"
	"time"

	"evcp/internal/display"

	"evcp"
)

// turnAfter is how many checks in a row must fail in a new way before it is told:
// an Engine that fails in turns, now so, now so, would fill the log.
const turnAfter = 3

// causeChange is an open incident that has begun to fail in another way than was told.
// "Says KO" and "no answer" send people to different places, so they must learn
// of it.
type causeChange struct {
	told  evcp.Cause // what people know
	now   evcp.Cause // what it is since
	count int
	since evcp.Stamp
}

// failed notes a failed check of an open incident, and says whether it is worth a
// line.
func (t *causeChange) failed(e evcp.Event) bool {
	switch {
	case e.Cause == t.told:
		t.count = 0
		return false
	case e.Cause != t.now || t.count == 0:
		t.now, t.count, t.since = e.Cause, 0, e.At
	}
	t.count++
	if t.count < turnAfter {
		return false
	}
	t.told, t.count = t.now, 0
	return true
}

// turned tells that an open incident fails in another way now. Words of the
// Engine come last, where a narrow line may cut them.
func (t *Formatter) turned(s *logState, e evcp.Event) LogLine {
	a := t.engine(e.Cause, e.Response)
	since := s.turn.since.Time().In(t.Zone).Format(time.TimeOnly)
	l := LogLine{Shape: display.Failed, Level: slog.LevelWarn, Text: say(english.turned, e.Status, since, a.Phrase)}
	return l.with(slog.String("cause", e.Cause.String()), slog.Time("since", s.turn.since.Time())).advised(a)
}
