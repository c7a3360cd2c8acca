package uplink

import (
	"context"
	"sync"
	"time"

	"evcp"
	"evcp/internal/link"
	"evcp/internal/wire"
)

// session is the conversation for one charge point. Its posture belongs to the
// goroutine of run; others put facts into the mailbox.
type session struct {
	cp      evcp.CPID
	up      *Uplink
	call    call
	posture SessionState

	mu    sync.Mutex // guards mail, size and shows
	mail  []evcp.Event
	size  int
	shows SessionStatus
	rang  chan struct{}
}

func (u *Uplink) newSession(cp evcp.CPID) *session {
	s := &session{cp: cp, up: u, posture: SessionState{CP: cp}, rang: make(chan struct{}, 1)}
	s.call = call{link: link.Link{Address: u.o.Central, Dialer: u.o.Dialer}, reply: wire.CentralReply{Framing: u.o.Framing}, first: u.said}
	s.resume(u.o.State(cp), time.Now())
	return s
}

// resume takes up an incident that Central was told of in an earlier life.
func (s *session) resume(kept evcp.State, now time.Time) {
	i := kept.Incident
	if !i.Open || i.Reports == 0 {
		return
	}
	ago := min(max(evcp.StampOf(now).Sub(i.ReportedAt), 0), s.up.o.ReportEvery)
	s.posture.Open, s.posture.ToldAt = true, now.Add(-ago)
	s.posture.Last = Report{Incident: i.ID, Repeat: i.Reports - 1}
}

// learn takes a fact from the outbox's reader.
func (s *session) learn(fact evcp.Event) {
	s.mu.Lock()
	s.mail = append(s.mail, fact)
	s.mu.Unlock()
	select {
	case s.rang <- struct{}{}:
	default:
	}
}

// waiting is how many reports have no answer yet.
func (s *session) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size
}

// collect folds the mail into the posture.
func (s *session) collect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.mail {
		s.posture.Learn(f)
	}
	s.mail = s.mail[:0]
	s.size = len(s.posture.Queue)
}

func (s *session) run(ctx context.Context) error {
	for ctx.Err() == nil {
		s.collect()
		say, r, wake := s.up.manner.Next(s.posture, time.Now())
		if say == wire.NoVerb {
			s.show(wake)
			s.rest(ctx, wake)
			continue
		}
		if err := s.speak(ctx, say, r); err != nil {
			return err
		}
	}
	return nil
}

// rest waits for wake, news, or the end.
func (s *session) rest(ctx context.Context, wake time.Time) {
	var alarm <-chan time.Time
	if !wake.IsZero() {
		timer := time.NewTimer(time.Until(wake))
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case <-ctx.Done():
	case <-s.rang:
	case <-alarm:
	}
}

// speak says one thing, hears the answer, and passes on what it means.
func (s *session) speak(ctx context.Context, say wire.Verb, r Report) error {
	if say == wire.Registration {
		s.observe(evcp.Observation{Kind: evcp.Registering})
	}
	m := message(s.cp, say, s.shown())
	a := s.call.ask(ctx, m, AnswerLimit)
	if ctx.Err() != nil && !a.Received {
		return nil
	}
	before := s.posture
	v := s.up.manner.Heard(&s.posture, say, r, a, time.Now(), chance())
	s.heard(m, r, a, v)
	s.notice(before, say, v, a)
	s.up.said()
	switch {
	case say == wire.Registration:
		return s.registered(v, a)
	case say != wire.Heartbeat && v == wire.Accepted:
		s.received(r, a)
	}
	return nil
}

func (s *session) shown() evcp.Status {
	return s.up.o.State(s.cp).Shown(evcp.StampOf(time.Now()), s.up.o.Interval)
}

func (s *session) registered(v wire.CentralVerdict, a Reply) error {
	switch v {
	case wire.Accepted:
		s.observe(evcp.Observation{Kind: evcp.Registered, Response: a.Text, Latency: a.Latency})
	case wire.Rejected:
		s.observe(evcp.Observation{Kind: evcp.RegistrationRefused, Response: a.Text, Latency: a.Latency})
		if s.up.o.StopWhenRefused && !s.posture.Greeted && !s.up.o.State(s.cp).EverAccepted {
			return &RefusedError{s.cp, a.Text}
		}
	}
	return nil
}

// received records Central's receipt. The event that comes of it settles the fact.
func (s *session) received(r Report, a Reply) {
	kind := evcp.FailureReported
	if r.Recovery {
		kind = evcp.RecoveryReported
	}
	s.observe(evcp.Observation{Kind: kind, Incident: r.Incident, Repeat: r.Repeat, Response: a.Text, Latency: a.Latency})
}

func (s *session) observe(o evcp.Observation) {
	o.CP = s.cp
	s.up.o.Observe(o)
}

// notice tells what no event records: that Central went, came back, or is
// somebody else. Each once.
func (s *session) notice(before SessionState, say wire.Verb, v wire.CentralVerdict, a Reply) {
	n := Diagnostic{CP: s.cp, Cause: a.Cause, Reply: a.Text}
	now := s.posture
	switch {
	case now.Away && !before.Away:
		n.Kind = OutageBegan
	case before.Away && !now.Away:
		n.Kind, n.Outage, n.Pending = OutageEnded, time.Since(before.AwaySince), len(now.Queue)
	case say == wire.Registration && v == wire.Unclear && a.Received && before.Attempts == 0:
		n.Kind = NotCentral
	case (say == wire.EngineFailure || say == wire.EngineRecovered) && a.Received && v != wire.Accepted && before.Attempts == 0:
		n.Kind = ReportRejected
	default:
		return
	}
	s.up.o.OnDiagnostic(n)
}

// goodbye says disconnect, if Central is there to hear it, and hangs up.
func (s *session) goodbye(ctx context.Context) bool {
	defer s.call.link.Close()
	if !s.posture.Registered {
		return false
	}
	limit := time.Second
	if deadline, ok := ctx.Deadline(); ok {
		limit = time.Until(deadline)
	}
	return s.call.ask(ctx, message(s.cp, wire.Disconnect, evcp.Unknown), limit).Received
}
