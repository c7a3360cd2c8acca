package demo

import (
	"slices"
	"strings"
	"time"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/central"
	"evcp/internal/central/cpstate"
	"evcp/internal/display"
	"evcp/internal/language"
)

// correlator joins what Central and the Monitors report of the same incident,
// decides which of it is worth a log line, and counts. The two reports of one
// incident arrive in either order; a line that needs both is made when both are
// there. It reads no clock, and is used by one goroutine at a time.
type correlator struct {
	timeout time.Duration  // of a check
	zone    *time.Location // of the times in the log
	said    language.Language
	// answeredOK reports whether an Engine replied OK in time between two times.
	answeredOK func(cp evcp.CPID, from, to time.Time) bool

	cps       map[evcp.CPID]*cpRecord
	counts    map[cpstate.Availability]int // of cps, as Central shows them
	unmatched []*cpRecord                  // had a change that waited for its event
	allUp     bool                         // at one time all were activated
	ending    bool                         // changes are ignored: that Monitors disconnect at the end is no loss
	figures   figures
	backlog   brokerBacklog
	lastStall time.Time
	lines     []unwrittenLine // not written yet
}

// figures is what was counted. The summary contains nothing else.
type figures struct {
	Lasted time.Duration
	Checks int
	Late   int // ticks without a check

	Faults      int // incidents that a Monitor opened
	FaultsShown int // times that Central showed a charge point as faulted
	Cleared     int // times that Central showed it as activated again
	FalseAlarms int // of FaultsShown: the Engine had replied OK meanwhile

	Killed     int // Monitors
	KillsShown int // times that Central noticed a lost Monitor
	Returned   int // times that Central had one again

	Events   int // committed by the Monitors
	Arrived  int // of them on the topic
	Repeated int // records that came again
	Missing  int // seqs that never came though a later one did
}

type unwrittenLine struct {
	cp    evcp.CPID // "" if it is about more than one
	shape display.Shape
	text  string
}

// cpRecord is what is known of one charge point.
type cpRecord struct {
	shown     cpstate.Availability // by Central
	judged    evcp.State           // by its Monitor: the fold of its events
	opened    evcp.Event           // the newest engine_failed
	failures  uint32               // in a row, that opened it
	closed    evcp.Event           // the newest engine_recovered
	unlogged  *central.Change      // to faulted, or from there to activated; nil once it is logged
	lastFault evcp.EventID         // the incident that was logged last
	kept      seqTracker
	delivered seqTracker
}

func newCorrelator(cps []evcp.CPID, timeout time.Duration, answeredOK func(evcp.CPID, time.Time, time.Time) bool) *correlator {
	k := &correlator{timeout: timeout, zone: time.Local, answeredOK: answeredOK, cps: map[evcp.CPID]*cpRecord{}, counts: map[cpstate.Availability]int{}}
	for _, cp := range cps {
		k.cps[cp] = &cpRecord{kept: seqTracker{}, delivered: seqTracker{}}
		k.counts[k.cps[cp].shown]++
	}
	return k
}

// logf makes a line; a text that ends with an empty value ends without a blank.
func (k *correlator) logf(cp evcp.CPID, shape display.Shape, format string, args ...any) {
	k.lines = append(k.lines, unwrittenLine{cp, shape, strings.TrimRight(k.said.Sprintf(format, args...), " ")})
}

// The nouns that stand after a number.
var (
	events        = display.NewPlural("%d event", "%d events")
	waitingEvents = display.NewPlural("%d event waiting", "%d events waiting")
	checks        = display.NewPlural("%d check", "%d checks")
	failedChecks  = display.NewPlural("%d failed check", "%d failed checks")
	faults        = display.NewPlural("%d fault", "%d faults")
	losses        = display.NewPlural("%d lost Monitor", "%d lost Monitors")
	falseAlarms   = display.NewPlural("%d false alarm", "%d false alarms")
)

// event takes an event that a Monitor has committed.
func (k *correlator) event(e evcp.Event) {
	r := k.cps[e.CP]
	before := r.judged
	r.judged = before.After(e)
	if isNew, skipped := r.kept.add(e.ID()); isNew {
		k.figures.Events += 1 + skipped // the live tail may drop events; their numbers show that they exist
	}
	switch e.Action {
	case evcp.HealthCheck:
		k.check(before, e)
	case evcp.EngineFailed:
		r.opened, r.failures = e, r.judged.Failures
		k.figures.Faults++
		k.match(e.CP)
	case evcp.EngineRecovered:
		r.closed = e
		k.match(e.CP)
	case evcp.MonitorStalled:
		k.stall(e)
	case evcp.EventsDropped:
		k.logf(e.CP, display.Gone, "%s given up: %s", events.In(k.said).Of(int64(e.Count)), k.said.Text(e.Reason))
	}
}

// check counts a check, and logs an OK after failures that were too few to report.
func (k *correlator) check(before evcp.State, e evcp.Event) {
	k.figures.Checks++
	if e.Status == evcp.OK && before.Failures > 0 && !before.Incident.Open {
		k.logf(e.CP, display.Note, "OK again after %s; nothing to report", failedChecks.In(k.said).Of(int64(before.Failures)))
	}
}

// oneStall is how far apart the Monitors may report one and the same stall.
const oneStall = 2 * time.Second

// stall logs one line for a stall of this process, which every Monitor reports.
func (k *correlator) stall(e evcp.Event) {
	at := e.At.Time()
	if at.Sub(k.lastStall).Abs() > oneStall {
		k.logf("", display.Unknown, "this program stood still for %s; no Engine is blamed", display.Duration(e.Span))
	}
	k.lastStall = at
}

// change takes a change of state at Central.
func (k *correlator) change(c central.Change) {
	r := k.cps[c.CP]
	if r == nil || k.ending { // nil: a Monitor that is not the demo's has used Central's port
		return
	}
	k.logUnmatched(r)
	k.counts[r.shown]--
	r.shown = c.To
	k.counts[r.shown]++
	if c.From == cpstate.Disconnected {
		k.figures.Returned++
	}
	switch {
	case c.From == cpstate.Unregistered:
		k.checkAllUp()
	case c.To == cpstate.Faulted, c.From == cpstate.Faulted && c.To == cpstate.Activated:
		r.unlogged = &c
		k.unmatched = append(k.unmatched, r)
		k.match(c.CP)
	case c.To == cpstate.Activated:
		k.logf(c.CP, display.Up, "activated after %s: its Monitor is back", display.Duration(c.Lasted))
	case c.To == cpstate.Disconnected:
		if c.Reason == cpstate.ConnectionLost || c.Reason == cpstate.Silent {
			k.figures.KillsShown++
		}
		k.logf(c.CP, display.Gone, "%s", c.Text(k.said))
	}
}

// checkAllUp logs once that all charge points are activated.
func (k *correlator) checkAllUp() {
	if n := k.count(cpstate.Activated); !k.allUp && n == len(k.cps) {
		k.allUp = true
		k.logf("", display.Up, "%d of %d activated", n, len(k.cps))
	}
}

func (k *correlator) count(s cpstate.Availability) int { return k.counts[s] }

// match logs a fault or its end once both Central and the Monitor have reported it.
func (k *correlator) match(cp evcp.CPID) {
	r := k.cps[cp]
	switch {
	case r.unlogged == nil, r.opened.Action == evcp.NoAction:
	case r.unlogged.To == cpstate.Faulted && (r.opened.ID() != r.lastFault || r.judged.Incident.Open):
		k.logFault(r)
	case r.unlogged.To == cpstate.Activated && r.closed.Incident == r.opened.ID():
		k.logRecovery(r, r.closed.Span)
	}
}

// logFault logs a fault by the Monitor's event. It is a false alarm if the Engine
// replied OK since the first failed check.
func (k *correlator) logFault(r *cpRecord) {
	e, c := r.opened, r.unlogged
	r.unlogged = nil
	if r.lastFault != e.ID() || c.From == cpstate.Activated {
		k.countFault(e.CP, e.Since.Time(), e.At.Time())
	}
	r.lastFault = e.ID()
	failed := checks.In(k.said).Of(int64(r.failures))
	if e.Cause == evcp.SaidKO {
		failed = k.said.Sprintf("%s in a row", failed)
	}
	why := advice.For(k.said, advice.Engine, e.Cause).With(advice.Details{Timeout: k.timeout}).Phrase
	since := e.Since.Time().In(k.zone).Format(time.TimeOnly)
	k.logf(e.CP, display.Failed, "faulted: %s, %s since %s", why, failed, since)
}

func (k *correlator) countFault(cp evcp.CPID, from, to time.Time) {
	k.figures.FaultsShown++
	if k.answeredOK(cp, from, to) {
		k.figures.FalseAlarms++
	}
}

func (k *correlator) logRecovery(r *cpRecord, after time.Duration) {
	k.figures.Cleared++
	k.logf(r.unlogged.CP, display.Up, "activated after %s", display.Duration(after))
	r.unlogged = nil
}

// matchWithin is how long a change at Central waits for the Monitor's event.
const matchWithin = 2 * time.Second

// expire logs the changes that have waited too long for their event.
func (k *correlator) expire(now time.Time) {
	k.unmatched = slices.DeleteFunc(k.unmatched, func(r *cpRecord) bool {
		if r.unlogged != nil && now.Sub(r.unlogged.At) > matchWithin {
			k.logUnmatched(r)
		}
		return r.unlogged == nil
	})
}

// logUnmatched logs a waiting change without its Monitor's event. A fault is then a
// false alarm if the Engine replied OK shortly before it.
func (k *correlator) logUnmatched(r *cpRecord) {
	switch c := r.unlogged; {
	case c == nil:
	case c.To == cpstate.Activated:
		k.logRecovery(r, c.Lasted)
	default:
		k.countFault(c.CP, c.At.Add(-matchWithin), c.At)
		k.logf(c.CP, display.Failed, "%s", c.Text(k.said))
		r.unlogged = nil
	}
}

// record takes a record of the topic. Other programs may write to it too: what is
// no event of a charge point of ours is ignored.
func (k *correlator) record(value []byte) {
	e, err := evcp.ParseEvent(value)
	if err != nil || k.cps[e.CP] == nil {
		return
	}
	isNew, missing := k.cps[e.CP].delivered.add(e.ID())
	if isNew {
		k.figures.Arrived++
	} else {
		k.figures.Repeated++
	}
	k.figures.Missing += missing
	k.checkBacklog()
}

// brokerBacklog is what a broker that was frozen has still to take.
type brokerBacklog struct {
	expected int // events on the topic when it has taken all; 0 without a backlog
	size     int
	missing  int // events missing before the freeze ended
}

// brokerBack starts to follow the backlog of a broker that was frozen.
func (k *correlator) brokerBack() {
	f := k.figures
	k.backlog = brokerBacklog{expected: f.Events, size: f.Events - f.Arrived, missing: f.Missing}
	k.checkBacklog()
}

// checkBacklog logs when all of the backlog is on the topic.
func (k *correlator) checkBacklog() {
	b := k.backlog
	if b.expected == 0 || k.figures.Arrived+k.figures.Missing < b.expected {
		return
	}
	k.backlog = brokerBacklog{}
	sent := events.In(k.said).Of(int64(b.size))
	if missing := k.figures.Missing - b.missing; missing > 0 {
		k.logf("", display.Failed, "broker back: %s sent, %d missing", sent, missing)
		return
	}
	k.logf("", display.Note, "broker back: %s sent, none lost", sent)
}

// seqTracker holds the highest seq of one charge point's events, by epoch.
type seqTracker map[int64]uint64

// add reports whether the event is new, and how many seqs before it were skipped.
func (s seqTracker) add(id evcp.EventID) (isNew bool, skipped int) {
	last := s[id.Epoch]
	if id.Seq <= last {
		return false, 0
	}
	s[id.Epoch] = id.Seq
	return true, int(id.Seq - last - 1)
}
