package demo

import (
	"context"
	"sync"
	"time"

	"evcp"
	"evcp/internal/engine"
	"evcp/internal/wire"
)

// simulatedCP is a charge point without its Monitor: an Engine whose behaviour can
// be set, and which records when it replied OK.
type simulatedCP struct {
	id      evcp.CPID
	port    *engine.Binding
	engine  *engine.Engine
	timeout time.Duration // of a check; an OK after it does not count

	mu           sync.Mutex  // guards below
	failuresLeft int         // checks still to fail before it replies OK again; 0: the behaviour stays
	oks          []time.Time // when the last 64 OKs were sent
}

// The behaviours that the script and the keys set.
var ok, ko, mute = engine.MustBehaviour("ok"), engine.MustBehaviour("ko"), engine.MustBehaviour("mute")

func newSimulatedCP(ctx context.Context, id evcp.CPID, timeout time.Duration) (*simulatedCP, error) {
	port, err := engine.Bind(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &simulatedCP{id: id, port: port, timeout: timeout}
	c.engine = engine.New(engine.Options{Listen: port.Listen, Observe: c.observe})
	return c, nil
}

// behave sets the behaviour until the next call.
func (c *simulatedCP) behave(b engine.Behaviour) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failuresLeft = 0
	c.engine.SetBehaviour(b)
}

// failTimes makes exactly the next n checks fail.
func (c *simulatedCP) failTimes(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failuresLeft = n
	c.engine.SetBehaviour(ko)
}

// observe is called by the Engine after each exchange and before it reads the next
// message.
func (c *simulatedCP) observe(x engine.ServedRequest) {
	if x.Verb != wire.HealthCheck {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if repliedOK(x, c.timeout) {
		const remembered = 64
		c.oks = append(c.oks[max(0, len(c.oks)-remembered):], x.Done)
	}
	if c.failuresLeft == 0 {
		return
	}
	if c.failuresLeft--; c.failuresLeft == 0 {
		c.engine.SetBehaviour(ok)
	}
}

// answeredOK reports whether the Engine replied OK between two times.
func (c *simulatedCP) answeredOK(from, to time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, at := range c.oks {
		if at.After(from) && at.Before(to) {
			return true
		}
	}
	return false
}
