package outbox

import (
	"iter"

	"evcp"
)

// Run is a piece of the history in the order of append. It never changes.
type Run struct {
	ID    int64  // of the last row it holds; rises
	Lines []byte // JSON lines, each closed by a newline
	Count int    // events in it
	First evcp.Stamp
	Last  evcp.Stamp

	after  int64 // the run before
	events int64 // events ever appended, with this run
}

// Each walks the events of the run.
func (r Run) Each() iter.Seq[Line] { return lines(r.Lines) }

// pendingRun is a run in the making, and one row of the file.
type pendingRun struct {
	Run
	facts   int
	reports int
	bytes   int64 // bytes ever appended, with this chunk
}

// add encodes the events of one batch. They are never split over two chunks.
func (c *pendingRun) add(events []evcp.Event) {
	if c.Count == 0 {
		c.First = events[0].At
	}
	for i := range events {
		c.Lines = append(events[i].AppendJSON(c.Lines), '\n')
		if events[i].Fact() {
			c.facts++
		}
		if reportable(events[i].Action) {
			c.reports++
		}
	}
	c.Count += len(events)
	c.Last = events[len(events)-1].At
}

// reportable names the events that the uplink lives on.
func reportable(a evcp.Action) bool {
	switch a {
	case evcp.EngineFailed, evcp.EngineRecovered, evcp.ReportEngineFailure, evcp.ReportEngineRecovery:
		return true
	}
	return false
}

func anyFact(events []evcp.Event) bool {
	for i := range events {
		if events[i].Fact() {
			return true
		}
	}
	return false
}
