package uplink

import (
	"context"
	"time"

	"evcp"
	"evcp/internal/link"
)

// AnswerLimit is how long Central may take: to be reached, and to answer.
const AnswerLimit = 3 * time.Second

// centralConn is one connection to Central. It carries one message at a time.
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
	if r.Cause == evcp.Timeout {
		if refused := c.link.RouteError(); refused != nil {
			r.Cause = link.CauseOf(refused)
		}
	}
	r.Connected = true
	return r, ended
}
