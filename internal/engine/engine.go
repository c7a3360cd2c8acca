// Package engine is a simulated EV_CP_E: the program that drives a charge point, as its
// Monitor sees it, with faults on command.
//
// An Engine serves any number of connections at once and answers the Monitor's two
// messages, "monitor connection" and "health_check", in the framing in which each came.
// Anything else is answered with "KO unknown message". At most wire.MaxMessage bytes are
// held for a connection.
//
// What it does with a message is a Behaviour, a value from a table, which can be changed
// while the Engine runs:
//
//   - A message gets the behaviour that is in force when it comes. "slow" still answers
//     late, and "mute" never answers, after the behaviour has been changed. That is how a
//     real Engine recovers.
//   - A drip ends with its behaviour, and closes its connection.
//   - "refuse" closes the listening socket and all connections at once. When it ends, the
//     same port is opened again. If another process took it, the Engine logs that once
//     and retries.
//   - Each change of behaviour starts the sequences of "intermittent" and "delayed-ko"
//     anew. Only health checks advance them.
//
// Any goroutine may call the methods of an Engine at any time.
package engine

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"sync"
	"time"

	"evcp"
	"evcp/internal/language"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

// Options are what New needs.
type Options struct {
	// Listen opens the listening socket, at the start and after every "refuse", on the
	// same address each time: Binding.Listen. One goroutine at a time calls it.
	Listen func() (net.Listener, error)

	TLS *tls.Config // nil: plain TCP

	Behaviour       Behaviour // at the start; the zero Behaviour is ok
	CloseAfterReply bool      // as the first Engines did: one message per connection

	// Observe, if set, is called for each message when it is over, by the goroutine of its
	// connection: concurrently, and it must not block.
	Observe func(ServedRequest)

	Log      *slog.Logger      // nil = none
	Language language.Language // of the log
}

// ServedRequest is what the Engine did with one message.
type ServedRequest struct {
	Asked       time.Time   // when it was complete
	Done        time.Time   // when the last byte was handed to the kernel, or the connection ended
	CP          evcp.CPID   // who asked; "" when it was no message
	Verb        wire.Verb   // NoVerb when it was no message
	Behaviour   string      // in force at Asked
	Answer      []byte      // every byte that was sent; nil for no reply
	Disposition Disposition // what became of the connection
	Err         error       // the reply could not be sent to its end
}

// Count is how many health checks came, and how many got a reply of any kind.
type Count struct{ Asked, Answered int }

// Engine is a simulated Engine. Make it with New.
type Engine struct {
	options  Options
	log      *slog.Logger
	listener *reopenableListener

	mu       sync.Mutex // guards what follows
	active   activeBehaviour
	counts   map[string]Count // by behaviour
	last     Contact
	monitors monitorSet
	tlsError string // of the last handshake; "" when it succeeded
}

// activeBehaviour is the behaviour in force.
type activeBehaviour struct {
	Behaviour
	generation int // counts the changes of behaviour
	checks     int // health checks since the change
}

// Contact is the newest message of any Monitor; zero when there was none.
type Contact struct {
	At time.Time
	CP evcp.CPID
}

// New makes an Engine that does not listen yet.
func New(o Options) *Engine {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if o.Behaviour.name == "" {
		o.Behaviour = MustBehaviour("ok")
	}
	e := &Engine{options: o, log: log, listener: newReopenableListener(o.Listen), counts: map[string]Count{}, monitors: monitorSet{}}
	e.active.Behaviour = o.Behaviour
	return e
}

// Behaviour is the one in force.
func (e *Engine) Behaviour() Behaviour {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.active.Behaviour
}

// SetBehaviour puts b in force. When it returns, every message that comes gets b; after
// "refuse", nothing is connected and nothing listens. The same behaviour again starts its
// sequence anew.
func (e *Engine) SetBehaviour(b Behaviour) {
	before := e.change(b)
	e.log.Info(e.options.Language.Sprintf("behaviour %s: %s", b.name, e.options.Language.Text(b.about)), "behaviour", b.name, "before", before.name)
}

// change logs nothing, since it holds the lock: writing a log may block.
func (e *Engine) change(b Behaviour) (before Behaviour) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before = e.active.Behaviour
	e.active = activeBehaviour{Behaviour: b, generation: e.active.generation + 1}
	e.listener.set(!b.refuses)
	e.monitors.restart(time.Now())
	return before
}

// Play plays a script and returns when its last step has begun, or ctx is done. Steps are
// timed from the start of Play, so delays do not add up.
func (e *Engine) Play(ctx context.Context, script []Step) {
	next := time.Now()
	for _, step := range script {
		if !wait.For(ctx, time.Until(next)) {
			return
		}
		e.SetBehaviour(step.Behaviour)
		next = next.Add(step.For)
	}
}

// Counts are the health checks so far, by behaviour.
func (e *Engine) Counts() map[string]Count {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.counts)
}

// LastContact is the newest message of any Monitor.
func (e *Engine) LastContact() Contact {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last
}

// Serve listens and answers until ctx is done; then it closes everything, waits for its
// goroutines and returns nil. It fails only when it can't listen at the start. Call it
// once.
func (e *Engine) Serve(ctx context.Context) error {
	if err := e.start(); err != nil {
		return err
	}
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { <-ctx.Done(); e.listener.stop() })
	all.Go(func() { e.logMonitors(ctx) })
	for {
		c, err := e.listener.accept(ctx, e.portTaken)
		if err != nil {
			return nil // ctx is done
		}
		all.Go(func() { e.serveConn(ctx, c) })
	}
}

func (e *Engine) start() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.listener.start(!e.active.refuses); err != nil {
		return fmt.Errorf("serve as Engine: %w", err)
	}
	return nil
}

func (e *Engine) portTaken(err error) {
	e.log.Error("the port can't be had again; it is tried until it can", "error", err)
}

// logEvery is how late the log may be about a Monitor that came or left.
const logEvery = 250 * time.Millisecond

// logMonitors logs which Monitors came and left, apart from the connections: writing a log
// may block.
func (e *Engine) logMonitors(ctx context.Context) {
	for wait.For(ctx, logEvery) {
		came, left := e.monitorChanges()
		for _, cp := range came {
			e.log.Info("Monitor connected", "cp", string(cp))
		}
		for _, cp := range left {
			e.log.Info("its Monitor has left", "cp", string(cp))
		}
	}
}

func (e *Engine) monitorChanges() (came, left []evcp.CPID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.active.refuses {
		return nil, nil
	}
	return e.monitors.changes(time.Now())
}

// replyPlan is what a connection does with one message.
type replyPlan struct {
	cannedResponse
	behaviour  string
	generation int // of the activeBehaviour
}

// plan records a message and decides what it gets.
func (e *Engine) plan(r wire.Request, now time.Time) replyPlan {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := replyPlan{cannedResponse: e.active.at(e.active.checks), behaviour: e.active.name, generation: e.active.generation}
	if r.Err == nil {
		e.last = Contact{At: now, CP: r.CP}
		e.monitors.received(r.CP, now)
	}
	switch {
	case r.Err == nil && r.Verb == wire.HealthCheck:
		e.active.checks++
		e.count(p.behaviour, Count{Asked: 1})
	case r.Err == nil && r.Verb == wire.MonitorConnection:
	case len(p.segments) > 0 && !p.drips:
		p.segments = []string{unknownMessage}
	}
	return p
}

const unknownMessage = "KO unknown message"

// inForce reports whether the behaviour of p has not been changed.
func (e *Engine) inForce(p replyPlan) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.active.generation == p.generation
}

// served is called when an exchange is over.
func (e *Engine) served(x ServedRequest) {
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
