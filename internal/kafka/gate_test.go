package kafka

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// gate is the way to a broker, and can be frozen or cut. Frozen it is what a
// stopped process looks like: its kernel still takes connections and bytes.
type gate struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)

	mu     sync.Mutex
	cond   *sync.Cond
	frozen bool
	gone   bool
	conns  map[net.Conn]bool
	dials  int // tried
}

func newGate(dial func(ctx context.Context, network, address string) (net.Conn, error)) *gate {
	g := &gate{dial: dial, conns: map[net.Conn]bool{}}
	g.cond = sync.NewCond(&g.mu)
	return g
}

func (g *gate) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	g.mu.Lock()
	gone := g.gone
	g.dials++
	g.mu.Unlock()
	if gone {
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
	go g.carry(far, up)
	go g.carry(up, far)
	return near, nil
}

// carry takes bytes off one end as a kernel does, whatever the process does, and
// hands them over when it runs.
func (g *gate) carry(from, to net.Conn) {
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

func (g *gate) wait() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.frozen {
		g.cond.Wait()
	}
}

func (g *gate) freeze(on bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.frozen = on
	g.cond.Broadcast()
}

// cut breaks all connections and refuses new ones, until mend.
func (g *gate) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gone = true
	for c := range g.conns {
		c.Close()
		delete(g.conns, c)
	}
}

func (g *gate) dialled() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dials
}

func (g *gate) mend() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gone = false
}
