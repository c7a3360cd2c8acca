// Package probe asks Engines whether they are well: one exchange with one Engine
// under its deadlines, for any number of Engines at once.
//
// The contract is batches in and batches out. The owner asks the targets that
// are due, waits for Ready, and takes all findings there are. A target has at
// most one exchange in flight; a finding comes for each one asked, except after
// Close. The probe sees and times; whether to believe what was seen is
// evcp.Hearing's, and what follows from it is the owner's.
package probe

import (
	"context"
	"sync"
	"time"

	"evcp"
	"evcp/internal/link"
	"evcp/internal/wire"
)

// Target is one Engine.
type Target struct {
	CP      evcp.CPID
	Address string // host:port
}

// Options are what a Probe needs.
type Options struct {
	Targets []Target
	Hearing evcp.Hearing
	Dialer  link.Dialer
	Greet   bool      // say "monitor connection" first
	Form    wire.Form // how questions are wrapped: wire.Raw or wire.STX
	// Slept is how long this machine has slept since it booted: the boot clock
	// minus the monotonic clock.
	Slept func() time.Duration
}

// Finding is what one exchange came to.
type Finding struct {
	Target  int       // index into Options.Targets
	At      time.Time // the moment of the outcome
	Outcome evcp.Outcome
	// Greeting is the Engine's answer to "monitor connection", given once.
	Greeting string
	Greeted  bool
	// Gap is how long the Monitor stood still at most, when the Outcome is
	// Unknown for that reason.
	Gap time.Duration
}

// Probe asks Engines. Ask and Take belong to one goroutine, the owner's.
type Probe struct {
	hearing evcp.Hearing
	slept   func() time.Duration
	lines   []line
	ctx     context.Context
	cancel  context.CancelFunc
	asking  sync.WaitGroup

	mu    sync.Mutex // guards found
	found []Finding
	ready chan struct{}
}

// New makes a probe. It dials nothing yet.
func New(o Options) *Probe {
	p := &Probe{hearing: o.Hearing, slept: o.Slept, ready: make(chan struct{}, 1)}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.lines = make([]line, len(o.Targets))
	for i, t := range o.Targets {
		p.lines[i] = newLine(t, o)
	}
	return p
}

// Ask begins one exchange with each of the targets. None may have one in flight.
func (p *Probe) Ask(targets ...int) {
	for _, i := range targets {
		p.asking.Go(func() { p.tell(p.exchange(i)) })
	}
}

func (p *Probe) tell(f Finding) {
	if p.ctx.Err() != nil {
		return
	}
	p.mu.Lock()
	p.found = append(p.found, f)
	p.mu.Unlock()
	select {
	case p.ready <- struct{}{}:
	default:
	}
}

// Ready receives when there is something to take.
func (p *Probe) Ready() <-chan struct{} { return p.ready }

// Take appends all findings there are to into.
func (p *Probe) Take(into []Finding) []Finding {
	p.mu.Lock()
	defer p.mu.Unlock()
	into = append(into, p.found...)
	p.found = p.found[:0]
	return into
}

// Close breaks off what is in flight, without findings, and hangs up.
func (p *Probe) Close() {
	p.cancel()
	for i := range p.lines {
		p.lines[i].interrupt()
	}
	p.asking.Wait()
	for i := range p.lines {
		p.lines[i].link.Close()
	}
}

// exchange is one check of target i, with the greeting where it is due.
func (p *Probe) exchange(i int) Finding {
	l := &p.lines[i]
	f := Finding{Target: i}
	if l.greeting == ungreeted {
		l.greeting = unanswered
		p.greet(l, &f)
	}
	x := p.begin(l)
	e := x.run(p.ctx)
	f.At = x.began.Add(e.Noticed)
	slept := p.slept()
	e.Slept = slept - x.slept
	e.Waking = l.drowsy(x.slept, x.began, p.hearing)
	f.Outcome = p.hearing.Judge(e)
	l.heard(f.Outcome, slept, f.At)
	f.Gap = gap(f.Outcome, e, p.hearing)
	// Who answers a check slowly answers no greeting in time: it would only keep this
	// finding back, and the next tick from being taken.
	if l.greeting == unanswered && f.Outcome.Response != "" && e.Noticed < greetingLimit {
		l.greeting = over
		p.greet(l, &f)
	}
	return f
}

// gap is how long the Monitor stood still in a check that it could not judge. An
// OK that came a moment too late was noticed awake, and is no stall.
func gap(o evcp.Outcome, e evcp.Evidence, h evcp.Hearing) time.Duration {
	late := e.Noticed - (e.Asked + h.Timeout + h.Grace)
	switch {
	case e.Slept > h.Grace:
		return e.Slept
	case o.Cause == evcp.Stalled && (late > h.Grace || e.Asked-e.Began > h.Timeout):
		return max(e.Noticed-e.Asked, e.Asked-e.Began)
	default:
		return 0
	}
}
