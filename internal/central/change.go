package central

import (
	"time"

	"evcp"
	"evcp/internal/central/cpstate"
)

// Change is one charge point that moved from a state to another.
type Change struct {
	Seq    uint64 // from 1, gapless since Central started
	CP     evcp.CPID
	From   cpstate.State
	To     cpstate.State
	Reason cpstate.Reason
	Status evcp.Status   // its last heartbeat; Unknown when none tells more
	At     time.Time     // when Central saw it
	Lasted time.Duration // how long From lasted; 0 for a first registration
	Peer   string        // the address that spoke last
}

// keptChanges is how far behind a reader of the changes may be: a storm in which
// eight thousand charge points change at once.
const keptChanges = 8192

// ring holds the last changes. The zero value is ready.
type ring struct {
	kept []Change
	next uint64 // the number of the last change
}

func (r *ring) add(c Change) {
	r.next++
	c.Seq = r.next
	if len(r.kept) < keptChanges {
		r.kept = append(r.kept, c)
		return
	}
	r.kept[(r.next-1)%keptChanges] = c
}

// after copies what came after the numbered change, and counts what is gone.
func (r *ring) after(seq uint64) (changes []Change, missed uint64) {
	if behind := r.next - seq; behind > uint64(len(r.kept)) {
		missed = behind - uint64(len(r.kept))
		seq += missed
	}
	for n := seq; n < r.next; n++ {
		changes = append(changes, r.kept[n%keptChanges])
	}
	return changes, missed
}
