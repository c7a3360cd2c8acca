package uplink

import (
	"container/heap"
	"time"

	"evcp"
)

// none is the number of no session and of no connection.
const none int32 = -1

// session is the dialogue with Central for one charge point: a value in a table, named by its
// number there, which is the handle that the charge point has in the outbox. See
// docs/decisions/0036 for its size.
type session struct {
	cp       evcp.CPID     // "": there is no dialogue
	interval time.Duration // of its checks; for State.Shown
	state    SessionState
	at       Instant // resting: when it is due; waiting: since when
	since    Instant // of phase
	last     exchangeRecord

	worker     int32 // of its connection: the one that sent its last message; none: any
	inDue      int32 // its place in table.due; none: it is not there
	prev, next int32 // its neighbours in a list
	// inUnsettled is its place in table.unsettled; none: it is not there.
	inUnsettled int32

	place sessionPlace
	class class
	phase SessionPhase
	asked bool // the monitor knows that it asks for registration
}

// exchangeRecord is the newest message of a session and what came of it.
type exchangeRecord struct {
	at        Instant // when it ended
	text      string  // Central's, or why nothing was received
	latency   uint32  // in microseconds
	repeat    uint32
	operation Operation
	status    evcp.Status
	verdict   Verdict
	cause     evcp.Cause
	received  bool
	connected bool
}

// sessionPlace says where a session is.
type sessionPlace uint8

const (
	// resting: nothing is to be sent before its time, or before an event.
	resting sessionPlace = iota
	// waiting: for its connection, or for any.
	waiting
	// busy: its message is on its way. The connection's goroutine places it afterwards.
	busy
)

// class orders what waits for one connection.
type class uint8

const (
	// reports: a report, or the registration that a report waits for. They go first.
	reports class = iota
	// registrations: of which Central gets a limited number at once.
	registrations
	// heartbeats: everything else.
	heartbeats
	classes
)

func classOf(m Outbound, s SessionState) class {
	switch {
	case m.reports(), m.Operation == Disconnect, s.pending() > 0:
		return reports
	case m.Operation == Register:
		return registrations
	}
	return heartbeats
}

// table holds the sessions.
type table struct {
	sessions []session
	cps      int     // of those with a dialogue
	due      []int32 // a heap of the resting sessions that have a time, by session.at
	phases   [len(phaseNames)]int
	pending  int // reports without a receipt
	// unsettled is a heap of the sessions with a fact that is not settled, the oldest first.
	unsettled []openFact
	delivered int64 // position of the newest fact that was handed out
}

// known reports whether there is a dialogue.
func (t *table) known(i int32) bool { return int(i) < len(t.sessions) && t.sessions[i].cp != "" }

// add makes a session that rests.
func (t *table) add(i int32, cp evcp.CPID, interval time.Duration) {
	for int(i) >= len(t.sessions) {
		t.sessions = append(t.sessions, session{})
	}
	t.sessions[i] = session{cp: cp, interval: interval, worker: none, inDue: none, prev: none, next: none, inUnsettled: none}
	t.cps++
	t.phases[Connecting]++
}

// remove removes a session that is in no list and not in due.
func (t *table) remove(i int32) {
	s := &t.sessions[i]
	t.phases[s.phase]--
	t.pending -= s.state.pending()
	s.state.Reports = nil
	t.orderOpen(i)
	t.cps--
	*s = session{}
}

// record notes an exchange that is over, and the phase that it led to.
func (t *table) record(s *session, m Outbound, reply SendResult, now Instant) {
	text := reply.Text
	if !reply.Received {
		text = reply.Why
	}
	s.last = exchangeRecord{
		at: now, text: text, latency: uint32(reply.Latency.Microseconds()), repeat: m.Repeat, operation: m.Operation, status: m.Status,
		verdict: reply.Verdict, cause: reply.Cause, received: reply.Received, connected: reply.Connected,
	}
	phase := Connecting
	switch {
	case s.state.Away:
		phase = Away
	case s.state.Registered:
		phase = Registered
	case s.state.Refused:
		phase = Refused
	}
	if s.since == 0 || s.phase != phase {
		t.phases[s.phase]--
		t.phases[phase]++
		s.phase, s.since = phase, now
	}
}

// rest lets a session wait for an instant.
func (t *table) rest(i int32, until Instant) {
	t.sessions[i].at = until
	heap.Push((*dueHeap)(t), i)
}

// unrest takes a session out of due, if it is there.
func (t *table) unrest(i int32) {
	if at := t.sessions[i].inDue; at != none {
		heap.Remove((*dueHeap)(t), int(at))
	}
}

// dueHeap is table.due as a heap.Interface.
type dueHeap table

func (h *dueHeap) Len() int { return len(h.due) }
func (h *dueHeap) Less(a, b int) bool {
	return h.sessions[h.due[a]].at < h.sessions[h.due[b]].at
}

func (h *dueHeap) Swap(a, b int) {
	h.due[a], h.due[b] = h.due[b], h.due[a]
	h.sessions[h.due[a]].inDue, h.sessions[h.due[b]].inDue = int32(a), int32(b) //nolint:gosec // as Adopt
}

// Push is called with an int32.
func (h *dueHeap) Push(x any) {
	i := x.(int32)                          //nolint:errcheck // rest pushes nothing else
	h.sessions[i].inDue = int32(len(h.due)) //nolint:gosec // as Adopt
	h.due = append(h.due, i)
}

func (h *dueHeap) Pop() any {
	n := len(h.due) - 1
	i := h.due[n]
	h.due, h.sessions[i].inDue = h.due[:n], none
	return i
}

// queue is what waits for one connection, or for any: a list for each class, in order of
// arrival.
type queue [classes]list

type list struct{ first, last int32 }

func newQueue() queue {
	var q queue
	for c := range q {
		q[c] = list{none, none}
	}
	return q
}

func (q *queue) empty() bool {
	for _, l := range q {
		if l.first != none {
			return false
		}
	}
	return true
}

// push adds a session at the end of its list.
func (t *table) push(q *queue, i int32) {
	l, s := &q[t.sessions[i].class], &t.sessions[i]
	if s.prev, s.next = l.last, none; l.last == none {
		l.first = i
	} else {
		t.sessions[l.last].next = i
	}
	l.last = i
}

// pull takes a session out of its list.
func (t *table) pull(q *queue, i int32) {
	l, s := &q[t.sessions[i].class], &t.sessions[i]
	if s.prev == none {
		l.first = s.next
	} else {
		t.sessions[s.prev].next = s.next
	}
	if s.next == none {
		l.last = s.prev
	} else {
		t.sessions[s.next].prev = s.prev
	}
	s.prev, s.next = none, none
}
