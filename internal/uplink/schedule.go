package uplink

import (
	"context"
	"math"
	"time"

	"evcp"
)

// loneTick and fleetTick are the shortest times from one look at what is due to the next. A
// fleet has thousands of heartbeats a second: those that are due together are sent together.
const (
	loneTick  = 20 * time.Millisecond
	fleetTick = 200 * time.Millisecond
)

func (u *Uplink) collectEvery() time.Duration {
	if u.cps > 1 {
		return fleetTick
	}
	return loneTick
}

// never is later than any instant.
const never = Instant(math.MaxInt64)

// runSchedule hands to the pool what is due, until ctx ends.
func (u *Uplink) runSchedule(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-u.earlier:
		}
		tell, wait := u.tick()
		for _, d := range tell {
			u.o.OnDiagnostic(d)
		}
		timer.Reset(wait)
	}
}

// tick does what is due, and returns what is to be told and how long there is nothing else.
func (u *Uplink) tick() (tell []Diagnostic, wait time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := u.now()
	for now >= u.collectAt && len(u.due) > 0 && u.sessions[u.due[0]].at <= now {
		i := u.due[0]
		u.unplace(i)
		u.place(i, now)
	}
	if now >= u.collectAt {
		u.collectAt = now.add(u.collectEvery())
	}
	if u.waiting > 0 && now >= u.balanceAt {
		u.balance(now)
		u.balanceAt = now.add(balanceEvery)
	}
	tell = u.diagnostics.take(u.view(), now)
	u.planned = never
	if len(u.due) > 0 {
		u.planned = max(u.sessions[u.due[0]].at, u.collectAt)
	}
	if u.waiting > 0 {
		u.planned = min(u.planned, u.balanceAt)
	}
	if at := u.diagnostics.at; at != 0 {
		u.planned = min(u.planned, at)
	}
	u.planned = max(u.planned, now.add(loneTick))
	return tell, u.planned.sub(now)
}

// wakeAt lets the scheduler look again at an instant, or before.
func (u *Uplink) wakeAt(at Instant) {
	if at >= u.planned {
		return
	}
	u.planned = at
	select {
	case u.earlier <- struct{}{}:
	default:
	}
}

func (u *Uplink) view() fleetView {
	return fleetView{all: u.cps, away: u.phases[Away], down: u.down()}
}

// message is what a session has to send now; NoOperation: nothing before wake.
func (u *Uplink) message(i int32, now Instant) (m Outbound, wake Instant) {
	s := &u.sessions[i]
	if d := u.leaving[i]; d != nil {
		if d.goodbye && s.state.Registered {
			m.Operation = Disconnect
		}
		return m, 0
	}
	return u.schedule.Next(s.state, now)
}

// place puts a session where it belongs. It is not busy, in no list and not in due.
func (u *Uplink) place(i int32, now Instant) {
	m, wake := u.message(i, now)
	switch {
	case m.Operation != NoOperation:
		u.enqueue(i, classOf(m, u.sessions[i].state), now)
	case u.leaving[i] != nil:
		u.depart(i)
	case wake != 0:
		u.rest(i, wake)
		u.wakeAt(max(wake, u.collectAt))
	}
}

// unplace takes a session out of its list, or out of due.
func (u *Uplink) unplace(i int32) {
	s := &u.sessions[i]
	if s.place == waiting {
		u.pull(u.queueOf(s), i)
		u.waiting--
		s.place = resting
	}
	u.unrest(i)
}

// replace is for a session that has changed. One that is busy is placed afterwards.
func (u *Uplink) replace(i int32, now Instant) {
	if u.sessions[i].place != busy {
		u.unplace(i)
		u.place(i, now)
	}
}

// Adopt begins the dialogue for a charge point, whose interval of checks says how soon its
// state is no longer known. Any goroutine may call it at any time; where there is a dialogue
// already, it goes on.
func (u *Uplink) Adopt(cp evcp.CPID, interval time.Duration) {
	handle := u.o.Box.Handle(cp)
	i := int32(handle) //nolint:gosec // a process has no 2^31 charge points
	u.mu.Lock()
	defer u.mu.Unlock()
	kept := u.o.Box.StateAt(handle).Incident // under the lock: the state has each fact that nobody took before
	if !u.known(i) {
		u.add(i, cp, interval)
		u.resume(i, kept)
		return
	}
	u.sessions[i].interval = interval
	if d := u.leaving[i]; d != nil { // it was released, and its last message is still on its way
		delete(u.leaving, i)
		close(d.gone)
		u.resume(i, kept)
	}
}

// resume begins with what is kept of the newest incident. Of a receipt that came after the release
// nothing is: that report is sent again.
func (u *Uplink) resume(i int32, kept evcp.Incident) {
	clock := time.Now()
	now := u.instant(clock)
	u.change(i, now, func(s *SessionState) {
		s.Reports = nil
		s.resume(kept, evcp.StampOf(clock).Sub(kept.ReportedAt), u.o.ReportEvery, now)
		if u.running { // the outbox has handed out its facts already
			s.recall(kept)
		}
	})
}

// recallAll recalls what was not reported of the charge points that were adopted before Run.
// The outbox has no fact of it when a charge point was not watched for a while: all that there
// was to report of it counted as settled then.
func (u *Uplink) recallAll() {
	for _, i := range u.all() {
		kept := u.o.Box.StateAt(int(i)).Incident
		u.mu.Lock()
		if u.known(i) {
			u.change(i, u.now(), func(s *SessionState) { s.recall(kept) })
		}
		u.mu.Unlock()
	}
}

// all are the sessions with a dialogue.
func (u *Uplink) all() []int32 {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := make([]int32, 0, u.cps)
	for i := range u.sessions {
		if u.sessions[i].cp != "" {
			all = append(all, int32(i)) //nolint:gosec // as Adopt
		}
	}
	return all
}

// find is the session of a charge point; false: there never was one.
func (u *Uplink) find(cp evcp.CPID) (i int32, found bool) {
	handle, found := u.o.Box.Lookup(cp)
	return int32(handle), found //nolint:gosec // as Adopt
}

// change changes what a session has to report.
func (u *Uplink) change(i int32, now Instant, change func(*SessionState)) {
	s := &u.sessions[i].state
	before := s.pending()
	change(s)
	u.pending += s.pending() - before
	u.orderOpen(i)
	u.replace(i, now)
}

// departure is a session that is released.
type departure struct {
	goodbye bool
	gone    chan struct{} // closed when nothing is sent any more
}

// Release ends the dialogue for a charge point. With goodbye Central is told, if it knows the
// charge point: what waits for a receipt is not reported any more. It returns when nothing
// is sent any more, or with ctx: then no message is begun. Any goroutine may call it at any
// time.
func (u *Uplink) Release(ctx context.Context, cp evcp.CPID, goodbye bool) {
	i, found := u.find(cp)
	if !found {
		return
	}
	d := u.leave(i, goodbye)
	if d == nil {
		return
	}
	select {
	case <-d.gone:
	case <-ctx.Done():
		u.abandon(i, d)
	}
}

func (u *Uplink) leave(i int32, goodbye bool) *departure {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.known(i) {
		return nil
	}
	d := u.leaving[i]
	if d == nil {
		d = &departure{goodbye: goodbye && u.running && !u.stopping, gone: make(chan struct{})}
		u.leaving[i] = d
		u.replace(i, u.now())
	}
	return d
}

// abandon gives up a goodbye.
func (u *Uplink) abandon(i int32, d *departure) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.leaving[i] == d {
		d.goodbye = false
		u.replace(i, u.now())
	}
}

// depart removes a session that leaves.
func (u *Uplink) depart(i int32) {
	s := &u.sessions[i]
	u.setWorker(s, nil)
	u.remove(i)
	u.settle()
	close(u.leaving[i].gone)
	delete(u.leaving, i)
}
