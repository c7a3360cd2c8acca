// Package probe asks Engines whether they are well: one exchange with one Engine
// under its deadlines, for any number of Engines at once.
//
// The contract is batches in and batches out. The owner asks the targets that
// are due, waits for Ready, and takes all findings there are. A target has at
// most one exchange in flight. Each brings one finding or more, told as soon as it
// is seen, and the last one says so; after Close none come. The probe sees and times; whether to believe what was seen is
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
	Rules   evcp.EvidenceRules
	Dialer  link.Dialer
	Greet   bool         // say "monitor connection" first
	Framing wire.Framing // how questions are wrapped: wire.Raw or wire.STX
	// Slept is how long this machine has slept since it booted: the boot clock
	// minus the monotonic clock.
	Slept func() time.Duration
}

// Finding is one thing that an exchange came to: an answered greeting, a check's
// outcome, or nothing but its end.
type Finding struct {
	Target int       // index into Options.Targets
	At     time.Time // when it was seen; never before the target's last finding

	Checked bool
	Outcome evcp.Outcome // Checked
	// Gap is how long the Monitor stood still at most, when the Outcome is
	// Unknown for that reason.
	Gap time.Duration

	Greeted  bool
	Greeting string // Greeted: the Engine's answer to "monitor connection"

	Last bool // nothing of the exchange is in flight any more
}

// Probe asks Engines. Ask and Take belong to one goroutine, the owner's.
type Probe struct {
	hearing evcp.EvidenceRules
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
	p := &Probe{hearing: o.Rules, slept: o.Slept, ready: make(chan struct{}, 1)}
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
		p.asking.Go(func() { p.exchange(i) })
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

// exchange is one check of target i, with the greeting where it is due. What the
// check came to is told before the Engine is greeted again: nothing may keep it back.
func (p *Probe) exchange(i int) {
	l := &p.lines[i]
	if l.greeting == ungreeted {
		l.greeting = unanswered
		if f := p.greet(i); f.Greeted {
			p.tell(f)
		}
	}
	f := p.check(i)
	f.Last = !l.greetsAfter(f.Outcome)
	p.tell(f)
	if !f.Last {
		again := p.greet(i)
		l.greeting, again.Last = over, true
		p.tell(again)
	}
}

// check asks target i whether it is well, and judges what was seen.
func (p *Probe) check(i int) Finding {
	l := &p.lines[i]
	x := p.begin(l)
	e := x.run(p.ctx)
	f := Finding{Target: i, At: x.began.Add(e.Noticed), Checked: true}
	slept := p.slept()
	e.Slept = slept - x.slept
	e.RecentlyAwake = l.drowsy(x.slept, x.began, p.hearing)
	f.Outcome = p.hearing.Judge(e)
	l.heard(f.Outcome, e.Slept, slept, f.At, p.hearing)
	f.Gap = gap(f.Outcome, e, p.hearing)
	return f
}

// gap is how long the Monitor stood still in a check that it could not judge. An
// OK that came a moment too late was noticed awake, and is no stall.
func gap(o evcp.Outcome, e evcp.Evidence, h evcp.EvidenceRules) time.Duration {
	late := e.Noticed - (e.WriteEnded + h.Timeout + h.Grace)
	switch {
	case e.Slept > h.Grace:
		return e.Slept
	case o.Cause == evcp.Stalled && (late > h.Grace || e.WriteEnded-e.Began > h.Timeout):
		return max(e.Noticed-e.WriteEnded, e.WriteEnded-e.Began)
	default:
		return 0
	}
}
