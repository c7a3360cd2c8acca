// Package uplink is the dialogue of a Monitor with Central: it registers, reports
// failures and recoveries, sends heartbeats, waits for each reply, and comes back
// after every outage.
//
// What Central must learn of are the engine_failed and engine_recovered events that
// the outbox has kept. They are reported at least once, in order, across restarts of
// either side. Central's answer goes to the monitor as an Observation and comes back
// as a kept event, so that the next process knows it.
//
// Schedule decides what to send and when, in values. The sessions, one for each charge point,
// are values in a table. A pool of connections sends for them, one message at a time on each, or
// several heartbeats pipelined; a lone charge point has one connection. A Codec is the protocol:
// it exchanges a message for a verdict.
package uplink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"evcp"
	"evcp/internal/link"
	"evcp/internal/outbox"
)

// RefusalRetry is how long after a rejected registration Central is asked again.
const RefusalRetry = time.Minute

// Options are what an Uplink needs.
type Options struct {
	Central     string // host:port
	Codec       Codec
	Heartbeat   time.Duration
	ReportEvery time.Duration
	Dialer      link.Dialer
	Box         *outbox.Outbox
	// ChargePoints is how many there will be, about.
	ChargePoints int
	// Connections is how many connections may be open without a need for more; no more than
	// charge points. 0 is 16. The pool grows up to MaxConnections; 0 is 256.
	Connections    int
	MaxConnections int
	// Observe hands an observation to the monitor.
	Observe func(evcp.Observation) bool
	// OnDiagnostic is called with what no event records. It must not block.
	OnDiagnostic func(Diagnostic)
	// StopWhenRefused: a rejected registration ends Run, unless Central accepted this
	// Monitor before.
	StopWhenRefused bool
}

// RefusedError ends a Monitor that Central never accepted; see StopWhenRefused.
type RefusedError struct {
	CP    evcp.CPID
	Reply string
}

// Error names the charge point and Central's reply.
func (e *RefusedError) Error() string { return fmt.Sprintf("Central refused %s: %q", e.CP, e.Reply) }

// Uplink is the dialogue with Central for a number of charge points. Run it once.
type Uplink struct {
	o        Options
	schedule Schedule
	instantClock
	meter *meter

	attempted     chan struct{}
	markAttempted func()        // closes it
	earlier       chan struct{} // the scheduler is to look again before planned
	workersRun    sync.WaitGroup

	// mu guards what follows. It is held for less than a microsecond at a time but where
	// Central was lost, and never while anything waits. A goroutine that owns the table would
	// cost two changes of goroutine for each message; see docs/decisions/0036.
	mu sync.Mutex
	table
	pool
	diagnostics diagnosticFolder
	leaving     map[int32]*departure
	planned     Instant // when the scheduler wakes up
	collectAt   Instant // it looks for what is due no sooner
	running     bool
	stopping    bool
	launch      func(*worker) // starts its goroutine
	end         func(error)   // ends Run
}

// New makes an Uplink without charge points; it dials nothing before Run.
func New(o Options) *Uplink {
	o.Connections, o.MaxConnections = cmp.Or(o.Connections, defaultConnections), cmp.Or(o.MaxConnections, defaultMaxConnections)
	o.MaxConnections = max(o.MaxConnections, o.Connections)
	u := &Uplink{
		o: o, schedule: Schedule{Heartbeat: o.Heartbeat, ReportEvery: o.ReportEvery}, instantClock: newInstantClock(time.Now()), meter: newMeter(),
		attempted: make(chan struct{}), earlier: make(chan struct{}, 1),
		table: table{sessions: make([]session, 0, o.ChargePoints)}, pool: pool{shared: newQueue()}, leaving: map[int32]*departure{},
	}
	u.markAttempted = sync.OnceFunc(func() { close(u.attempted) })
	return u
}

func (u *Uplink) now() Instant { return u.instant(time.Now()) }

// Attempted is closed at the first byte from Central, or when the first message had
// no reply.
func (u *Uplink) Attempted() <-chan struct{} { return u.attempted }

// Run sends until ctx ends. It returns a *RefusedError when a registration is rejected
// under StopWhenRefused, otherwise nil.
func (u *Uplink) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	u.start(ctx, cancel)
	u.recallAll()
	var scheduling sync.WaitGroup
	scheduling.Go(func() { u.runSchedule(ctx) })
	u.deliverFacts(ctx)
	scheduling.Wait()
	u.interrupt()
	u.workersRun.Wait()
	if refused := (*RefusedError)(nil); errors.As(context.Cause(ctx), &refused) {
		return refused
	}
	return nil
}

// start hands out what earlier processes left to report, in order, before anything is sent.
func (u *Uplink) start(ctx context.Context, end context.CancelCauseFunc) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.deliverReady()
	u.running, u.end = true, end
	u.launch = func(w *worker) { u.workersRun.Go(func() { u.work(ctx, w) }) }
}

// interrupt breaks off what is on its way. No message is begun after it.
func (u *Uplink) interrupt() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stopping = true
	for _, w := range u.workers {
		switch {
		case w == nil:
		case w.idle:
			w.signal()
		case w.interrupt != nil:
			w.interrupt()
		}
	}
}

// Disconnect announces a clean stop for the registered charge points, each on its connection,
// closes the connections, and returns for how many Central answered. Call it after Run has
// returned; ctx bounds it, and a second each message. Of those for whom there is no time left,
// Central learns by the end of their connection.
func (u *Uplink) Disconnect(ctx context.Context) (told int) {
	var saying sync.WaitGroup
	var answered atomic.Int64
	for w, cps := range u.goodbyes() {
		saying.Go(func() { answered.Add(int64(w.sayGoodbye(ctx, cps))) })
	}
	saying.Wait()
	return int(answered.Load())
}

// goodbyes are the registered charge points by their connections. Nobody else uses these any
// more.
func (u *Uplink) goodbyes() map[*worker][]evcp.CPID {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := map[*worker][]evcp.CPID{}
	var last *worker
	for _, w := range u.workers {
		if w != nil {
			all[w], last = nil, w
		}
	}
	for i := range u.sessions {
		switch s := &u.sessions[i]; {
		case !s.state.Registered:
		case s.worker != none:
			all[u.workers[s.worker]] = append(all[u.workers[s.worker]], s.cp)
		default: // its connection is lost
			all[last] = append(all[last], s.cp)
		}
	}
	return all
}
