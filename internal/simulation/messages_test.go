package simulation

import (
	"context"
	"net"
	"sync"
	"syscall"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/simnet"
	"evcp/internal/wire"
)

// processConns dials for one process of the Monitor. A kill resets its connections.
type processConns struct {
	messages *messageLog // nil: not recorded

	net  *simnet.Net
	mu   sync.Mutex // guards what follows
	dead bool
	open []*simnet.Conn
}

// DialContext connects as the network does.
func (s *processConns) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := s.net.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := conn.(*simnet.Conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		c.Reset()
		return nil, syscall.ECONNABORTED
	}
	s.open = append(s.open, c)
	if s.messages == nil {
		return c, nil
	}
	return &recordedConn{Conn: c, log: s.messages, dead: s.isDead}, nil
}

func (s *processConns) isDead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}

// kill resets all connections and refuses new ones.
func (s *processConns) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
	for _, c := range s.open {
		c.Reset()
	}
}

// messageLog records the messages between Monitor and Central, over all processes.
type messageLog struct {
	mu       sync.Mutex // guards messages and what they point to
	messages []*message
}

// message is a message of one charge point.
type message struct {
	cp evcp.CPID
	oracle.CentralMessage
}

// of are the messages of one charge point.
func (e *messageLog) of(id evcp.CPID) (all []oracle.CentralMessage) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.messages {
		if m.cp == id {
			all = append(all, m.CentralMessage)
		}
	}
	return all
}

// recordedConn is a connection to Central whose messages are recorded.
type recordedConn struct {
	*simnet.Conn
	log  *messageLog
	dead func() bool

	sent    []*message
	pending *message // the one without a reply; nil: none
}

func (c *recordedConn) Write(b []byte) (int, error) {
	m, err := wire.Parse(b)
	if err != nil {
		return 0, err
	}
	if c.dead() {
		return 0, syscall.EPIPE
	}
	c.log.mu.Lock()
	c.pending = &message{m.CP, oracle.CentralMessage{Verb: m.Verb, Sent: stamp()}}
	c.sent = append(c.sent, c.pending)
	c.log.messages = append(c.log.messages, c.pending)
	c.log.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *recordedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n == 0 || c.pending == nil {
		return n, err
	}
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	if m := c.pending; m.answeredBy(string(b[:n])) {
		m.Forwarded, m.Answered, m.Returned = stamp(), stamp(), stamp()
	}
	c.pending = nil
	return n, err
}

// answeredBy reports whether a reply answers the message: a Central that does not know the
// charge point gives no receipt for a report.
func (m *message) answeredBy(reply string) bool {
	report := m.Verb == wire.EngineFailure || m.Verb == wire.EngineRecovered
	return !report || wire.JudgeReceipt(reply, m.cp) == wire.Accepted
}

func (c *recordedConn) Close() error {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	for _, m := range c.sent {
		if m.Closed == 0 {
			m.Closed = stamp()
		}
	}
	return c.Conn.Close()
}
