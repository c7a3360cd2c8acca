package demo

import (
	"context"
	"errors"
	"maps"
	"net"
	"path/filepath"
	"sync"
	"time"

	"evcp"
	"evcp/internal/console"
	"evcp/internal/display"
	"evcp/internal/language"
	"evcp/internal/link"
	"evcp/internal/watch"
	"evcp/internal/wire"
)

// runningMonitor is one Monitor in a goroutine of its own.
type runningMonitor struct {
	dialer *cutDialer
	killed bool // guarded by env.mu
	stop   context.CancelFunc
	done   chan struct{}
	err    error                // how it ended; valid after done
	stats  func() watch.Figures // usable after its end too
}

// runMonitor starts a Monitor. It returns once the Monitor is open, or with the
// error that kept it from opening.
func runMonitor(o watch.Options) (*runningMonitor, error) {
	ctx, stop := context.WithCancel(context.Background())
	m := &runningMonitor{dialer: new(cutDialer), stop: stop, done: make(chan struct{})}
	begun := make(chan struct{})
	tcp := new(link.TCPDialer)
	o.Dialers = link.Dialers{Engine: tcp, Central: m.dialer, Kafka: tcp}
	o.Opened = func(stats func() watch.Figures) { m.stats = stats; close(begun) }
	go func() {
		defer close(m.done)
		m.err = watch.Run(ctx, o)
	}()
	select {
	case <-begun:
		return m, nil
	case <-m.done:
		stop()
		return nil, m.err
	}
}

// noLevel is above every level: the demo writes its own log instead of theirs.
const noLevel = 100

// closeLimit is longer than that of a Monitor by itself: six of them commit at once, and
// nothing kills a demo that takes longer.
const closeLimit = 20 * time.Second

// How much of the events the disk keeps, in bytes: those of a frozen broker's 15 s, about
// 400 bytes each, and more.
const stateMax, stateMaxPerCP, keep = 64 << 20, 16 << 10, 8 << 20

// startMonitor starts a Monitor, of a charge point or of a fleet, which it remembers by the id
// or the name.
func (e *env) startMonitor(name evcp.CPID, targets []watch.Target, fleet *watch.Fleet) error {
	framing := wire.Raw
	if fleet != nil {
		framing = wire.Line // its end is known at once, and thousands register in seconds
	}
	m, err := runMonitor(watch.Options{
		Targets: targets, Fleet: fleet, Framing: framing, Central: e.central.Addr().String(),
		Policy:   e.policy(e.siteOf(name)),
		Interval: e.o.Interval, Timeout: e.o.timeout(), ReportEvery: 30 * e.o.Interval, Heartbeat: e.o.heartbeat(),
		Brokers: []string{e.kafka.Addr().String()}, Topic: topic,
		StateDir: filepath.Join(e.dir, "monitors"), StateMax: stateMax + int64(len(targets))*stateMaxPerCP, Keep: keep,
		Version: e.o.Version, Origin: "the demo", Console: console.Open(console.Options{Level: noLevel}),
		Slept: watch.Slept, Events: e.aggregator.events, CloseLimit: closeLimit,
	})
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.monitors[name] = m
	return nil
}

// policy is how the Monitors of a site judge.
func (e *env) policy(site string) evcp.Policy {
	return evcp.Policy{Fall: 3, Rise: 1, Instance: "ev-demo", Interval: e.o.Interval, Timeout: e.o.timeout(), Site: site}
}

// startLone starts the Monitor of a charge point that has its own.
func (e *env) startLone(c *simulatedCP) error {
	if err := e.startMonitor(c.id, []watch.Target{{CP: c.id, Address: c.port.Addr().String()}}, nil); err != nil {
		return language.Errorf("start the Monitor of %s: %w", c.id, err)
	}
	return nil
}

// startMonitors starts all Monitors at once.
func (e *env) startMonitors() error {
	e.onClose(e.stopMonitors)
	if e.fleet != nil {
		return e.startFleet()
	}
	var all sync.WaitGroup
	errs := make([]error, len(e.cps))
	for i, c := range e.cps {
		all.Go(func() { errs[i] = e.startLone(c) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// killMonitor ends a Monitor without a message to Central, as kill -9 does.
func (e *env) killMonitor(c *simulatedCP) {
	e.mu.Lock()
	defer e.mu.Unlock()
	m := e.monitors[c.id]
	if m == nil || m.killed {
		return
	}
	m.killed = true
	e.aggregator.with(func(k *correlator) { k.figures.Killed++ })
	m.dialer.cut()
	m.stop()
}

// restoreAll makes all Engines reply OK, and starts a Monitor where one was killed.
// The new one opens the folder of the old one and continues its numbering.
func (e *env) restoreAll() {
	if e.fleet != nil {
		e.assignOrLog("", ok)
	}
	for _, c := range e.cps {
		c.behave(ok)
		m, runs := e.monitor(c)
		if runs {
			continue
		}
		if m != nil {
			_ = e.remove(c.id, m) // a killed one; its folder is free afterwards
		}
		if err := e.startLone(c); err != nil {
			e.aggregator.logf(c.id, display.Failed, "its Monitor could not go on: %v", err)
		}
	}
}

// monitor returns the newest Monitor of a charge point, and whether it runs.
func (e *env) monitor(c *simulatedCP) (m *runningMonitor, runs bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	m = e.monitors[c.id]
	return m, m != nil && !m.killed
}

// remove waits for the end of a Monitor that was stopped, and returns its error.
func (e *env) remove(cp evcp.CPID, m *runningMonitor) error {
	<-m.done
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.monitors, cp)
	e.missed += int(m.stats().Missed)
	return m.err
}

// stopMonitors stops all Monitors at once. Each takes 2.5 s, on a busy machine closeLimit more
// at most.
func (e *env) stopMonitors() error {
	e.mu.Lock()
	all := maps.Clone(e.monitors)
	e.mu.Unlock()
	for _, m := range all {
		m.stop()
	}
	var errs []error
	for cp, m := range all {
		errs = append(errs, e.remove(cp, m))
	}
	return errors.Join(errs...)
}

// monitorStats adds up what only the Monitors know: the ticks they missed, and the
// events pending on disk, those of killed Monitors included.
func (e *env) monitorStats() (missed int, pending int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	missed = e.missed
	for _, m := range e.monitors {
		stats := m.stats()
		missed += int(stats.Missed)
		pending += stats.Pending
	}
	return missed, pending
}

// cutDialer is the Dialer to Central of one Monitor, whose connection can be cut for
// good. Central then sees what a killed Monitor leaves: a connection that broke.
// The Engine stays reachable, so that the Monitor's last check does not fail.
type cutDialer struct {
	dialer net.Dialer

	mu   sync.Mutex // guards below
	conn net.Conn   // the newest; the Monitor of one charge point has one at a time
	done bool       // cut was called
}

var errCut = errors.New("the connection was cut")

// DialContext dials, but not after cut.
func (d *cutDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d.mu.Lock()
	done := d.done
	d.mu.Unlock()
	if done {
		return nil, errCut
	}
	conn, err := d.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done { // meanwhile
		conn.Close()
		return nil, errCut
	}
	d.conn = conn
	return conn, nil
}

// cut closes the connection to Central and refuses every later one.
func (d *cutDialer) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done = true
	if d.conn != nil {
		d.conn.Close()
	}
}
