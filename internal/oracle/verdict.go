package oracle

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"evcp"
)

// Column is one promise that can be broken.
type Column uint8

// The columns of the table, in its order.
const (
	FalseAccusation Column = iota // a countable failure, or an incident, without ground
	FalseClearance                // an OK, or a recovery, without ground
	MissedIncident                // sick beyond the bound without an incident, or well with one
	ToldTwice                     // a report whose receipt was kept, again
	NotTold                       // a failure or recovery that Central was not told, or not in time
	LostEvent                     // a check that the Engine saw, or a receipt, without an event
	Gap                           // in seq, in the order of the topic, or an epoch without a cause
	Ambiguous                     // one event_id with two contents
	Backwards                     // timestamps, without clock_stepped
	LateCheck                     // later than the interval and 150 ms, with nothing to explain it
	WrongAtEnd                    // Central shows something else than what is
	columns
)

var columnNames = [columns]string{
	"false accusations", "false clearances", "missed or late incidents", "reports told twice", "not told or late",
	"lost events", "gaps in seq", "ids twice", "time backwards", "late checks", "wrong at the end",
}

// String heads the column.
func (c Column) String() string {
	if c < columns {
		return columnNames[c]
	}
	return "invalid"
}

// Columns are all of them, in order.
func Columns() []Column {
	all := make([]Column, columns)
	for i := range all {
		all[i] = Column(i)
	}
	return all
}

// Finding is one broken promise.
type Finding struct {
	Column Column
	CP     evcp.CPID
	At     evcp.Stamp
	Text   string
}

// String is a line for a person; the time is UTC.
func (f Finding) String() string {
	return fmt.Sprintf("%s %s %s: %s", f.At.Time().Format("15:04:05.000"), f.CP, f.Column, f.Text)
}

// Verdict is what the oracle found, and how much it looked at.
type Verdict struct {
	Findings []Finding // in order of time

	Questions int // that the Engines saw
	Events    int // on the topic, each once
	Repeats   int // records that were there already
	Checks    int // health_check events
	Unknown   int // of them
	Failed    int // of them
	Incidents int
	Reports   int // answered, repeats included
	Messages  int // that came from Monitors
	Epochs    int
	// How often a bound could be held against a Monitor: nothing was in the way.
	Bounds int // sick Engines that stayed sick, and well ones that stayed well
	Rhythm int // intervals from check to check
	Timely int // reports
	// Told is how often a Monitor excused itself with a stall of its own while it
	// was neither stopped nor hogged, and for how long in all.
	Told    int
	ToldFor time.Duration
}

// Count is how many findings a column has.
func (v *Verdict) Count(c Column) int {
	n := 0
	for _, f := range v.Findings {
		if f.Column == c {
			n++
		}
	}
	return n
}

// Judge reads the record.
func Judge(r Record) *Verdict {
	v, said := &Verdict{}, contents{}
	for i := range r.CPs {
		j := &judge{record: &r, cp: &r.CPs[i], verdict: v, said: said}
		j.all()
	}
	slices.SortStableFunc(v.Findings, func(a, b Finding) int { return cmp.Compare(a.At, b.At) })
	return v
}

// judge looks at one charge point.
type judge struct {
	record  *Record
	cp      *CP
	verdict *Verdict
	said    contents // by all Monitors

	events []evcp.Event // each once, by epoch and seq
	stalls []stall
}

func (j *judge) all() {
	j.read()
	j.verdict.Questions += len(j.cp.Questions)
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

func (j *judge) find(c Column, at evcp.Stamp, format string, args ...any) {
	j.verdict.Findings = append(j.verdict.Findings, Finding{c, j.cp.ID, at, fmt.Sprintf(format, args...)})
}

// end compares what Central shows with what is: everything was well at the end.
func (j *judge) end() {
	if j.cp.Shown != "" && j.cp.Shown != "activated" && j.healthAt(j.record.To) == Well {
		j.find(WrongAtEnd, j.record.To, "Central shows %s", j.cp.Shown)
	}
}
