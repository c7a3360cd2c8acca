package main

import (
	"bytes"
	"context"
	"net"
	"sync"
	"time"

	"evcp/internal/wait"
)

// connHook stands between an Engine and its connections, for what no behaviour of an
// Engine can do: to act when a question has come in and is not answered yet, and
// to fall silent in the middle of an answer.
type connHook struct {
	ctx context.Context // nobody waits longer than the campaign

	mu     sync.Mutex // guards all below
	onCheck  func()
	gap time.Duration
}

// onNextCheck calls do, once, when the next health check has come in. The
// Engine hears of it when do has returned.
func (m *connHook) onNextCheck(do func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.onCheck = do
}

// setGap lets so much time pass after the first byte of every answer; 0 is none.
func (m *connHook) setGap(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gap = d
}

// received looks at what the Engine is about to read.
func (m *connHook) received(b []byte) {
	if !bytes.Contains(b, []byte("health_check")) {
		return
	}
	m.mu.Lock()
	do := m.onCheck
	m.onCheck = nil
	m.mu.Unlock()
	if do != nil {
		do()
	}
}

func (m *connHook) currentGap() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.gap
}

// wrap is listen with a mouth over every connection.
func (m *connHook) wrap(listen func() (net.Listener, error)) func() (net.Listener, error) {
	return func() (net.Listener, error) {
		l, err := listen()
		if err != nil {
			return nil, err
		}
		return hookedListener{l, m}, nil
	}
}

type hookedListener struct {
	net.Listener
	hook *connHook
}

// Accept gives what the Engine takes for its connection.
func (l hookedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &hookedConn{c.(*net.TCPConn), l.hook}, nil //nolint:errcheck // a "tcp" listener gives nothing else
}

// hookedConn is one connection of an Engine.
type hookedConn struct {
	*net.TCPConn
	hook *connHook
}

func (s *hookedConn) Read(b []byte) (int, error) {
	n, err := s.TCPConn.Read(b)
	s.hook.received(b[:n])
	return n, err
}

func (s *hookedConn) Write(b []byte) (int, error) {
	gap := s.hook.currentGap()
	if gap == 0 || len(b) < 2 {
		return s.TCPConn.Write(b)
	}
	n, err := s.TCPConn.Write(b[:1])
	if err != nil {
		return n, err
	}
	if !wait.For(s.hook.ctx, gap) {
		return n, s.hook.ctx.Err()
	}
	rest, err := s.TCPConn.Write(b[1:])
	return n + rest, err
}
