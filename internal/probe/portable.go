package probe

import (
	"context"
	"slices"
	"sync"
	"time"

	"evcp"
	"evcp/internal/link"
)

// portable is the Prober on package net. Each exchange has a goroutine.
type portable struct {
	tcp       *link.TCPDialer
	targets   []*targetConn // by slot; nil: free
	exchanges sync.WaitGroup

	mu    sync.Mutex // guards found, and what each target says
	found []Finding
	ready chan struct{}
}

func newPortable(o Options) *portable {
	return &portable{tcp: o.TCP, ready: make(chan struct{}, 1)}
}

func (p *portable) Adopt(slot int, t Target, slept time.Duration) {
	if t.Dialer == nil {
		t.Dialer = p.tcp
	}
	for slot >= len(p.targets) {
		p.targets = append(p.targets, nil)
	}
	c := newTargetConn(slot, t, slept, &p.mu)
	if old := p.targets[slot]; old != nil {
		c.takeOver(old)
		p.Release(slot)
	}
	p.targets[slot] = c
}

func (p *portable) Release(slot int) {
	c := p.targets[slot]
	p.targets[slot] = nil
	p.mu.Lock()
	p.found = slices.DeleteFunc(p.found, func(f Finding) bool { return f.Target == slot })
	p.mu.Unlock()
	c.end()
}

func (p *portable) Ask(slept time.Duration, slots ...int) {
	for _, i := range slots {
		c := p.targets[i]
		c.sleep.atAsk = slept
		ctx := c.begin()
		p.exchanges.Go(func() { p.exchange(ctx, c) })
	}
}

func (p *portable) Ready() <-chan struct{} { return p.ready }

// Next is zero: Ready receives for each finding.
func (p *portable) Next() time.Time { return time.Time{} }

func (p *portable) Take(into []Finding) []Finding {
	p.mu.Lock()
	defer p.mu.Unlock()
	into = append(into, p.found...)
	p.found = p.found[:0]
	return into
}

func (p *portable) Judge(f Finding, slept time.Duration) (o evcp.Outcome, gap time.Duration) {
	c := p.targets[f.Target]
	return c.sleep.judge(f, slept, c.rules)
}

func (p *portable) Close() {
	for slot, c := range p.targets {
		if c != nil {
			p.Release(slot)
		}
	}
	p.exchanges.Wait()
}

// add reports a finding of an exchange, unless it was broken off. With the last one the
// target is the owner's again.
func (p *portable) add(c *targetConn, f Finding) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.over {
		if f.Last {
			c.link.Close()
		}
		return
	}
	if f.Last {
		c.cancel()
		c.cancel, c.stop = nil, nil
	}
	p.found = append(p.found, f)
	select {
	case p.ready <- struct{}{}:
	default:
	}
}

// exchange is one check of a target, with the greeting when it is due. The check's
// finding is added before the second greeting, which must not delay it.
func (p *portable) exchange(ctx context.Context, c *targetConn) {
	if c.greeting == notGreeted {
		c.greeting = noReply
		if f := c.greet(ctx); f.Greeted {
			p.add(c, f)
		}
	}
	f := c.check(ctx)
	f.Last = !c.greetsAfter(f.Evidence)
	p.add(c, f)
	if !f.Last {
		again := c.greet(ctx)
		c.greeting, again.Last = greeted, true
		p.add(c, again)
	}
}

// check sends one health_check.
func (c *targetConn) check(ctx context.Context) Finding {
	x := c.exchange()
	e := x.run(ctx)
	return Finding{Target: c.slot, At: x.began.Add(e.Noticed), Checked: true, Evidence: e}
}

// greet sends "monitor connection". Whatever the Engine replies, or fails to, has no part
// in the check.
func (c *targetConn) greet(ctx context.Context) Finding {
	x := c.exchange()
	complete := x.greet(ctx)
	f := Finding{Target: c.slot, At: time.Now(), Greeted: !c.reply.Empty()}
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
