// Package faultproxy is a TCP proxy that fails on command: it stands between a
// client and one target, does to their connections what its Impairment says, and
// records what was sent and what arrived.
//
// An impairment is set while connections are open and acts on them at once. One that
// holds traffic back loses nothing that the sender's kernel has taken: when it ends,
// the data of each connection that still lives arrives in order, and then the
// connection's end. Only Reset and Refuse lose bytes.
//
// The client is accepted before the target is dialled. When the target does not
// accept, the client's connection is therefore reset; a caller that knows that the
// target is down sets Refuse instead.
//
// The record holds at most Options.Limit chunks. Later ones are counted and not kept:
// the first ones explain the rest.
//
// Any goroutine may call any method at any time.
package faultproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"evcp/internal/wait"
)

// Options are what Open needs.
type Options struct {
	Listen string // host:port; Refuse gives the port up for a time, so nobody else may take it
	Target string // host:port
	Limit  int    // chunks in the record at most; 0 is 100,000
}

// Proxy is one link. Make it with Open.
type Proxy struct {
	o       Options
	traffic trafficRecord

	mu         sync.Mutex // guards all below
	impairment Impairment
	changed    chan struct{} // closed at every change of impairment
	listener   *net.TCPListener
	fillers    []net.Conn // fill the accept queue during Hang
	oldFillers []net.Conn // of the last Hang: they still come out of the queue
	conns      map[*proxiedConn]struct{}

	open    context.Context // ends with Close
	close   context.CancelFunc
	serving sync.WaitGroup
}

// Open listens, and passes everything until Set is called.
func Open(o Options) (*Proxy, error) {
	if o.Limit <= 0 {
		o.Limit = 100_000
	}
	p := &Proxy{o: o, traffic: trafficRecord{limit: o.Limit}, changed: make(chan struct{}), conns: map[*proxiedConn]struct{}{}}
	if err := p.listen(); err != nil {
		return nil, err
	}
	p.open, p.close = context.WithCancel(context.Background())
	p.serving.Go(p.accept)
	return p, nil
}

// Addr is the address at which clients reach the target through the proxy.
func (p *Proxy) Addr() string { return p.o.Listen }

// Impairment is the one in force.
func (p *Proxy) Impairment() Impairment {
	i, _ := p.current()
	return i
}

// current is the impairment in force, and a channel that is closed when it changes.
func (p *Proxy) current() (Impairment, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.impairment, p.changed
}

// Set puts i in force. When it returns, Reset and Refuse have broken every connection,
// and the port is open, except under Refuse. After Close it returns net.ErrClosed.
func (p *Proxy) Set(i Impairment) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open.Err() != nil {
		return net.ErrClosed
	}
	before := p.impairment
	p.impairment = i
	if before.Kind == Hang && i.Kind != Hang {
		p.unhang()
	}
	if i.Kind == Refuse {
		p.unlisten()
	}
	if i.breaks() {
		p.breakAll()
	}
	err := p.setListener(i)
	close(p.changed)
	p.changed = make(chan struct{})
	return err
}

// breakAll is called with p.mu held.
func (p *Proxy) breakAll() {
	for c := range p.conns {
		c.breakOff()
	}
}

// setListener opens the port, or blocks it for Hang. Called with p.mu held.
func (p *Proxy) setListener(i Impairment) error {
	if i.Kind == Refuse {
		return nil
	}
	if p.listener == nil {
		if err := p.listen(); err != nil {
			return err
		}
	}
	if i.Kind == Hang && len(p.fillers) == 0 {
		return p.hang()
	}
	return nil
}

// listen opens the port. Called with p.mu held, or before anybody else knows p.
func (p *Proxy) listen() error {
	l, err := net.Listen("tcp", p.o.Listen)
	if err != nil {
		return fmt.Errorf("listen as a link to %s: %w", p.o.Target, err)
	}
	p.listener = l.(*net.TCPListener) //nolint:errcheck // a "tcp" listener is nothing else
	p.o.Listen = l.Addr().String()
	return nil
}

// unlisten is called with p.mu held.
func (p *Proxy) unlisten() {
	if p.listener != nil {
		_ = p.listener.Close() // an error leaves it closed as well
		p.listener = nil
	}
}

// Close breaks all connections, frees the port and waits for all goroutines.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.close()
	p.unhang()
	p.unlisten()
	p.breakAll()
	p.mu.Unlock()
	p.serving.Wait()
}

// accept takes connections as long as the impairment allows.
func (p *Proxy) accept() {
	for p.open.Err() == nil {
		l, changed := p.acceptFrom()
		if l == nil {
			select {
			case <-changed:
			case <-p.open.Done():
			}
			continue
		}
		c, err := l.AcceptTCP()
		switch {
		case err == nil:
			p.serve(c)
		case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded): // Refuse, Hang or Close
		default: // for example: no file descriptor is free
			wait.For(p.open, 10*time.Millisecond)
		}
	}
}

// acceptFrom is the listener, or nil while nobody may be accepted, and a channel that
// is closed when that may have changed.
func (p *Proxy) acceptFrom() (*net.TCPListener, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.impairment.Kind == Hang {
		return nil, p.changed
	}
	return p.listener, p.changed
}

// serve joins a client with the target, or resets it if the impairment says so.
func (p *Proxy) serve(client *net.TCPConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isFiller(client) || p.open.Err() != nil || p.impairment.breaks() {
		reset(client)
		return
	}
	c := p.newConn(client)
	p.conns[c] = struct{}{}
	p.serving.Go(func() {
		c.run()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, c)
	})
}

// Bounds of filling an accept queue. With a backlog of 0 it holds one connection, and
// those that arrived before.
const (
	maxFillers = 8
	fillFor    = 30 * time.Millisecond
)

// hang makes the kernel drop SYNs: it sets the listener's backlog to 0 and fills the
// queue with connections of its own. Linux then ignores a SYN, as a firewall does.
// Where the kernel answers with a reset instead, Hang is a Reset. Called with p.mu held.
func (p *Proxy) hang() error {
	p.listener.SetDeadline(time.Unix(1, 0)) //nolint:errcheck // fails only when closed, and then nobody gets in
	if err := control(p.listener, func(fd int) error { return unix.Listen(fd, 0) }); err != nil {
		return fmt.Errorf("shorten the queue of a link: %w", err)
	}
	for range maxFillers {
		c, full := net.DialTimeout("tcp", p.o.Listen, fillFor)
		if full != nil {
			return nil //nolint:nilerr // nobody gets in any more, as wanted
		}
		p.fillers = append(p.fillers, c)
	}
	return fmt.Errorf("link to %s still accepts after %d connections", p.o.Target, maxFillers)
}

// unhang is called with p.mu held.
func (p *Proxy) unhang() {
	if p.listener != nil {
		_ = control(p.listener, func(fd int) error { return unix.Listen(fd, unix.SOMAXCONN) }) // as hang
		p.listener.SetDeadline(time.Time{})                                                    //nolint:errcheck // as hang
	}
	for _, c := range p.fillers {
		c.Close()
	}
	p.oldFillers = p.fillers
	p.fillers = nil
}

// isFiller reports whether c is one of hang's own connections. Called with p.mu held.
func (p *Proxy) isFiller(c net.Conn) bool {
	for _, f := range p.oldFillers {
		if f.LocalAddr().String() == c.RemoteAddr().String() {
			return true
		}
	}
	return false
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
