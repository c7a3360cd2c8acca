// Package uplink is the conversation of a Monitor with Central: it registers,
// reports failures and recoveries, gives signs of life, waits for each answer,
// and comes back after every outage.
//
// It knows events and Central's receipts, and never peeks into the monitor. What
// Central must be told are the engine_failed and engine_recovered events that the
// outbox has kept; they are told at least once, in order, across restarts of
// either side. What Central answered goes in by the monitor's front door as an
// Observation and comes back as a kept event, so that the next life knows it.
//
// What to say and when is decided by Manner, in values. A session per charge
// point does the talking, on one connection, one question at a time.
package uplink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"evcp"
	"evcp/internal/link"
	"evcp/internal/outbox"
	"evcp/internal/pace"
	"evcp/internal/wire"
)

// RefusalRetry is how long a Monitor waits after Central has refused it.
const RefusalRetry = time.Minute

// Options are what an Uplink needs.
type Options struct {
	CPs         []evcp.CPID
	Central     string // host:port
	Framing     wire.Framing
	Heartbeat   time.Duration
	ReportEvery time.Duration
	Interval    time.Duration // of the checks: how fast a verdict goes stale
	Dialer      link.Dialer
	Facts       *outbox.Facts
	// State is the fold of the kept events of a charge point.
	State func(evcp.CPID) evcp.State
	// Observe is the monitor's front door.
	Observe func(evcp.Observation) bool
	// OnDiagnostic is told what no event records. It must not block.
	OnDiagnostic func(Diagnostic)
	// StopWhenRefused: a refusal ends Run, unless Central accepted this Monitor before.
	StopWhenRefused bool
}

// DiagnosticKind says what a Notice tells.
type DiagnosticKind uint8

const (
	// OutageBegan: Central can't be reached or does not answer. Cause.
	OutageBegan DiagnosticKind = iota
	// OutageEnded: it answers again. After, Waiting.
	OutageEnded
	// NotCentral: something answered, but not as EV_Central. Text.
	NotCentral
	// ReportRejected: Central answered a report with a no. Text.
	ReportRejected
)

// Diagnostic is a change between one charge point and Central.
type Diagnostic struct {
	CP      evcp.CPID
	Kind    DiagnosticKind
	Cause   evcp.Cause
	Reply   string
	Outage  time.Duration
	Pending int
}

// RefusedError ends a lone Monitor that Central never accepted.
type RefusedError struct {
	CP    evcp.CPID
	Reply string
}

// Error says who refused whom, and in which words.
func (e *RefusedError) Error() string { return fmt.Sprintf("Central refused %s: %q", e.CP, e.Reply) }

// Uplink talks to Central for a number of charge points. Run it once.
type Uplink struct {
	o        Options
	manner   Schedule
	sessions []*session
	index    map[evcp.CPID]int
	ledger   ledger
	meter    meter
	spoke    chan struct{}
	speak    sync.Once
}

// New makes an Uplink; it dials nothing before Run.
func New(o Options) *Uplink {
	u := &Uplink{
		o: o, spoke: make(chan struct{}), index: make(map[evcp.CPID]int, len(o.CPs)), ledger: ledger{facts: o.Facts},
		manner: Schedule{Heartbeat: o.Heartbeat, ReportEvery: o.ReportEvery, RefusalRetry: RefusalRetry, Backoff: pace.Outage},
	}
	u.meter.begin()
	for i, cp := range o.CPs {
		u.index[cp] = i
		u.sessions = append(u.sessions, u.newSession(cp))
	}
	return u
}

// Attempted is closed once Central has said its first word, or can't be reached.
func (u *Uplink) Attempted() <-chan struct{} { return u.spoke }

func (u *Uplink) said() { u.speak.Do(func() { close(u.spoke) }) }

// Run talks until ctx ends. It returns a *RefusedError when a lone Monitor is
// refused that was never accepted before, otherwise nil.
func (u *Uplink) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var talking sync.WaitGroup
	for _, s := range u.sessions {
		talking.Go(func() {
			if err := s.run(ctx); err != nil {
				cancel(err)
			}
		})
	}
	u.deliver(ctx)
	talking.Wait()
	if refused := (*RefusedError)(nil); errors.As(context.Cause(ctx), &refused) {
		return refused
	}
	return nil
}

// deliver hands each fact to the session of its charge point.
func (u *Uplink) deliver(ctx context.Context) {
	for {
		facts, err := u.o.Facts.Next(ctx)
		if err != nil {
			return
		}
		for _, f := range facts {
			i, watched := u.index[f.Event.CP]
			u.ledger.add(f, watched)
			if watched {
				u.sessions[i].learn(f.Event)
			}
		}
	}
}

// Disconnect tells Central that the Monitors stop, hangs up, and reports whether
// Central answered for all of them. It is to be called after Run has returned;
// ctx bounds it.
func (u *Uplink) Disconnect(ctx context.Context) bool {
	var talking sync.WaitGroup
	var deaf atomic.Bool
	for _, s := range u.sessions {
		talking.Go(func() {
			if !s.goodbye(ctx) {
				deaf.Store(true)
			}
		})
	}
	talking.Wait()
	return !deaf.Load()
}

// TryRegistration asks Central once to accept cp: what --test does. Nothing is kept.
// Whoever is silent gets two empty lines at the end: a web server waits for them,
// and what it then says shows that it is not EV_Central.
func TryRegistration(ctx context.Context, d link.Dialer, central string, form wire.Framing, cp evcp.CPID) (Reply, wire.CentralVerdict) {
	c := call{link: link.Link{Address: central, Dialer: d}, reply: wire.CentralReply{Framing: form}, first: func() {}}
	defer c.link.Close()
	began := time.Now()
	a := c.once(ctx, message(cp, wire.Registration, evcp.Unknown), false, began.Add(AnswerLimit))
	a.Latency = c.heard.Sub(began)
	if a.Received {
		return a, a.verdict(wire.JudgeRegistration, cp)
	}
	const nudge = 500 * time.Millisecond
	if a.Connected && a.Cause == evcp.Timeout && c.link.Write([]byte("\r\n\r\n"), time.Now().Add(nudge)) == nil {
		if late := c.listen(time.Now().Add(nudge)); late.Received {
			return late, wire.Unclear
		}
	}
	return a, wire.Unclear
}

// Pending is how many reports have no answer yet.
func (u *Uplink) Pending() int {
	n := 0
	for _, s := range u.sessions {
		n += s.waiting()
	}
	return n
}

// chance is the jitter's dice.
func chance() float64 { return rand.Float64() }

// message is a sentence of one charge point.
func message(cp evcp.CPID, v wire.Verb, shown evcp.Status) wire.Message {
	return wire.Message{CP: cp, Verb: v, Status: shown}
}
