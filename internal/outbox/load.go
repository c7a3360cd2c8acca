package outbox

import "evcp"

// pendingBatch is what was appended and waits for its commit.
type pendingBatch struct {
	runs       []*pendingRun
	states     []stateUpdate
	events     []evcp.Event // only while somebody has a tail
	dropEvents []evcp.Event // events_dropped among them
	ticket     uint64       // of the last batch in it
	urgent     bool         // it holds a fact
	bytes      int
}

// stateUpdate is the state of a charge point after a batch.
type stateUpdate struct {
	cp    int
	state evcp.State
}

func (l *pendingBatch) empty() bool { return len(l.runs) == 0 }

// reset makes the load ready for use again. Chunks belong to the readers now.
func (l *pendingBatch) reset() {
	clear(l.runs)
	clear(l.events)
	clear(l.dropEvents)
	*l = pendingBatch{runs: l.runs[:0], states: l.states[:0], events: l.events[:0], dropEvents: l.dropEvents[:0]}
}
