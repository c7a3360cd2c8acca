package kafka

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// brokerLink is the network to a broker, and can be frozen or cut. Frozen, it acts as a
// stopped process does: its kernel still accepts connections and bytes.
type brokerLink struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)

	mu     sync.Mutex
	cond   *sync.Cond
	frozen bool
	down   bool
	conns  map[net.Conn]bool
	dials  int // attempted
}

func newBrokerLink(dial func(ctx context.Context, network, address string) (net.Conn, error)) *brokerLink {
	g := &brokerLink{dial: dial, conns: map[net.Conn]bool{}}
	g.cond = sync.NewCond(&g.mu)
	return g
}

func (g *brokerLink) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	g.mu.Lock()
	down := g.down
	g.dials++
	g.mu.Unlock()
	if down {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	up, err := g.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	g.mu.Lock()
	g.conns[up], g.conns[far] = true, true
	g.mu.Unlock()
	go g.forward(far, up)
	go g.forward(up, far)
	return near, nil
}

// forward reads from one end as a kernel does, also while the process is stopped, and
// writes to the other end when it runs.
func (g *brokerLink) forward(from, to net.Conn) {
	pieces := make(chan []byte, 1<<16)
	go func() {
		defer from.Close()
		defer close(pieces)
		for {
			buf := make([]byte, 32<<10)
			n, err := from.Read(buf)
			if err != nil {
				return
			}
			pieces <- buf[:n]
		}
	}()
	defer to.Close()
	for piece := range pieces {
		g.wait()
		if _, err := to.Write(piece); err != nil {
			return
		}
	}
}

func (g *brokerLink) wait() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.frozen {
		g.cond.Wait()
	}
}

func (g *brokerLink) freeze(on bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.frozen = on
	g.cond.Broadcast()
}

// cut closes all connections and refuses new ones, until restore.
func (g *brokerLink) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down = true
	for c := range g.conns {
		c.Close()
		delete(g.conns, c)
	}
}

func (g *brokerLink) dialCount() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dials
}

func (g *brokerLink) restore() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down = false
}
