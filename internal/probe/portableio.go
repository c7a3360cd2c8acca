package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"evcp"
	"evcp/internal/exchange"
	"evcp/internal/link"
)

// failed is the input of an error of the network.
func failed(err error, now time.Duration) exchange.Input {
	if errors.Is(err, io.EOF) {
		return exchange.Input{Kind: exchange.Ended, Now: now}
	}
	return exchange.Input{Kind: exchange.Failed, Now: now, Cause: link.CauseOf(err), Detail: link.TLSError(err)}
}

func (p *portable) look(c *portableTarget) exchange.Input {
	b, err := c.link.Waiting()
	switch {
	case err != nil:
		return failed(err, p.now())
	case len(b) == 0:
		return exchange.Input{Kind: exchange.Quiet, Now: p.now()}
	default:
		return exchange.Input{Kind: exchange.Received, Now: p.now(), Bytes: b}
	}
}

func (p *portable) write(c *portableTarget) exchange.Input {
	p.interruptible(c)
	message := c.exchange.AppendMessage(nil, c.CP, c.Framing)
	before := p.now()
	err := c.link.Write(message, p.base.Add(c.exchange.Until()))
	e := exchange.Input{Kind: exchange.Written, Now: p.now()}
	if err != nil {
		e = failed(err, e.Now)
	}
	e.Before = before
	return e
}

// interruptible makes Release apply to the present connection.
func (p *portable) interruptible(c *portableTarget) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.stop = c.link.Interrupt()
	if c.over {
		c.stop()
	}
}

func (p *portable) read(c *portableTarget) exchange.Input {
	b, err := c.link.Read(p.base.Add(c.exchange.Until()))
	now := p.now()
	switch {
	case len(b) > 0: // an error that came with it comes again
		e := exchange.Input{Kind: exchange.Received, Now: now, Bytes: b}
		if at := c.link.Arrived(); !at.IsZero() {
			e.Arrived = at.Sub(p.base)
		}
		return e
	case err == nil || link.CauseOf(err) == evcp.Timeout && now >= c.exchange.Until():
		return exchange.Input{Kind: exchange.Overdue, Now: now}
	default:
		return failed(err, now)
	}
}

// route gives up a dial in flight, and asks whether this machine sends packets to the Engine.
func (p *portable) route(c *portableTarget, dialling *dial) exchange.Input {
	var err error
	if dialling != nil {
		err = dialling.giveUp()
	} else {
		err = c.link.RouteError()
	}
	if err != nil && link.CauseOf(err).IsLocal() {
		return failed(err, p.now())
	}
	return exchange.Input{Kind: exchange.Quiet, Now: p.now()}
}

// dial is a dial in flight.
type dial struct {
	p        *portable
	c        *portableTarget
	cancel   context.CancelFunc
	resolved chan time.Duration // when the addresses were known
	ended    chan dialResult
}

// dialResult is how a dial ended.
type dialResult struct {
	conn net.Conn
	err  error
}

// dial begins to connect. The dial is cancelled by giveUp only: in the grace after its
// limit it goes on.
func (p *portable) dial(ctx context.Context, c *portableTarget) *dial {
	d := &dial{p: p, c: c, resolved: make(chan time.Duration, 1), ended: make(chan dialResult, 1)}
	ctx, d.cancel = context.WithCancel(ctx)
	limit := c.exchange.Limit()
	limits := link.Limits{Lookup: limit / 2, Connect: limit, Connecting: func() { d.resolved <- p.now() }}
	go func() {
		conn, err := c.Dialer.DialContext(limits.With(ctx), "tcp", c.Address)
		d.ended <- dialResult{conn, err}
	}()
	return d
}

// wait waits for the next input of the dial. What has happened counts before the time.
func (d *dial) wait(until time.Duration) exchange.Input {
	timer := time.NewTimer(until - d.p.now())
	defer timer.Stop()
	select {
	case at := <-d.resolved:
		return exchange.Input{Kind: exchange.Resolved, Now: at}
	case r := <-d.ended:
		return d.end(r)
	case <-timer.C:
	}
	select {
	case at := <-d.resolved:
		return exchange.Input{Kind: exchange.Resolved, Now: at}
	case r := <-d.ended:
		return d.end(r)
	default:
		return exchange.Input{Kind: exchange.Overdue, Now: d.p.now()}
	}
}

func (d *dial) end(r dialResult) exchange.Input {
	select {
	case at := <-d.resolved: // before the end, which must not be lost
		d.ended <- r
		return exchange.Input{Kind: exchange.Resolved, Now: at}
	default:
	}
	d.cancel()
	if r.err != nil {
		return exchange.Input{Kind: exchange.Failed, Now: d.p.now(), Cause: link.CauseOf(r.err), Detail: link.TLSError(r.err)}
	}
	d.c.link.Adopt(r.conn)
	return exchange.Input{Kind: exchange.Connected, Now: d.p.now()}
}

// giveUp cancels the dial, and returns its error. A connection that came too late is closed.
func (d *dial) giveUp() error {
	d.cancel()
	r := <-d.ended
	if r.conn != nil {
		r.conn.Close()
	}
	return r.err
}
