// Package loopback hands out addresses on this machine for programs that are started
// a little later: in tests, in the fault campaign and in measurements.
package loopback

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
)

// Ports hands out each port once before it begins again. It may be used by any number
// of goroutines.
type Ports struct {
	mu  sync.Mutex
	now int
}

// NewPorts begins where another process of these minutes hardly does: ids of processes
// that follow each other lie more ports apart than one of them needs.
func NewPorts() *Ports {
	return &Ports{now: first + os.Getpid()*151%(last-first)}
}

// Take hands out n addresses, 127.0.0.1:PORT, that nobody listens on at the moment.
func (p *Ports) Take(n int) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var free []string
	for range last - first {
		if len(free) == n {
			return free, nil
		}
		if p.now++; p.now >= last {
			p.now = first
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(p.now))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			free = append(free, address)
		}
	}
	return nil, fmt.Errorf("find %d free ports: from %d to %d there are %d", n, first, last-1, len(free))
}
