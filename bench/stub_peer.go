package main

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// replyFunc returns the reply to a message that was received at the given time. The
// goroutines of several connections may call it at once.
type replyFunc func(message string, at time.Time) string

// stubPeer is an Engine or a Central in this process, so that the times of its
// messages and of what is done to the Monitor are of one clock. A message's time is
// late by what an idle process needs to wake a goroutine.
type stubPeer struct {
	listener net.Listener
	reply    replyFunc
	closes   bool // each connection after one reply, as the first programs did

	mu      sync.Mutex // guards open
	open    map[net.Conn]bool
	serving sync.WaitGroup
}

// startStub starts a stubPeer on a port that the kernel chooses.
func startStub(closes bool, reply replyFunc) (*stubPeer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen as a peer: %w", err)
	}
	p := &stubPeer{listener: l, reply: reply, closes: closes, open: map[net.Conn]bool{}}
	p.serving.Go(p.accept)
	return p, nil
}

func (p *stubPeer) port() string {
	_, port, _ := net.SplitHostPort(p.listener.Addr().String())
	return port
}

// stop closes everything and waits.
func (p *stubPeer) stop() {
	p.listener.Close()
	p.mu.Lock()
	for c := range p.open {
		c.Close()
	}
	p.mu.Unlock()
	p.serving.Wait()
}

func (p *stubPeer) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return // stop closed the listener
		}
		p.mu.Lock()
		p.open[c] = true
		p.mu.Unlock()
		p.serving.Go(func() { p.serve(c) })
	}
}

// serve takes what one Read returns for one message: on loopback, from a peer that
// waits for each reply, it is.
func (p *stubPeer) serve(c net.Conn) {
	defer func() {
		c.Close()
		p.mu.Lock()
		delete(p.open, c)
		p.mu.Unlock()
	}()
	b := make([]byte, 2048)
	for {
		n, err := c.Read(b)
		at := time.Now()
		if err != nil {
			return
		}
		if _, err := c.Write([]byte(p.reply(string(b[:n]), at))); err != nil || p.closes {
			return
		}
	}
}

// centralReplies accepts every Monitor and every report; received, unless nil, is
// called for each message first.
func centralReplies(received func(message string, at time.Time)) replyFunc {
	return func(message string, at time.Time) string {
		if received != nil {
			received(message, at)
		}
		switch {
		case strings.HasSuffix(message, "registration request"):
			return "Authentication successful"
		case strings.HasSuffix(message, "ENGINE_FAILURE"):
			return "Failure report received"
		case strings.HasSuffix(message, "ENGINE_RECOVERED"):
			return "Recovery report received"
		}
		return "OK"
	}
}

// engineReplies replies OK after delay; received is called for each health check.
func engineReplies(delay time.Duration, received func(at time.Time)) replyFunc {
	return func(message string, at time.Time) string {
		if strings.HasSuffix(message, "health_check") {
			received(at)
			time.Sleep(delay)
		}
		return "OK"
	}
}
