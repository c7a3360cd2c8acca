// Package tell turns what happened into the words of a log line: which change is
// worth a line, under which shape, in which sentence. It decides only; printing is
// the console's.
//
// A line says what changed, once. Single checks, repeats of an open report and
// each attempt to reach somebody are told at debug level.
package logtext

import (
	"fmt"
	"log/slog"
	"time"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/display"
)

// LogLine is one line of a log.
type LogLine struct {
	Shape display.Shape
	Level slog.Level
	CP    evcp.CPID // "" when it is about the process
	Text  string
	Attrs []slog.Attr // for machines
}

// Formatter remembers what a sentence needs beyond its event. It belongs to one
// goroutine.
type Formatter struct {
	Timeout  time.Duration // of a check: "no answer in 900ms"
	Zone     *time.Location
	AskAgain time.Duration // after a refusal
	Lone     bool          // a refusal may end the program
	// KafkaWait is how long an answer of Kafka is awaited; 0 is not said.
	KafkaWait time.Duration
	Topic     string // for "create the topic …"
	cps       map[evcp.CPID]*logState
}

// logState is what was told of one charge point so far.
type logState struct {
	state  evcp.State
	failed int         // checks since the streak that opened the incident began
	proven bool        // an OK was seen in this life
	words  string      // the Engine's, of the last check
	away   bool        // Central went, so its return is told and the next acceptance is not
	turn   causeChange // how the open incident fails
}

// Restore takes up a charge point with what is known of it from an earlier life.
func (t *Formatter) Restore(cp evcp.CPID, s evcp.State) {
	t.of(cp).state = s
	t.of(cp).failed = int(s.Failures)
	t.of(cp).turn = causeChange{told: s.Incident.Cause}
}

func (t *Formatter) of(cp evcp.CPID) *logState {
	if t.cps == nil {
		t.cps = map[evcp.CPID]*logState{}
	}
	s := t.cps[cp]
	if s == nil {
		s = &logState{}
		t.cps[cp] = s
	}
	return s
}

// Event tells a kept event; false when it is worth no line.
func (t *Formatter) Event(e evcp.Event) (LogLine, bool) {
	s := t.of(e.CP)
	before := s.state
	s.state = before.After(e)
	l, ok := t.line(s, before, e)
	l.CP = e.CP
	l.Attrs = append(l.Attrs, slog.String("action", e.Action.String()), slog.String("event_id", e.ID().Text(e.CP)))
	return l, ok
}

func (t *Formatter) line(s *logState, before evcp.State, e evcp.Event) (LogLine, bool) {
	switch e.Action {
	case evcp.HealthCheck:
		return t.check(s, before, e)
	case evcp.EngineFailed:
		return t.opened(s, e), true
	case evcp.EngineRecovered:
		l := LogLine{Shape: display.Up, Text: say(english.recovered, display.Duration(e.Span), english.checks.Of(int64(s.failed)))}
		s.failed = 0
		return l.with(slog.Duration("duration", e.Span)), true
	case evcp.ReportEngineFailure, evcp.ReportEngineRecovery:
		return told(e), true
	case evcp.AuthenticatedWithCentral, evcp.RegistrationRejected:
		return t.registration(s, e)
	case evcp.MonitorStalled:
		l := LogLine{Shape: display.Unknown, Level: slog.LevelWarn, Text: say(english.stalled, display.Duration(e.Span))}
		return l.with(slog.Duration("gap", e.Span), slog.Int("missed", int(e.Missed))), true
	case evcp.ClockStep:
		return LogLine{Level: slog.LevelWarn, Text: say(english.clock, direction(e.Span), display.Duration(e.Span.Abs()))}, true
	case evcp.EventsDropped:
		return LogLine{Shape: display.Gone, Level: slog.LevelWarn, Text: say(english.dropped, english.events.Of(int64(e.Count)), e.Reason)}, true
	default:
		return LogLine{}, false
	}
}

func (l LogLine) with(attrs ...slog.Attr) LogLine {
	l.Attrs = append(l.Attrs, attrs...)
	return l
}

// check tells the first OK, and at debug level what is not OK.
func (t *Formatter) check(s *logState, before evcp.State, e evcp.Event) (LogLine, bool) {
	s.words = e.Response
	switch {
	case e.Status.Failed() && before.Incident.Open && s.turn.failed(e):
		s.failed++
		return t.turned(s, e), true
	case e.Status.Failed():
		s.failed++
		l := LogLine{Shape: display.Failed, Level: slog.LevelDebug, Text: say(english.oneFailed, e.Status, t.engine(e.Cause, e.Response).Phrase, e.Failures)}
		return l.with(slog.String("cause", e.Cause.String()), slog.String("engine_response", e.Response)), true
	case e.Status != evcp.OK:
		return LogLine{Shape: display.Unknown, Level: slog.LevelDebug, Text: say(english.oneFailed, e.Status, t.engine(e.Cause, "").Phrase, e.Failures)}, true
	case before.Incident.Open: // its end is told
		s.proven, s.turn.count = true, 0
		return LogLine{}, false
	case !s.proven:
		s.proven, s.failed = true, 0
		return LogLine{Shape: display.Up, Text: say(english.first, display.Milliseconds(e.Latency))}, true
	case before.Failures > 0:
		s.failed = 0
		return LogLine{Level: slog.LevelDebug, Text: say(english.again, english.checks.Of(int64(before.Failures)))}, true
	default:
		return LogLine{}, false
	}
}

// opened tells an incident. "Says KO" and "no answer" never share a sentence:
// they send different people to different places. Words of the Engine come last,
// where a narrow line may cut them.
func (t *Formatter) opened(s *logState, e evcp.Event) LogLine {
	since := e.Since.Time().In(t.Zone).Format(time.TimeOnly)
	s.turn = causeChange{told: e.Cause}
	a := t.engine(e.Cause, s.words)
	l := LogLine{Shape: display.Failed, Level: slog.LevelWarn}
	switch e.Cause {
	case evcp.SaidKO:
		l.Text = say(english.failedKO, s.state.Status, s.state.Failures, since)
	case evcp.Protocol:
		l.Text = say(english.failedWords, s.state.Status, s.state.Failures, since, a.Phrase)
	default:
		l.Text = say(english.failed, s.state.Status, a.Phrase, s.state.Failures, since)
	}
	return l.with(slog.String("cause", e.Cause.String()), slog.Time("since", e.Since.Time())).advised(a)
}

func (t *Formatter) engine(c evcp.Cause, words string) advice.Advice {
	return advice.For(advice.Engine, c).With(advice.Details{Timeout: t.Timeout, Reply: words})
}

// advised adds what a failure means and what to do first.
func (l LogLine) advised(a advice.Advice) LogLine {
	return l.with(slog.String("meaning", a.Meaning), slog.String("do", a.Do))
}

// told tells a receipt of Central; repeats only to who wants to know everything.
func told(e evcp.Event) LogLine {
	sentence := english.failureTold
	if e.Action == evcp.ReportEngineRecovery {
		sentence = english.recoveryTold
	}
	l := LogLine{Shape: display.Reported, Text: say(sentence, e.Response, display.Milliseconds(e.Latency))}
	if e.Repeat > 0 {
		l.Level = slog.LevelDebug
	}
	return l.with(slog.Int("repeat", int(e.Repeat)))
}

// registration tells Central's answer. A return of Central is told by Central
// itself, with how long it was away.
func (t *Formatter) registration(s *logState, e evcp.Event) (LogLine, bool) {
	switch {
	case e.Action == evcp.RegistrationRejected && t.Lone && !s.state.EverAccepted:
		return LogLine{Shape: display.Failed, Level: slog.LevelError, Text: say(english.refused, e.Response)}, true
	case e.Action == evcp.RegistrationRejected:
		return LogLine{Shape: display.Failed, Level: slog.LevelWarn, Text: say(english.refusedAgain, e.Response, display.Duration(t.AskAgain))}, true
	case s.away:
		s.away = false
		return LogLine{}, false
	default:
		return LogLine{Shape: display.Reported, Text: say(english.accepted, e.Response, display.Milliseconds(e.Latency))}, true
	}
}

// Dropped tells what the log could not show because its output stood still, and
// where the events can be read.
func (t *Formatter) Dropped(events, notices uint64) LogLine {
	l := LogLine{Level: slog.LevelWarn, Text: say(english.leftOut, english.events.Of(int64(events)), english.notices.Of(int64(notices)))}
	return l.with(slog.Uint64("events", events), slog.Uint64("notices", notices))
}

func direction(step time.Duration) string {
	if step < 0 {
		return english.back
	}
	return english.forward
}

func say(sentence string, figures ...any) string { return fmt.Sprintf(sentence, figures...) }
