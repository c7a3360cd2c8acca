package demo

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"evcp"
	"evcp/internal/engine"
	"evcp/internal/wire"
)

// charger is a charge point without its Monitor: an Engine that obeys, and
// remembers what it truly answered.
type charger struct {
	id      evcp.CPID
	port    *engine.Binding
	engine  *engine.Engine
	timeout time.Duration // longer than this, an OK is none

	mu   sync.Mutex
	left int         // how many checks still fail before it is well again; 0: as commanded
	oks  []time.Time // the last answers OK
}

// The behaviours that the story and the keys command.
var ok, ko, mute = behaviour("ok"), behaviour("ko"), behaviour("mute")

func behaviour(name string) engine.Behaviour {
	b, err := engine.ParseBehaviour(name)
	if err != nil {
		panic(fmt.Sprintf("demo: behaviour %s: %v", name, err)) // a test would have seen it
	}
	return b
}

func newCharger(ctx context.Context, id evcp.CPID, timeout time.Duration) (*charger, error) {
	port, err := engine.Bind(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &charger{id: id, port: port, timeout: timeout}
	c.engine = engine.New(engine.Options{Listen: port.Listen, Observe: c.observe})
	return c, nil
}

// behave commands a behaviour until the next command.
func (c *charger) behave(b engine.Behaviour) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = 0
	c.engine.SetBehaviour(b)
}

// failTimes makes exactly the next n checks fail.
func (c *charger) failTimes(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = n
	c.engine.SetBehaviour(ko)
}

// observe is told what the Engine did with a question, before it reads the next.
func (c *charger) observe(x engine.ServedRequest) {
	if x.Verb != wire.HealthCheck {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if x.Err == nil && strings.TrimSpace(string(x.Answer)) == "OK" && x.Done.Sub(x.Asked) <= c.timeout {
		const remembered = 64
		c.oks = append(c.oks[max(0, len(c.oks)-remembered):], x.Done)
	}
	if c.left == 0 {
		return
	}
	if c.left--; c.left == 0 {
		c.engine.SetBehaviour(ok)
	}
}

// spokeUp says whether the Engine answered OK between two moments.
func (c *charger) spokeUp(from, to time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, at := range c.oks {
		if at.After(from) && at.Before(to) {
			return true
		}
	}
	return false
}
