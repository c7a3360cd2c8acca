package testbed

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"evcp/internal/tcp"
)

// TextPeer is a server for the unframed protocol of the first programs: one read is
// one message. It records every message.
type TextPeer struct {
	Address string

	listener net.Listener
	closes   bool // each connection after its first answer
	answer   func(message string, at time.Time) string
	serving  sync.WaitGroup

	mu       sync.Mutex // guards all below
	received []string
	dials    int
	open     map[net.Conn]bool
}

// NewTextPeer listens until the test ends. It sends what answer returns for each
// message, and nothing for "". closes ends a connection after its first answer.
func NewTextPeer(tb testing.TB, address string, closes bool, answer func(message string) string) *TextPeer {
	tb.Helper()
	p, err := ListenText(address, closes, func(message string, _ time.Time) string { return answer(message) })
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Close)
	return p
}

// ListenText is NewTextPeer outside of tests; answer also gets the time at which the
// message was received. Close it.
func ListenText(address string, closes bool, answer func(message string, at time.Time) string) (*TextPeer, error) {
	l, err := tcp.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen as a peer: %w", err)
	}
	p := &TextPeer{Address: l.Addr().String(), listener: l, closes: closes, answer: answer, open: map[net.Conn]bool{}}
	p.serving.Go(p.accept)
	return p, nil
}

// Close ends all connections and waits.
func (p *TextPeer) Close() {
	p.listener.Close()
	p.mu.Lock()
	for c := range p.open {
		c.Close()
	}
	p.mu.Unlock()
	p.serving.Wait()
}

func (p *TextPeer) accept() {
	for {
		c, err := p.listener.Accept()
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
	defer func() {
		c.Close()
		p.mu.Lock()
		delete(p.open, c)
		p.mu.Unlock()
	}()
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		at := time.Now()
		if err != nil {
			return
		}
		message := string(buf[:n])
		p.mu.Lock()
		p.received = append(p.received, message)
		p.mu.Unlock()
		if a := p.answer(message, at); a != "" {
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
