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

// central is EV_Central's rules behind the smallest of servers.
type central struct {
	net     *simnet.Net
	serving sync.WaitGroup

	mu       sync.Mutex // guards what follows
	believes map[evcp.CPID]cpstate.Condition
	listener *simnet.Listener
	conns    []*simnet.Conn
	thaws    chan struct{} // closed when it moves again; nil while it does
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

// stop ends it as a kill does: the kernel hangs up.
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

// restart is away for so long, and comes back with what it had kept, or nothing.
func (c *central) restart(away time.Duration, keeps bool) error {
	c.stop()
	time.Sleep(away)
	if keeps {
		c.resume()
	} else {
		c.forget()
	}
	return c.start()
}

// resume takes up what it had kept.
func (c *central) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, believed := range c.believes {
		c.believes[id] = believed.AfterRestart(time.Now())
	}
}

// forget loses what it believes, and no connection.
func (c *central) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.believes = map[evcp.CPID]cpstate.Condition{}
}

// freeze stands still for so long: its kernel takes connections and words.
func (c *central) freeze(long time.Duration) {
	thaws := make(chan struct{})
	c.set(thaws)
	time.Sleep(long)
	c.set(nil)
	close(thaws)
}

func (c *central) set(thaws chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.thaws = thaws
}

func (c *central) shows(id evcp.CPID) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.believes[id].State.String()
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
	defer c.hangUp(conn)
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
		if _, err := conn.Write([]byte(c.hear(m))); err != nil {
			return
		}
	}
}

func (c *central) hangUp(conn *simnet.Conn) {
	conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = slices.DeleteFunc(c.conns, func(o *simnet.Conn) bool { return o == conn })
}

func (c *central) hear(m wire.Message) (answer string) {
	c.mu.Lock()
	thaws := c.thaws
	c.mu.Unlock()
	if thaws != nil {
		<-thaws
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	next, reply := c.believes[m.CP].Receive(m, time.Now())
	c.believes[m.CP] = next
	return reply.Text(m.CP)
}
