package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"evcp/internal/wait"
	"evcp/internal/wire"
)

// byteStream is what a connection is read from and written to. A deadline that can't be set belongs to
// a connection that is closed, as the next call says.
type byteStream interface {
	io.ReadWriteCloser
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

// engineConn is one connection of a Monitor. One goroutine at a time uses it.
type engineConn struct {
	*Engine
	ctx     context.Context
	conn    byteStream // socket, or TLS over it
	socket  byteStream
	decoder wire.RequestDecoder
	last    bool // close after the next reply
	closed  bool // nothing more is read or answered
}

// readBuffer is how much is read at once: see RequestDecoder.Feed.
type readBuffer [wire.MaxMessage / 2]byte

// serveConn answers the requests of c until either side closes it.
func (e *Engine) serveConn(ctx context.Context, c net.Conn) {
	defer e.listener.remove(c)
	secured, err := e.secure(ctx, c)
	if err != nil {
		return
	}
	ec := engineConn{Engine: e, ctx: ctx, conn: secured, socket: c}
	var buffer readBuffer
	for !ec.closed {
		ec.read(buffer[:])
	}
}

// read reads once and answers every request that is complete by then. When the peer sends
// nothing more, or closed its side, what there is counts as complete.
func (c *engineConn) read(buffer []byte) {
	var deadline time.Time
	if d := c.decoder.Wait(); d > 0 {
		deadline = time.Now().Add(d)
	}
	_ = c.conn.SetReadDeadline(deadline)
	n, err := c.conn.Read(buffer)
	fits := c.decoder.Feed(buffer[:n])
	c.answerAll(c.decoder.Next)
	switch {
	case !fits:
		c.refuseLong()
	case err != nil:
		c.answerAll(c.decoder.Flush)
		c.closed = c.closed || !errors.Is(err, os.ErrDeadlineExceeded)
	}
}

func (c *engineConn) answerAll(next func() (wire.Request, bool)) {
	for !c.closed {
		r, ok := next()
		if !ok {
			return
		}
		c.answer(r)
	}
}

func (c *engineConn) answer(r wire.Request) {
	p, x := c.begin(r)
	c.finish(p, r, x)
}

// begin decides what a message gets.
func (c *engineConn) begin(r wire.Request) (replyPlan, ServedRequest) {
	x := ServedRequest{Asked: time.Now(), CP: r.CP, Verb: r.Verb}
	p := c.plan(r, x.Asked)
	x.Behaviour = p.behaviour
	return p, x
}

// finish replies as planned, however long that takes.
func (c *engineConn) finish(p replyPlan, r wire.Request, x ServedRequest) {
	x.Answer, x.Err = c.send(p, r)
	c.end(p, x)
}

// end disposes of the connection when the reply is out.
func (c *engineConn) end(p replyPlan, x ServedRequest) {
	x.Disposition = c.dispose(p, x.Err)
	x.Done = time.Now()
	c.served(x)
}

// refuseLong replies to a message that is too long, and closes.
func (c *engineConn) refuseLong() {
	c.last = true
	c.answer(wire.Request{Err: wire.ErrTooLong})
	c.linger()
}

// send sends the segments of p and returns what was sent; of a drip the first
// wire.MaxMessage bytes.
func (c *engineConn) send(p replyPlan, r wire.Request) ([]byte, error) {
	var sent []byte
	delay := p.wait
	for i := 0; i < len(p.segments) || p.drips && c.inForce(p); i++ {
		if delay > 0 && !wait.For(c.ctx, delay) {
			return sent, c.ctx.Err()
		}
		written, err := c.write(segment(p, r, i))
		if room := wire.MaxMessage - len(sent); room > 0 {
			sent = append(sent, written[:min(room, len(written))]...)
		}
		if err != nil {
			return sent, err
		}
		delay = p.gap
	}
	return sent, nil
}

// segment is the i-th segment of a reply, framed as the request: the newline of a line is
// in the last one, a frame is cut into as many segments as the text is, and a drip has no
// framing.
func segment(p replyPlan, r wire.Request, i int) []byte {
	text := p.segments[i%len(p.segments)]
	switch {
	case p.drips:
		return []byte(text)
	case r.Framing == wire.STX:
		frame := wire.AppendReply(nil, strings.Join(p.segments, ""), r)
		each := len(frame) / len(p.segments)
		if i == len(p.segments)-1 {
			return frame[i*each:]
		}
		return frame[i*each : (i+1)*each]
	case i < len(p.segments)-1:
		return []byte(text)
	default:
		return wire.AppendReply(nil, text, r)
	}
}

// writeTimeout is how long a peer that reads nothing holds its goroutine.
const writeTimeout = 5 * time.Second

// write returns what the kernel took.
func (c *engineConn) write(b []byte) ([]byte, error) {
	_ = c.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	n, err := c.conn.Write(b)
	return b[:n], err
}

// dispose decides whether the connection stays open; serveConn closes it.
func (c *engineConn) dispose(p replyPlan, err error) Disposition {
	switch {
	case p.after == Reset:
		c.closed = true
		if s, ok := c.socket.(interface{ SetLinger(sec int) error }); ok {
			_ = s.SetLinger(0) // makes the close a RST; fails only on a broken connection
		}
		return Reset
	case err != nil, c.last, p.drips, p.after == Closed, c.options.CloseAfterReply && len(p.segments) > 0:
		c.closed = true
		closeTLS(c.conn)
		return Closed
	}
	return Kept
}

const (
	lingerTime  = time.Second
	lingerBytes = 4 << 20
)

// linger reads and drops what the peer still sends: a close with unread bytes is a RST,
// and that may overtake the reply.
func (c *engineConn) linger() {
	if s, ok := c.conn.(interface{ CloseWrite() error }); ok {
		_ = s.CloseWrite() // fails only on a broken connection
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, c.conn, lingerBytes) // the connection is closed in any case
}
