// Package probe checks Engines: one exchange with one Engine under its deadlines, for
// any number of Engines at once.
//
// Targets go in by Ask and findings come out by Take. The owner asks the targets that
// are due, waits for Ready, takes all findings there are, and lets Judge say what each
// check came to. A target has at most one exchange in flight. An exchange brings one
// finding or more, each as soon as it is there; the last one is marked. After Close
// there are none.
//
// Ask and Judge need the time that the machine has slept. The owner reads it once for
// each wake-up and passes it on: after Take and before Ask and Judge. Then a sleep
// next to a check counts as one inside the check, and none is missed.
package probe

import (
	"context"
	"sync"
	"time"

	"evcp"
	"evcp/internal/link"
	"evcp/internal/wire"
)

// Target is one Engine to check.
type Target struct {
	CP      evcp.CPID
	Address string // host:port
}

// Options are what a Probe needs.
type Options struct {
	Targets []Target
	Rules   evcp.EvidenceRules
	Dialer  link.Dialer
	Greet   bool          // send "monitor connection" first
	Framing wire.Framing  // of the questions: wire.Raw or wire.STX
	Slept   time.Duration // the time this machine has slept, as of now
}

// Finding is one thing that an exchange came to: a reply to the greeting, the end of
// a check, or nothing but the end of the exchange.
type Finding struct {
	Target int       // index into Options.Targets
	At     time.Time // when it was noticed; never before the target's last finding

	Checked  bool
	Evidence evcp.Evidence // Checked; without Slept and RecentlyAwake, which Judge adds

	Greeted  bool
	Greeting string // Greeted: the Engine's reply to "monitor connection"

	Last bool // nothing of the exchange is in flight any more
}

// Probe checks Engines. Ask, Take and Judge belong to one goroutine, the owner's.
type Probe struct {
	rules     evcp.EvidenceRules
	targets   []targetConn
	ctx       context.Context
	cancel    context.CancelFunc
	exchanges sync.WaitGroup

	mu    sync.Mutex // guards found
	found []Finding
	ready chan struct{}
}

// New makes a Probe. It dials nothing yet.
func New(o Options) *Probe {
	p := &Probe{rules: o.Rules, ready: make(chan struct{}, 1)}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.targets = make([]targetConn, len(o.Targets))
	for i, t := range o.Targets {
		p.targets[i] = newTargetConn(t, o)
	}
	return p
}

// Ask begins one exchange with each of the targets. None may have one in flight.
func (p *Probe) Ask(slept time.Duration, targets ...int) {
	for _, i := range targets {
		p.targets[i].sleep.atAsk = slept
		p.exchanges.Go(func() { p.exchange(i) })
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

// Judge decides what a check came to. It is called once for each Checked finding,
// before its target is asked again; slept was read after Take. gap is how long the
// Monitor stood still, at most, when the outcome is Unknown for that reason.
func (p *Probe) Judge(f Finding, slept time.Duration) (o evcp.Outcome, gap time.Duration) {
	s, e := &p.targets[f.Target].sleep, f.Evidence
	e.Slept = slept - s.atAsk
	e.RecentlyAwake = s.recentlyAwake(f.At.Add(-e.Noticed), p.rules)
	o = p.rules.Judge(e)
	s.checked(o, f.At, slept, p.rules)
	return o, stall(o, e, p.rules)
}

// stall is how long the Monitor stood still in a check that it could not judge. An
// OK that came a moment too late was noticed at once, and is no stall.
func stall(o evcp.Outcome, e evcp.Evidence, r evcp.EvidenceRules) time.Duration {
	late := e.Noticed - (e.WriteEnded + r.Timeout + r.Grace)
	switch {
	case e.Slept > r.Grace:
		return e.Slept
	case o.Cause == evcp.Stalled && (late > r.Grace || e.WriteEnded-e.Began > r.Timeout):
		return max(e.Noticed-e.WriteEnded, e.WriteEnded-e.Began)
	default:
		return 0
	}
}

// Close breaks off what is in flight, without findings, and closes the connections.
func (p *Probe) Close() {
	p.cancel()
	for i := range p.targets {
		p.targets[i].interrupt()
	}
	p.exchanges.Wait()
	for i := range p.targets {
		p.targets[i].link.Close()
	}
}

func (p *Probe) add(f Finding) {
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

// exchange is one check of target i, with the greeting when it is due. The check's
// finding is added before the second greeting, which must not delay it.
func (p *Probe) exchange(i int) {
	c := &p.targets[i]
	if c.greeting == notGreeted {
		c.greeting = noReply
		if f := p.greet(i); f.Greeted {
			p.add(f)
		}
	}
	f := p.check(i)
	f.Last = !c.greetsAfter(f.Evidence)
	p.add(f)
	if !f.Last {
		again := p.greet(i)
		c.greeting, again.Last = greeted, true
		p.add(again)
	}
}

// check sends target i one health_check.
func (p *Probe) check(i int) Finding {
	x := p.begin(&p.targets[i])
	e := x.run(p.ctx)
	return Finding{Target: i, At: x.began.Add(e.Noticed), Checked: true, Evidence: e}
}

// greet sends target i "monitor connection". Whatever it replies, or fails to, has no
// part in the check.
func (p *Probe) greet(i int) Finding {
	c := &p.targets[i]
	x := p.begin(c)
	complete := x.greet(p.ctx)
	f := Finding{Target: i, At: time.Now(), Greeted: !c.reply.Empty()}
	if f.Greeted {
		c.greeting = greeted
		f.Greeting = c.reply.Result(evcp.Closed).Response
		c.acknowledge()
	}
	if !complete || !c.reply.Reusable() || !f.Greeted {
		c.link.Close() // the rest of the reply must never be read as the reply to a check
	}
	return f
}
