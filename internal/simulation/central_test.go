package simulation

import (
	"slices"
	"sync"
	"time"

	"evcp"
	"evcp/internal/central/cpstate"
	"evcp/internal/simnet"
	"evcp/internal/wire"
)

// central is a small server with EV_Central's cpstate.
type central struct {
	net     *simnet.Net
	serving sync.WaitGroup

	mu       sync.Mutex // guards what follows
	states   map[evcp.CPID]cpstate.Condition
	listener *simnet.Listener
	conns    []*simnet.Conn
	resumes  chan struct{} // closed at the end of a freeze; nil: not frozen
}

// start listens.
func (c *central) start() error {
	l, err := c.net.Listen(centralAddress)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.listener = l
	c.mu.Unlock()
	c.serving.Go(func() { c.accept(l) })
	return nil
}

// stop ends it like a kill: all connections are reset.
func (c *central) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listener.Close()
	c.listener = nil
	for _, conn := range c.conns {
		conn.Reset()
	}
	c.conns = nil
}

// restart stops it and starts it again later, with the states as after a restart or with
// none.
func (c *central) restart(away time.Duration, keepsStates bool) error {
	c.stop()
	time.Sleep(away)
	if keepsStates {
		c.resume()
	} else {
		c.forget()
	}
	return c.start()
}

// resume loads the kept states.
func (c *central) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, state := range c.states {
		c.states[id] = state.AfterRestart(time.Now())
	}
}

// forget loses the states, but no connection.
func (c *central) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.states = map[evcp.CPID]cpstate.Condition{}
}

// freeze stops all replies for so long. Connections and messages are still accepted.
func (c *central) freeze(long time.Duration) {
	resumes := make(chan struct{})
	c.setFrozen(resumes)
	time.Sleep(long)
	c.setFrozen(nil)
	close(resumes)
}

func (c *central) setFrozen(resumes chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resumes = resumes
}

func (c *central) shows(id evcp.CPID) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.states[id].State.String()
}

func (c *central) accept(l *simnet.Listener) {
	for {
		accepted, err := l.Accept()
		if err != nil {
			return
		}
		c.mu.Lock()
		conn := accepted.(*simnet.Conn)
		if c.listener == l {
			c.conns = append(c.conns, conn)
			c.serving.Go(func() { c.serve(conn) })
		} else {
			conn.Reset()
		}
		c.mu.Unlock()
	}
}

func (c *central) serve(conn *simnet.Conn) {
	defer c.removeConn(conn)
	buf := make([]byte, 512)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		m, err := wire.Parse(buf[:n])
		if err != nil {
			return
		}
		if _, err := conn.Write([]byte(c.receive(m))); err != nil {
			return
		}
	}
}

func (c *central) removeConn(conn *simnet.Conn) {
	conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = slices.DeleteFunc(c.conns, func(o *simnet.Conn) bool { return o == conn })
}

func (c *central) receive(m wire.Message) (answer string) {
	c.mu.Lock()
	resumes := c.resumes
	c.mu.Unlock()
	if resumes != nil {
		<-resumes
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	next, reply := c.states[m.CP].Receive(m, time.Now())
	c.states[m.CP] = next
	return reply.Text(m.CP)
}
