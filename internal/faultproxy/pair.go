package faultproxy

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// proxiedConn is a client's connection and the one to the target that serves it.
type proxiedConn struct {
	p      *Proxy
	number int
	client *net.TCPConn
	gone   chan struct{} // closed when it is broken off

	mu     sync.Mutex
	target *net.TCPConn // nil until dialled
	broken bool
}

func (p *Proxy) newPair(client *net.TCPConn) *proxiedConn {
	return &proxiedConn{p: p, number: p.traffic.connOpened(), client: client, gone: make(chan struct{})}
}

// breakOff ends both sides with an RST. It may be called twice.
func (c *proxiedConn) breakOff() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken {
		return
	}
	c.broken = true
	close(c.gone)
	reset(c.client)
	if c.target != nil {
		reset(c.target)
	}
}

// reached takes over the connection to the target, unless it comes too late.
func (c *proxiedConn) reached(target *net.TCPConn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken {
		reset(target)
		return false
	}
	c.target = target
	return true
}

const dialFor = 10 * time.Second

// run serves until both directions are over.
func (c *proxiedConn) run() {
	conn, err := net.DialTimeout("tcp", c.p.o.Target, dialFor)
	if err != nil {
		c.breakOff()
		return
	}
	if !c.reached(conn.(*net.TCPConn)) { //nolint:errcheck // "tcp" dials nothing else
		return
	}
	up := newDirection(c, true, c.client, c.target)
	down := newDirection(c, false, c.target, c.client)
	var flowing sync.WaitGroup
	flowing.Go(up.read)
	flowing.Go(up.write)
	flowing.Go(down.read)
	flowing.Go(down.write)
	flowing.Wait()
	hangUp(c.client)
	hangUp(c.target)
}

// direction is one direction: a reader that always takes what comes, as a kernel
// would, and a writer that hands it on when the mode lets it.
type direction struct {
	pair     *proxiedConn
	up       bool
	from, to *net.TCPConn
	waiting  chan segment
}

// segment is what waits to be handed on: bytes, or the end.
type segment struct {
	data []byte
	at   int // in the record
	came time.Time
	end  error // io.EOF: closed in order; any other: broken off
}

// queue bounds what is held back in one direction: a reader that finds it full
// stops reading, and the sender's kernel notices.
const queue = 256

func newDirection(c *proxiedConn, up bool, from, to *net.TCPConn) *direction {
	return &direction{pair: c, up: up, from: from, to: to, waiting: make(chan segment, queue)}
}

func (f *direction) read() {
	defer close(f.waiting)
	buf := make([]byte, 4096)
	for {
		n, err := f.from.Read(buf)
		if n > 0 {
			at := f.pair.p.traffic.came(f.pair.number, f.up, buf[:n])
			f.hold(segment{data: append([]byte(nil), buf[:n]...), at: at, came: time.Now()})
		}
		if err != nil {
			if f.up && !errors.Is(err, net.ErrClosed) {
				f.pair.p.traffic.left(f.pair.number)
			}
			f.hold(segment{came: time.Now(), end: err})
			return
		}
	}
}

func (f *direction) hold(x segment) {
	select {
	case f.waiting <- x:
	case <-f.pair.gone:
	}
}

func (f *direction) write() {
	for x := range f.waiting {
		if !f.pair.mayPass(f.up, x.came) || !f.pass(x) {
			return
		}
	}
}

// pass hands a parcel on and reports whether more may follow. A receiver that is
// gone is the same to the sender as one that left: the end comes from its side.
func (f *direction) pass(x segment) bool {
	switch {
	case x.end == nil:
		if _, err := f.to.Write(x.data); err != nil {
			return false
		}
		f.pair.p.traffic.passed(x.at)
		return true
	case errors.Is(x.end, io.EOF):
		_ = f.to.CloseWrite() // it has left as well, if it fails
	default:
		f.pair.breakOff()
	}
	return false
}

// mayPass waits until the mode lets something pass that came then; false when the
// connection was broken off meanwhile.
func (c *proxiedConn) mayPass(up bool, came time.Time) bool {
	for {
		mode, changed := c.p.inForce()
		wait := mode.wait(up, time.Since(came))
		if wait <= 0 {
			return true
		}
		timer := time.NewTimer(wait)
		select {
		case <-changed:
		case <-timer.C:
		case <-c.gone:
			timer.Stop()
			return false
		}
		timer.Stop()
	}
}
