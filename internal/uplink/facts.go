package uplink

import (
	"container/heap"
	"context"

	"evcp/internal/outbox"
)

// A fact is settled by the kept event of its receipt, not by the receipt itself: a receipt that
// comes while the Monitor stops is not kept, and the report is sent again. The outbox may forget
// everything before the oldest fact that is not settled.

// deliverFacts hands each fact of the outbox to the session of its charge point.
func (u *Uplink) deliverFacts(ctx context.Context) {
	for {
		facts, givenUp, err := u.o.Box.Facts().Next(ctx)
		if err != nil {
			return
		}
		u.mu.Lock()
		u.deliver(facts, givenUp)
		u.mu.Unlock()
	}
}

// deliverReady hands out what earlier processes left to report.
func (u *Uplink) deliverReady() {
	for {
		facts, givenUp := u.o.Box.Facts().Ready()
		if len(facts)+len(givenUp) == 0 {
			return
		}
		u.deliver(facts, givenUp)
	}
}

// deliver takes in facts, and what the outbox has given up of them and those before. A fact of a
// charge point that is not watched is settled at once: nobody will report it.
func (u *Uplink) deliver(facts []outbox.Fact, givenUp []outbox.FactRange) {
	now := u.now()
	for _, f := range facts {
		u.deliverOne(f, now)
	}
	for _, gone := range givenUp {
		u.giveUp(gone, now)
	}
	u.settle()
}

func (u *Uplink) deliverOne(f outbox.Fact, now Instant) {
	u.delivered = max(u.delivered, f.Pos)
	if u.known(f.Handle) {
		u.change(f.Handle, now, func(s *SessionState) { s.Apply(f) })
	}
}

// giveUp takes out the reports whose facts the outbox has given up: what is to be reported is
// what a Monitor would report that starts now.
func (u *Uplink) giveUp(gone outbox.FactRange, now Instant) {
	for n := range u.sessions {
		i, oldest := int32(n), u.sessions[n].state.Reports.oldest() //nolint:gosec // as Adopt
		if oldest == 0 || oldest > gone.UpTo {
			continue
		}
		newest := u.o.Box.StateAt(n).Incident.ID
		u.change(i, now, func(s *SessionState) {
			u.meter.givenUp.Add(uint64(s.giveUp(gone, newest))) //nolint:gosec // a number of reports
		})
	}
}

func (u *Uplink) settle() { u.o.Box.Facts().Settle(u.settledUpTo(), u.pending) }

// settledUpTo is the position up to which no fact is open.
func (t *table) settledUpTo() int64 {
	if len(t.unsettled) > 0 {
		return t.unsettled[0].pos - 1
	}
	return t.delivered
}

// openFact is the oldest fact of a session that is not settled.
type openFact struct {
	pos     int64
	session int32
}

// orderOpen puts a session where its oldest open fact belongs.
func (t *table) orderOpen(i int32) {
	s := &t.sessions[i]
	pos := s.state.Reports.oldest()
	h := (*openHeap)(t)
	switch {
	case s.inUnsettled == none && pos == 0:
	case s.inUnsettled == none:
		heap.Push(h, openFact{pos, i})
	case pos == 0:
		heap.Remove(h, int(s.inUnsettled))
	case pos != t.unsettled[s.inUnsettled].pos:
		t.unsettled[s.inUnsettled].pos = pos
		heap.Fix(h, int(s.inUnsettled))
	}
}

// openHeap is table.unsettled as a heap.Interface.
type openHeap table

func (h *openHeap) Len() int           { return len(h.unsettled) }
func (h *openHeap) Less(a, b int) bool { return h.unsettled[a].pos < h.unsettled[b].pos }

func (h *openHeap) Swap(a, b int) {
	h.unsettled[a], h.unsettled[b] = h.unsettled[b], h.unsettled[a]
	h.sessions[h.unsettled[a].session].inUnsettled = int32(a) //nolint:gosec // as Adopt
	h.sessions[h.unsettled[b].session].inUnsettled = int32(b) //nolint:gosec // as Adopt
}

// Push is called with an openFact.
func (h *openHeap) Push(x any) {
	f := x.(openFact)                                           //nolint:errcheck // orderOpen pushes nothing else
	h.sessions[f.session].inUnsettled = int32(len(h.unsettled)) //nolint:gosec // as Adopt
	h.unsettled = append(h.unsettled, f)
}

func (h *openHeap) Pop() any {
	n := len(h.unsettled) - 1
	f := h.unsettled[n]
	h.unsettled, h.sessions[f.session].inUnsettled = h.unsettled[:n], none
	return f
}
