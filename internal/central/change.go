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
	From   cpstate.Availability
	To     cpstate.Availability
	Reason cpstate.Reason
	Status evcp.Status   // its last heartbeat; Unknown when none tells more
	At     time.Time     // when Central saw it
	Lasted time.Duration // how long From lasted; 0 for a first registration
	Peer   string        // the address that spoke last
}

// maxChanges is how far behind a reader of the changes may be: a storm in which
// eight thousand charge points change at once.
const maxChanges = 8192

// changeRing holds the last changes. The zero value is ready.
type changeRing struct {
	changes []Change
	next    uint64 // the number of the last change
}

func (r *changeRing) add(c Change) {
	r.next++
	c.Seq = r.next
	if len(r.changes) < maxChanges {
		r.changes = append(r.changes, c)
		return
	}
	r.changes[(r.next-1)%maxChanges] = c
}

// after copies what came after the numbered change, and counts what is gone.
func (r *changeRing) after(seq uint64) (changes []Change, missed uint64) {
	if behind := r.next - seq; behind > uint64(len(r.changes)) {
		missed = behind - uint64(len(r.changes))
		seq += missed
	}
	for n := seq; n < r.next; n++ {
		changes = append(changes, r.changes[n%maxChanges])
	}
	return changes, missed
}
