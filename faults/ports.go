package main

import (
	"net"
	"os"
	"strconv"
	"sync"
)

// ports hands out loopback addresses below the range from which the kernel lends:
// a link gives its port up and must have it again.
type ports struct {
	mu   sync.Mutex
	last int
}

// newPorts begins where another campaign of these minutes hardly does: process ids
// that follow each other lie more ports apart than a campaign needs.
func newPorts() *ports { return &ports{last: 20000 + os.Getpid()*151%11000} }

// next is one that nobody listens on at the moment.
func (p *ports) next() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if p.last++; p.last > 32000 {
			p.last = 20000
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(p.last))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
}
