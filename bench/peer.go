package main

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// answer is what a peer says to a message that came at the given time. It is
// called by the goroutine of the connection, several at once.
type answer func(message string, at time.Time) string

// peer is an Engine or a Central of ours, in this process, so that the times of
// its messages and of what was done to the Monitor are read from one clock. What
// it hears is late by the time that a goroutine of an idle process needs to wake.
type peer struct {
	listener net.Listener
	answer   answer
	closes   bool // each connection after one answer, as the first peers did

	mu    sync.Mutex // guards open
	open  map[net.Conn]bool
	talks sync.WaitGroup
}

// listen starts a peer on a port of the kernel's choice.
func listen(closes bool, a answer) (*peer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen as a peer: %w", err)
	}
	p := &peer{listener: l, answer: a, closes: closes, open: map[net.Conn]bool{}}
	p.talks.Go(p.accept)
	return p, nil
}

func (p *peer) port() string {
	_, port, _ := net.SplitHostPort(p.listener.Addr().String())
	return port
}

// stop closes everything and waits.
func (p *peer) stop() {
	p.listener.Close()
	p.mu.Lock()
	for c := range p.open {
		c.Close()
	}
	p.mu.Unlock()
	p.talks.Wait()
}

func (p *peer) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return // as asked
		}
		p.mu.Lock()
		p.open[c] = true
		p.mu.Unlock()
		p.talks.Go(func() { p.talk(c) })
	}
}

// talk takes what one read brings for one message: of a peer that waits for each
// answer, on loopback, that is what it is.
func (p *peer) talk(c net.Conn) {
	defer p.forget(c)
	b := make([]byte, 2048)
	for {
		n, err := c.Read(b)
		at := time.Now()
		if err != nil {
			return
		}
		if _, err := c.Write([]byte(p.answer(string(b[:n]), at))); err != nil || p.closes {
			return
		}
	}
}

func (p *peer) forget(c net.Conn) {
	c.Close()
	p.mu.Lock()
	delete(p.open, c)
	p.mu.Unlock()
}

// asCentral accepts every Monitor; told, if not nil, hears every message.
func asCentral(told func(message string, at time.Time)) answer {
	return func(message string, at time.Time) string {
		if told != nil {
			told(message, at)
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

// asEngine is always well; heard is told when each health check came.
func asEngine(takes time.Duration, heard func(at time.Time)) answer {
	return func(message string, at time.Time) string {
		if strings.HasSuffix(message, "health_check") {
			heard(at)
			time.Sleep(takes)
		}
		return "OK"
	}
}
