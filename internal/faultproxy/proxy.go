// Package faultproxy is a TCP link that fails on command: it stands between a
// client and one target, does to their connections what its Mode says, and keeps
// a record of what was sent and of what arrived.
//
// A mode is exchanged while connections are open and acts on them at once. What
// the sender's kernel has taken is never lost by a mode that only holds back: it
// arrives when the mode ends, if the connection lives, in order, and the end of
// the connection behind it. Only Reset and Refuse lose bytes.
//
// A target that does not accept cannot be copied, since the client has been
// accepted before: its connection is broken off. Whoever knows that the target is
// away sets Refuse.
//
// The record is bounded by Options.Limit; what comes after is counted and not
// kept, so that the beginning of a story, which explains the rest, stays.
//
// All methods may be called by any goroutine at any time.
package faultproxy

import (
	"context"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// Options are what Open needs.
type Options struct {
	Listen string // host:port with a port of its own, so that it can be had again
	Target string // host:port
	Limit  int    // chunks in the record at most; 0 is 100,000
}

// Proxy is one link. Make it with Open.
type Proxy struct {
	o       Options
	traffic recorder

	mu         sync.Mutex // guards all below
	impairment Impairment
	changed    chan struct{} // closed at every change of mode
	listener   *net.TCPListener
	fillers    []net.Conn // fill the queue of a listener that hangs
	left       []net.Conn // the fillers of the last hang: they still come out of the queue
	pairs      map[*proxiedConn]struct{}
	closed     bool

	done    chan struct{}
	serving sync.WaitGroup
}

// Open listens and passes everything until Set says otherwise.
func Open(o Options) (*Proxy, error) {
	if o.Limit <= 0 {
		o.Limit = 100_000
	}
	p := &Proxy{o: o, traffic: recorder{limit: o.Limit}, changed: make(chan struct{}), pairs: map[*proxiedConn]struct{}{}, done: make(chan struct{})}
	if err := p.listen(); err != nil {
		return nil, err
	}
	p.serving.Go(p.accept)
	return p, nil
}

// Addr is where clients reach the target through it.
func (p *Proxy) Addr() string { return p.o.Listen }

// Impairment is the one in force.
func (p *Proxy) Impairment() Impairment {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.impairment
}

// Set puts m in force. When it returns, open connections are broken off and the
// port is shut where m wants that, and otherwise the port is open.
func (p *Proxy) Set(m Impairment) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return net.ErrClosed
	}
	before := p.impairment
	p.impairment = m
	if before.Kind == Hang && m.Kind != Hang {
		p.unhang()
	}
	if m.Kind == Refuse {
		p.shut()
	}
	if m.cuts() {
		for c := range p.pairs {
			c.breakOff()
		}
	}
	err := p.openFor(m)
	close(p.changed)
	p.changed = make(chan struct{})
	return err
}

// openFor brings the port into the state that m wants. Called with p.mu held.
func (p *Proxy) openFor(m Impairment) error {
	if m.Kind == Refuse {
		return nil
	}
	if p.listener == nil {
		if err := p.listen(); err != nil {
			return err
		}
	}
	if m.Kind == Hang && len(p.fillers) == 0 {
		return p.hang()
	}
	return nil
}

// listen opens the port. Called with p.mu held, or before anybody else knows p.
func (p *Proxy) listen() error {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", p.o.Listen)
	if err != nil {
		return fmt.Errorf("listen as a link to %s: %w", p.o.Target, err)
	}
	p.listener = l.(*net.TCPListener) //nolint:errcheck // a "tcp" listener is nothing else
	p.o.Listen = l.Addr().String()
	return nil
}

// shut is called with p.mu held.
func (p *Proxy) shut() {
	if p.listener != nil {
		_ = p.listener.Close() // it is not open now, whatever it says
		p.listener = nil
	}
}

// current is the open port, nil if none is to be accepted from now, and what to
// wait for until that changes.
func (p *Proxy) current() (*net.TCPListener, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.impairment.Kind == Hang {
		return nil, p.changed
	}
	return p.listener, p.changed
}

// inForce is the mode in force, and what to wait for until it changes.
func (p *Proxy) inForce() (Impairment, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.impairment, p.changed
}

// Close ends everything and waits for it.
func (p *Proxy) Close() {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		p.unhang()
		p.shut()
		for c := range p.pairs {
			c.breakOff()
		}
		close(p.done)
	}
	p.mu.Unlock()
	p.serving.Wait()
}

// reset makes the close of c an RST.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // fails only on a connection that is broken already
	hangUp(c)
}

// hangUp closes a connection of which nothing more is to be learned.
func hangUp(c net.Conn) { c.Close() }

// sleep waits for d and reports whether until let it.
func sleep(until <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-until:
		return false
	case <-t.C:
		return true
	}
}

// control runs f on the socket of the listener.
func control(l syscall.Conn, f func(fd int) error) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}
