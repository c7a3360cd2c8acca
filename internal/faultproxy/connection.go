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
	p              *Proxy
	number         int // in the record
	client, target *net.TCPConn
	gone           chan struct{} // closed when it is broken off
	breakOff       func()        // ends both sides with an RST; a second call does nothing
}

const dialTimeout = 10 * time.Second

// serve joins a client with the target until both directions have ended.
func (p *Proxy) serve(client *net.TCPConn) {
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(p.open, "tcp", p.target)
	if err != nil {
		reset(client)
		return
	}
	target := conn.(*net.TCPConn) //nolint:errcheck // "tcp" dials nothing else
	c := &proxiedConn{p: p, number: p.traffic.opened(), client: client, target: target, gone: make(chan struct{})}
	c.breakOff = sync.OnceFunc(func() {
		close(c.gone)
		reset(client)
		reset(target)
	})
	if !p.add(c) {
		c.breakOff()
		return
	}
	defer p.remove(c)
	near, far, err := c.secure()
	if err != nil {
		c.breakOff()
		return
	}
	var flowing sync.WaitGroup
	for _, d := range []*direction{{c, true, near, far, make(chan segment, maxWaiting)}, {c, false, far, near, make(chan segment, maxWaiting)}} {
		flowing.Go(d.read)
		flowing.Go(d.write)
	}
	flowing.Wait()
	_ = client.Close() // both directions have ended: nothing is lost
	_ = target.Close()
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
	from, to stream
	waiting  chan segment
}

// stream is a TCP connection, or a TLS connection on one.
type stream interface {
	io.ReadWriter
	CloseWrite() error
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
		select {
		case <-changed:
		case <-time.After(wait):
		case <-c.gone:
			return false
		}
	}
}

// Chunk is what one read brought. The messages of this protocol are small: a chunk is
// one message.
type Chunk struct {
	Conn      int  // connections count from 1
	Up        bool // from the client to the target
	Received  time.Time
	Forwarded time.Time // zero: never
	Closed    time.Time // the client closed the connection; zero: it is open, or the proxy broke it
	Data      []byte    // the first maxData bytes
}

const (
	maxChunks = 1_000_000
	maxData   = 256
)

// trafficRecord keeps what was sent, in the order in which it was received.
type trafficRecord struct {
	limit int

	mu     sync.Mutex // guards all below
	chunks []Chunk
	conns  int
	missed int
}

// opened records a connection and returns its number.
func (r *trafficRecord) opened() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns++
	return r.conns
}

func (r *trafficRecord) closed(conn int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for i := range r.chunks {
		if r.chunks[i].Conn == conn {
			r.chunks[i].Closed = now
		}
	}
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
// and how many came after the record was full.
func (p *Proxy) Traffic() (chunks []Chunk, missed int) {
	r := &p.traffic
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.chunks), r.missed
}
