package uplink

import (
	"cmp"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"evcp"
	"evcp/internal/link"
)

// SessionPhase is the phase of a session as it is shown.
type SessionPhase uint8

const (
	// Connecting: Central was asked, or is about to be, and has not answered yet.
	Connecting SessionPhase = iota
	// Registered: Central has accepted.
	Registered
	// Refused: Central rejected the registration and is asked again after RefusalRetry.
	Refused
	// Away: Central can't be reached or does not answer.
	Away
)

var phaseNames = [...]string{"connecting", "registered", "refused", "away"}

// String is the word used in metrics and in the status.
func (p SessionPhase) String() string { return phaseNames[min(int(p), len(phaseNames)-1)] }

// SessionStatus is what is shown of one session.
type SessionStatus struct {
	Phase        SessionPhase
	Since        time.Time
	Pending      int // reports without a receipt
	LastExchange LastExchange
	Next         string // the next message, without its details; "": none until an event
	NextAt       time.Time
}

// LastExchange is the newest message and what came of it; zero when there was none.
type LastExchange struct {
	At      time.Time // when it ended
	Message string
	Repeat  uint32
	Reply   SendResult
}

// session is the dialogue with Central for one charge point. The goroutine of run owns
// conn and state.
type session struct {
	cp    evcp.CPID
	up    *Uplink
	conn  centralConn
	state SessionState

	mu     sync.Mutex // guards what follows
	inbox  []evcp.Event
	status SessionStatus

	wake chan struct{} // there is something in the inbox
}

func (u *Uplink) newSession(cp evcp.CPID) *session {
	s := &session{
		cp: cp, up: u, wake: make(chan struct{}, 1),
		conn: centralConn{link: link.Link{Address: u.o.Central, Dialer: u.o.Dialer}, codec: u.o.Codec, onFirstByte: u.markAttempted},
	}
	s.resume(u.o.State(cp), time.Now())
	return s
}

// resume goes on repeating a failure that an earlier process reported.
func (s *session) resume(kept evcp.State, now time.Time) {
	i := kept.Incident
	if !i.Open || i.Reports == 0 {
		return
	}
	ago := min(max(evcp.StampOf(now).Sub(i.ReportedAt), 0), s.up.o.ReportEvery)
	s.state.Repeating, s.state.ReceiptAt = true, now.Add(-ago)
	s.state.Last = Outbound{Operation: ReportFailure, Incident: i.ID, Repeat: i.Reports - 1}
}

// deliver puts a fact in the inbox. Any goroutine may call it.
func (s *session) deliver(fact evcp.Event) {
	s.mu.Lock()
	s.inbox = append(s.inbox, fact)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *session) applyInbox() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fact := range s.inbox {
		s.state.Apply(fact)
	}
	s.inbox = s.inbox[:0]
	s.status.Pending = len(s.state.Queue)
}

// run sends what is due until ctx ends. Its error is a *RefusedError.
func (s *session) run(ctx context.Context) error {
	for ctx.Err() == nil {
		s.applyInbox()
		m, wake := s.up.schedule.Next(s.state, time.Now())
		if m.Operation == NoOperation {
			s.showNext(wake)
			s.wait(ctx, wake)
			continue
		}
		if err := s.exchange(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// wait ends at the moment until, at a fact in the inbox, or with ctx.
func (s *session) wait(ctx context.Context, until time.Time) {
	var alarm <-chan time.Time
	if !until.IsZero() {
		alarm = time.After(time.Until(until))
	}
	select {
	case <-ctx.Done():
	case <-s.wake:
	case <-alarm:
	}
}

// exchange sends one message, waits for the reply and passes on what it means.
func (s *session) exchange(ctx context.Context, m Outbound) error {
	if m.Operation == Register {
		s.observe(evcp.Observation{Kind: evcp.Registering})
	}
	m.CP, m.Status = s.cp, s.up.o.State(s.cp).Shown(evcp.StampOf(time.Now()), s.up.o.Interval)
	reply := s.conn.send(ctx, m, AnswerLimit)
	if ctx.Err() != nil && !reply.Received {
		return nil
	}
	before := s.state
	s.state.Replied(m, reply, time.Now(), rand.Float64())
	s.showLast(m, reply)
	if d, ok := s.diagnose(before, m, reply); ok {
		s.up.o.OnDiagnostic(d)
	}
	s.up.markAttempted()
	return s.observeReply(m, reply)
}

// observeReply hands Central's answer to the monitor. The event that it makes of a
// receipt settles the fact.
func (s *session) observeReply(m Outbound, reply SendResult) error {
	o := evcp.Observation{Response: reply.Text, Latency: reply.Latency, Incident: m.Incident, Repeat: m.Repeat}
	switch {
	case m.Operation == Register && reply.Verdict == Accepted:
		o.Kind = evcp.Registered
	case m.Operation == Register && reply.Verdict == Rejected:
		o.Kind = evcp.RegistrationRefused
	case m.Operation == ReportFailure && reply.Verdict == Accepted:
		o.Kind = evcp.FailureReported
	case m.Operation == ReportRecovery && reply.Verdict == Accepted:
		o.Kind = evcp.RecoveryReported
	default:
		return nil
	}
	s.observe(o)
	if o.Kind == evcp.RegistrationRefused && s.up.o.StopWhenRefused && !s.state.RegisteredBefore && !s.up.o.State(s.cp).EverAccepted {
		return &RefusedError{s.cp, reply.Text}
	}
	return nil
}

func (s *session) observe(o evcp.Observation) {
	o.CP = s.cp
	s.up.o.Observe(o)
}

// diagnose finds what no event records, each once.
func (s *session) diagnose(before SessionState, m Outbound, reply SendResult) (d Diagnostic, found bool) {
	d = Diagnostic{CP: s.cp, Cause: reply.Cause, Reply: cmp.Or(reply.Why, reply.Text)}
	now := s.state
	switch {
	case now.Away && !before.Away:
		d.Kind = OutageBegan
	case before.Away && !now.Away:
		d.Kind, d.Outage, d.Pending = OutageEnded, time.Since(before.AwaySince), len(now.Queue)
	case m.Operation == Register && reply.Verdict == Unclear && reply.Received && before.Attempts == 0:
		d.Kind = NotCentral
	case m.reports() && reply.Received && reply.Verdict != Accepted && before.Attempts == 0:
		d.Kind = ReportRejected
	default:
		return Diagnostic{}, false
	}
	return d, true
}

// disconnect announces a clean stop if the charge point is registered, and closes the
// connection. It reports whether Central answered.
func (s *session) disconnect(ctx context.Context) bool {
	defer s.conn.link.Close()
	if !s.state.Registered {
		return false
	}
	limit := time.Second
	if deadline, ok := ctx.Deadline(); ok {
		limit = time.Until(deadline)
	}
	return s.conn.send(ctx, Outbound{Operation: Disconnect, CP: s.cp}, limit).Received
}

// showLast counts and shows an exchange that is over.
func (s *session) showLast(m Outbound, reply SendResult) {
	now := time.Now()
	if m.reports() {
		s.up.meter.reported(m, resultOf(reply), evcp.StampOf(now))
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
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.LastExchange = LastExchange{At: now, Message: s.up.o.Codec.Describe(m), Repeat: m.Repeat, Reply: reply}
	if s.status.Since.IsZero() || s.status.Phase != phase {
		s.status.Phase, s.status.Since = phase, now
	}
}

// showNext shows what is sent at the moment at, unless an event comes before.
func (s *session) showNext(at time.Time) {
	next := ""
	if !at.IsZero() {
		if m, _ := s.up.schedule.Next(s.state, at); m.Operation != NoOperation {
			next = s.up.o.Codec.Describe(m)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Next, s.status.NextAt = next, at
}

func (s *session) shown() SessionStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}
