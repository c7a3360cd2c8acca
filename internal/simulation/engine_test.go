package simulation

import (
	"net"
	"slices"
	"sync"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/simnet"
	"evcp/internal/wire"
)

const centralAddress = "central"

// behaviour is what an Engine does with a check.
type behaviour struct {
	oracle.EngineBehaviour
	reply   string        // "": none
	rest    string        // the second part of the reply, sent later
	after   time.Duration // between the two parts
	connEnd connEnd
}

// connEnd is what happens to the connection after the reply.
type connEnd uint8

const (
	keeps connEnd = iota
	closes
	resets
)

// engine is an Engine, and the record of what it did.
type engine struct {
	cp      evcp.CPID // and its address
	net     *simnet.Net
	serving sync.WaitGroup

	mu       sync.Mutex // guards what follows
	now      behaviour
	listener *simnet.Listener
	conns    []*simnet.Conn
	changes  []oracle.EngineBehaviour
	checks   []oracle.EngineCheck
	away     []oracle.Window // no Monitor watched it: it was taken out of the fleet
}

// setBehaviour puts b in force.
func (e *engine) setBehaviour(b behaviour) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	b.At = stamp()
	e.now = b
	e.changes = append(e.changes, b.EngineBehaviour)
	if b.Shut {
		e.stopListening()
		return nil
	}
	if e.listener != nil {
		return nil
	}
	l, err := e.net.Listen(string(e.cp))
	if err != nil {
		return err
	}
	e.listener = l
	e.serving.Go(func() { e.accept(l) })
	return nil
}

func (e *engine) stopListening() {
	if e.listener != nil {
		e.listener.Close()
		e.listener = nil
	}
	for _, c := range e.conns {
		c.Reset()
	}
	e.conns = nil
}

// stop closes all connections and waits for their goroutines.
func (e *engine) stop() {
	e.mu.Lock()
	e.stopListening()
	e.mu.Unlock()
	e.serving.Wait()
}

func (e *engine) accept(l *simnet.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		e.mu.Lock()
		conn := c.(*simnet.Conn)
		if e.listener == l {
			e.conns = append(e.conns, conn)
			e.serving.Go(func() { e.serve(conn) })
		} else {
			conn.Reset()
		}
		e.mu.Unlock()
	}
}

func (e *engine) serve(c *simnet.Conn) {
	defer e.removeConn(c)
	buf := make([]byte, 512)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		m, err := wire.Parse(buf[:n])
		if err != nil {
			return
		}
		if !e.receive(c, m.Verb == wire.HealthCheck) {
			return
		}
	}
}

func (e *engine) removeConn(c *simnet.Conn) {
	c.Close()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.conns = slices.DeleteFunc(e.conns, func(o *simnet.Conn) bool { return o == c })
}

// receive handles one message and reports whether the connection stays open.
func (e *engine) receive(c *simnet.Conn, count bool) bool {
	m, done := e.record(count)
	time.Sleep(m.Delay)
	if m.reply == "" {
		return m.finish(c)
	}
	if !wrote(c, m.reply) {
		return false
	}
	done(m.reply)
	if m.rest != "" {
		time.Sleep(m.after)
		if !wrote(c, m.rest) {
			done(m.reply) // only the first part was sent
			return false
		}
		done(m.reply + m.rest)
	}
	return m.finish(c)
}

func wrote(c net.Conn, text string) bool {
	_, err := c.Write([]byte(text))
	return err == nil
}

func (m behaviour) finish(c *simnet.Conn) bool {
	switch m.connEnd {
	case keeps:
		return true
	case resets:
		c.Reset()
	case closes:
		if m.reply != "" {
			time.Sleep(550 * ms) // a slow link must deliver the reply first
		}
	}
	return false
}

// record records a check; done is called with the reply.
func (e *engine) record(count bool) (m behaviour, done func(reply string)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !count {
		return e.now, func(string) {}
	}
	i := len(e.checks)
	e.checks = append(e.checks, oracle.EngineCheck{Received: stamp(), Done: stamp()})
	return e.now, func(reply string) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.checks[i].Done, e.checks[i].Reply = stamp(), reply
	}
}

func stamp() evcp.Stamp { return evcp.StampOf(time.Now()) }
