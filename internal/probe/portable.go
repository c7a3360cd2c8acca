package probe

import (
	"context"
	"slices"
	"sync"
	"time"

	"evcp"
	"evcp/internal/exchange"
	"evcp/internal/link"
)

// portable is the Prober on package net. Each exchange has a goroutine.
type portable struct {
	tcp       *link.TCPDialer
	base      time.Time         // the zero of all exchanges' times
	targets   []*portableTarget // by slot; nil: free
	exchanges sync.WaitGroup

	mu    sync.Mutex // guards found, and what every target says
	found []Finding
	ready chan struct{}
}

// portableTarget is one target. While an exchange is in flight, link and exchange belong to
// its goroutine. The other fields are the owner's, or guarded by portable.mu.
type portableTarget struct {
	Target

	slot     int
	settings exchange.Settings
	exchange exchange.Exchange
	link     link.Link
	sleep    exchange.SleepHistory

	// guarded by portable.mu
	cancel context.CancelFunc // of the exchange in flight; nil: none is
	stop   func()             // breaks off its read or write
	over   bool               // released: the exchange in flight closes the connection
}

func newPortable(o Options) *portable {
	return &portable{tcp: o.TCP, base: newBase(), ready: make(chan struct{}, 1)}
}

// newBase is the zero of a Prober's times. It is in the past: 0 itself is no time.
func newBase() time.Time { return time.Now().Add(-time.Second) }

func (p *portable) now() time.Duration { return time.Since(p.base) }

func (p *portable) Adopt(slot int, t Target, slept time.Duration) {
	if t.Dialer == nil {
		t.Dialer = p.tcp
	}
	for slot >= len(p.targets) {
		p.targets = append(p.targets, nil)
	}
	c := &portableTarget{
		Target: t, slot: slot, settings: t.settings(), sleep: exchange.NewSleepHistory(slept),
		link: link.Link{Address: t.Address, Dialer: t.Dialer},
	}
	if old := p.targets[slot]; old != nil {
		if old.Target.sameEngine(t) {
			p.takeOver(c, old)
		}
		p.Release(slot)
	}
	p.targets[slot] = c
}

// takeOver takes over what is known of the Engine, and the connection if no exchange uses it.
func (p *portable) takeOver(c, old *portableTarget) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.sleep = old.sleep
	if old.cancel == nil {
		c.link, c.exchange = old.link, old.exchange
		old.link = link.Link{}
	}
}

func (p *portable) Release(slot int) {
	c := p.targets[slot]
	p.targets[slot] = nil
	p.mu.Lock()
	defer p.mu.Unlock()
	p.found = slices.DeleteFunc(p.found, func(f Finding) bool { return f.Target == slot })
	c.over = true
	switch {
	case c.cancel == nil:
		c.link.Close()
	case c.stop != nil:
		c.stop()
		fallthrough
	default:
		c.cancel()
	}
}

func (p *portable) Ask(slept time.Duration, slots ...int) {
	for _, i := range slots {
		c := p.targets[i]
		c.sleep.Asked(slept)
		ctx, cancel := context.WithCancel(context.Background())
		p.mu.Lock()
		c.cancel = cancel
		p.mu.Unlock()
		p.exchanges.Go(func() { p.run(ctx, c) })
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
	return c.sleep.Judge(f.Evidence, slept, c.settings.Rules)
}

func (p *portable) Close() {
	for slot, c := range p.targets {
		if c != nil {
			p.Release(slot)
		}
	}
	p.exchanges.Wait()
}

// add reports findings of an exchange, unless it was broken off. With the last one the
// target is the owner's again.
func (p *portable) add(c *portableTarget, found []exchange.Result, ended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.over {
		if ended {
			c.link.Close()
		}
		return
	}
	if ended {
		c.cancel()
		c.cancel, c.stop = nil, nil
	}
	for _, f := range found {
		p.found = append(p.found, finding(c.slot, p.base, f))
	}
	p.signal()
}

func (p *portable) signal() {
	select {
	case p.ready <- struct{}{}:
	default:
	}
}

// run makes one exchange. A finding that is not the last must not wait for the rest.
func (p *portable) run(ctx context.Context, c *portableTarget) {
	var found []exchange.Result
	var dialling *dial
	e := exchange.Input{Kind: exchange.Asked, Now: p.now()}
	for {
		command := c.exchange.Step(&c.settings, &e, &found)
		if n := len(found); n > 0 && !found[n-1].Last {
			p.add(c, found, false)
			found = found[:0]
		}
		if ctx.Err() != nil {
			command = exchange.Idle
		}
		switch command {
		case exchange.Idle:
			if dialling != nil {
				_ = dialling.giveUp() // nobody waits for it any more
			}
			p.add(c, found, true)
			return
		case exchange.Look:
			e = p.look(c)
		case exchange.Write:
			e = p.write(c)
		case exchange.Dial:
			c.link.Close()
			dialling = p.dial(ctx, c)
			e = dialling.wait(c.exchange.Until())
		case exchange.Wait:
			if dialling != nil {
				e = dialling.wait(c.exchange.Until())
			} else {
				e = p.read(c)
			}
		case exchange.Route:
			e = p.route(c, dialling)
			dialling = nil
		case exchange.Close:
			if dialling != nil {
				_ = dialling.giveUp() // nobody waits for it any more
			}
			dialling = nil
			c.link.Close()
			e = exchange.Input{Kind: exchange.Closed, Now: p.now()}
		}
		if e.Kind == exchange.Connected || e.Kind == exchange.Failed {
			dialling = nil
		}
	}
}
