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
// With TLS the proxy is a TLS server to its clients and a TLS client of the target: it
// records and impairs what is inside. A handshake is impaired like any traffic, and a client
// whose handshake the target does not answer gets no answer either.
//
// The record holds at most maxChunks chunks. Later ones are counted and not kept: the
// first ones explain the rest.
//
// Any goroutine may call any method at any time.
package faultproxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"evcp/internal/tcp"
	"evcp/internal/wait"
)

// Proxy is one link. Make it with Open.
type Proxy struct {
	target   string // it dials
	listenAt ListenFunc
	tls      *TLS
	traffic  trafficRecord

	mu         sync.Mutex // guards all below
	address    string     // it listens at
	impairment Impairment
	changed    chan struct{} // closed at every change of impairment
	listener   *tcp.ListeningSocket
	fillers    []net.Conn // fill the accept queue during Hang
	oldFillers []net.Conn // of the last Hang: they still come out of the queue
	conns      map[*proxiedConn]struct{}

	open    context.Context // ends with Close
	close   context.CancelFunc
	serving sync.WaitGroup
}

// Open listens at an address, and passes everything to the target until Set is called.
// Refuse gives the port up for a time, so nobody else may take it.
func Open(listen, target string) (*Proxy, error) { return OpenWith(Options{}, listen, target) }

// ListenFunc makes a listening TCP socket, as tcp.Listen does.
type ListenFunc func(ctx context.Context, network, address string) (*tcp.ListeningSocket, error)

// TLS is what a proxy between two programs with TLS needs.
type TLS struct {
	Server *tls.Config                 // for its clients
	Client func() (*tls.Config, error) // for the target; called for each connection
}

// Options are for links that are not plain TCP on loopback.
type Options struct {
	Listen ListenFunc // called for every listening socket; nil: tcp.Listen
	TLS    *TLS       // nil: bytes pass as they are
}

// OpenWith is Open with options.
func OpenWith(o Options, listen, target string) (*Proxy, error) {
	if o.Listen == nil {
		o.Listen = tcp.Listen
	}
	p := &Proxy{address: listen, target: target, listenAt: o.Listen, tls: o.TLS, traffic: trafficRecord{limit: maxChunks}, changed: make(chan struct{}), conns: map[*proxiedConn]struct{}{}}
	if err := p.listen(); err != nil {
		return nil, err
	}
	p.open, p.close = context.WithCancel(context.Background())
	p.serving.Go(p.accept)
	return p, nil
}

// Addr is the address at which clients reach the target through the proxy.
func (p *Proxy) Addr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.address
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
	if i == p.impairment {
		return nil
	}
	p.unhang()
	p.impairment = i
	if i.Kind == Refuse {
		p.unlisten()
	}
	if i.breaks() {
		p.breakAll()
	}
	var err error
	if i.Kind != Refuse && p.listener == nil {
		err = p.listen()
	}
	if i.Kind == Hang && err == nil {
		err = p.hang()
	}
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

// listen opens the port. Called with p.mu held, or before anybody else knows p.
func (p *Proxy) listen() error {
	l, err := p.listenAt(context.Background(), "tcp", p.address)
	if err != nil {
		return fmt.Errorf("listen as a link to %s: %w", p.target, err)
	}
	p.listener = l
	p.address = l.Addr().String()
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
		case err != nil: // Refuse, Hang, Close, or no file descriptor is free
			wait.For(p.open, 10*time.Millisecond)
		case p.admits(c):
			p.serving.Go(func() { p.serve(c) })
		default:
			reset(c)
		}
	}
}

// acceptFrom is the listener, or nil while nobody may be accepted, and a channel that
// is closed when that may have changed.
func (p *Proxy) acceptFrom() (*tcp.ListeningSocket, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.impairment.Kind == Hang {
		return nil, p.changed
	}
	return p.listener, p.changed
}

// admits reports whether a client is to be served.
func (p *Proxy) admits(client *net.TCPConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.isFiller(client) && !p.impairment.breaks()
}

// add adds a connection, unless none may be open now.
func (p *Proxy) add(c *proxiedConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open.Err() != nil || p.impairment.breaks() {
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) remove(c *proxiedConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
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
	if err := setBacklog(p.listener, 0); err != nil {
		return fmt.Errorf("shorten the queue of a link: %w", err)
	}
	for range maxFillers {
		c, full := net.DialTimeout("tcp", p.address, fillFor)
		if full != nil {
			return nil //nolint:nilerr // nobody gets in any more, as wanted
		}
		p.fillers = append(p.fillers, c)
	}
	return fmt.Errorf("link to %s still accepts after %d connections", p.target, maxFillers)
}

// unhang ends a Hang, if there is one. Called with p.mu held.
func (p *Proxy) unhang() {
	if p.impairment.Kind != Hang {
		return
	}
	if p.listener != nil {
		_ = setBacklog(p.listener, unix.SOMAXCONN) // as hang
		p.listener.SetDeadline(time.Time{})        //nolint:errcheck // as hang
	}
	for _, c := range p.fillers {
		c.Close()
	}
	p.oldFillers, p.fillers = p.fillers, nil
}

// isFiller reports whether c is one of hang's own connections. Called with p.mu held.
func (p *Proxy) isFiller(c net.Conn) bool {
	return slices.ContainsFunc(p.oldFillers, func(f net.Conn) bool { return f.LocalAddr().String() == c.RemoteAddr().String() })
}

func setBacklog(l *tcp.ListeningSocket, n int) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) { set = unix.Listen(int(fd), n) })
	return errors.Join(err, set)
}
