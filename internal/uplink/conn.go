package uplink

import (
	"context"
	"slices"
	"time"

	"evcp"
	"evcp/internal/link"
)

// AnswerLimit is how long Central may take: to be reached, and to answer.
const AnswerLimit = 3 * time.Second

// centralConn is one connection to Central.
type centralConn struct {
	link        link.Link
	exchanger   Exchanger
	onFirstByte func() // of each reply
	onDialled   func() // there is a new connection
}

// send sends a message and waits for the reply. Central may have closed a kept
// connection as a habit. So when one breaks without a reply, the message is sent once
// more on a new connection, and what comes of that counts.
func (c *centralConn) send(ctx context.Context, m Outbound, limit time.Duration) SendResult {
	began := time.Now()
	kept := c.link.Ready()
	r, ended := c.sendOnce(ctx, m, kept, began.Add(limit))
	if kept && !r.Received && r.Cause != evcp.Timeout {
		r, ended = c.sendOnce(ctx, m, false, time.Now().Add(limit))
	}
	r.Latency = ended.Sub(began)
	if !r.Received {
		c.link.Close() // a late reply must never be read as the next one
	}
	return r
}

// sendAll sends messages that do not depend on one another, several of them pipelined, and
// appends their results. When the connection breaks, those without a reply are sent again one
// by one, as by send; at the first without a reply the others have the same result. cut: some
// were answered, and the next one was not in time.
func (c *centralConn) sendAll(ctx context.Context, all []Outbound, limit time.Duration, into []SendResult) (results []SendResult, cut bool) {
	began := len(into)
	if len(all) > 1 && c.link.Ready() {
		var failed SendResult
		into, failed = c.exchanger.Pipeline(&c.link, all, time.Now().Add(limit), into)
		answered := len(into) - began
		if answered == len(all) {
			return into, false
		}
		failed.Cause, failed.Connected, failed.Latency = c.timeoutCause(failed.Cause), true, limit
		c.link.Close() // a late reply must never be read as the next one
		if failed.Cause == evcp.Timeout || ctx.Err() != nil {
			return append(into, slices.Repeat([]SendResult{failed}, len(all)-answered)...), answered > 0 && ctx.Err() == nil
		}
	}
	for _, m := range all[len(into)-began:] {
		r := c.send(ctx, m, limit)
		if into = append(into, r); !r.Received {
			return append(into, slices.Repeat([]SendResult{r}, len(all)-(len(into)-began))...), false
		}
	}
	return into, false
}

func (c *centralConn) sendOnce(ctx context.Context, m Outbound, kept bool, deadline time.Time) (r SendResult, ended time.Time) {
	if !kept {
		dial, cancel := context.WithDeadline(ctx, deadline)
		err := c.link.Dial(dial)
		cancel()
		if err != nil {
			return notReceived(err), time.Now()
		}
		c.onDialled()
	}
	r, ended = c.exchanger.Exchange(&c.link, m, deadline, c.onFirstByte)
	r.Cause, r.Connected = c.timeoutCause(r.Cause), true
	return r, ended
}

// timeoutCause is why there was no reply: a packet that this machine refuses to send is a
// timeout too.
func (c *centralConn) timeoutCause(cause evcp.Cause) evcp.Cause {
	if cause == evcp.Timeout {
		if refused := c.link.RouteError(); refused != nil {
			return link.CauseOf(refused)
		}
	}
	return cause
}
