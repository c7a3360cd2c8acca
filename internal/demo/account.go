package demo

import (
	"time"

	"evcp"
	"evcp/internal/central"
	"evcp/internal/central/cpstate"
	"evcp/internal/display"
)

// account is what was seen so far, and which of it is worth a line. What Central
// says and what its Monitor said before come by different ways, in either order:
// a line that needs both is told when both are there. It decides: it reads no
// clock, and belongs to one goroutine at a time.
type account struct {
	timeout time.Duration  // of a check
	zone    *time.Location // of the lines
	// spokeUp says whether an Engine truly answered OK, in time, between two moments.
	spokeUp func(cp evcp.CPID, from, to time.Time) bool

	cps     map[evcp.CPID]*file
	begun   bool // all were activated once
	figures figures
	thawed  thawing
	stood   time.Time // when it was last told that the program stood still
	lines   []line    // not told yet
}

// line is one line of the log.
type line struct {
	cp    evcp.CPID // "" when it is about more than one
	shape display.Shape
	text  string
}

// file is what is known of one charge point.
type file struct {
	state   cpstate.Availability
	judged  evcp.State      // the fold of its events
	opened  evcp.Event      // engine_failed, the newest
	streak  uint32          // failed checks that opened it
	closed  evcp.Event      // engine_recovered, the newest
	entered *central.Change // faulted, or well after that, and not told yet
	told    evcp.EventID    // the incident that Central told last
	kept    sequences
	arrived sequences
}

func newAccount(cps []evcp.CPID, timeout time.Duration, spokeUp func(evcp.CPID, time.Time, time.Time) bool) *account {
	a := &account{timeout: timeout, zone: time.Local, spokeUp: spokeUp, cps: map[evcp.CPID]*file{}}
	for _, cp := range cps {
		a.cps[cp] = &file{kept: sequences{}, arrived: sequences{}}
	}
	return a
}

func (a *account) say(cp evcp.CPID, shape display.Shape, text string) {
	a.lines = append(a.lines, line{cp, shape, text})
}

// event takes what a Monitor has kept.
func (a *account) event(e evcp.Event) {
	f := a.cps[e.CP]
	before := f.judged
	f.judged = before.After(e)
	if isNew, unheard := f.kept.take(e.ID()); isNew {
		a.figures.Events += 1 + unheard // the live tail may drop some, the numbers tell
	}
	switch e.Action {
	case evcp.HealthCheck:
		a.check(before, e)
	case evcp.EngineFailed:
		f.opened, f.streak = e, f.judged.Failures
		a.figures.Faults++
		a.match(e.CP)
	case evcp.EngineRecovered:
		f.closed = e
		a.match(e.CP)
	case evcp.MonitorStalled:
		a.stall(e)
	case evcp.EventsDropped:
		a.say(e.CP, display.Gone, trimmed(english.dropped, english.events.of(int(e.Count)), e.Reason))
	}
}

// check tells failures that were too few to report.
func (a *account) check(before evcp.State, e evcp.Event) {
	a.figures.Checks++
	if e.Status == evcp.OK && before.Failures > 0 && !before.Incident.Open {
		failed := noun{"failed check", "failed checks"}
		a.say(e.CP, display.Note, trimmed(english.again, failed.of(int(before.Failures))))
	}
}

// together is how far apart Monitors may tell of one and the same stall.
const together = 2 * time.Second

// stall is told once, though every Monitor of this program stood still.
func (a *account) stall(e evcp.Event) {
	at := e.At.Time()
	if at.Sub(a.stood).Abs() > together {
		a.say("", display.Unknown, trimmed(english.stalled, display.Duration(e.Span)))
	}
	a.stood = at
}

// arrive takes a record of the topic.
func (a *account) arrive(record []byte) {
	e, err := evcp.ParseEvent(record)
	if err != nil || a.cps[e.CP] == nil {
		return // somebody else writes to the topic too; who likes may
	}
	isNew, gap := a.cps[e.CP].arrived.take(e.ID())
	if isNew {
		a.figures.Arrived++
	} else {
		a.figures.Twice++
	}
	a.figures.Gaps += gap
	a.caughtUp()
}

// thawing is a broker that is back and has a backlog to take.
type thawing struct {
	goal    int // how many events will have arrived then; 0 when there is none
	backlog int
	gaps    int // before
}

// thaw notes what waits for the broker that is back.
func (a *account) thaw() {
	f := a.figures
	a.thawed = thawing{goal: f.Events, backlog: f.Events - f.Arrived, gaps: f.Gaps}
	a.caughtUp()
}

// caughtUp tells when the backlog is there.
func (a *account) caughtUp() {
	t := a.thawed
	if t.goal == 0 || a.figures.Arrived+a.figures.Gaps < t.goal {
		return
	}
	a.thawed = thawing{}
	sent := english.events.of(t.backlog)
	if missing := a.figures.Gaps - t.gaps; missing > 0 {
		a.say("", display.Failed, trimmed(english.thawedLess, sent, missing))
		return
	}
	a.say("", display.Note, trimmed(english.thawed, sent))
}
