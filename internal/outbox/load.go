package outbox

import "evcp"

// pendingBatch is what was appended and waits for its commit.
type pendingBatch struct {
	chunks []*pendingRun
	states []placed
	events []evcp.Event // only while somebody has a tail
	told   []evcp.Event // events_dropped among them
	ticket uint64       // of the last batch in it
	urgent bool         // it holds a fact
	bytes  int
}

// placed is the state of a charge point after a batch.
type placed struct {
	place int
	state evcp.State
}

func (l *pendingBatch) empty() bool { return len(l.chunks) == 0 }

// reset makes the load ready for use again. Chunks belong to the readers now.
func (l *pendingBatch) reset() {
	clear(l.chunks)
	clear(l.events)
	clear(l.told)
	*l = pendingBatch{chunks: l.chunks[:0], states: l.states[:0], events: l.events[:0], told: l.told[:0]}
}
