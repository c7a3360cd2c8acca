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

// talk is one connection. One goroutine owns it.
type talk struct {
	*Engine
	ctx  context.Context
	conn net.Conn
	cut  wire.RequestDecoder
	in   [wire.MaxMessage / 2]byte // so that the beginning of a message and one read always fit
	last bool                      // the connection ends with the next answer
	over bool                      // nothing more is read or answered
}

// converse answers what comes by c until either side has enough.
func (e *Engine) converse(ctx context.Context, c net.Conn) {
	defer e.door.leave(c)
	t := talk{Engine: e, ctx: ctx, conn: c}
	for !t.over {
		t.read()
	}
}

// read reads once and answers every message that is whole by then. A peer that is
// quiet or has closed its side gets its answer too.
func (t *talk) read() {
	t.conn.SetReadDeadline(inTime(t.cut.Wait()))
	n, err := t.conn.Read(t.in[:])
	fits := t.cut.Feed(t.in[:n])
	t.take(t.cut.Next)
	switch {
	case !fits:
		t.last = true
		t.answer(wire.Request{Err: wire.ErrTooLong})
		t.linger()
	case err != nil:
		t.take(t.cut.Flush)
		t.over = t.over || !errors.Is(err, os.ErrDeadlineExceeded)
	}
}

// inTime is the deadline after d; 0 is none.
func inTime(d time.Duration) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return time.Now().Add(d)
}

func (t *talk) take(next func() (wire.Request, bool)) {
	for !t.over {
		r, ok := next()
		if !ok {
			return
		}
		t.answer(r)
	}
}

func (t *talk) answer(r wire.Request) {
	x := ServedRequest{Asked: time.Now(), CP: r.CP, Verb: r.Verb}
	o := t.ask(r, x.Asked)
	x.Behaviour = o.behaviour
	x.Answer, x.Err = t.say(o, r)
	x.Disposition = t.end(o, x.Err)
	x.Done = time.Now()
	t.done(x)
}

// say sends what o says and returns it; of a drip the first wire.MaxMessage bytes.
func (t *talk) say(o order, r wire.Request) ([]byte, error) {
	var sent []byte
	delay := o.wait
	for i := 0; i < len(o.says) || o.drips && t.inForce(o); i++ {
		if delay > 0 && !wait.For(t.ctx, delay) {
			return sent, t.ctx.Err()
		}
		n, err := t.write(piece(o, r, i))
		if room := wire.MaxMessage - len(sent); room > 0 {
			sent = append(sent, n[:min(room, len(n))]...)
		}
		if err != nil {
			return sent, err
		}
		delay = o.gap
	}
	return sent, nil
}

// piece is the i-th segment of an answer. A line ends with the last one; a frame is
// cut into as many segments as the words are; a drip has no form at all.
func piece(o order, r wire.Request, i int) []byte {
	words := o.says[i%len(o.says)]
	switch {
	case o.drips:
		return []byte(words)
	case r.Framing == wire.STX:
		whole := wire.AppendReply(nil, strings.Join(o.says, ""), r)
		each := len(whole) / len(o.says)
		if i == len(o.says)-1 {
			return whole[i*each:]
		}
		return whole[i*each : (i+1)*each]
	case i < len(o.says)-1:
		return []byte(words)
	default:
		return wire.AppendReply(nil, words, r)
	}
}

// writeFor is how long a peer that reads nothing holds its goroutine.
const writeFor = 5 * time.Second

// write returns what the kernel took.
func (t *talk) write(b []byte) ([]byte, error) {
	t.conn.SetWriteDeadline(time.Now().Add(writeFor))
	n, err := t.conn.Write(b)
	return b[:n], err
}

// end does to the connection what o wants, and says what became of it. It is
// closed by converse.
func (t *talk) end(o order, err error) Disposition {
	switch {
	case o.after == Reset:
		t.reset()
		return Reset
	case err != nil, t.last, o.drips, o.after == Closed, t.options.CloseAfterReply && len(o.says) > 0:
		t.over = true
		return Closed
	}
	return Kept
}

// reset makes the close a RST.
func (t *talk) reset() {
	t.over = true
	if c, ok := t.conn.(interface{ SetLinger(sec int) error }); ok {
		_ = c.SetLinger(0) // fails only on a connection that is broken already
	}
}

// linger reads away what a peer is still sending, for a while: closing on top of
// unread bytes is a RST, and that may overtake the answer.
func (t *talk) linger() {
	if c, ok := t.conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // as above
	}
	t.conn.SetReadDeadline(time.Now().Add(lingerFor))
	_, _ = io.CopyN(io.Discard, t.conn, lingerBytes) // whatever comes, it is over
}

const (
	lingerFor   = time.Second
	lingerBytes = 4 << 20
)
