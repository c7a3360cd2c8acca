package testbed

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"

	"evcp/internal/tcp"
)

// The ports lie below the ephemeral range. The kernel could give one of that range to
// any outgoing connection before it is listened on, or while its owner is down.
const (
	first = 20000
	last  = 32000
	// block is how many ports a process takes at once. It listens on the first one as
	// long as it runs, so that no other process of this project takes the block.
	block = 100
)

// Ports hands out each port once. It may be used by any number of goroutines.
type Ports struct {
	first, last int // the range

	mu     sync.Mutex
	blocks int            // tried so far
	now    int            // the last port that was tried
	guards []net.Listener // of the blocks taken
}

// NewPorts are the ports of a process; what Take returns is its own until it ends.
func NewPorts() *Ports { return &Ports{first: first, last: last} }

// Take returns n addresses, 127.0.0.1:PORT, on which nobody listens now.
func (p *Ports) Take(n int) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var free []string
	for len(free) < n {
		if !p.next() {
			return nil, fmt.Errorf("find %d free ports: from %d to %d there are %d", n, p.first, p.last-1, len(free))
		}
		if isFree(address(p.now)) {
			free = append(free, address(p.now))
		}
	}
	return free, nil
}

// isFree reports whether nobody listens on an address.
func isFree(address string) bool {
	l, err := tcp.Listen(context.Background(), "tcp", address)
	return err == nil && l.Close() == nil
}

// next moves to the next port of the block, or to the first of another block. Each
// process begins at a block that depends on its PID, and so seldom finds it taken.
func (p *Ports) next() bool {
	if len(p.guards) > 0 && (p.now+1-p.first)%block != 0 {
		p.now++
		return true
	}
	for all := (p.last - p.first) / block; p.blocks < all; {
		base := p.first + (os.Getpid()+p.blocks)%all*block
		p.blocks++
		if guard, err := net.Listen("tcp", address(base)); err == nil {
			p.guards, p.now = append(p.guards, guard), base+1
			return true
		}
	}
	return false
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
