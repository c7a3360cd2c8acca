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

// sockets are those of one life of a Monitor. They end with it.
type sockets struct {
	hears *ear // nil: nobody records

	net  *simnet.Net
	mu   sync.Mutex // guards what follows
	dead bool
	open []*simnet.Conn
}

// DialContext connects as the network does.
func (s *sockets) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
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
	if s.hears == nil {
		return c, nil
	}
	return &tapped{Conn: c, ear: s.hears, dead: s.isDead}, nil
}

func (s *sockets) isDead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}

// die breaks all connections off and lets no new one be.
func (s *sockets) die() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
	for _, c := range s.open {
		c.Reset()
	}
}

// ear records what goes between Monitor and Central, over all lives.
type ear struct {
	mu       sync.Mutex // guards messages and what they point to
	messages []*message
}

// message is what one charge point said, and what came of it.
type message struct {
	cp evcp.CPID
	oracle.CentralMessage
}

// of are the messages of one charge point.
func (e *ear) of(id evcp.CPID) (all []oracle.CentralMessage) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.messages {
		if m.cp == id {
			all = append(all, m.CentralMessage)
		}
	}
	return all
}

// tapped is a connection to Central that is listened to.
type tapped struct {
	*simnet.Conn
	ear  *ear
	dead func() bool

	said  []*message
	waits *message // the one without an answer
}

func (c *tapped) Write(b []byte) (int, error) {
	m, err := wire.Parse(b)
	if err != nil {
		return 0, err
	}
	if c.dead() {
		return 0, syscall.EPIPE
	}
	c.ear.mu.Lock()
	c.waits = &message{m.CP, oracle.CentralMessage{Verb: m.Verb, Sent: stamp()}}
	c.said = append(c.said, c.waits)
	c.ear.messages = append(c.ear.messages, c.waits)
	c.ear.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *tapped) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n == 0 || c.waits == nil {
		return n, err
	}
	c.ear.mu.Lock()
	defer c.ear.mu.Unlock()
	if m := c.waits; m.answeredBy(string(b[:n])) {
		m.Forwarded, m.Answered, m.Returned = stamp(), stamp(), stamp()
	}
	c.waits = nil
	return n, err
}

// answeredBy reports whether words count: a Central that has forgotten the Monitor
// says so, and gives no receipt.
func (m *message) answeredBy(words string) bool {
	report := m.Verb == wire.EngineFailure || m.Verb == wire.EngineRecovered
	return !report || wire.JudgeReceipt(words, m.cp) == wire.Accepted
}

func (c *tapped) Close() error {
	c.ear.mu.Lock()
	defer c.ear.mu.Unlock()
	for _, m := range c.said {
		if m.Closed == 0 {
			m.Closed = stamp()
		}
	}
	return c.Conn.Close()
}
