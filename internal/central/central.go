package central

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"evcp"
	"evcp/internal/central/cpstate"
	"evcp/internal/console"
	"evcp/internal/folder"
	"evcp/internal/wire"
)

// Options say how Central works; the zero value accepts anyone, expects a
// heartbeat every 5 s, forgets everything at its end and logs nothing.
type Options struct {
	Heartbeat time.Duration // what Monitors are expected to send; 0 = 5 s
	Registry  *Registry     // who may register; nil = anyone
	StateDir  string        // where the charge points are kept; "" = in memory
	Logger    *slog.Logger  // nil = none
	MaxConns  int           // connections at once; 0 = 16,384
	MaxCPs    int           // charge points where there is no Registry; 0 = 100,000
}

func (o Options) withDefaults() Options {
	if o.Heartbeat <= 0 {
		o.Heartbeat = 5 * time.Second
	}
	if o.MaxConns <= 0 {
		o.MaxConns = 16384
	}
	if o.MaxCPs <= 0 {
		o.MaxCPs = 100_000
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Central is one EV_Central.
type Central struct {
	o        Options
	log      *slog.Logger
	meter    meter
	board    *board
	store    *stateFile // nil = in memory
	started  time.Time
	connEnds chan connectionEnd
	commits  *commitWaiter
	warnings rateLimiter // what strangers bring about
	// restored counts what came from the disk and was not told yet.
	restored int
	logFrom  Position // what the log has not told yet; a restart is one line, not ten thousand

	mu         sync.Mutex
	addr       net.Addr
	conns      map[net.Conn]struct{}
	fullLogged time.Time // when the log last said that no connection is free
}

// New opens the state folder and puts what is known from before on the board. It
// answers nobody yet.
func New(o Options) (*Central, error) {
	o = o.withDefaults()
	c := &Central{
		o: o, log: o.Logger, board: newBoard(o), started: time.Now(),
		connEnds: make(chan connectionEnd), conns: map[net.Conn]struct{}{}, commits: newCommitWaiter(),
	}
	if o.StateDir == "" {
		return c, nil
	}
	if err := c.openState(); errors.Is(err, folder.ErrInUse) {
		return nil, err // it names the folder itself
	} else if err != nil {
		return nil, fmt.Errorf("open state folder %s: %w", o.StateDir, err)
	}
	c.logFrom = c.board.since(Position{}).Next
	if o.Registry != nil {
		c.applyRegistry(c.started) // it may have changed while no Central ran
	}
	return c, nil
}

func (c *Central) openState() error {
	store, aside, err := openStateFile(c.o.StateDir)
	if diskFault(c.o.StateDir, err) {
		c.store = newStateFile(c.o.StateDir) // whoever keeps it says so, and tries again
		return nil
	}
	if err != nil {
		return err
	}
	for _, note := range aside {
		c.log.Warn("put an unusable state file aside and began a new one", "file", note.file, "why", note.why)
	}
	c.store = store
	if err := c.restore(c.started); err != nil {
		return errors.Join(err, store.close())
	}
	return nil
}

// restore puts on the board what the disk knows and the board does not.
func (c *Central) restore(now time.Time) error {
	cps, skipped, err := c.store.load()
	if err != nil {
		return err
	}
	if skipped > 0 {
		c.log.Warn("skipped charge points that make no sense in the state folder", "charge_points", skipped)
	}
	c.restored += c.board.restore(cps, now)
	return nil
}

// logRestored logs what came from the disk since it was last told.
func (c *Central) logRestored() {
	if c.restored > 0 {
		c.log.Info("remembers charge points; each is disconnected until it speaks", "charge_points", c.restored)
		c.restored = 0
	}
}

// Close gives the state folder back. Call it after Serve has returned.
func (c *Central) Close() error {
	if c.store == nil {
		return nil
	}
	return c.store.close()
}

// receive gives the answer to one message of a session.
func (c *Central) receive(s *monitorConn, m wire.Message) string {
	listed := c.o.Registry == nil || c.o.Registry.Listed(m.CP)
	h := c.board.receive(s.source, m, listed, time.Now())
	s.registered = s.registered || accepted(h.reply)
	denied := h.reply == cpstate.Denied(m.CP)
	c.meter.count(m.Verb, h.reply, denied)
	if denied {
		c.warnLimited("denied: not in the registry", console.CP(m.CP), slog.String("peer", s.source.peer))
	}
	if h.reply == noRoom {
		c.warnLimited("denied: no room for another charge point", console.CP(m.CP), slog.String("peer", s.source.peer), slog.Int("limit", c.o.MaxCPs))
	}
	if h.born > 0 && c.store != nil {
		c.commits.wait(h.born, registrationWait)
	}
	return h.reply
}

func accepted(reply string) bool {
	switch reply {
	case cpstate.Authenticated, cpstate.FailureReceived, cpstate.RecoveryReceived, cpstate.Received:
		return true
	default:
		return false
	}
}

// Started is when Central began to listen for signs of life.
func (c *Central) Started() time.Time { return c.started }

// Addr is where Monitors reach it; nil before Serve.
func (c *Central) Addr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.addr
}

// Since is what changed on the board since the cursor.
func (c *Central) Since(cur Position) Delta { return c.board.since(cur) }

// Watch gives a signal for every change since the last look, and a func that ends it.
func (c *Central) Watch() (signal <-chan struct{}, stop func()) { return c.board.watch() }

// Snapshot is what changed since the cursor and all that there is, of one moment.
func (c *Central) Snapshot(cur Position) (news, all Delta) { return c.board.picture(cur) }

// CPs are all charge points, by id.
func (c *Central) CPs() []CPView { return c.board.since(Position{}).CPs }

// CP is one charge point.
func (c *Central) CP(id evcp.CPID) (CPView, bool) {
	c.board.mu.Lock()
	defer c.board.mu.Unlock()
	p, ok := c.board.cps[id]
	if !ok {
		return CPView{}, false
	}
	return p.CPView, true
}

// Follow calls f for each change of state from now on, in order, until ctx ends.
// f may take its time; when it is more than some thousand changes behind, the
// oldest are skipped and missed says how many.
func (c *Central) Follow(ctx context.Context, f func(change Change, missed uint64)) {
	signal, stop := c.Watch()
	defer stop()
	c.follow(ctx, c.Since(Position{}).Next, signal, f)
}

func (c *Central) follow(ctx context.Context, cur Position, signal <-chan struct{}, f func(Change, uint64)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signal:
		}
		changes, missed, next := c.board.changesSince(cur)
		cur = next
		for _, change := range changes {
			f(change, missed)
			missed = 0
		}
	}
}

// Heartbeat is what Central expects of Monitors.
func (c *Central) Heartbeat() time.Duration { return c.o.Heartbeat }

// Counts are how many charge points are in each state.
func (c *Central) Counts() StateCounts { return c.board.counts() }
