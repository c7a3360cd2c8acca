package engine

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"sync"
	"time"

	"evcp"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

// Options are what New needs.
type Options struct {
	// Listen opens the listening socket, at the start and after every "refuse",
	// on the same address each time: Port.Listen. Called by one goroutine at a time.
	Listen func() (net.Listener, error)

	Behaviour       Behaviour // at the start; the zero Behaviour is ok
	CloseAfterReply bool      // as the first Engines did: one question per connection

	// Observe, if set, is told every exchange when it is over, by the goroutine of
	// its connection: several at once, and not to be kept waiting.
	Observe func(ServedRequest)

	Log *slog.Logger // nil: nothing is logged
}

// ServedRequest is what the Engine truly did with one message.
type ServedRequest struct {
	Asked       time.Time   // when it was whole, on this machine's clock
	Done        time.Time   // when the last byte was handed to the kernel, or the connection ended
	CP          evcp.CPID   // who asked; "" when it was no message
	Verb        wire.Verb   // NoVerb when it was no message
	Behaviour   string      // in force when it was asked
	Answer      []byte      // every byte that was sent; nil for silence
	Disposition Disposition // what became of the connection
	Err         error       // the answer could not be sent whole
}

// Count is how often a behaviour was asked for health, and answered with
// anything at all.
type Count struct{ Asked, Answered int }

// Engine is a simulated Engine. Make it with New.
type Engine struct {
	options Options
	log     *slog.Logger
	door    *door

	mu     sync.Mutex // guards all below
	now    force
	counts map[string]Count
	last   Contact
	guests guests
}

// force is the behaviour in force, and how far it has come.
type force struct {
	behaviour Behaviour
	number    int // of the exchange of behaviours that brought it
	asked     int // health checks since
}

// Contact is the last sign of life of any Monitor. The zero Sign: there was none.
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
		o.Behaviour, _ = ParseBehaviour("ok")
	}
	e := &Engine{options: o, log: log, door: newDoor(o.Listen), counts: map[string]Count{}, guests: guests{}}
	e.now.behaviour = o.Behaviour
	return e
}

// Behaviour is the one in force.
func (e *Engine) Behaviour() Behaviour {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now.behaviour
}

// SetBehaviour puts b in force. When it returns, every question that comes gets
// b; after "refuse", nothing is connected and nothing listens. The same behaviour
// again begins its turns anew.
func (e *Engine) SetBehaviour(b Behaviour) {
	before := e.exchange(b)
	e.log.Info("behaviour "+b.name+": "+b.about, "behaviour", b.name, "before", before.name)
}

// exchange logs nothing: a log may wait for its reader, a question may not.
func (e *Engine) exchange(b Behaviour) (before Behaviour) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before = e.now.behaviour
	e.now = force{behaviour: b, number: e.now.number + 1}
	e.door.set(!b.shut)
	e.guests.excuse(time.Now())
	return before
}

// Play plays a script and returns after its last step has begun, or when ctx is
// done. Steps begin at their time from the start of Play: no delay adds up.
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

// LastContact is the last message that any Monitor has sent.
func (e *Engine) LastContact() Contact {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last
}
