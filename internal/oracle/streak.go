package oracle

import (
	"time"

	"evcp"
)

// streakLasts is how old a failure may be to be counted with the next.
const streakLasts = 30 * time.Second

// streaks counts failures in a row, as a person would, and wants an incident at
// the third and its end at the first OK, and nowhere else.
func (j *verifier) streaks() {
	failures, open := 0, false
	var countable evcp.Stamp
	wanted := evcp.NoAction // what the next event must be
	for _, e := range j.events {
		j.asWanted(e, wanted)
		wanted = evcp.NoAction
		switch {
		case e.Action == evcp.EngineFailed:
			open = true
		case e.Action == evcp.EngineRecovered:
			open = false
		case e.Action != evcp.HealthCheck || !e.Status.Countable():
		case e.Status == evcp.OK:
			failures, countable = 0, e.At
			if open {
				wanted = evcp.EngineRecovered
			}
		default:
			if e.At.Sub(countable) > streakLasts {
				failures = 0
			}
			failures, countable = failures+1, e.At
			if int(e.Failures) != failures {
				j.find(FalseFailure, e.At, "seq %d counts %d failures in a row; there were %d", e.Seq, e.Failures, failures)
				failures = int(e.Failures)
			}
			if !open && failures >= j.record.Rules.Fall {
				wanted = evcp.EngineFailed
			}
		}
	}
}

// asWanted compares an event with what the check before it must lead to.
func (j *verifier) asWanted(e evcp.Event, wanted evcp.Action) {
	verdict := e.Action == evcp.EngineFailed || e.Action == evcp.EngineRecovered
	switch {
	case wanted != evcp.NoAction && e.Action != wanted:
		j.find(MissedIncident, e.At, "seq %d should be %s", e.Seq, wanted)
	case verdict && e.Action != wanted && e.Action == evcp.EngineFailed:
		j.find(FalseFailure, e.At, "seq %d opens an incident without %d failures in a row", e.Seq, j.record.Rules.Fall)
	case verdict && e.Action != wanted:
		j.find(FalseOK, e.At, "seq %d closes an incident without an OK", e.Seq)
	}
}
