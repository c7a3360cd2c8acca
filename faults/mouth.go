package main

import (
	"bytes"
	"context"
	"net"
	"sync"
	"time"

	"evcp/internal/wait"
)

// mouth stands between an Engine and its connections, for what no behaviour of an
// Engine can do: to act when a question has come in and is not answered yet, and
// to fall silent in the middle of an answer.
type mouth struct {
	ctx context.Context // nobody waits longer than the campaign

	mu     sync.Mutex // guards all below
	asked  func()
	pauses time.Duration
}

// atNextQuestion calls do, once, when the next health check has come in. The
// Engine hears of it when do has returned.
func (m *mouth) atNextQuestion(do func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = do
}

// pause lets so much time pass after the first byte of every answer; 0 is none.
func (m *mouth) pause(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pauses = d
}

// heard looks at what the Engine is about to read.
func (m *mouth) heard(b []byte) {
	if !bytes.Contains(b, []byte("health_check")) {
		return
	}
	m.mu.Lock()
	do := m.asked
	m.asked = nil
	m.mu.Unlock()
	if do != nil {
		do()
	}
}

func (m *mouth) pausing() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pauses
}

// over is listen with a mouth over every connection.
func (m *mouth) over(listen func() (net.Listener, error)) func() (net.Listener, error) {
	return func() (net.Listener, error) {
		l, err := listen()
		if err != nil {
			return nil, err
		}
		return mouthed{l, m}, nil
	}
}

type mouthed struct {
	net.Listener
	mouth *mouth
}

// Accept gives what the Engine takes for its connection.
func (l mouthed) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &speech{c.(*net.TCPConn), l.mouth}, nil //nolint:errcheck // a "tcp" listener gives nothing else
}

// speech is one connection of an Engine.
type speech struct {
	*net.TCPConn
	mouth *mouth
}

func (s *speech) Read(b []byte) (int, error) {
	n, err := s.TCPConn.Read(b)
	s.mouth.heard(b[:n])
	return n, err
}

func (s *speech) Write(b []byte) (int, error) {
	gap := s.mouth.pausing()
	if gap == 0 || len(b) < 2 {
		return s.TCPConn.Write(b)
	}
	n, err := s.TCPConn.Write(b[:1])
	if err != nil {
		return n, err
	}
	if !wait.For(s.mouth.ctx, gap) {
		return n, s.mouth.ctx.Err()
	}
	rest, err := s.TCPConn.Write(b[1:])
	return n + rest, err
}
