package logtext

import (
	"evcp"
	"evcp/internal/display"
)

// causeChangeAfter is how many checks in a row must fail with a new cause before
// it is logged: an Engine whose failures alternate between two causes would fill
// the log.
const causeChangeAfter = 3

// causeChange follows the cause of an open incident.
type causeChange struct {
	logged evcp.Cause // the cause that the log has given
	now    evcp.Cause // another one, of the last count failed checks
	count  int
	since  evcp.Stamp // the first of them
}

// failed counts a failed check of an open incident and reports whether the change
// of its cause is to be logged now.
func (c *causeChange) failed(e evcp.Event) bool {
	switch {
	case e.Cause == c.logged:
		c.count = 0
		return false
	case e.Cause != c.now || c.count == 0:
		c.now, c.count, c.since = e.Cause, 0, e.At
	}
	c.count++
	if c.count < causeChangeAfter {
		return false
	}
	c.logged, c.count = c.now, 0
	return true
}

// localTroubleAfter is how many checks in a row must fail on this machine, for one cause,
// before it is logged.
const localTroubleAfter = 3

// localTrouble follows checks that never left the Monitor's own machine.
type localTrouble struct {
	logged evcp.Cause // what the log has given; NoCause: nothing
	since  evcp.Stamp // the first check with logged
	now    evcp.Cause // of the last count checks
	from   evcp.Stamp // the first of them
	count  int
}

// notJudged counts a check that proves nothing about the Engine. What keeps the Monitor
// from checking concerns many charge points: the first one alone has the line.
func (f *Formatter) notJudged(s *logState, e evcp.Event) (LogLine, bool) {
	t := &s.inTrouble().local
	if e.Cause != t.now {
		t.now, t.from, t.count = e.Cause, e.At, 0
	}
	t.count++
	if t.count != localTroubleAfter || t.now == t.logged || t.now.String() != evcp.Local.String() {
		if f.NoDebug {
			return LogLine{}, false
		}
		return LogLine{Shape: display.Unknown, Level: Debug, Text: f.Language.Sprintf(english.checkFailed, e.Status, f.engine(s, e.Cause, "").Phrase, e.Failures)}, true
	}
	f.countLocal(t.logged, -1)
	t.logged, t.since = t.now, t.from
	a := f.engine(s, e.Cause, "")
	l := LogLine{Shape: display.Unknown, Level: Warn, Text: f.Language.Sprintf(english.notJudged, a.Phrase, f.clock(t.since))}
	l = l.with(causeFields(e.Cause)...).with(Field{"since", t.since.Time()}).advised(a)
	return l, f.countLocal(t.logged, 1) == 1
}

// judgedAgain ends the localTrouble of a charge point with a check that counts. It reports
// whether the log gave that trouble, and no other charge point has it any more.
func (f *Formatter) judgedAgain(s *logState, e evcp.Event) (LogLine, bool) {
	if !e.Status.Countable() || s.trouble == nil || s.trouble.local == (localTrouble{}) {
		return LogLine{}, false
	}
	t := s.trouble.local
	s.trouble.local = localTrouble{}
	if !s.open {
		s.trouble = nil
	}
	l := LogLine{Shape: display.Up, Text: f.Language.Sprintf(english.judgedAgain, display.Duration(e.At.Sub(t.since)))}
	return l.with(Field{"duration", e.At.Sub(t.since)}), t.logged != evcp.NoCause && f.countLocal(t.logged, -1) == 0
}

// countLocal counts the charge points with a localTrouble that was logged.
func (f *Formatter) countLocal(c evcp.Cause, change int) int {
	if f.locals == nil {
		f.locals = map[evcp.Cause]int{}
	}
	f.locals[c] += change
	return f.locals[c]
}

// causeFields name a cause for machines.
func causeFields(c evcp.Cause) []Field {
	fields := []Field{{"cause", c.String()}}
	if c.Detail() != "" {
		fields = append(fields, Field{"detail", c.Detail()})
	}
	return fields
}
