package monitor

import "time"

// ringStep is the width of one place of a tickRing, and ringSize is how many places it has:
// what is due within 10 s is found without looking at anything else.
const (
	ringStep = 10 * time.Millisecond
	ringSize = 1024
)

// tickRing orders slots by when they are due. Each place is a list of the slots that are due
// in one step, and of those that are due whole turns of the ring later. To insert or to
// remove one costs the same for one slot and for thousands, and allocates nothing once
// there was a slot of that number.
type tickRing struct {
	first [ringSize]int32 // slot + 1; 0: none
	slots []ringSlot
	at    int64 // the step that was collected last; what was due before it is gone
	count int
}

type ringSlot struct {
	due  time.Duration
	next int32 // in the list: slot + 1; 0: the last one
	in   bool
}

func (r *tickRing) place(due time.Duration) *int32 {
	return &r.first[max(int64(due/ringStep), r.at)%ringSize]
}

// insert adds a slot that is not in the ring.
func (r *tickRing) insert(slot int, due time.Duration) {
	for slot >= len(r.slots) {
		r.slots = append(r.slots, ringSlot{})
	}
	head := r.place(due)
	r.slots[slot] = ringSlot{due: due, next: *head, in: true}
	*head = int32(slot + 1)
	r.count++
}

// remove takes a slot out; it need not be there.
func (r *tickRing) remove(slot int) {
	if slot >= len(r.slots) || !r.slots[slot].in {
		return
	}
	link := r.place(r.slots[slot].due)
	for *link != int32(slot+1) {
		link = &r.slots[*link-1].next
	}
	*link = r.slots[slot].next
	r.slots[slot].in = false
	r.count--
}

func (r *tickRing) move(slot int, due time.Duration) {
	r.remove(slot)
	r.insert(slot, due)
}

// due is when a slot that is in the ring is due, or was when it was collected last.
func (r *tickRing) due(slot int) time.Duration { return r.slots[slot].due }

// collect takes out all slots that are due at now, and appends them to into.
func (r *tickRing) collect(now time.Duration, into []int) []int {
	last := int64(now / ringStep)
	for n := 0; r.at <= last && n < ringSize; n++ {
		into = r.collectPlace(&r.first[r.at%ringSize], now, into)
		if r.at == last {
			return into
		}
		r.at++
	}
	r.at = max(r.at, last)
	return into
}

func (r *tickRing) collectPlace(link *int32, now time.Duration, into []int) []int {
	for *link != 0 {
		slot := int(*link - 1)
		s := &r.slots[slot]
		if s.due > now {
			link = &s.next
			continue
		}
		*link, s.in = s.next, false
		r.count--
		into = append(into, slot)
	}
	return into
}

// next is when the next slot is due; false: there is none.
func (r *tickRing) next() (due time.Duration, ok bool) {
	if r.count == 0 {
		return 0, false
	}
	for step := r.at; step < r.at+ringSize; step++ {
		end := time.Duration(step+1) * ringStep // what is due later stays for another turn
		for link := r.first[step%ringSize]; link != 0; link = r.slots[link-1].next {
			at := r.slots[link-1].due
			if !ok || at < due {
				due, ok = at, true
			}
		}
		if ok && due < end {
			return due, true
		}
	}
	return due, true
}
