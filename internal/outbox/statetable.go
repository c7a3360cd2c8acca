package outbox

import (
	"hash/maphash"

	"evcp"
)

// keptState is what is known of one charge point.
type keptState struct {
	cp       evcp.CPID
	state    evcp.State // after the last kept event
	changed  bool       // since it was written to the file
	renumber bool       // the last number can't be proven
	wasOK    bool       // the last event that was appended is a plain OK
}

// stateTable holds what is known of all charge points. None is ever removed.
type stateTable struct {
	states []keptState
	// slots finds a charge point by its id: a hash table with the place in states plus 1, or 0
	// where there is none, with open addressing. A map would hold every id once more: 41 bytes
	// for each charge point instead of 7.
	slots []int32
	seed  maphash.Seed
}

// newStateTable has room for so many charge points.
func newStateTable(room int) stateTable {
	t := stateTable{states: make([]keptState, 0, room), seed: maphash.MakeSeed()}
	t.resize(room)
	return t
}

// resize makes slots for so many charge points. Their number is a power of two, and at least a
// quarter of them is free.
func (t *stateTable) resize(room int) {
	size := 8
	for size*3/4 < room {
		size *= 2
	}
	t.slots = make([]int32, size)
	for i := range t.states {
		*t.slot(t.states[i].cp) = int32(i + 1)
	}
}

// slot is where the place of a charge point stands, or is to stand.
func (t *stateTable) slot(cp evcp.CPID) *int32 {
	last := len(t.slots) - 1
	for at := int(maphash.String(t.seed, string(cp))) & last; ; at = (at + 1) & last {
		if s := &t.slots[at]; *s == 0 || t.states[*s-1].cp == cp {
			return s
		}
	}
}

// find is the place of a charge point in states; false: it has none.
func (t *stateTable) find(cp evcp.CPID) (place int, known bool) {
	place = int(*t.slot(cp)) - 1
	return max(place, 0), place >= 0
}

// indexOf is the place of a charge point in states. A new one is added.
func (t *stateTable) indexOf(cp evcp.CPID) int {
	if i, known := t.find(cp); known {
		return i
	}
	t.states = append(t.states, keptState{cp: cp})
	if n := len(t.states); n > len(t.slots)*3/4 {
		t.resize(n)
	} else {
		*t.slot(cp) = int32(n)
	}
	return len(t.states) - 1
}
