package testbed

import (
	"net"
	"slices"
	"sync"
	"testing"
)

// TextPeer is a server for the unframed protocol of the first programs: one read is
// one message. It records every message.
type TextPeer struct {
	Address string

	closes  bool // each connection after its first answer
	answer  func(message string) string
	serving sync.WaitGroup

	mu       sync.Mutex // guards all below
	received []string
	dials    int
	open     map[net.Conn]bool
}

// NewTextPeer listens until the test ends. It sends what answer returns for each
// message, and nothing for "". closes ends a connection after its first answer.
func NewTextPeer(tb testing.TB, address string, closes bool, answer func(message string) string) *TextPeer {
	tb.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	p := &TextPeer{Address: l.Addr().String(), closes: closes, answer: answer, open: map[net.Conn]bool{}}
	p.serving.Go(func() { p.accept(l) })
	tb.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for c := range p.open {
			c.Close()
		}
		p.mu.Unlock()
		p.serving.Wait()
	})
	return p
}

func (p *TextPeer) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.dials++
		p.open[c] = true
		p.mu.Unlock()
		p.serving.Go(func() { p.serve(c) })
	}
}

func (p *TextPeer) serve(c net.Conn) {
	defer c.Close()
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		message := string(buf[:n])
		p.mu.Lock()
		p.received = append(p.received, message)
		p.mu.Unlock()
		if a := p.answer(message); a != "" {
			if _, err := c.Write([]byte(a)); err != nil || p.closes {
				return
			}
		}
	}
}

// Received are the messages so far, byte for byte.
func (p *TextPeer) Received() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.received)
}

// Dials is how many connections were accepted.
func (p *TextPeer) Dials() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dials
}
