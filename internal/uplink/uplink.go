// Package uplink is the dialogue of a Monitor with Central: it registers, reports
// failures and recoveries, sends heartbeats, waits for each reply, and comes back
// after every outage.
//
// What Central must learn of are the engine_failed and engine_recovered events that
// the outbox has kept. They are reported at least once, in order, across restarts of
// either side. Central's answer goes to the monitor as an Observation and comes back
// as a kept event, so that the next process knows it.
//
// Schedule decides what to send and when, in values. A session per charge point sends
// it, on one connection, one message at a time. A Codec is the
// protocol: it exchanges a message for a verdict.
package uplink

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"evcp"
	"evcp/internal/link"
	"evcp/internal/outbox"
)

// RefusalRetry is how long after a rejected registration Central is asked again.
const RefusalRetry = time.Minute

// Options are what an Uplink needs.
type Options struct {
	CPs         []evcp.CPID
	Central     string // host:port
	Codec       Codec
	Heartbeat   time.Duration
	ReportEvery time.Duration
	Interval    time.Duration // of the checks; for State.Shown
	Dialer      link.Dialer
	Facts       *outbox.Facts
	// State is the fold of the kept events of a charge point.
	State func(evcp.CPID) evcp.State
	// Observe hands an observation to the monitor.
	Observe func(evcp.Observation) bool
	// OnDiagnostic is called with what no event records. It must not block.
	OnDiagnostic func(Diagnostic)
	// StopWhenRefused: a rejected registration ends Run, unless Central accepted this
	// Monitor before.
	StopWhenRefused bool
}

// DiagnosticKind says what a Diagnostic is about, and so which of its fields are set.
type DiagnosticKind uint8

const (
	// OutageBegan: Central can't be reached or does not answer. Cause.
	OutageBegan DiagnosticKind = iota
	// OutageEnded: Central answers again. Outage, Pending.
	OutageEnded
	// NotCentral: something answered a registration, but not as EV_Central. Reply.
	NotCentral
	// ReportRejected: Central answered a report without a receipt. Reply.
	ReportRejected
)

// Diagnostic is a change in the dialogue with Central that no event records.
type Diagnostic struct {
	CP      evcp.CPID
	Kind    DiagnosticKind
	Cause   evcp.Cause
	Reply   string
	Outage  time.Duration
	Pending int // reports without a receipt
}

// RefusedError ends a Monitor that Central never accepted; see StopWhenRefused.
type RefusedError struct {
	CP    evcp.CPID
	Reply string
}

// Error names the charge point and Central's reply.
func (e *RefusedError) Error() string { return fmt.Sprintf("Central refused %s: %q", e.CP, e.Reply) }

// Uplink is the dialogue with Central for a number of charge points. Run it once.
type Uplink struct {
	o        Options
	schedule Schedule
	sessions []*session
	index    map[evcp.CPID]*session
	receipts receiptTracker
	meter    *meter

	attempted     chan struct{}
	markAttempted func() // closes it
}

// New makes an Uplink; it dials nothing before Run.
func New(o Options) *Uplink {
	u := &Uplink{
		o: o, attempted: make(chan struct{}), index: make(map[evcp.CPID]*session, len(o.CPs)), receipts: receiptTracker{facts: o.Facts}, meter: newMeter(),
		schedule: Schedule{Heartbeat: o.Heartbeat, ReportEvery: o.ReportEvery},
	}
	u.markAttempted = sync.OnceFunc(func() { close(u.attempted) })
	for _, cp := range o.CPs {
		u.index[cp] = u.newSession(cp)
		u.sessions = append(u.sessions, u.index[cp])
	}
	return u
}

// Attempted is closed at the first byte from Central, or when the first message had
// no reply.
func (u *Uplink) Attempted() <-chan struct{} { return u.attempted }

// Run sends until ctx ends. It returns a *RefusedError when a registration is rejected
// under StopWhenRefused, otherwise nil.
func (u *Uplink) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var sessions sync.WaitGroup
	for _, s := range u.sessions {
		sessions.Go(func() {
			if err := s.run(ctx); err != nil {
				cancel(err)
			}
		})
	}
	u.deliverFacts(ctx)
	sessions.Wait()
	if refused := (*RefusedError)(nil); errors.As(context.Cause(ctx), &refused) {
		return refused
	}
	return nil
}

// Disconnect announces a clean stop for all charge points, closes the connections, and
// reports whether Central answered for all of them. Call it after Run has returned;
// ctx bounds it.
func (u *Uplink) Disconnect(ctx context.Context) bool {
	var sessions sync.WaitGroup
	var unanswered atomic.Bool
	for _, s := range u.sessions {
		sessions.Go(func() {
			if !s.disconnect(ctx) {
				unanswered.Store(true)
			}
		})
	}
	sessions.Wait()
	return !unanswered.Load()
}

// Status is what is shown of the session of cp; zero for a charge point that has none.
// Any goroutine may call it.
func (u *Uplink) Status(cp evcp.CPID) SessionStatus {
	if s := u.index[cp]; s != nil {
		return s.shown()
	}
	return SessionStatus{}
}
