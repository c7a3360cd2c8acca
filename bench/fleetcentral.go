package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"evcp/internal/testbed"
)

// countingCentral accepts everybody, speaks lines, and remembers when it first heard what of whom.
type countingCentral struct {
	port string

	mu         sync.Mutex // guards what follows
	registered map[string]time.Time
	failed     map[string]time.Time
}

func (h *harness) countingCentral() (*countingCentral, error) {
	c := &countingCentral{}
	c.reset()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h.onClose(func() { ln.Close() })
	c.port = testbed.Port(ln.Addr().String())
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return // closed
			}
			go c.serve(conn)
		}
	}()
	return c, nil
}

// serve answers lines, those that came together by one write, as ev-central does.
func (c *countingCentral) serve(conn net.Conn) {
	defer conn.Close()
	reply, in, out := centralReplies(c.received), bufio.NewReader(conn), bufio.NewWriter(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		fmt.Fprintln(out, reply(strings.TrimSpace(line), time.Now()))
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
	}
}

func (c *countingCentral) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.registered, c.failed = map[string]time.Time{}, map[string]time.Time{}
}

func (c *countingCentral) received(message string, at time.Time) {
	words := strings.Fields(message)
	if len(words) < 3 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	first := map[string]map[string]time.Time{"registration": c.registered, "ENGINE_FAILURE": c.failed}[words[2]]
	if _, known := first[words[1]]; first != nil && !known {
		first[words[1]] = at
	}
}

// heard is a copy of when which charge points registered, or failed.
func (c *countingCentral) heard(failed bool) map[string]time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	from := c.registered
	if failed {
		from = c.failed
	}
	all := make(map[string]time.Time, len(from))
	for cp, at := range from {
		all[cp] = at
	}
	return all
}
