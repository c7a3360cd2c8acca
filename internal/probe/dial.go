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
	var vigil evcp.DeadlineGrace
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
		next, heard := vigil.Extend(x.now(), x.hearing)
		if next == 0 {
			return nil, heard
		}
		timer.Reset(next - x.now())
	}
}
