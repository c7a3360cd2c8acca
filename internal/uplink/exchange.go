package uplink

import (
	"context"
	"time"

	"evcp"
	"evcp/internal/link"
	"evcp/internal/wire"
)

// AnswerLimit is how long Central may take: to be reached, and to answer.
const AnswerLimit = 3 * time.Second

// call is the connection to Central and one question at a time on it.
type call struct {
	link  link.Link
	reply wire.CentralReply
	heard time.Time // when the last byte came, or why none did was known
	// first is called at the first byte of an answer.
	first func()
}

// ask sends a message and waits for the answer. A kept connection that breaks
// without a word may have been closed as a habit, so it is asked again on a fresh
// one; only that one's silence counts.
func (c *call) ask(ctx context.Context, m wire.Message, limit time.Duration) Reply {
	began := time.Now()
	kept := c.link.Ready()
	a := c.once(ctx, m, kept, began.Add(limit))
	if kept && !a.Received && a.Cause != evcp.Timeout {
		a = c.once(ctx, m, false, time.Now().Add(limit))
	}
	a.Latency = c.heard.Sub(began)
	if !a.Received {
		c.link.Close() // a late answer must never be read as the next one
	}
	return a
}

func (c *call) once(ctx context.Context, m wire.Message, kept bool, deadline time.Time) Reply {
	if !kept {
		dial, cancel := context.WithDeadline(ctx, deadline)
		err := c.link.Dial(dial)
		cancel()
		c.heard = time.Now()
		if err != nil {
			return Reply{Cause: link.CauseOf(err)}
		}
	}
	stop := context.AfterFunc(ctx, c.link.Interrupt())
	defer stop()
	if err := c.link.Write(wire.AppendFramed(nil, m.Append(nil), c.reply.Framing), deadline); err != nil {
		return Reply{Connected: true, Cause: link.CauseOf(err)}
	}
	return c.listen(deadline)
}

// listen reads until the answer is complete: a newline, the end, or quiet.
func (c *call) listen(deadline time.Time) Reply {
	c.reply.Reset()
	until := deadline
	for {
		b, err := c.link.Read(until)
		if err == nil || !c.reply.Started() {
			c.heard = time.Now()
		}
		complete := c.reply.Feed(b, err != nil)
		begun := c.reply.Started()
		if begun {
			c.first()
			if c.reply.Framing == wire.Raw { // a frame says itself when it is whole
				until = earlier(deadline, time.Now().Add(wire.Quiet))
			}
		}
		switch {
		case complete && begun:
			c.acknowledge(deadline)
			return Reply{Text: c.reply.Text(), Received: true, Malformed: !c.reply.Valid(), Connected: true}
		case err != nil:
			return Reply{Connected: true, Cause: link.CauseOf(err)}
		}
	}
}

// acknowledge says whether a framed answer came whole.
func (c *call) acknowledge(deadline time.Time) {
	if receipt := c.reply.Acknowledgement(); receipt != nil {
		_ = c.link.Write(receipt, deadline) // who does not take it is found out by the next message
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
