package engine

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"evcp/internal/tcp"
)

// Binding is one TCP address that can be listened on, closed and listened on again. Its
// Listen is for Options.
type Binding struct {
	addr net.Addr

	mu    sync.Mutex
	first net.Listener // of Bind, until Listen takes it
}

// Bind listens on address, HOST:PORT or :PORT, at once: a port that is taken is known
// before anything starts. The kernel chooses a port for 0, and that one stays. The socket
// is open until an Engine that was served with it ends.
func Bind(ctx context.Context, address string) (*Binding, error) {
	l, err := listen(ctx, address)
	if err != nil {
		return nil, err
	}
	return &Binding{addr: l.Addr(), first: l}, nil
}

// Addr is the address with the port in use.
func (b *Binding) Addr() net.Addr { return b.addr }

// Listen returns the socket of Bind, then a new one each time.
func (b *Binding) Listen() (net.Listener, error) {
	b.mu.Lock()
	first := b.first
	b.first = nil
	b.mu.Unlock()
	if first != nil {
		return first, nil
	}
	return listen(context.Background(), b.addr.String())
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := tcp.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}

// reopenableListener is a listening socket and its connections. It can be closed, which closes all
// connections, and opened again.
type reopenableListener struct {
	listen func() (net.Listener, error)

	mu      sync.Mutex // guards what follows
	serving bool       // between start and stop
	wanted  bool       // the socket is to be open
	socket  net.Listener
	conns   map[io.Closer]struct{}
	changed chan struct{} // closed at every change of serving and wanted
}

// reopenEvery is how often a port is retried that another process has taken.
const reopenEvery = 100 * time.Millisecond

func newReopenableListener(listen func() (net.Listener, error)) *reopenableListener {
	return &reopenableListener{listen: listen, conns: map[io.Closer]struct{}{}, changed: make(chan struct{})}
}

// start opens the socket, also if it is not wanted: a port that can't be had must be
// known now.
func (r *reopenableListener) start(wanted bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.open(); err != nil {
		return err
	}
	r.serving, r.wanted = true, wanted
	if !wanted {
		r.close()
	}
	return nil
}

// set opens or closes the socket before it returns. If another process has taken the
// port, next retries.
func (r *reopenableListener) set(wanted bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.serving {
		return
	}
	r.wanted = wanted
	if wanted {
		_ = r.open() // next retries, and reports the error
	} else {
		r.close()
	}
	r.notify()
}

// stop closes everything for good.
func (r *reopenableListener) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.serving, r.wanted = false, false
	r.close()
	r.notify()
}

// notify is called with r.mu held, as are open and close.
func (r *reopenableListener) notify() {
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *reopenableListener) open() (err error) {
	if r.socket == nil {
		r.socket, err = r.listen()
	}
	return err
}

func (r *reopenableListener) close() {
	if r.socket != nil {
		r.socket.Close()
		r.socket = nil
	}
	for c := range r.conns {
		c.Close()
	}
}

// next waits until the socket is open and returns it, however often it is closed and opened
// meanwhile. It fails only when ctx is done. onError is called when the port can't be
// had, once for each call of next.
func (r *reopenableListener) next(ctx context.Context, onError func(error)) (net.Listener, error) {
	for ctx.Err() == nil {
		l, changed, err := r.current()
		if err != nil {
			onError(err)
			onError = func(error) {}
		}
		if l != nil {
			return l, nil
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-time.After(reopenEvery):
		}
	}
	return nil, ctx.Err()
}

// current is the open socket, or nil and what to wait for.
func (r *reopenableListener) current() (net.Listener, <-chan struct{}, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.wanted {
		return nil, r.changed, nil
	}
	err := r.open()
	return r.socket, r.changed, err
}

// add closes the connection instead if its socket was closed after it was accepted.
func (r *reopenableListener) add(c io.Closer, from net.Listener) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.socket != from {
		c.Close()
		return false
	}
	r.conns[c] = struct{}{}
	return true
}

func (r *reopenableListener) remove(c io.Closer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
	c.Close()
}
