package probe

import (
	"context"
	"net"
	"time"

	"evcp"
)

// dialled is how a dial ended.
type dialled struct {
	conn net.Conn
	err  error
}

// dial opens a fresh connection and returns nil, or the evidence of why not. It
// may take limit; silence after that is pronounced only awake, so the dial goes
// on during the vigil and is broken off at its end.
func (x *exchange) dial(ctx context.Context, limit time.Duration) *evcp.Evidence {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan dialled, 1)
	go func() {
		conn, err := x.line.link.Dialer.DialContext(ctx, "tcp", x.line.link.Address)
		ended <- dialled{conn, err}
	}()
	defer cancel()
	got, heard := x.await(ended, x.now()+limit)
	if got == nil {
		cancel()
		if late := <-ended; late.conn != nil {
			late.conn.Close()
		}
		e := x.silence(heard)
		return &e
	}
	if got.err != nil {
		e := x.failed(got.err)
		return &e
	}
	x.line.link.Adopt(got.conn)
	return nil
}

// await waits for the dial until its time and the vigil are over.
func (x *exchange) await(ended <-chan dialled, until time.Duration) (*dialled, bool) {
	var vigil evcp.Vigil
	timer := time.NewTimer(until - x.now())
	defer timer.Stop()
	for {
		select {
		case d := <-ended:
			return &d, true
		case <-timer.C:
		}
		select { // look once more before the clock has the last word
		case d := <-ended:
			return &d, true
		default:
		}
		next, heard := vigil.Listen(x.now(), x.hearing)
		if next == 0 {
			return nil, heard
		}
		timer.Reset(next - x.now())
	}
}

// greetingLimit is how long "monitor connection" may keep the first check waiting.
const greetingLimit = 200 * time.Millisecond

// greet says "monitor connection" and notes the answer. It counts for nothing.
func (p *Probe) greet(l *line, f *Finding) {
	x := p.begin(l)
	if !l.link.Ready() && x.dial(p.ctx, greetingLimit) != nil {
		return
	}
	if x.write(l.hello, greetingLimit) != nil {
		l.link.Close()
		return
	}
	until := x.began.Add(greetingLimit)
	var whole bool
	for {
		b, err := l.link.Read(until)
		whole = err == nil
		if l.reply.Feed(b, err != nil) {
			break
		}
	}
	if !l.reply.Empty() {
		l.greeting = over
		f.Greeted, f.Greeting = true, l.reply.Answer(evcp.Closed).Response
		l.acknowledge()
	}
	if !whole || !l.reply.Reusable() || l.reply.Empty() {
		l.link.Close() // the rest of it must never be read as the answer to a check
	}
}
