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

// manner is what an Engine does with a question.
type manner struct {
	oracle.EngineBehaviour
	answer string        // "" is none
	rest   string        // the other half of the answer, restAfter later
	after  time.Duration // between the halves
	end    ending
}

// ending is what becomes of the connection after the answer.
type ending uint8

const (
	stays ending = iota
	closes
	resets
)

// engine is an Engine, and the record of what it truly did.
type engine struct {
	cp      evcp.CPID // and its address
	net     *simnet.Net
	serving sync.WaitGroup

	mu        sync.Mutex // guards what follows
	now       manner
	listener  *simnet.Listener
	conns     []*simnet.Conn
	changes   []oracle.EngineBehaviour
	questions []oracle.EngineCheck
}

// behave changes what it does from now on.
func (e *engine) behave(m manner) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	m.At = stamp()
	e.now = m
	e.changes = append(e.changes, m.EngineBehaviour)
	if m.Shut {
		e.shut()
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

func (e *engine) shut() {
	if e.listener != nil {
		e.listener.Close()
		e.listener = nil
	}
	for _, c := range e.conns {
		c.Reset()
	}
	e.conns = nil
}

// end hangs up and waits for everybody.
func (e *engine) end() {
	e.mu.Lock()
	e.shut()
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
	defer e.forget(c)
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
		if !e.hear(c, m.Verb == wire.HealthCheck) {
			return
		}
	}
}

func (e *engine) forget(c *simnet.Conn) {
	c.Close()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.conns = slices.DeleteFunc(e.conns, func(o *simnet.Conn) bool { return o == c })
}

// hear deals with one question and reports whether the connection goes on.
func (e *engine) hear(c *simnet.Conn, count bool) bool {
	m, done := e.asked(count)
	time.Sleep(m.Delay)
	if m.answer == "" {
		return m.leave(c)
	}
	if !said(c, m.answer) {
		return false
	}
	done(m.answer)
	if m.rest != "" {
		time.Sleep(m.after)
		if !said(c, m.rest) {
			done(m.answer) // half of it; till now it could have been whole
			return false
		}
		done(m.answer + m.rest)
	}
	return m.leave(c)
}

func said(c net.Conn, words string) bool {
	_, err := c.Write([]byte(words))
	return err == nil
}

func (m manner) leave(c *simnet.Conn) bool {
	switch m.end {
	case stays:
		return true
	case resets:
		c.Reset()
	case closes:
		if m.answer != "" {
			time.Sleep(550 * ms) // a slow link must bring it first
		}
	}
	return false
}

// asked records a question; done is to be told what was answered.
func (e *engine) asked(count bool) (m manner, done func(answer string)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !count {
		return e.now, func(string) {}
	}
	i := len(e.questions)
	e.questions = append(e.questions, oracle.EngineCheck{Received: stamp(), Done: stamp()})
	return e.now, func(answer string) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.questions[i].Done, e.questions[i].Reply = stamp(), answer
	}
}

func stamp() evcp.Stamp { return evcp.StampOf(time.Now()) }
