package faultproxy

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// pair is a client's connection and the one to the target that serves it.
type pair struct {
	p      *Proxy
	number int
	client *net.TCPConn
	gone   chan struct{} // closed when it is broken off

	mu     sync.Mutex
	target *net.TCPConn // nil until dialled
	broken bool
}

func (p *Proxy) newPair(client *net.TCPConn) *pair {
	return &pair{p: p, number: p.record.opened(), client: client, gone: make(chan struct{})}
}

// breakOff ends both sides with an RST. It may be called twice.
func (c *pair) breakOff() {
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
func (c *pair) reached(target *net.TCPConn) bool {
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
func (c *pair) run() {
	conn, err := net.DialTimeout("tcp", c.p.o.Target, dialFor)
	if err != nil {
		c.breakOff()
		return
	}
	if !c.reached(conn.(*net.TCPConn)) { //nolint:errcheck // "tcp" dials nothing else
		return
	}
	up := newFlow(c, true, c.client, c.target)
	down := newFlow(c, false, c.target, c.client)
	var flowing sync.WaitGroup
	flowing.Go(up.read)
	flowing.Go(up.write)
	flowing.Go(down.read)
	flowing.Go(down.write)
	flowing.Wait()
	hangUp(c.client)
	hangUp(c.target)
}

// flow is one direction: a reader that always takes what comes, as a kernel
// would, and a writer that hands it on when the mode lets it.
type flow struct {
	pair     *pair
	up       bool
	from, to *net.TCPConn
	waiting  chan parcel
}

// parcel is what waits to be handed on: bytes, or the end.
type parcel struct {
	data []byte
	at   int // in the record
	came time.Time
	end  error // io.EOF: closed in order; any other: broken off
}

// queue bounds what is held back in one direction: a reader that finds it full
// stops reading, and the sender's kernel notices.
const queue = 256

func newFlow(c *pair, up bool, from, to *net.TCPConn) *flow {
	return &flow{pair: c, up: up, from: from, to: to, waiting: make(chan parcel, queue)}
}

func (f *flow) read() {
	defer close(f.waiting)
	buf := make([]byte, 4096)
	for {
		n, err := f.from.Read(buf)
		if n > 0 {
			at := f.pair.p.record.came(f.pair.number, f.up, buf[:n])
			f.hold(parcel{data: append([]byte(nil), buf[:n]...), at: at, came: time.Now()})
		}
		if err != nil {
			if f.up && !errors.Is(err, net.ErrClosed) {
				f.pair.p.record.left(f.pair.number)
			}
			f.hold(parcel{came: time.Now(), end: err})
			return
		}
	}
}

func (f *flow) hold(x parcel) {
	select {
	case f.waiting <- x:
	case <-f.pair.gone:
	}
}

func (f *flow) write() {
	for x := range f.waiting {
		if !f.pair.mayPass(f.up, x.came) || !f.pass(x) {
			return
		}
	}
}

// pass hands a parcel on and reports whether more may follow. A receiver that is
// gone is the same to the sender as one that left: the end comes from its side.
func (f *flow) pass(x parcel) bool {
	switch {
	case x.end == nil:
		if _, err := f.to.Write(x.data); err != nil {
			return false
		}
		f.pair.p.record.passed(x.at)
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
func (c *pair) mayPass(up bool, came time.Time) bool {
	for {
		mode, changed := c.p.force()
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
