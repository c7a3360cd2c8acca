// Package simnet is a network in memory for tests under testing/synctest. It behaves as
// TCP does: bytes are buffered until they are read, and connections are refused, reset,
// closed, delayed or lost in a black hole. It waits only in timers, which synctest
// skips.
package simnet

import (
	"context"
	"net"
	"sync"
	"syscall"
	"time"

	"evcp/internal/wait"
)

// Net is one network. Its zero value is ready; all methods may be called from any
// goroutine.
type Net struct {
	mu        sync.Mutex // guards what follows
	listeners map[string]*Listener
	delay     time.Duration
	blackhole bool
}

// Delay delays every dial and every byte.
func (n *Net) Delay(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay = d
}

// Blackhole drops everything while it is open: dials hang and bytes are lost.
func (n *Net) Blackhole(open bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.blackhole = open
}

func (n *Net) conditions() (time.Duration, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.delay, n.blackhole
}

// Listen opens an address. It fails when the address is in use.
func (n *Net) Listen(address string) (*Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners == nil {
		n.listeners = map[string]*Listener{}
	}
	if n.listeners[address] != nil {
		return nil, opError("listen", syscall.EADDRINUSE)
	}
	l := &Listener{net: n, address: Addr(address), queue: make(chan *Conn, 128), closed: make(chan struct{})}
	n.listeners[address] = l
	return l, nil
}

// DialContext connects to a listener, as net.Dialer does.
func (n *Net) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	delay, blackhole := n.conditions()
	if blackhole {
		<-ctx.Done()
		return nil, opError("dial", ctx.Err())
	}
	if !wait.For(ctx, delay) {
		return nil, opError("dial", ctx.Err())
	}
	n.mu.Lock()
	l := n.listeners[address]
	n.mu.Unlock()
	if l == nil {
		return nil, opError("dial", syscall.ECONNREFUSED)
	}
	near, far := pair(n, Addr("client"), l.address)
	select {
	case l.queue <- far:
		return near, nil
	case <-l.closed:
		return nil, opError("dial", syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, opError("dial", ctx.Err())
	}
}

func opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "sim", Err: err}
}

// Addr is an address in a Net.
type Addr string

// Network is "sim".
func (Addr) Network() string { return "sim" }

// String is the address as given to Listen.
func (a Addr) String() string { return string(a) }

// Listener accepts connections to one address.
type Listener struct {
	net     *Net
	address Addr
	queue   chan *Conn
	once    sync.Once
	closed  chan struct{}
}

// Accept waits for the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.closed:
		return nil, opError("accept", net.ErrClosed)
	}
}

// Close frees the address; dials are refused from then on.
func (l *Listener) Close() error {
	l.once.Do(func() {
		l.net.mu.Lock()
		delete(l.net.listeners, string(l.address))
		l.net.mu.Unlock()
		close(l.closed)
		for {
			select {
			case c := <-l.queue:
				c.Reset()
			default:
				return
			}
		}
	})
	return nil
}

// Addr is the address listened on.
func (l *Listener) Addr() net.Addr { return l.address }
