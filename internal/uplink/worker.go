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
	t, ok := u.next(w, u.now())
	u.mu.Unlock()
	for ctx.Err() == nil {
		if ok {
			t, ok = u.exchange(ctx, w, t)
			continue
		}
		if w.retired { // only this goroutine retires it
			return
		}
		<-w.wake // interrupt rouses all
		u.mu.Lock()
		t, ok = u.next(w, u.now())
		u.mu.Unlock()
	}
}

// next is what a worker is to send; !ok: nothing before it is roused. The lock is held.
func (u *Uplink) next(w *worker, now Instant) (t task, ok bool) {
	for !u.stopping && !w.retired && !u.blocked(now) {
		i := u.pick(w)
		if i == none {
			break
		}
		u.unplace(i)
		s := &u.sessions[i]
		m, _ := u.message(i, now)
		if m.Operation == NoOperation {
			u.place(i, now)
			continue
		}
		if s.worker == none {
			u.setHome(s, w)
		}
		t = task{session: i, m: m, interval: s.interval}
		t.m.CP = s.cp
		s.place = busy
		if m.Operation == Register {
			t.first, s.asked = !s.asked, true
			u.registering++
		}
		w.began = now
		if w.probing = u.down(); w.probing {
			u.probing = true
		}
		return t, true
	}
	w.idle = true
	return task{}, false
}

// exchange sends one message, waits for the reply, passes on what it means, and returns what
// is to be sent next.
func (u *Uplink) exchange(ctx context.Context, w *worker, t task) (next task, ok bool) {
	if t.first {
		u.o.Observe(evcp.Observation{CP: t.m.CP, Kind: evcp.Registering})
	}
	t.m.Status = u.o.State(t.m.CP).Shown(evcp.StampOf(time.Now()), t.interval)
	reply := w.conn.send(ctx, t.m, AnswerLimit)
	if ctx.Err() != nil && !reply.Received {
		return task{}, false
	}
	u.markAttempted()
	return u.finish(w, t, reply)
}

// finish folds in what came of a message.
func (u *Uplink) finish(w *worker, t task, reply SendResult) (next task, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := u.now()
	if t.m.Operation == Register {
		u.registering--
	}
	registeredBefore := u.sessions[t.session].state.RegisteredBefore
	if t.m.Operation != Disconnect {
		u.apply(t.session, t.m, reply, now)
	} else {
		u.sessions[t.session].state.Registered = false
	}
	failed := u.connectionUsed(w, t.m, reply, now)
	tell := u.diagnostics.take(u.view(), now)
	if o := observationOf(t.m, reply); len(failed)+len(tell) > 0 || o.Kind != evcp.NoObservation {
		u.mu.Unlock() // the session is busy: nobody else sends for it
		for _, d := range tell {
			u.o.OnDiagnostic(d)
		}
		for _, cp := range failed {
			u.o.Observe(evcp.Observation{CP: cp, Kind: evcp.Registering})
		}
		if o.Kind != evcp.NoObservation {
			u.o.Observe(o)
		}
		if o.Kind == evcp.RegistrationRefused && u.o.StopWhenRefused && !registeredBefore && !u.o.State(t.m.CP).EverAccepted {
			u.end(&RefusedError{t.m.CP, reply.Text})
		}
		u.mu.Lock()
		now = u.now()
	}
	u.sessions[t.session].place = resting
	u.place(t.session, now)
	return u.next(w, now)
}

// apply folds a reply into a session.
func (u *Uplink) apply(i int32, m Outbound, reply SendResult, now Instant) {
	s := &u.sessions[i]
	if m.reports() {
		u.meter.reported(m, resultOf(reply), evcp.StampOf(time.Now()))
	}
	before, pending := s.state, s.state.pending()
	s.state.Replied(m, reply, now, rand.Float64())
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

// connectionUsed notes what an exchange says of the connection. When none is open and none can
// be made, all that waits has failed with it: failed are those of them that asked for
// registration for the first time.
func (u *Uplink) connectionUsed(w *worker, m Outbound, reply SendResult, now Instant) (failed []evcp.CPID) {
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
		if u.took == 0 {
			u.took = float64(now.sub(w.began))
		}
		u.took += timeWeight * (float64(now.sub(w.began)) - u.took)
	}
	switch {
	case reply.Connected && u.unreachable:
		u.unreachable = false
		u.rouseAll()
	case reply.Received || reply.Connected && (reply.Cause == evcp.Timeout || u.open == 0):
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
		i, s := int32(n), &u.sessions[n] //nolint:gosec // as table.add
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

// rouseAll lets everybody look for something to send.
func (u *Uplink) rouseAll() {
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
			limit = time.Until(deadline)
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
