package uplink

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"

	"evcp"
)

// task is one message that a worker is to send.
type task struct {
	session  int32
	m        Outbound
	interval time.Duration
	first    bool // of a registration: the monitor does not know that it is asked for
}

// work sends what is due on one connection, until ctx ends or the worker is retired.
func (u *Uplink) work(ctx context.Context, w *worker) {
	u.mu.Lock()
	u.next(w, u.now())
	u.mu.Unlock()
	for ctx.Err() == nil {
		if len(w.tasks) > 0 {
			u.exchange(ctx, w)
			continue
		}
		if w.retired { // only this goroutine retires it
			return
		}
		<-w.wake // interrupt signals all
		u.mu.Lock()
		u.next(w, u.now())
		u.mu.Unlock()
	}
}

// next fills w.tasks with what a worker is to send; none: nothing before it is signalled. The
// lock is held.
func (u *Uplink) next(w *worker, now Instant) {
	w.tasks = w.tasks[:0] // nil stays nil
	for !u.stopping && !w.retired && !u.blocked(now) {
		i := u.pick(w)
		if i == none {
			break
		}
		u.unplace(i)
		m, _ := u.message(i, now)
		if m.Operation == NoOperation {
			u.place(i, now)
			continue
		}
		u.begin(w, i, m)
		w.began = now
		if w.probing = u.down(); w.probing {
			u.probing = true
		}
		if m.Operation == Heartbeat && w.open && now >= u.pipelineAt {
			u.addHeartbeats(w, now)
		}
		return
	}
	w.idle = true
	if w.tasks != nil {
		u.buffers = append(u.buffers, w.sendBuffers)
		w.sendBuffers = sendBuffers{}
	}
}

// begin makes a message the task of a worker.
func (u *Uplink) begin(w *worker, i int32, m Outbound) {
	s := &u.sessions[i]
	if s.worker == none {
		u.setWorker(s, w)
	}
	if n := len(u.buffers); w.tasks == nil && n > 0 {
		w.sendBuffers, u.buffers = u.buffers[n-1], u.buffers[:n-1]
	}
	m.CP, s.place = s.cp, busy
	t := task{session: i, m: m, interval: s.interval}
	if m.Operation == Register {
		t.first, s.asked = !s.asked, true
		u.registering++
	}
	w.tasks = append(w.tasks, t)
}

// addHeartbeats adds those that are pipelined with a heartbeat: a fleet has thousands of them
// a second, and each that is sent alone costs two system calls and two changes of goroutine.
func (u *Uplink) addHeartbeats(w *worker, now Instant) {
	most := w.conn.exchanger.MaxPipelined()
	for _, q := range [...]*queue{&w.queue, &u.shared} {
		for len(w.tasks) < most && q[heartbeats].first != none {
			i := q[heartbeats].first
			u.unplace(i)
			if m, _ := u.message(i, now); m.Operation == Heartbeat {
				u.begin(w, i, m)
				continue
			}
			u.place(i, now)
			return
		}
	}
}

// exchange sends the tasks of a worker, waits for the replies, passes on what they mean, and
// fills in what is to be sent next.
func (u *Uplink) exchange(ctx context.Context, w *worker) {
	if w.tasks[0].first { // a registration is sent alone
		u.o.Observe(evcp.Observation{CP: w.tasks[0].m.CP, Kind: evcp.Registering})
	}
	clock := evcp.StampOf(time.Now())
	w.messages = w.messages[:0]
	for i := range w.tasks {
		t := &w.tasks[i]
		t.m.Status = u.o.Box.StateAt(int(t.session)).Shown(clock, t.interval)
		w.messages = append(w.messages, t.m)
	}
	var cut bool
	w.results, cut = w.conn.sendAll(ctx, w.messages, AnswerLimit, w.results[:0])
	if ctx.Err() != nil && !w.results[0].Received {
		w.tasks = w.tasks[:0]
		return
	}
	u.markAttempted()
	u.finish(w, cut)
}

// finish folds in what came of the messages.
func (u *Uplink) finish(w *worker, cut bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := u.now()
	if cut { // as a Central does that reads one line and drops what came with it
		u.pipelineAt = now.add(pipelinePause)
	}
	for i := range w.tasks {
		u.finishOne(w, &w.tasks[i], w.results[i], i == len(w.tasks)-1)
	}
	for _, t := range w.tasks {
		u.sessions[t.session].place = resting
		u.place(t.session, now)
	}
	u.next(w, u.now())
}

// finishOne folds in what came of one message; the last one stands for the connection.
func (u *Uplink) finishOne(w *worker, t *task, reply SendResult, last bool) {
	now := u.now()
	mute := u.mute(t.m, reply, now)
	if mute { // a connection to who never answers is none
		reply.Connected = false
	}
	if t.m.Operation == Register {
		u.registering--
	}
	registeredBefore := u.sessions[t.session].state.RegisteredBefore
	if t.m.Operation != Disconnect {
		u.apply(t.session, t.m, reply, now)
	} else {
		u.sessions[t.session].state.Registered = false
	}
	var failed []evcp.CPID
	var tell []Diagnostic
	if last {
		failed = u.connectionUsed(w, t.m, reply, mute, now)
		tell = u.diagnostics.take(u.view(), now)
	}
	o := observationOf(t.m, reply)
	if len(failed)+len(tell) == 0 && o.Kind == evcp.NoObservation {
		return
	}
	u.mu.Unlock() // the session is busy: nobody else sends for it
	defer u.mu.Lock()
	for _, d := range tell {
		u.o.OnDiagnostic(d)
	}
	for _, cp := range failed {
		u.o.Observe(evcp.Observation{CP: cp, Kind: evcp.Registering})
	}
	if o.Kind != evcp.NoObservation {
		u.o.Observe(o)
	}
	if o.Kind == evcp.RegistrationRefused && u.o.StopWhenRefused && !registeredBefore && !u.o.Box.StateAt(int(t.session)).EverAccepted {
		u.end(&RefusedError{t.m.CP, reply.Text})
	}
}

// apply folds a reply into a session.
func (u *Uplink) apply(i int32, m Outbound, reply SendResult, now Instant) {
	s := &u.sessions[i]
	if m.reports() {
		u.meter.reported(m, resultOf(reply), evcp.StampOf(time.Now()))
	}
	before, pending := s.state, s.state.pending()
	s.state.Replied(m, reply, now, rand.Float64())
	if m.Operation == Heartbeat && before.LastHeartbeat == 0 && u.cps > 1 { // those that register together must not send together for ever
		s.state.LastHeartbeat = now.add(-time.Duration(rand.Float64() * float64(u.o.Heartbeat)))
	}
	u.pending += s.state.pending() - pending
	if m.Operation == Register && reply.Verdict == Accepted {
		s.asked = false
	}
	u.record(s, m, reply, now)
	if d, ok := diagnose(before, s.state, m, reply, now); ok {
		d.CP = s.cp
		u.diagnostics.add(d, now)
		u.wakeAt(u.diagnostics.at)
	}
}

// diagnose finds what no event records, each once.
func diagnose(before, after SessionState, m Outbound, reply SendResult, now Instant) (d Diagnostic, found bool) {
	d = Diagnostic{Cause: reply.Cause, Reply: cmp.Or(reply.Why, reply.Text)}
	switch {
	case after.Away && !before.Away:
		d.Kind = OutageBegan
	case before.Away && !after.Away:
		d.Kind, d.Outage, d.Pending = OutageEnded, now.sub(before.AwaySince), after.pending()
	case m.Operation == Register && reply.Verdict == Unclear && reply.Received && before.Attempts == 0:
		d.Kind = NotCentral
	case m.reports() && reply.Received && reply.Verdict != Accepted && before.Attempts == 0:
		d.Kind = ReportRejected
	default:
		return Diagnostic{}, false
	}
	return d, true
}

// observationOf is what the monitor is told of an answer. The event that it makes of a
// receipt settles the fact.
func observationOf(m Outbound, reply SendResult) evcp.Observation {
	o := evcp.Observation{CP: m.CP, Response: reply.Text, Latency: reply.Latency, Incident: m.Incident, Repeat: m.Repeat}
	switch {
	case m.Operation == Register && reply.Verdict == Accepted:
		o.Kind = evcp.Registered
	case m.Operation == Register && reply.Verdict == Rejected:
		o.Kind = evcp.RegistrationRefused
	case m.Operation == ReportFailure && reply.Verdict == Accepted:
		o.Kind = evcp.FailureReported
	case m.Operation == ReportRecovery && reply.Verdict == Accepted:
		o.Kind = evcp.RecoveryReported
	}
	return o
}

// mute reports whether Central has answered nobody for so long that an unanswered message says
// that it hangs. A heartbeat says so only of a Central that answers heartbeats: some never do.
func (u *Uplink) mute(m Outbound, reply SendResult, now Instant) bool {
	if reply.Received || !reply.Connected || reply.Cause != evcp.Timeout || m.Operation == Heartbeat && u.took == 0 {
		return false
	}
	return now.sub(u.answeredAt) > 2*u.o.Heartbeat+AnswerLimit
}

// connectionUsed notes what an exchange says of the connection. When none is open and none can
// be made, all that waits has failed with it: failed are those of them that asked for
// registration for the first time.
func (u *Uplink) connectionUsed(w *worker, m Outbound, reply SendResult, mute bool, now Instant) (failed []evcp.CPID) {
	if open := w.conn.link.Open(); open != w.open {
		w.open = open
		if open {
			u.open++
		} else {
			u.open--
		}
	}
	if w.probing {
		w.probing, u.probing = false, false
	}
	if reply.Received {
		u.answeredAt = now
	}
	if reply.Received && m.Operation == Heartbeat { // a registration may take longer: Central may write it to its disk
		took := float64(now.sub(w.began)) / float64(len(w.tasks))
		if u.took == 0 {
			u.took = took
		}
		u.took += timeWeight * (took - u.took)
	}
	switch {
	case reply.Connected && u.unreachable:
		u.unreachable = false
		u.signalAll()
	case reply.Received || reply.Connected && (reply.Cause == evcp.Timeout || u.open == 0):
	case mute && u.open > 0: // the others wait for a reply, too
	case u.open > 0: // Central takes no further connection, or this one broke and can't be made again
		u.growAt = now.add(growPause)
		u.retire(w, now)
	default:
		u.unreachable, u.dialAt, u.growAt = true, now.add(dialPause), 0
		failed = u.failWaiting(reply, now)
	}
	return failed
}

// failWaiting gives all sessions that wait the result of a dial that failed.
func (u *Uplink) failWaiting(reply SendResult, now Instant) (failed []evcp.CPID) {
	for n := range u.sessions {
		i, s := int32(n), &u.sessions[n] //nolint:gosec // as Adopt
		if s.place != waiting {
			continue
		}
		u.unplace(i)
		if m, _ := u.message(i, now); m.Operation == Disconnect {
			s.state.Registered = false
		} else if m.Operation != NoOperation {
			if m.Operation == Register && !s.asked {
				s.asked, failed = true, append(failed, s.cp)
			}
			u.apply(i, m, reply, now)
		}
		u.place(i, now)
	}
	return failed
}

// signalAll lets everybody look for something to send.
func (u *Uplink) signalAll() {
	for _, w := range u.workers {
		if w != nil {
			w.signal()
		}
	}
}

// dialled is called by a worker that has a new connection.
func (u *Uplink) dialled(w *worker) {
	interrupt := w.conn.link.Interrupt()
	u.mu.Lock()
	defer u.mu.Unlock()
	w.interrupt = interrupt
	if u.stopping {
		interrupt()
	}
}

// sayGoodbye sends a disconnect for each of the charge points until ctx ends, and returns how
// many were answered.
func (w *worker) sayGoodbye(ctx context.Context, cps []evcp.CPID) (told int) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.conn.onDialled = func() { context.AfterFunc(ctx, w.conn.link.Interrupt()) }
	w.conn.link.Resume()
	w.conn.onDialled()
	for _, cp := range cps {
		limit := time.Second
		if deadline, ok := ctx.Deadline(); ok {
			limit = min(limit, time.Until(deadline))
		}
		reply := w.conn.send(ctx, Outbound{Operation: Disconnect, CP: cp}, limit)
		if reply.Received {
			told++
		}
		if ctx.Err() != nil || !reply.Connected { // the others can't be told either
			break
		}
	}
	w.conn.link.Close()
	return told
}
