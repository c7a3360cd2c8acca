// Package simnet is a network in memory for tests under testing/synctest: TCP as
// the Monitor knows it, with a kernel that receives for whoever is not looking,
// refusals, resets, closes, silence, and delays. Time passes only in its timers,
// so an hour of faults takes no time at all.
package simnet

import (
	"context"
	"net"
	"sync"
	"syscall"
	"time"
)

// Net is one network. Its zero value is ready; all methods may be called from any
// goroutine.
type Net struct {
	mu        sync.Mutex // guards what follows
	listeners map[string]*Listener
	delay     time.Duration
	hole      bool
}

// Delay makes every byte arrive so much later.
func (n *Net) Delay(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay = d
}

// Blackhole swallows everything while it is set: dials hang and bytes vanish.
func (n *Net) Blackhole(open bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hole = open
}

func (n *Net) weather() (time.Duration, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.delay, n.hole
}

// Listen opens an address. A taken one is an error.
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
	delay, hole := n.weather()
	if hole {
		<-ctx.Done()
		return nil, opError("dial", ctx.Err())
	}
	if err := sleep(ctx, delay); err != nil {
		return nil, opError("dial", err)
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

func sleep(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
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

// Close gives the address back; dials are refused from now on.
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
