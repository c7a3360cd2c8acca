package faultproxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// proxiedConn is a client's connection and the one to the target that serves it.
type proxiedConn struct {
	p      *Proxy
	number int // in the record
	client *net.TCPConn
	gone   chan struct{} // closed when it is broken off

	mu     sync.Mutex
	target *net.TCPConn // nil until dialled
	broken bool
}

func (p *Proxy) newConn(client *net.TCPConn) *proxiedConn {
	return &proxiedConn{p: p, number: p.traffic.opened(), client: client, gone: make(chan struct{})}
}

// breakOff ends both sides with an RST. A second call does nothing.
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

// setTarget takes over the connection to the target, or resets it if the client's
// was broken off meanwhile.
func (c *proxiedConn) setTarget(target *net.TCPConn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken {
		reset(target)
		return false
	}
	c.target = target
	return true
}

const dialTimeout = 10 * time.Second

// run serves until both directions have ended.
func (c *proxiedConn) run() {
	conn, err := net.DialTimeout("tcp", c.p.o.Target, dialTimeout)
	if err != nil {
		c.breakOff()
		return
	}
	if !c.setTarget(conn.(*net.TCPConn)) { //nolint:errcheck // "tcp" dials nothing else
		return
	}
	var flowing sync.WaitGroup
	for _, d := range []*direction{newDirection(c, true, c.client, c.target), newDirection(c, false, c.target, c.client)} {
		flowing.Go(d.read)
		flowing.Go(d.write)
	}
	flowing.Wait()
	_ = c.client.Close() // both directions have ended: nothing is lost
	_ = c.target.Close()
}

// reset makes the close of c an RST.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // fails only on a connection that is broken already
	_ = c.Close()
}

// direction is one direction of a connection. Its reader always takes what comes, as
// a kernel would; its writer forwards it when the impairment allows.
type direction struct {
	conn     *proxiedConn
	up       bool // from the client to the target
	from, to *net.TCPConn
	waiting  chan segment
}

// segment waits to be forwarded: bytes, or the end of the direction.
type segment struct {
	data     []byte
	chunk    int // its index in the record
	received time.Time
	end      error // io.EOF: closed in order; any other: broken
}

// maxWaiting bounds what is held back in one direction. When it is full the reader
// stops, and the sender's kernel notices.
const maxWaiting = 256

func newDirection(c *proxiedConn, up bool, from, to *net.TCPConn) *direction {
	return &direction{conn: c, up: up, from: from, to: to, waiting: make(chan segment, maxWaiting)}
}

func (d *direction) read() {
	defer close(d.waiting)
	buf := make([]byte, 4096)
	for {
		n, err := d.from.Read(buf)
		if n > 0 {
			at := d.conn.p.traffic.received(d.conn.number, d.up, buf[:n])
			d.enqueue(segment{data: bytes.Clone(buf[:n]), chunk: at, received: time.Now()})
		}
		if err != nil {
			if d.up && !errors.Is(err, net.ErrClosed) {
				d.conn.p.traffic.closed(d.conn.number)
			}
			d.enqueue(segment{received: time.Now(), end: err})
			return
		}
	}
}

func (d *direction) enqueue(s segment) {
	select {
	case d.waiting <- s:
	case <-d.conn.gone:
	}
}

func (d *direction) write() {
	for s := range d.waiting {
		if !d.conn.mayPass(d.up, s.received) || !d.forward(s) {
			return
		}
	}
}

// forward passes a segment on and reports whether more may follow. Nothing is done
// when the receiver is gone: the reader of its side brings the end.
func (d *direction) forward(s segment) bool {
	switch {
	case s.end == nil:
		if _, err := d.to.Write(s.data); err != nil {
			return false
		}
		d.conn.p.traffic.forwarded(s.chunk)
		return true
	case errors.Is(s.end, io.EOF):
		_ = d.to.CloseWrite() // fails only when the receiver is gone as well
	default:
		d.conn.breakOff()
	}
	return false
}

// mayPass waits until the impairment lets pass what was received then; false when the
// connection was broken off meanwhile.
func (c *proxiedConn) mayPass(up bool, received time.Time) bool {
	for {
		impairment, changed := c.p.current()
		wait := impairment.wait(up, time.Since(received))
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

// Chunk is what one read brought. The messages of this protocol are small: a chunk is
// one message.
type Chunk struct {
	Conn      int  // connections count from 1
	Up        bool // from the client to the target
	Received  time.Time
	Forwarded time.Time // zero: never
	Data      []byte    // the first maxData bytes
}

// ClientConn is one connection of a client.
type ClientConn struct {
	Opened time.Time
	Closed time.Time // by the client; zero: it is open, or the proxy broke it
}

const maxData = 256

// trafficRecord keeps what was sent, in the order in which it was received.
type trafficRecord struct {
	limit int

	mu     sync.Mutex // guards all below
	chunks []Chunk
	conns  []ClientConn
	missed int
}

// opened records a connection and returns its number.
func (r *trafficRecord) opened() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns = append(r.conns, ClientConn{Opened: time.Now()})
	return len(r.conns)
}

func (r *trafficRecord) closed(conn int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns[conn-1].Closed = time.Now()
}

// received records a chunk and returns its index, -1 when the record is full.
func (r *trafficRecord) received(conn int, up bool, data []byte) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.chunks) >= r.limit {
		r.missed++
		return -1
	}
	data = bytes.Clone(data[:min(len(data), maxData)])
	r.chunks = append(r.chunks, Chunk{Conn: conn, Up: up, Received: time.Now(), Data: data})
	return len(r.chunks) - 1
}

func (r *trafficRecord) forwarded(chunk int) {
	if chunk < 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.chunks[chunk].Forwarded = time.Now()
}

// Traffic is a copy of the record: the chunks in the order in which they were received,
// the connections by number less one, and how many chunks came after the record was full.
func (p *Proxy) Traffic() (chunks []Chunk, conns []ClientConn, missed int) {
	r := &p.traffic
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.chunks), slices.Clone(r.conns), r.missed
}
