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

// The columns of the table, in its order.
const (
	FalseFailure    Promise = iota // a countable failure, or an incident, without ground
	FalseOK                        // an OK, or a recovery, without ground
	MissedIncident                 // sick beyond the bound without an incident, or well with one
	DuplicateReport                // a report whose receipt was kept, again
	MissingReport                  // a failure or recovery that Central was not told, or not in time
	LostEvent                      // a check that the Engine saw, or a receipt, without an event
	SeqGap                         // in seq, in the order of the topic, or an epoch without a cause
	DuplicateID                    // one event_id with two contents
	TimeBackwards                  // timestamps, without clock_stepped
	LateCheck                      // later than the interval and 150 ms, with nothing to explain it
	WrongFinalState                // Central shows something else than what is
	columns
)

var columnNames = [columns]string{
	"false accusations", "false clearances", "missed or late incidents", "reports told twice", "not told or late",
	"lost events", "gaps in seq", "ids twice", "time backwards", "late checks", "wrong at the end",
}

// String heads the column.
func (c Promise) String() string {
	if c < columns {
		return columnNames[c]
	}
	return "invalid"
}

// Promises are all of them, in order.
func Promises() []Promise {
	all := make([]Promise, columns)
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

// String is a line for a person; the time is UTC.
func (f Violation) String() string {
	return fmt.Sprintf("%s %s %s: %s", f.At.Time().Format("15:04:05.000"), f.CP, f.Promise, f.Text)
}

// Verification is what the oracle found, and how much it looked at.
type Verification struct {
	Violations []Violation // in order of time

	EngineChecks int // that the Engines saw
	Events       int // on the topic, each once
	Repeats      int // records that were there already
	Checks       int // health_check events
	Unknown      int // of them
	Failed       int // of them
	Incidents    int
	Reports      int // answered, repeats included
	Messages     int // that came from Monitors
	Epochs       int
	// How often a bound could be held against a Monitor: nothing was in the way.
	Bounds        int // sick Engines that stayed sick, and well ones that stayed well
	Intervals     int // intervals from check to check
	TimelyReports int // reports
	// SelfExcused is how often a Monitor excused itself with a stall of its own while it
	// was neither stopped nor hogged, and for how long in all.
	SelfExcused    int
	SelfExcusedFor time.Duration
}

// Count is how many findings a column has.
func (v *Verification) Count(c Promise) int {
	n := 0
	for _, f := range v.Violations {
		if f.Promise == c {
			n++
		}
	}
	return n
}

// Verify reads the record.
func Verify(r Trace) *Verification {
	v, said := &Verification{}, contents{}
	for i := range r.CPs {
		j := &verifier{record: &r, cp: &r.CPs[i], verdict: v, said: said}
		j.all()
	}
	slices.SortStableFunc(v.Violations, func(a, b Violation) int { return cmp.Compare(a.At, b.At) })
	return v
}

// verifier looks at one charge point.
type verifier struct {
	record  *Trace
	cp      *CPTrace
	verdict *Verification
	said    contents // by all Monitors

	events []evcp.Event // each once, by epoch and seq
	stalls []stall
}

func (j *verifier) all() {
	j.read()
	j.verdict.EngineChecks += len(j.cp.EngineChecks)
	j.verdict.Messages += len(j.cp.Messages)
	j.learnStalls()
	j.numbering()
	j.grounds()
	j.streaks()
	j.incidents()
	j.lost()
	j.lateness()
	j.reports()
	j.end()
}

func (j *verifier) find(c Promise, at evcp.Stamp, format string, args ...any) {
	j.verdict.Violations = append(j.verdict.Violations, Violation{c, j.cp.ID, at, fmt.Sprintf(format, args...)})
}

// end compares what Central shows with what is: everything was well at the end.
func (j *verifier) end() {
	if j.cp.Shown != "" && j.cp.Shown != "activated" && j.healthAt(j.record.To) == ExpectOK {
		j.find(WrongFinalState, j.record.To, "Central shows %s", j.cp.Shown)
	}
}
