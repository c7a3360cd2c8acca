package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"evcp"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

// Serve listens and answers until ctx is done; then it closes everything, waits
// for its goroutines and returns nil. It fails only when it can't listen in the
// first place. Call it once.
func (e *Engine) Serve(ctx context.Context) error {
	if err := e.start(); err != nil {
		return err
	}
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { <-ctx.Done(); e.door.stop() })
	all.Go(func() { e.tellNews(ctx) })
	for {
		c, err := e.door.next(ctx, e.portTaken)
		if err != nil {
			return nil // as asked
		}
		all.Go(func() { e.converse(ctx, c) })
	}
}

func (e *Engine) start() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.door.start(!e.now.behaviour.shut); err != nil {
		return fmt.Errorf("serve as Engine: %w", err)
	}
	return nil
}

func (e *Engine) portTaken(err error) {
	e.log.Error("the port can't be had again; it is tried until it can", "error", err)
}

// newsEvery is how late a Monitor's coming and going may be told.
const newsEvery = 250 * time.Millisecond

// tellNews logs who came and who left, away from the connections: a log may wait
// for its reader, an answer may not.
func (e *Engine) tellNews(ctx context.Context) {
	for wait.For(ctx, newsEvery) {
		came, left := e.news()
		for _, cp := range came {
			e.log.Info("Monitor connected", "cp", string(cp))
		}
		for _, cp := range left {
			e.log.Info("its Monitor has left", "cp", string(cp))
		}
	}
}

func (e *Engine) news() (came, left []evcp.CPID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.now.behaviour.shut {
		return nil, nil
	}
	return e.guests.news(time.Now())
}

// order is what a connection has to do with one message.
type order struct {
	turn
	behaviour string
	number    int // of the behaviour's exchange; see force
}

// ask takes a message and says what it gets.
func (e *Engine) ask(r wire.Request, now time.Time) order {
	e.mu.Lock()
	defer e.mu.Unlock()
	o := order{turn: e.now.behaviour.at(e.now.asked), behaviour: e.now.behaviour.name, number: e.now.number}
	if r.Err == nil {
		e.last = Contact{At: now, CP: r.CP}
		e.guests.note(r.CP, now)
	}
	switch {
	case r.Err == nil && r.Verb == wire.HealthCheck:
		e.now.asked++
		e.count(o.behaviour, Count{Asked: 1})
	case r.Err == nil && r.Verb == wire.MonitorConnection:
	case len(o.says) > 0 && !o.drips:
		o.says = []string{unknownMessage}
	}
	return o
}

const unknownMessage = "KO unknown message"

// inForce reports whether the behaviour of o still is.
func (e *Engine) inForce(o order) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now.number == o.number
}

// done takes the end of an exchange.
func (e *Engine) done(x ServedRequest) {
	if x.Verb == wire.HealthCheck && len(x.Answer) > 0 {
		e.mu.Lock()
		e.count(x.Behaviour, Count{Answered: 1})
		e.mu.Unlock()
	}
	if e.options.Observe != nil {
		e.options.Observe(x)
	}
}

// count is called with e.mu held.
func (e *Engine) count(behaviour string, more Count) {
	n := e.counts[behaviour]
	e.counts[behaviour] = Count{Asked: n.Asked + more.Asked, Answered: n.Answered + more.Answered}
}
