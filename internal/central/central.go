package central

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"evcp"
	"evcp/internal/central/cpstate"
	"evcp/internal/console"
	"evcp/internal/folder"
	"evcp/internal/language"
	"evcp/internal/link"
)

// Options say how Central works; the zero value accepts anyone, expects a
// heartbeat every 5 s, forgets everything at its end and logs nothing.
type Options struct {
	Heartbeat time.Duration     // what Monitors are expected to send; 0 = 5 s
	Registry  *Registry         // who may register; nil = anyone
	StateDir  string            // where the charge points are kept; "" = in memory
	Logger    *slog.Logger      // nil = none
	Language  language.Language // of the log
	LogLost   func() uint64     // how many log lines could not be written; nil = unknown
	LogLines  int               // how many charge points that enter the same state have a log line in a second; the others are counted in one; 0 = 60
	MaxConns  int               // connections at once; 0 = 16,384, or what the limit of open files leaves
	MaxCPs    int               // charge points where there is no Registry; 0 = 100,000
}

func (o Options) withDefaults() Options {
	o.Heartbeat = cmp.Or(o.Heartbeat, 5*time.Second)
	o.MaxConns = cmp.Or(o.MaxConns, connsFor(link.OpenFiles()))
	o.MaxCPs = cmp.Or(o.MaxCPs, 100_000)
	o.LogLines = cmp.Or(o.LogLines, logLines)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	return o
}

const (
	maxConns = 16384
	// otherFiles are for all but Monitors: 1,024 connections of browsers, and some files.
	otherFiles = 1024 + 64
)

// connsFor is how many connections of Monitors an open file limit allows, 0 if there is
// none: at most half of it is for others. Without this bound Monitors could take the last
// descriptor, and neither the page nor the disk would be within reach.
func connsFor(files int) int {
	if files <= 0 {
		return maxConns
	}
	return min(maxConns, max(1, files-min(otherFiles, files/2)))
}

// Central is one EV_Central.
type Central struct {
	o        Options
	log      *slog.Logger
	board    *board
	file     *stateFile // nil = in memory
	started  time.Time
	commits  *commitWaiter
	warnings rateLimiter // of what unregistered peers cause
	doubts   rateLimiter // of charge points that become unverified, or are so no more
	failures failureLog  // of TLS handshakes
	restored int         // charge points read from the disk and not logged yet
	logFrom  uint64      // the number of the last change not to log; what New restores is one line, not ten thousand

	mu         sync.Mutex
	addr       net.Addr // of the listener without TLS
	tlsAddr    net.Addr // of the one with TLS
	serving    bool
	leaving    bool                         // the connections are closed by Central itself
	conns      map[net.Conn]*clientIdentity // sockets, below TLS: closing one waits for nothing; nil: no certificate
	fullLogged time.Time                    // when the log last said that no connection is free
}

// New opens the state folder and puts the charge points it holds on the board. It
// answers nobody yet.
func New(o Options) (*Central, error) {
	o = o.withDefaults()
	c := &Central{
		o: o, log: o.Logger, board: newBoard(o), started: time.Now(),
		conns: map[net.Conn]*clientIdentity{}, commits: newCommitWaiter(),
	}
	if o.StateDir != "" {
		if err := c.openState(); errors.Is(err, folder.ErrInUse) { // it names the folder itself
			return nil, language.Errorf("%w; give this EV_Central a folder of its own with --state-dir", err)
		} else if err != nil {
			return nil, language.Errorf("open state folder %s: %w", o.StateDir, err)
		}
	}
	c.logFrom = c.board.changes.next
	if o.Registry != nil {
		c.applyRegistry(c.started) // it may have changed while no Central ran
	}
	return c, nil
}

func (c *Central) openState() error {
	c.file = &stateFile{dir: c.o.StateDir, log: c.log}
	_, err := c.file.ensure()
	if err == nil {
		err = c.restore(c.started)
	} else if diskFault(c.o.StateDir, err) {
		err = nil // the persister logs it, and tries again
	}
	if err != nil {
		return errors.Join(err, c.file.close())
	}
	return nil
}

// restore puts on the board what the disk has and the board has not.
func (c *Central) restore(now time.Time) error {
	cps, skipped, err := c.file.load()
	if err != nil {
		return err
	}
	if skipped > 0 {
		c.log.Warn("skipped charge points that make no sense in the state folder", "charge_points", skipped)
	}
	c.restored += c.board.restore(cps, now)
	return nil
}

// logRestored logs how many charge points came from the disk since it was last called.
func (c *Central) logRestored() {
	if c.restored > 0 {
		c.log.Info("remembers charge points; each is disconnected until it speaks", "charge_points", c.restored)
		c.restored = 0
	}
}

// Serve answers Monitors on all listeners until ctx ends or one of them fails; then it
// closes every connection, writes what the disk should hold, and returns. It may be called
// once. A *SecureListener takes TLS only.
func (c *Central) Serve(ctx context.Context, listeners ...net.Listener) error {
	c.setAddresses(listeners)
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the helpers outlive the connections
	var helpers sync.WaitGroup
	helpers.Go(func() { c.superviseCPs(inner) })
	helpers.Go(func() { c.logChanges(inner) })
	helpers.Go(func() { c.superviseCertificates(inner) })
	if c.file != nil {
		helpers.Go(func() { c.persist(inner) })
	}
	err := c.serveListeners(ctx, listeners)
	cancel()
	helpers.Wait()
	return err
}

func (c *Central) setAddresses(listeners []net.Listener) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ln := range listeners {
		if _, isTLS := ln.(*SecureListener); isTLS {
			c.tlsAddr = ln.Addr()
		} else {
			c.addr = ln.Addr()
		}
	}
	c.serving = true
}

// serveListeners returns when all listeners and connections are closed.
func (c *Central) serveListeners(ctx context.Context, listeners []net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	release := context.AfterFunc(ctx, func() { closeListeners(listeners); c.closeAll() })
	defer release()
	var accepting, conns sync.WaitGroup
	errs := make([]error, len(listeners))
	for i, ln := range listeners {
		accepting.Go(func() {
			defer cancel() // when one fails, all end
			errs[i] = c.accept(ctx, ln, &conns)
		})
	}
	accepting.Wait()
	closeListeners(listeners)
	c.closeAll()
	conns.Wait()
	return errors.Join(errs...)
}

func closeListeners(listeners []net.Listener) {
	for _, ln := range listeners {
		ln.Close()
	}
}

// ErrForgottenInMemory is a charge point that is forgotten, but not on disk: the disk fails,
// or takes too long. It is tried again.
var ErrForgottenInMemory = errors.New("forgotten, but not on disk yet: a restart before that brings it back")

// forgetWait is how long Forget waits for the disk.
const forgetWait = 3 * time.Second

// Forget removes a charge point and its words from the board and from the disk; known is
// false if there is none. If its Monitor still runs, it registers again. It returns when the
// disk has done it, or with ErrForgottenInMemory. Serve must run.
func (c *Central) Forget(id evcp.CPID) (known bool, err error) {
	listed := c.o.Registry != nil && c.o.Registry.Listed(id)
	number := c.board.forget(id, listed, time.Now())
	if number == 0 {
		return false, nil
	}
	c.log.Info("forgotten, with what it said", console.CP(id))
	if c.file != nil && !c.commits.waitForgotten(number, forgetWait) {
		return true, ErrForgottenInMemory
	}
	return true, nil
}

// ForgetOnDisk is Forget where no Central runs in the state folder. A folder that another
// process has is folder.ErrInUse; one without a state file, fs.ErrNotExist.
func ForgetOnDisk(dir string, id evcp.CPID) (known bool, err error) {
	s := &stateFile{dir: dir, log: slog.New(slog.DiscardHandler)}
	if _, err := os.Stat(s.path()); err != nil {
		return false, err
	}
	if _, err := s.ensure(); err != nil {
		return false, errors.Join(err, s.close())
	}
	cps, _, err := s.load()
	if err == nil && slices.ContainsFunc(cps, func(c cpstate.Condition) bool { return c.ID == id }) {
		known, err = true, s.save([]evcp.CPID{id}, nil, unsavedWords{})
	}
	return known, errors.Join(err, s.close())
}

// Close gives the state folder back. Call it after Serve has returned.
func (c *Central) Close() error {
	if c.file == nil {
		return nil
	}
	return c.file.close()
}

// Started is when New was called.
func (c *Central) Started() time.Time { return c.started }

// Addr is where Monitors reach it without TLS; nil before Serve, and if they can't.
func (c *Central) Addr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.addr
}

// TLSAddr is where Monitors reach it by TLS; nil before Serve, and if they can't.
func (c *Central) TLSAddr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tlsAddr
}

// Serving reports whether Serve was called.
func (c *Central) Serving() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.serving
}

// Heartbeat is the interval at which Central expects heartbeats.
func (c *Central) Heartbeat() time.Duration { return c.o.Heartbeat }
