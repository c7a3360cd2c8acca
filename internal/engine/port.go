package engine

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// Binding is one TCP address that can be listened on, given up and listened on
// again. Its Listen is what Options need.
type Binding struct {
	mu    sync.Mutex
	addr  net.Addr
	first net.Listener // open, and not yet taken
}

// Bind listens on address, HOST:PORT or :PORT, at once: a port that is taken
// is known before anything starts. With port 0 the kernel chooses, and the choice
// stays. Give it to an Engine that is served, or it stays open.
func Bind(ctx context.Context, address string) (*Binding, error) {
	l, err := listen(ctx, address)
	if err != nil {
		return nil, err
	}
	return &Binding{addr: l.Addr(), first: l}, nil
}

// Addr is the address with its true port.
func (p *Binding) Addr() net.Addr { return p.addr }

// Listen gives the socket that OpenPort has opened, then a new one each time.
func (p *Binding) Listen() (net.Listener, error) {
	p.mu.Lock()
	first := p.first
	p.first = nil
	p.mu.Unlock()
	if first != nil {
		return first, nil
	}
	return listen(context.Background(), p.addr.String())
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}
