package uplink

import (
	"math"
	"time"

	"evcp/internal/link"
)

const (
	// defaultConnections and defaultMaxConnections bound the pool.
	defaultConnections    = 16
	defaultMaxConnections = 256
	// mostRegistering is how many registrations Central gets at once: it may write each to
	// its disk.
	mostRegistering = 32
	// moveAfter is how long a message may wait for its connection while another one is free.
	moveAfter = 250 * time.Millisecond
	// balanceEvery is how often the pool is looked over while something waits.
	balanceEvery = 50 * time.Millisecond
	// dialPause is the time from one failed dial to the next, as long as none succeeds.
	dialPause = 100 * time.Millisecond
	// growPause is how long the pool does not grow after Central took no further connection.
	growPause = time.Minute
	// answersLately is how old the last answer may be for the pool to grow because something
	// waits: a Central that answers nobody gets no more connections.
	answersLately = time.Second
	// pipelinePause is how long messages are sent one by one after Central has answered only
	// some of those that were pipelined.
	pipelinePause = 10 * time.Minute
	// spare is how many times as many connections there are as heartbeats alone would keep busy.
	spare = 1.5
	// timeWeight is the share of one exchange in pool.took.
	timeWeight = 1.0 / 16
)

// worker is a goroutine with one connection to Central. What follows conn is guarded by the
// lock of the Uplink.
type worker struct {
	conn centralConn
	wake chan struct{} // there may be something to send

	sendBuffers // for its goroutine alone

	number    int32
	queue     queue // of its sessions
	sessions  int   // how many send by it
	idle      bool  // it waits for wake
	open      bool  // its connection was open after the last exchange
	probing   bool  // it tries whether Central can be reached again
	retired   bool  // its goroutine ends
	ownNext   bool  // of what is no report, its own comes first
	began     Instant
	interrupt func() // breaks off an exchange; nil before the first connection
}

// sendBuffers hold what a worker sends now: one message, or heartbeats. An idle one has none.
type sendBuffers struct {
	tasks    []task
	messages []Outbound
	results  []SendResult
}

// pool shares the connections to Central among the sessions. A session keeps to the connection
// that sent its last message; when that breaks, the next one of the same goroutine takes over.
type pool struct {
	workers     []*worker     // nil: the number is free
	count       int           // of workers
	buffers     []sendBuffers // for those that get something to send; no more than workers
	shared      queue         // of sessions that have no worker
	waiting     int           // sessions in any queue
	open        int           // workers whose connection is open
	registering int           // registrations on their way
	took        float64       // a heartbeat with its reply, in nanoseconds, on average
	answeredAt  Instant
	unreachable bool    // the last dial failed
	probing     bool    // a worker dials while nothing is open
	dialAt      Instant // not before, while nothing is open
	growAt      Instant // not before
	pipelineAt  Instant // heartbeats are not pipelined before
	grownAt     Instant // the last time beyond what the heartbeats need
	balanceAt   Instant
}

// down reports whether there is no connection, and none could be made.
func (p *pool) down() bool { return p.unreachable && p.open == 0 }

// blocked reports whether nobody may dial now.
func (p *pool) blocked(now Instant) bool { return p.down() && (p.probing || now < p.dialAt) }

// first is how many connections there may be without a need to grow.
func (u *Uplink) first() int { return min(u.o.Connections, u.cps) }

// wanted is how many connections the heartbeats need. Each takes one as long as an exchange.
func (u *Uplink) wanted() int {
	n := u.first()
	if u.o.Heartbeat > 0 {
		n = max(n, int(math.Ceil(spare*float64(u.cps)*u.took/float64(u.o.Heartbeat))))
	}
	return min(n, u.o.MaxConnections, u.cps)
}

// mayRegister reports whether Central gets another registration now. Others than registrations
// have half of the connections.
func (u *Uplink) mayRegister() bool {
	return u.registering < min(mostRegistering, max(u.first(), u.count/2))
}

// pick chooses the next session for a worker: reports first, then registrations up to a limit,
// then heartbeats; of those its own and those of nobody in turns.
func (u *Uplink) pick(w *worker) int32 {
	for _, q := range [...]*queue{&w.queue, &u.shared} {
		if i := q[reports].first; i != none {
			return i
		}
	}
	queues := [...]*queue{&w.queue, &u.shared}
	if w.ownNext = !w.ownNext; !w.ownNext {
		queues[0], queues[1] = queues[1], queues[0]
	}
	for _, q := range queues {
		if i := q[registrations].first; i != none && u.mayRegister() {
			return i
		}
		if i := q[heartbeats].first; i != none {
			return i
		}
	}
	return none
}

// queueOf is the queue in which a session waits.
func (u *Uplink) queueOf(s *session) *queue {
	if s.worker == none {
		return &u.shared
	}
	return &u.workers[s.worker].queue
}

// enqueue lets a session wait for its connection, or for any.
func (u *Uplink) enqueue(i int32, c class, now Instant) {
	s := &u.sessions[i]
	s.place, s.class, s.at = waiting, c, now
	u.push(u.queueOf(s), i)
	u.waiting++
	u.wakeAt(now.add(balanceEvery))
	switch {
	case !u.running || u.stopping:
	case u.blocked(now): // balance goes on when a dial may be tried
	case s.worker != none:
		u.workers[s.worker].signal()
	default:
		u.signalAny(now)
	}
}

// signalAny finds a worker for what waits for any connection.
func (u *Uplink) signalAny(now Instant) {
	if w := u.idlest(); w != nil {
		w.signal()
	} else if u.count < u.first() && now >= u.growAt {
		u.spawn()
	}
}

// idlest is the idle worker with the fewest sessions; nil: all are busy.
func (u *Uplink) idlest() *worker {
	var least *worker
	for _, w := range u.workers {
		if w != nil && w.idle && (least == nil || w.sessions < least.sessions) {
			least = w
		}
	}
	return least
}

func (w *worker) signal() {
	if w.idle {
		w.idle = false
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// spawn starts a worker. Its connection is dialled with its first message.
func (u *Uplink) spawn() *worker {
	w := &worker{wake: make(chan struct{}, 1), queue: newQueue(), number: none}
	w.conn = centralConn{
		link: link.Link{Address: u.o.Central, Dialer: u.o.Dialer}, exchanger: u.o.Codec.Exchanger(), onFirstByte: u.markAttempted,
		onDialled: func() { u.dialled(w) },
	}
	for n := range u.workers {
		if u.workers[n] == nil {
			w.number = int32(n) //nolint:gosec // at most MaxConnections
			u.workers[n] = w
			break
		}
	}
	if w.number == none {
		w.number = int32(len(u.workers)) //nolint:gosec // at most MaxConnections
		u.workers = append(u.workers, w)
	}
	u.count++
	u.launch(w)
	return w
}

// retire ends a worker, and gives its sessions to the others.
func (u *Uplink) retire(w *worker, now Instant) {
	w.retired = true
	for n := range u.sessions {
		i, s := int32(n), &u.sessions[n] //nolint:gosec // as Adopt
		if s.cp == "" || s.worker != w.number {
			continue
		}
		u.unplace(i)
		u.setWorker(s, nil)
		if s.place != busy {
			u.place(i, now)
		}
	}
	u.workers[w.number] = nil
	u.count--
}

// setWorker gives a session another connection; nil: any.
func (u *Uplink) setWorker(s *session, w *worker) {
	if s.worker != none {
		u.workers[s.worker].sessions--
	}
	s.worker = none
	if w != nil {
		s.worker = w.number
		w.sessions++
	}
}

// balance looks the pool over while something waits.
func (u *Uplink) balance(now Instant) {
	if u.down() {
		if !u.blocked(now) {
			u.probe(now)
		}
		return
	}
	for _, w := range u.workers {
		if w != nil && !w.queue.empty() {
			w.signal()
		}
	}
	if !u.shared.empty() {
		if w := u.idlest(); w != nil {
			w.signal()
		}
		if now >= u.growAt {
			for n := min(u.wanted(), max(2*u.count, u.first())) - u.count; n > 0; n-- { // at most twice as many at once
				u.spawn()
			}
		}
	}
	u.relieve(now)
}

// probe lets one worker try whether Central can be reached again.
func (u *Uplink) probe(now Instant) {
	for _, w := range u.workers {
		if w != nil && w.idle && !w.queue.empty() {
			w.signal()
			return
		}
	}
	u.signalAny(now)
}

// relieve moves what has waited for too long, because an exchange hangs or there is too much
// of it, to connections that are free.
func (u *Uplink) relieve(now Instant) {
	for _, from := range u.workers {
		if from == nil {
			continue
		}
		for c := range from.queue {
			if class(c) == registrations && !u.mayRegister() { //nolint:gosec // three classes
				continue
			}
			for i := from.queue[c].first; i != none && now.sub(u.sessions[i].at) > moveAfter; i = from.queue[c].first {
				to := u.idlest()
				if to == nil {
					to = u.grow(now)
				}
				if to == nil {
					return
				}
				u.unplace(i)
				u.setWorker(&u.sessions[i], to)
				u.enqueue(i, class(c), now) //nolint:gosec // three classes
			}
		}
	}
	for _, c := range [...]class{reports, heartbeats} {
		if i := u.shared[c].first; i != none && now.sub(u.sessions[i].at) > moveAfter {
			u.grow(now)
		}
	}
}

// grow makes a worker beyond what the heartbeats need, in place of one that hangs, one each time
// the pool is looked over. Where it is Central or this machine that is slow, more do not help.
func (u *Uplink) grow(now Instant) *worker {
	if now < u.grownAt.add(balanceEvery) {
		return nil
	}
	if u.count < min(u.wanted()+u.first(), u.o.MaxConnections, u.cps) && now >= u.growAt && now.sub(u.answeredAt) < answersLately {
		u.grownAt = now
		return u.spawn()
	}
	return nil
}
