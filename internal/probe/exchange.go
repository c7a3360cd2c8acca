package probe

import (
	"context"
	"errors"
	"io"
	"time"

	"evcp"
	"evcp/internal/link"
)

// exchange is one question and what came back, timed from its beginning.
type exchange struct {
	line    *line
	hearing evcp.EvidenceRules
	began   time.Time     // just before the first system call
	slept   time.Duration // then
	sent    time.Duration // just before the question's write
	asked   time.Duration // when the write had returned
}

func (p *Probe) begin(l *line) *exchange {
	l.reply.Reset() // a dial that fails must not repeat what the last exchange heard
	return &exchange{line: l, hearing: p.hearing, began: time.Now(), slept: p.slept()}
}

func (x *exchange) now() time.Duration { return time.Since(x.began) }

// run asks on the kept connection, or on a fresh one, and listens. A kept
// connection that breaks under the question is confirmed on a fresh one.
func (x *exchange) run(ctx context.Context) evcp.Evidence {
	kept := x.line.link.Ready()
	if !kept {
		if e := x.dial(ctx, x.hearing.Timeout); e != nil {
			return *e
		}
	}
	e := x.askAndListen()
	if kept && e.Signal == evcp.SignalBroken {
		e = x.confirm(ctx, e)
	}
	if e.Signal != evcp.SignalReply || !x.line.reply.Reusable() {
		x.line.link.Close() // a late answer must never be read as the next one
	}
	return e
}

// askAndListen sends the question and hears the answer out.
func (x *exchange) askAndListen() evcp.Evidence {
	err := x.write(x.line.question, x.hearing.Timeout)
	if err != nil {
		return x.failed(err)
	}
	return x.listen(x.asked + x.hearing.Timeout)
}

func (x *exchange) write(question []byte, limit time.Duration) error {
	x.line.interruptible()
	x.line.reply.Reset()
	x.sent = x.now()
	err := x.line.link.Write(question, time.Now().Add(limit))
	x.asked = x.now()
	return err
}

// listen reads until the reply is decided or silence may be pronounced.
func (x *exchange) listen(until time.Duration) evcp.Evidence {
	var vigil evcp.DeadlineGrace
	for {
		b, err := x.line.link.Read(x.began.Add(until))
		closed := errors.Is(err, io.EOF)
		if x.line.reply.Feed(b, closed) && !x.line.reply.Empty() {
			return x.word()
		}
		if err == nil {
			continue
		}
		if link.CauseOf(err) != evcp.Timeout {
			return x.failed(err)
		}
		var heard bool
		if until, heard = vigil.Extend(x.now(), x.hearing); until == 0 {
			return x.silence(heard)
		}
	}
}

// confirm asks once more on a fresh connection, within what is left of the
// check's time. Any complete answer wins; otherwise the break is the failure, from
// the moment that nothing can speak against it any more.
func (x *exchange) confirm(ctx context.Context, broke evcp.Evidence) evcp.Evidence {
	until := x.asked + x.hearing.Timeout
	if e := x.askAgain(ctx, until); e.Signal == evcp.SignalReply {
		return e
	}
	broke.Noticed = x.now()
	return broke
}

func (x *exchange) askAgain(ctx context.Context, until time.Duration) evcp.Evidence {
	left := until - x.now()
	if left <= 0 || x.dial(ctx, left) != nil || x.write(x.line.question, left) != nil {
		return evcp.Evidence{}
	}
	return x.listen(until)
}

func (x *exchange) word() evcp.Evidence {
	a := x.line.reply.Result(evcp.Closed)
	e := x.evidence(evcp.SignalReply)
	x.line.acknowledge()
	e.Reply = evcp.Outcome{Status: a.Status, Cause: a.Cause, Response: a.Response}
	return e
}

// silence is what the end of the vigil means; half an answer is a bad one.
func (x *exchange) silence(heard bool) evcp.Evidence {
	if !heard {
		return x.because(evcp.SignalLocalError, evcp.Stalled)
	}
	a := x.line.reply.Result(evcp.Timeout)
	e := x.evidence(evcp.SignalNone)
	e.Reply = evcp.Outcome{Status: a.Status, Cause: a.Cause, Response: a.Response}
	return e
}

// failed is what an error of the network testifies.
func (x *exchange) failed(err error) evcp.Evidence {
	cause := link.CauseOf(err)
	switch cause {
	case evcp.Refused:
		return x.because(evcp.SignalRefused, cause)
	case evcp.Reset, evcp.Closed:
		return x.because(evcp.SignalBroken, cause)
	case evcp.Local:
		return x.because(evcp.SignalLocalError, cause)
	case evcp.Timeout:
		return x.because(evcp.SignalNone, cause)
	default:
		return x.because(evcp.SignalUnreachable, cause)
	}
}

func (x *exchange) because(t evcp.Signal, cause evcp.Cause) evcp.Evidence {
	e := x.evidence(t)
	e.Reply.Cause = cause
	return e
}

func (x *exchange) evidence(t evcp.Signal) evcp.Evidence {
	return evcp.Evidence{Signal: t, WriteBegan: x.sent, WriteEnded: x.asked, Noticed: x.now()}
}
