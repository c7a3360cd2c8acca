package uplink

import (
	"context"
	"time"

	"evcp"
	"evcp/internal/link"
)

// AnswerLimit is how long Central may take: to be reached, and to answer.
const AnswerLimit = 3 * time.Second

// SendResult is what came of one message. It is Unclear when nothing was received.
type SendResult struct {
	Text      string // Central's own, safe to print; "" when nothing was received
	Verdict   Verdict
	Received  bool
	Connected bool       // there was a connection to send the message on
	Cause     evcp.Cause // why nothing was received
	Latency   time.Duration
}

// centralConn is the connection to Central. It carries one message at a time.
type centralConn struct {
	link  link.Link
	codec Codec
	reply ReplyReader
	ended time.Time // when the last byte was received, or the failure noticed
	// onFirstByte is called at the first byte of each reply.
	onFirstByte func()
}

func newCentralConn(d link.Dialer, central string, codec Codec, onFirstByte func()) centralConn {
	return centralConn{link: link.Link{Address: central, Dialer: d}, codec: codec, reply: codec.NewReplyReader(), onFirstByte: onFirstByte}
}

// send sends a message and waits for the reply. Central may have closed a kept
// connection as a habit. So when one breaks without a reply, the message is sent once
// more on a new connection, and what comes of that counts.
func (c *centralConn) send(ctx context.Context, m Outbound, limit time.Duration) SendResult {
	began := time.Now()
	kept := c.link.Ready()
	r := c.sendOnce(ctx, m, kept, began.Add(limit))
	if kept && !r.Received && r.Cause != evcp.Timeout {
		r = c.sendOnce(ctx, m, false, time.Now().Add(limit))
	}
	r.Latency = c.ended.Sub(began)
	if !r.Received {
		c.link.Close() // a late reply must never be read as the next one
	}
	return r
}

func (c *centralConn) sendOnce(ctx context.Context, m Outbound, kept bool, deadline time.Time) SendResult {
	if !kept {
		dial, cancel := context.WithDeadline(ctx, deadline)
		err := c.link.Dial(dial)
		cancel()
		c.ended = time.Now()
		if err != nil {
			return SendResult{Cause: link.CauseOf(err)}
		}
	}
	stop := context.AfterFunc(ctx, c.link.Interrupt())
	defer stop()
	if err := c.link.Write(c.codec.Append(nil, m), deadline); err != nil {
		return SendResult{Connected: true, Cause: link.CauseOf(err)}
	}
	return c.receive(m, deadline)
}

// receive reads until the reply is complete.
func (c *centralConn) receive(m Outbound, deadline time.Time) SendResult {
	c.reply.Begin(m)
	until := deadline
	for {
		b, err := c.link.Read(until)
		if err == nil || !c.reply.Started() {
			c.ended = time.Now()
		}
		complete := c.reply.Feed(b, err != nil)
		if c.reply.Started() {
			c.onFirstByte()
			if quiet := c.codec.Quiet(); quiet > 0 {
				until = earlier(deadline, time.Now().Add(quiet))
			}
		}
		switch {
		case complete && c.reply.Started():
			text, verdict, ack := c.reply.Reply()
			if ack != nil {
				_ = c.link.Write(ack, deadline) // the next message finds out that the connection broke
			}
			return SendResult{Text: text, Verdict: verdict, Received: true, Connected: true}
		case err != nil:
			return SendResult{Connected: true, Cause: link.CauseOf(err)}
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// TryRegistration asks Central once to accept cp, for --test. Nothing is kept. A peer
// that does not answer is sent two empty lines at the end: a web server waits for
// them, and its reply shows that it is not EV_Central.
func TryRegistration(ctx context.Context, d link.Dialer, central string, codec Codec, cp evcp.CPID) SendResult {
	c := newCentralConn(d, central, codec, func() {})
	defer c.link.Close()
	m := Outbound{Operation: Register, CP: cp}
	began := time.Now()
	r := c.sendOnce(ctx, m, false, began.Add(AnswerLimit))
	r.Latency = c.ended.Sub(began)
	const nudge = 500 * time.Millisecond
	if r.Connected && r.Cause == evcp.Timeout && c.link.Write([]byte("\r\n\r\n"), time.Now().Add(nudge)) == nil {
		if late := c.receive(m, time.Now().Add(nudge)); late.Received {
			late.Verdict = Unclear
			return late
		}
	}
	return r
}
