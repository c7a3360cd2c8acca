package oracle

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"evcp"
)

// Promise is one promise that can be broken.
type Promise uint8

// The promises, in the order of a table.
const (
	FalseFailure    Promise = iota // a failed check, or an incident, that nothing caused
	FalseOK                        // an OK, or a recovery, that nothing caused
	MissedIncident                 // an Engine failing longer than the bound without an incident, or an OK one with it
	DuplicateReport                // a report sent again although its receipt was kept
	MissingReport                  // a failure or recovery not reported to Central, or not in time
	LostEvent                      // a check that the Engine received, or a receipt, without an event
	SeqGap                         // in seq or in the order of the topic, or an epoch that nothing caused
	DuplicateID                    // one event_id with two contents
	TimeBackwards                  // timestamps, without clock_stepped
	LateCheck                      // later than the interval and 150 ms, with no stall to explain it
	WrongFinalState                // Central shows another state than the Engine has
	WrongHistory                   // Central's segments or incidents are not what happened
	promises
)

var promiseNames = [promises]string{
	"false failures", "false OKs", "missed or late incidents", "duplicate reports", "missing or late reports",
	"lost events", "gaps in seq", "duplicate ids", "time backwards", "late checks", "wrong final states", "wrong histories",
}

// String is the heading of the promise in a table.
func (c Promise) String() string {
	return promiseNames[c]
}

// Promises are all promises, in order.
func Promises() []Promise {
	all := make([]Promise, promises)
	for i := range all {
		all[i] = Promise(i)
	}
	return all
}

// Violation is one broken promise.
type Violation struct {
	Promise Promise
	CP      evcp.CPID
	At      evcp.Stamp
	Text    string
}

// String is one line; the time is UTC.
func (v Violation) String() string {
	return fmt.Sprintf("%s %s %s: %s", clock(v.At), v.CP, v.Promise, v.Text)
}

func clock(t evcp.Stamp) string { return t.Time().Format("15:04:05.000") }

// Verification is what the oracle found, and how much it checked.
type Verification struct {
	Violations []Violation    // in order of time
	Histories  [][]evcp.Event // of each charge point of the Trace: each event once, by epoch and seq

	EngineChecks int // that the Engines received
	Events       int // on the topic, each once
	Repeats      int // records that are repeated
	Checks       int // health_check events
	Unknown      int // of them
	Failed       int // of them
	Incidents    int
	Reports      int // with a receipt, repeats included
	Messages     int // from the Monitors to Central
	Epochs       int
	// How often each bound could be checked, since nothing excused the Monitor.
	Bounds        int // periods of failing, or of OK, that lasted beyond the bound
	Intervals     int // between two checks
	TimelyReports int // reports in time, or late
	Segments      int // of Central's history
	// SelfExcused is how often a Monitor recorded a stall while it was neither paused
	// nor short of CPU, and for how long in all.
	SelfExcused    int
	SelfExcusedFor time.Duration
}

// Count is how often a promise was violated.
func (v *Verification) Count(p Promise) int {
	n := 0
	for _, f := range v.Violations {
		if f.Promise == p {
			n++
		}
	}
	return n
}

// Verify checks a trace against every promise.
func Verify(t Trace) *Verification {
	result, contents := &Verification{}, map[string]string{}
	for i := range t.CPs {
		v := &verifier{trace: &t, cp: &t.CPs[i], result: result, contents: contents}
		v.run()
		result.Histories = append(result.Histories, v.events)
	}
	slices.SortStableFunc(result.Violations, func(a, b Violation) int { return cmp.Compare(a.At, b.At) })
	return result
}

// verifier checks one charge point.
type verifier struct {
	trace    *Trace
	cp       *CPTrace
	result   *Verification
	contents map[string]string // of all charge points: the bytes of every event_id

	events []evcp.Event // each once, ordered by epoch and seq
	stalls []stall
	paused spans // the process did not run
	busy   spans // it may have been late
}

func (v *verifier) run() {
	v.read()
	v.paused, v.busy = v.of(MonitorPaused), v.of(MachineBusy, HarnessStalled)
	v.result.EngineChecks += len(v.cp.EngineChecks)
	v.result.Messages += len(v.cp.Messages)
	v.learnStalls()
	v.numbering()
	v.outcomes()
	v.streaks()
	v.incidents()
	v.lost()
	v.lateChecks()
	v.reports()
	v.finalState()
	v.history()
}

func (v *verifier) violated(p Promise, at evcp.Stamp, format string, args ...any) {
	v.result.Violations = append(v.result.Violations, Violation{p, v.cp.ID, at, fmt.Sprintf(format, args...)})
}

// finalState compares what Central shows at the end with what the Engine does.
func (v *verifier) finalState() {
	if v.cp.Shown != "" && v.cp.Shown != "activated" && v.expectedAt(v.trace.To) == ExpectOK {
		v.violated(WrongFinalState, v.trace.To, "Central shows %s", v.cp.Shown)
	}
}
