// Package engine is a simulated EV_CP_E: the program that drives a charge point, as its
// Monitor sees it, with faults on command.
//
// An Engine serves any number of connections at once and answers the Monitor's two
// messages, "monitor connection" and "health_check", in the framing in which each came.
// Anything else is answered with "KO unknown message". At most wire.MaxMessage bytes are
// held for a connection.
//
// It is one charge point, whatever id a Monitor sends, or many on one port, told apart by
// the id in the message. Another id is then answered with "KO unknown charge point".
//
// What it does with a message is a Behaviour, a value from a table, which can be changed
// while the Engine runs, for all or for a Selection of the charge points:
//
//   - A message gets the behaviour that is in force when it comes. "slow" still answers
//     late, and "mute" never answers, after the behaviour has been changed. That is how a
//     real Engine recovers.
//   - A drip ends with its behaviour, and closes its connection.
//   - "refuse" closes the listening socket and all connections at once. When it ends, the
//     same port is opened again. If another process took it, the Engine logs that once
//     and retries. Since the port is one, it is for all charge points or for none.
//   - Each change of behaviour starts the sequences of "intermittent" and "delayed-ko"
//     anew. Only health checks advance them.
//
// On Linux a plain TCP connection takes no goroutine and no buffer of its own: one goroutine
// serves them all by epoll (rawServer). What takes time, such as "slow", has a goroutine while
// it lasts. TLS, other systems and other listeners have a goroutine for each connection.
//
// Any goroutine may call the methods of an Engine at any time.
package engine

import (
	"context"
	"crypto/tls"
	"errors"
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

	CPs             []evcp.CPID // nil: one charge point with any id
	Behaviour       Behaviour   // at the start; the zero Behaviour is ok
	CloseAfterReply bool        // as the first Engines did: one message per connection

	// Observe, if set, is called for each message when it is over, from several goroutines
	// at once, and it must not block.
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
	Behaviour   string      // in force at Asked; "" when no charge point of the Engine was asked
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

	index map[evcp.CPID]int32 // of the charge points in cps; nil: one with any id

	mu       sync.Mutex // guards what follows
	cps      []cpBehaviour
	refuses  bool             // nothing listens
	counts   map[string]Count // by behaviour
	last     Contact
	monitors monitorSet
	tlsError string // of the last handshake; "" when it succeeded
}

// cpBehaviour is the behaviour in force of one charge point.
type cpBehaviour struct {
	*Behaviour
	generation uint32 // counts the changes of behaviour
	checks     uint32 // health checks since the change
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
	e := &Engine{options: o, log: log, listener: newReopenableListener(o.Listen), counts: map[string]Count{}, monitors: newMonitorSet(len(o.CPs)), refuses: o.Behaviour.refuses}
	if len(o.CPs) > 0 {
		e.index = make(map[evcp.CPID]int32, len(o.CPs))
	}
	for i, cp := range o.CPs {
		e.index[cp] = int32(i)
	}
	e.cps = make([]cpBehaviour, max(len(o.CPs), 1))
	for i := range e.cps {
		e.cps[i].Behaviour = &o.Behaviour
	}
	return e
}

// Behaviour is the one in force; of many charge points that of the first.
func (e *Engine) Behaviour() Behaviour {
	e.mu.Lock()
	defer e.mu.Unlock()
	return *e.cps[0].Behaviour
}

// SetBehaviour puts b in force for all charge points. When it returns, every message that comes
// gets b; after "refuse", nothing is connected and nothing listens. The same behaviour again
// starts its sequence anew.
func (e *Engine) SetBehaviour(b Behaviour) {
	before, _ := e.change(Selection{}, b)
	said := e.options.Language
	e.log.Info(said.Sprintf("behaviour %s: %s", b.name, said.Text(b.about)), "behaviour", b.name, "before", before.name)
}

// Play plays a script and returns when its last step has begun, or ctx is done. Steps are
// timed from the start of Play, so delays do not add up.
func (e *Engine) Play(ctx context.Context, script []Step) {
	next := time.Now()
	for _, step := range script {
		if !wait.For(ctx, time.Until(next)) {
			return
		}
		if err := e.Assign(step.Assignment); err != nil {
			e.log.Error("a step of the script is left out", "error", err)
		}
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
		l, err := e.listener.next(ctx, e.portTaken)
		if err != nil {
			return nil // ctx is done
		}
		if !e.serveRaw(ctx, l, &all) {
			e.acceptAll(ctx, l, &all)
		}
	}
}

// acceptAll serves the connections of a listener, each in a goroutine, until it is closed or
// an accept fails.
func (e *Engine) acceptAll(ctx context.Context, l net.Listener, all *sync.WaitGroup) {
	for {
		c, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			wait.For(ctx, reopenEvery) // such as no free file descriptor
			return
		case e.listener.add(c, l):
			all.Go(func() { e.serveConn(ctx, c) })
		}
	}
}

func (e *Engine) start() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.listener.start(!e.refuses); err != nil {
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
		e.logEach(came, "Monitor connected", "Monitors of %d charge points connected")
		e.logEach(left, "its Monitor has left", "the Monitors of %d charge points have left")
	}
}

// mostNamed is how many charge points are named in the log at once; more are counted.
const mostNamed = 8

func (e *Engine) logEach(cps []evcp.CPID, one, many string) {
	if len(cps) > mostNamed {
		e.log.Info(e.options.Language.Sprintf(many, len(cps)), "charge_points", len(cps))
		return
	}
	for _, cp := range cps {
		e.log.Info(one, "cp", string(cp))
	}
}

func (e *Engine) monitorChanges() (came, left []evcp.CPID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refuses {
		return nil, nil
	}
	return e.monitors.changes(time.Now())
}

// replyPlan is what a connection does with one message.
type replyPlan struct {
	cannedResponse
	behaviour  string
	cp         int32  // place in Engine.cps
	generation uint32 // of its cpBehaviour
}

// prompt reports whether the whole reply goes out at once.
func (p *replyPlan) prompt() bool { return p.wait == 0 && len(p.segments) <= 1 && !p.drips }

// plan records a message and decides what it gets.
func (e *Engine) plan(r wire.Request, now time.Time) replyPlan {
	i, known := int32(0), true
	if e.index != nil {
		i, known = e.index[r.CP]
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !known {
		return replyPlan{cannedResponse: unknownReply(r)}
	}
	at := &e.cps[i]
	p := replyPlan{cannedResponse: at.at(int(at.checks)), behaviour: at.name, cp: i, generation: at.generation}
	if r.Err == nil {
		e.last = Contact{At: now, CP: r.CP}
		e.monitors.received(r.CP, now)
	}
	switch {
	case r.Err == nil && r.Verb == wire.HealthCheck:
		at.checks++
		e.count(p.behaviour, Count{Asked: 1})
	case r.Err == nil && r.Verb == wire.MonitorConnection:
	case len(p.segments) > 0 && !p.drips:
		p.cannedResponse.segments = unknownReply(r).segments
	}
	return p
}

// unknownReply is the reply to bytes that are no message, and to one that names no charge
// point of this Engine.
func unknownReply(r wire.Request) cannedResponse {
	if r.Err == nil && (r.Verb == wire.HealthCheck || r.Verb == wire.MonitorConnection) {
		return reply("KO unknown charge point")
	}
	return reply("KO unknown message")
}

// inForce reports whether the behaviour of p has not been changed.
func (e *Engine) inForce(p replyPlan) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.cps[p.cp].generation == p.generation
}

// served is called when an exchange is over.
func (e *Engine) served(x ServedRequest) {
	if x.Verb == wire.HealthCheck && len(x.Answer) > 0 && x.Behaviour != "" {
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
