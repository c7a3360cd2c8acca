// Package logtext decides which event is worth a log line, under which shape and
// level, and in which sentence. Events and other facts go in, lines come out; the
// caller logs them.
//
// A line says what changed, once. Single checks, repeats of an open report and
// single attempts to reach a peer have lines at debug level only.
package logtext

import (
	"cmp"
	"strings"
	"time"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/display"
	"evcp/internal/language"
)

// LogLine is one line of a log.
type LogLine struct {
	Shape  display.Shape
	Level  Level
	CP     evcp.CPID // "" when the line is about the process
	At     time.Time // zero: now
	Text   string
	Fields []Field // for machines
}

// Level is a line's severity, with the numbers of log/slog.
type Level int

// Levels. The zero Level is Info.
const (
	Debug Level = -4
	Info  Level = 0
	Warn  Level = 4
	Error Level = 8
)

// Field is a value that a machine may want: a string, an int, a uint64, a
// time.Duration or a time.Time.
type Field struct {
	Key   string
	Value any
}

// Formatter turns events into lines. It folds the events of each charge point,
// since a sentence may need what came before. One goroutine at a time.
type Formatter struct {
	Timeout time.Duration // of a check whose event names none: "no answer in 900ms"
	Zone    *time.Location
	// ExitWhenRefused: a first refusal ends the program, so it is an error.
	ExitWhenRefused bool
	Language        language.Language // of the sentences; the fields are for machines
	RefusalRetry    time.Duration     // from a refusal to the next registration
	CentralTimeout  time.Duration     // longest wait for an answer of Central; 0: no line names it
	KafkaTimeout    time.Duration     // longest wait for an answer of Kafka; 0: no line names it
	Topic           string            // for "create the topic …"
	Fleet           bool              // Engines stand in a file of many, not in flags
	NoDebug         bool              // lines of debug level are not made: they cost with every failed check
	// Handle is a number for each charge point, small and from 0; nil: they are numbered here.
	Handle   func(evcp.CPID) int
	numbers  map[evcp.CPID]int      // without Handle
	cps      []*logState            // by number
	common   map[logState]*logState // those that charge points share, by their value
	locals   map[evcp.Cause]int     // charge points with a localTrouble that was logged
	response string                 // of the Engine to the last check that was not plain
}

// logState is what was logged of one charge point: small, since there may be thousands.
type logState struct {
	site    *site         // of a fleet's; nil: none is known
	timeout time.Duration // of its checks; 0: Formatter.Timeout
	trouble *trouble      // nil while all is well

	failed   uint32      // failed checks since the streak that opened the incident began
	failures uint32      // failed checks in a row
	fall     uint32      // how many open an incident
	status   evcp.Status // of the last countable check
	cause    evcp.Cause  // that opened the incident
	open     bool        // an incident is

	okSeen       bool // an OK was seen by this process
	checkSeen    bool // any countable check was
	accepted     bool // Central has accepted this process
	everAccepted bool
	centralAway  bool // Central's outage was logged: its end will be, and the next acceptance will not
	shared       bool // by charge points of the same state: it is not changed
}

// trouble is what only a charge point with trouble needs.
type trouble struct {
	cause causeChange // of the open incident
	local localTrouble
}

// Restore takes over the state that an earlier process has left.
func (f *Formatter) Restore(cp evcp.CPID, s evcp.State) {
	l := logState{
		failed: s.Failures, failures: s.Failures, status: s.Status, open: s.Incident.Open, cause: s.Incident.Cause,
		accepted: s.Central == evcp.Accepted, everAccepted: s.EverAccepted,
	}
	if l.open {
		l.trouble = &trouble{cause: causeChange{logged: s.Incident.Cause}}
	}
	*f.of(cp) = l
	if f.Fleet {
		f.share(cp)
	}
}

// of is the state of a charge point, to be read and changed.
func (f *Formatter) of(cp evcp.CPID) *logState {
	s := f.entry(cp)
	switch {
	case *s == nil:
		*s = &logState{}
	case (*s).shared:
		own := **s
		own.shared, *s = false, &own
	}
	return *s
}

// entry is where the state of a charge point stands, until the next call; nil: there is none.
func (f *Formatter) entry(cp evcp.CPID) **logState {
	n := f.number(cp)
	for n >= len(f.cps) {
		f.cps = append(f.cps, nil)
	}
	return &f.cps[n]
}

func (f *Formatter) number(cp evcp.CPID) int {
	if f.Handle != nil {
		return f.Handle(cp)
	}
	n, known := f.numbers[cp]
	if !known {
		if f.numbers == nil {
			f.numbers = map[evcp.CPID]int{}
		}
		n = len(f.numbers)
		f.numbers[cp] = n
	}
	return n
}

// mostCommon bounds the states that are shared. What is forgotten goes on being used.
const mostCommon = 1024

// share lets a charge point that is well have its state together with others: nearly all are
// in one of a few states.
func (f *Formatter) share(cp evcp.CPID) {
	entry := f.entry(cp)
	own := *entry
	if own == nil || own.shared || own.trouble != nil || own.open || own.failed > 0 || own.failures > 0 {
		return
	}
	s := *own
	s.shared = true
	same := f.common[s]
	if same == nil {
		if len(f.common) == mostCommon || f.common == nil {
			f.common = map[logState]*logState{}
		}
		same = new(logState)
		*same = s
		f.common[s] = same
	}
	*entry = same
}

// inTrouble is the trouble of s, to be changed.
func (s *logState) inTrouble() *trouble {
	if s.trouble == nil {
		s.trouble = &trouble{}
	}
	return s.trouble
}

// after folds e in.
func (s *logState) after(e evcp.Event) {
	switch e.Action {
	case evcp.HealthCheck:
		if e.Status.Countable() {
			s.status, s.failures, s.checkSeen = e.Status, e.Failures, true
		}
	case evcp.EngineFailed:
		s.open, s.cause = true, e.Cause
	case evcp.EngineRecovered:
		s.open, s.trouble = false, nil
	case evcp.AuthenticatedWithCentral:
		s.accepted, s.everAccepted = true, true
	case evcp.MonitorStarted:
		s.accepted, s.timeout, s.fall = false, e.Timeout, e.Fall
	case evcp.SettingsChanged:
		s.timeout, s.fall = e.Timeout, e.Fall
	}
}

// Event is the line of a kept event; false when it is worth none.
func (f *Formatter) Event(e evcp.Event) (LogLine, bool) {
	s := f.of(e.CP)
	before := *s
	s.after(e)
	l, ok := f.line(s, before, e)
	if !ok {
		return LogLine{}, false
	}
	l.CP = e.CP
	return l.with(Field{"action", e.Action.String()}, Field{"event_id", e.ID().Text(e.CP)}), true
}

func (f *Formatter) line(s *logState, before logState, e evcp.Event) (LogLine, bool) {
	switch e.Action {
	case evcp.HealthCheck:
		return f.check(s, before, e)
	case evcp.EngineFailed:
		return f.incidentOpened(s, e), true
	case evcp.EngineRecovered:
		l := LogLine{Shape: display.Up, Text: f.Language.Sprintf(english.recovered, display.Duration(e.Span), english.checks.In(f.Language).Of(int64(s.failed)))}
		s.failed = 0
		return l.with(Field{"duration", e.Span}), true
	case evcp.ReportEngineFailure, evcp.ReportEngineRecovery:
		return f.receipt(e)
	case evcp.AuthenticatedWithCentral, evcp.RegistrationRejected:
		return f.registration(s, e)
	case evcp.MonitorStalled:
		l := LogLine{Shape: display.Unknown, Level: Warn, Text: f.Language.Sprintf(english.stalled, display.Duration(e.Span))}
		return l.with(Field{"gap", e.Span}, Field{"missed", int(e.Missed)}), true
	case evcp.ClockStep:
		return LogLine{Level: Warn, Text: f.Language.Sprintf(english.clock, f.direction(e.Span), display.Duration(e.Span.Abs()))}, true
	case evcp.SettingsChanged: // a reload may change thousands; it has a line of its own
		return LogLine{Level: Debug, Text: f.Language.Sprintf(english.settings, display.Duration(e.Interval), display.Duration(e.Timeout), e.Fall, e.Rise)}, true
	case evcp.EventsDropped:
		l := LogLine{Shape: display.Gone, Level: Warn, Text: f.Language.Sprintf(english.dropped, english.events.In(f.Language).Of(int64(e.Count)), f.Language.Text(e.Reason))}
		if strings.HasPrefix(e.Reason, evcp.ReasonRefused) {
			l = l.advised(advice.ForKafka(f.Language, evcp.SaidKO, advice.Details{Reply: e.Reason, Topic: f.Topic}))
		}
		return l, true
	default:
		return LogLine{}, false
	}
}

func (l LogLine) with(fields ...Field) LogLine {
	l.Fields = append(l.Fields, fields...)
	return l
}

// check logs the first OK and, at debug level, what is not OK.
func (f *Formatter) check(s *logState, before logState, e evcp.Event) (LogLine, bool) {
	if e.Status == evcp.OK && before.okSeen && before.trouble == nil && !before.open && before.failures == 0 {
		return LogLine{}, false // nearly every check
	}
	f.response = e.Response
	again, ended := f.judgedAgain(s, e)
	l, ok := f.checkLine(s, before, e)
	if ended && (!ok || l.Level == Debug) {
		return again, true
	}
	return l, ok
}

func (f *Formatter) checkLine(s *logState, before logState, e evcp.Event) (LogLine, bool) {
	switch {
	case e.Status.Failed() && before.open && s.inTrouble().cause.failed(e):
		s.failed++
		return f.causeChanged(s, e), true
	case e.Status.Failed():
		s.failed++
		if f.NoDebug {
			return LogLine{}, false
		}
		l := LogLine{Shape: display.Failed, Level: Debug, Text: f.Language.Sprintf(english.checkFailed, e.Status, f.engine(s, e.Cause, e.Response).Phrase, e.Failures)}
		return l.with(Field{"cause", e.Cause.String()}, Field{"engine_response", e.Response}), true
	case e.Status != evcp.OK:
		return f.notJudged(s, e)
	case before.open: // engine_recovered has the line
		s.okSeen, s.inTrouble().cause.count = true, 0
		return LogLine{}, false
	case !s.okSeen:
		s.okSeen, s.failed = true, 0
		return LogLine{Shape: display.Up, Text: f.Language.Sprintf(english.firstOK, display.Milliseconds(e.Latency))}, true
	case before.failures > 0:
		s.failed = 0
		return LogLine{Level: Debug, Text: f.Language.Sprintf(english.okAgain, english.checks.In(f.Language).Of(int64(before.failures)))}, !f.NoDebug
	default:
		return LogLine{}, false
	}
}

// incidentOpened never puts "says KO" and "no answer" into one sentence: they
// send people to different places.
func (f *Formatter) incidentOpened(s *logState, e evcp.Event) LogLine {
	since := f.clock(e.Since)
	s.inTrouble().cause = causeChange{logged: e.Cause}
	a := f.engine(s, e.Cause, f.response) // of the check before: its event comes right before this
	line := f.Language.Sprintf(english.failed, s.status, a.Phrase, s.failures, since)
	if e.Cause == evcp.SaidKO {
		line = f.Language.Sprintf(english.failedKO, s.status, s.failures, since)
	}
	return incidentLine(line, e.Cause, e.Since, a)
}

// causeChanged says that the open incident has another cause now.
func (f *Formatter) causeChanged(s *logState, e evcp.Event) LogLine {
	a, since := f.engine(s, e.Cause, e.Response), s.trouble.cause.since
	return incidentLine(f.Language.Sprintf(english.causeChanged, e.Status, f.clock(since), a.Phrase), e.Cause, since, a)
}

func incidentLine(line string, cause evcp.Cause, since evcp.Stamp, a advice.Advice) LogLine {
	l := LogLine{Shape: display.Failed, Level: Warn, Text: line}
	return l.with(Field{"cause", cause.String()}, Field{"since", since.Time()}).advised(a)
}

func (f *Formatter) clock(at evcp.Stamp) string { return at.Time().In(f.Zone).Format(time.TimeOnly) }

func (f *Formatter) engine(s *logState, c evcp.Cause, response string) advice.Advice {
	return advice.For(f.Language, advice.Engine, c).With(advice.Details{Timeout: cmp.Or(s.timeout, f.Timeout), Reply: response, Fleet: f.Fleet})
}

// advised adds what a failure means and what to do first.
func (l LogLine) advised(a advice.Advice) LogLine {
	return l.with(Field{"meaning", a.Meaning}, Field{"do", a.Do})
}

// receipt is Central's answer to a report. Repeats have debug level.
func (f *Formatter) receipt(e evcp.Event) (LogLine, bool) {
	if e.Repeat > 0 && f.NoDebug {
		return LogLine{}, false
	}
	sentence := english.failureReceipt
	if e.Action == evcp.ReportEngineRecovery {
		sentence = english.recoveryReceipt
	}
	l := LogLine{Shape: display.Reported, Text: f.Language.Sprintf(sentence, e.Response, display.Milliseconds(e.Latency))}
	if e.Repeat > 0 {
		l.Level = Debug
	}
	return l.with(Field{"repeat", int(e.Repeat)}), true
}

// registration is Central's answer. An acceptance that ends an outage has no line
// of its own: CentralBack has.
func (f *Formatter) registration(s *logState, e evcp.Event) (LogLine, bool) {
	switch {
	case e.Action == evcp.RegistrationRejected && f.ExitWhenRefused && !s.everAccepted:
		return LogLine{Shape: display.Failed, Level: Error, Text: f.Language.Sprintf(english.refused, e.Response)}, true
	case e.Action == evcp.RegistrationRejected:
		return LogLine{Shape: display.Failed, Level: Warn, Text: f.Language.Sprintf(english.refusedRetry, e.Response, display.Duration(f.RefusalRetry))}, true
	case s.centralAway:
		s.centralAway = false
		return LogLine{}, false
	default:
		return LogLine{Shape: display.Reported, Text: f.Language.Sprintf(english.accepted, e.Response, display.Milliseconds(e.Latency))}, true
	}
}

func (f *Formatter) direction(step time.Duration) string {
	if step < 0 {
		return f.Language.Text(english.back)
	}
	return f.Language.Text(english.forward)
}
