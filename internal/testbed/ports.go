package testbed

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
)

// The ports lie below those that systems lend to outgoing connections: one of these
// may be taken by a stranger before it is listened on, or while its owner is down.
const (
	first = 20000
	last  = 32000
	// block is how many ports a process takes at once. It listens on the first of them
	// as long as it runs, and so no other process of ours takes that block.
	block = 100
)

// Ports hands out each port once. It may be used by any number of goroutines.
type Ports struct {
	first, last int // the range

	mu     sync.Mutex
	blocks int            // looked at so far
	now    int            // the last port that was looked at
	guards []net.Listener // of the blocks taken
}

// NewPorts are the ports of a process. What Take hands out is its own until it ends.
func NewPorts() *Ports { return &Ports{first: first, last: last} }

// Take hands out n addresses, 127.0.0.1:PORT, that nobody listens on at the moment.
func (p *Ports) Take(n int) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var free []string
	for len(free) < n {
		if !p.next() {
			return nil, fmt.Errorf("find %d free ports: from %d to %d there are %d", n, p.first, p.last-1, len(free))
		}
		if l, err := net.Listen("tcp", address(p.now)); err == nil {
			l.Close()
			free = append(free, address(p.now))
		}
	}
	return free, nil
}

// next goes to the next port of the block, or to the first of another block. Processes
// begin to look in different places, so that they seldom have to look twice.
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
