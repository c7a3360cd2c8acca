package simulation

import (
	"context"
	"net"
	"slices"
	"sync"
	"syscall"

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
	return &tapped{Conn: c, ear: s.hears, dead: s.isDead, waits: -1}, nil
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
	mu       sync.Mutex // guards messages
	messages []oracle.Message
}

func (e *ear) all() []oracle.Message {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.messages)
}

// tapped is a connection to Central that is listened to.
type tapped struct {
	*simnet.Conn
	ear  *ear
	dead func() bool

	said  []int // its messages
	waits int   // the one without an answer; -1
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
	c.waits = len(c.ear.messages)
	c.said = append(c.said, c.waits)
	c.ear.messages = append(c.ear.messages, oracle.Message{Verb: m.Verb, Came: stamp()})
	c.ear.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *tapped) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n == 0 || c.waits < 0 {
		return n, err
	}
	c.ear.mu.Lock()
	defer c.ear.mu.Unlock()
	if m := &c.ear.messages[c.waits]; answers(m.Verb, string(b[:n])) {
		m.Passed, m.Answered, m.Told = stamp(), stamp(), stamp()
	}
	c.waits = -1
	return n, err
}

// answers reports whether words count for a message: a Central that has forgotten
// the Monitor says so, and gives no receipt.
func answers(v wire.Verb, words string) bool {
	report := v == wire.EngineFailure || v == wire.EngineRecovered
	return !report || wire.JudgeReceipt(words, cp) == wire.Accepted
}

func (c *tapped) Close() error {
	c.ear.mu.Lock()
	defer c.ear.mu.Unlock()
	for _, i := range c.said {
		if m := &c.ear.messages[i]; m.Left == 0 {
			m.Left = stamp()
		}
	}
	return c.Conn.Close()
}
