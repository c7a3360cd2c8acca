package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"evcp"
	"evcp/internal/link"
	"evcp/internal/wire"
)

// exchange is one question and its reply. Its times are counted from its beginning.
type exchange struct {
	conn       *targetConn
	rules      evcp.EvidenceRules
	began      time.Time     // just before the first system call
	writeBegan time.Duration // just before the write of the question
	writeEnded time.Duration // when that write had returned
	lookup     time.Duration // how long the last dial took to find the addresses of the Engine's name
}

func (c *targetConn) exchange() *exchange {
	c.reply.Reset() // a dial that fails must not repeat the reply of the last exchange
	return &exchange{conn: c, rules: c.rules, began: time.Now()}
}

func (x *exchange) now() time.Duration { return time.Since(x.began) }

// run asks on the kept connection, or on a fresh one. A kept connection that breaks
// during the question is confirmed on a fresh one.
func (x *exchange) run(ctx context.Context) evcp.Evidence {
	kept := x.conn.link.Ready()
	if !kept {
		if e := x.dial(ctx, x.rules.Timeout); e != nil {
			return *e
		}
	}
	e := x.ask()
	if kept && e.Signal == evcp.SignalBroken {
		e = x.confirm(ctx, e)
	}
	if e.Signal != evcp.SignalReply || !x.conn.reply.Reusable() {
		x.conn.link.Close() // a late reply must never be read as the next one
	}
	return e
}

// ask sends the question and reads the reply.
func (x *exchange) ask() evcp.Evidence {
	if err := x.write(x.conn.healthCheck, x.rules.Timeout); err != nil {
		return x.failed(err)
	}
	return x.read(x.writeEnded + x.rules.Timeout)
}

func (x *exchange) write(message []byte, limit time.Duration) error {
	x.conn.interruptible()
	x.conn.reply.Reset()
	x.writeBegan = x.now()
	err := x.conn.link.Write(message, time.Now().Add(limit))
	x.writeEnded = x.now()
	return err
}

// read reads until the reply is decided, the connection fails, or the deadline and
// its grace are over.
func (x *exchange) read(until time.Duration) evcp.Evidence {
	var grace evcp.DeadlineGrace
	for {
		b, err := x.conn.link.Read(x.began.Add(until))
		closed := errors.Is(err, io.EOF)
		if x.conn.reply.Feed(b, closed) && !x.conn.reply.Empty() {
			return x.replied()
		}
		if err == nil {
			continue
		}
		if link.CauseOf(err) != evcp.Timeout {
			return x.failed(err)
		}
		var silent bool
		if until, silent = grace.Extend(x.now(), x.rules); until == 0 {
			return x.timedOut(silent)
		}
	}
}

// confirm asks once more on a fresh connection, within what is left of the check's
// time. Any complete reply counts. When the Monitor's own machine prevents that
// connection, the break is not confirmed, and the check proves nothing. A failure of TLS
// says more than the break. Otherwise the check failed by the break, noticed when the
// confirmation failed.
func (x *exchange) confirm(ctx context.Context, broke evcp.Evidence) evcp.Evidence {
	until := x.writeEnded + x.rules.Timeout
	if e := x.askAgain(ctx, until); e.Signal == evcp.SignalReply || e.Signal == evcp.SignalLocalError && e.Reply.Cause != evcp.Stalled || e.Reply.Cause == evcp.TLS {
		return e
	}
	broke.Noticed = x.now()
	return broke
}

func (x *exchange) askAgain(ctx context.Context, until time.Duration) evcp.Evidence {
	left := until - x.now()
	if left <= 0 {
		return evcp.Evidence{}
	}
	if e := x.dial(ctx, left); e != nil {
		return *e
	}
	if err := x.write(x.conn.healthCheck, left); err != nil {
		return x.failed(err)
	}
	return x.read(until + x.lookup)
}

// greet sends "monitor connection" and reports whether the reply was read to its end.
func (x *exchange) greet(ctx context.Context) (complete bool) {
	c := x.conn
	if !c.link.Ready() && x.dial(ctx, greetingLimit) != nil {
		return false
	}
	if x.write(c.monitorConnection, greetingLimit) != nil {
		return false
	}
	for {
		b, err := c.link.Read(x.began.Add(greetingLimit))
		if c.reply.Feed(b, err != nil) {
			return err == nil
		}
	}
}

// dialResult is how a dial ended.
type dialResult struct {
	conn net.Conn
	err  error
}

// dial opens a fresh connection and returns nil, or the evidence of why not. To connect
// may take limit and the grace after it, in which the dial goes on; then it is cancelled.
// Before that, half of limit is for the addresses of the Engine's name: a slow name server
// must leave the Engine its time.
func (x *exchange) dial(ctx context.Context, limit time.Duration) *evcp.Evidence {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began := x.now()
	connecting := make(chan time.Duration, 1)
	limits := link.Limits{Lookup: limit / 2, Connect: limit, Connecting: func() { connecting <- x.now() }}
	ended := make(chan dialResult, 1)
	go func() {
		conn, err := x.conn.link.Dialer.DialContext(limits.With(ctx), "tcp", x.conn.link.Address)
		ended <- dialResult{conn, err}
	}()
	x.lookup = 0
	got, silent := x.await(ended, connecting, began, limit)
	select {
	case at := <-connecting: // await saw the end first
		x.lookup = at - began
	default:
	}
	if got == nil {
		cancel()
		late := <-ended
		if late.conn != nil {
			late.conn.Close()
		}
		if e := x.failed(late.err); e.Signal == evcp.SignalLocalError { // there is no route by now
			return &e
		}
		return new(x.timedOut(silent))
	}
	if got.err != nil {
		return new(x.failed(got.err))
	}
	x.conn.link.Adopt(got.conn)
	return nil
}

// await waits for the dial until its deadline and the grace are over. The limit counts
// from when the addresses are known.
func (x *exchange) await(ended <-chan dialResult, connecting <-chan time.Duration, began, limit time.Duration) (got *dialResult, silent bool) {
	var grace evcp.DeadlineGrace
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case d := <-ended:
			return &d, true
		case at := <-connecting:
			x.lookup = at - began
			timer.Reset(at + limit - x.now())
			continue
		case <-timer.C:
		}
		select { // both may have been ready, and then the dial counts
		case d := <-ended:
			return &d, true
		default:
		}
		next, silent := grace.Extend(x.now(), x.rules)
		if next == 0 {
			return nil, silent
		}
		timer.Reset(next - x.now())
	}
}

func (x *exchange) replied() evcp.Evidence {
	e := x.evidence(evcp.SignalReply, x.conn.reply.Result(evcp.Closed))
	x.conn.acknowledge()
	return e
}

// timedOut is the evidence at the end of the grace. A part of a reply counts as a bad
// reply. Silence proves nothing while the Monitor's own network has no route to the Engine.
func (x *exchange) timedOut(silent bool) evcp.Evidence {
	if !silent {
		return x.evidence(evcp.SignalLocalError, evcp.Outcome{Cause: evcp.Stalled})
	}
	e := x.evidence(evcp.SignalNone, x.conn.reply.Result(evcp.Timeout))
	if refused := x.conn.link.RouteError(); refused != nil && e.Reply.Status != evcp.KO {
		return x.failed(refused)
	}
	return e
}

// failed is the evidence of an error of the network.
func (x *exchange) failed(err error) evcp.Evidence {
	cause, signal := link.CauseOf(err), evcp.SignalUnreachable
	switch {
	case cause == evcp.Refused:
		signal = evcp.SignalRefused
	case cause == evcp.Reset, cause == evcp.Closed:
		signal = evcp.SignalBroken
	case cause.IsLocal():
		signal = evcp.SignalLocalError
	case cause == evcp.Timeout:
		signal = evcp.SignalNone
	}
	return x.evidence(signal, evcp.Outcome{Cause: cause, Response: wire.Text([]byte(link.TLSError(err)))})
}

func (x *exchange) evidence(s evcp.Signal, reply evcp.Outcome) evcp.Evidence {
	return evcp.Evidence{Signal: s, Reply: reply, WriteBegan: x.writeBegan, WriteEnded: x.writeEnded, Noticed: x.now(), Lookup: x.lookup}
}
