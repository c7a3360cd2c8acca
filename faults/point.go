package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"evcp"
	"evcp/internal/engine"
	"evcp/internal/faultproxy"
	"evcp/internal/oracle"
)

// point is one charge point: its Engine and its links, in this process, and its
// Monitor, a process.
type point struct {
	c       *campaign
	number  int
	id      evcp.CPID
	state   string // folder of all Monitors of this disk
	usual   item   // what the Engine does between faults
	engine  *engine.Engine
	toward  *faultproxy.Proxy // to the Engine
	central *faultproxy.Proxy // to Central

	mu      sync.Mutex // guards all below
	shut    bool       // the Engine does not listen
	away    bool       // Central does not
	modes   [2]faultproxy.Mode
	monitor *child
}

// The links of a point, as an index of modes.
const (
	engineSide = iota
	centralSide
)

func cpID(n int) evcp.CPID { return evcp.CPID(fmt.Sprintf("CP_%03d", n+1)) }

// newPoint starts the Engine and opens the links.
func (c *campaign) newPoint(ctx context.Context, n int, usual item, state string) (*point, error) {
	p := &point{c: c, number: n, id: cpID(n), state: state, usual: usual}
	port, err := engine.OpenPort(ctx, c.ports.next())
	if err != nil {
		return nil, err
	}
	p.engine = engine.New(engine.Options{Listen: port.Listen, Observe: func(x engine.Exchange) { c.journal.observe(n, x) }})
	c.serving.Go(func() {
		if err := p.engine.Serve(ctx); err != nil {
			c.journal.misfortune(err.Error())
		}
	})
	if p.toward, err = faultproxy.Open(faultproxy.Options{Listen: c.ports.next(), Target: port.Addr().String()}); err != nil {
		return nil, err
	}
	c.undo(p.toward.Close)
	if p.central, err = faultproxy.Open(faultproxy.Options{Listen: c.ports.next(), Target: c.centralAddress}); err != nil {
		return nil, err
	}
	c.undo(p.central.Close)
	if err := p.behave(usual); err != nil {
		return nil, err
	}
	return p, nil
}

// What an Engine does between two faults: every other one takes its time, so that
// a Monitor that is stopped is stopped in the middle of a check.
var (
	wellItem   = say("ok", oracle.Well, 0)
	steadyItem = say("slow=80ms", oracle.Well, 80*ms)
)

func usual(monitors int) []item {
	all := make([]item, monitors)
	for n := range all {
		all[n] = wellItem
		if n%2 == 1 {
			all[n] = steadyItem
		}
	}
	return all
}

func (i item) behaviour(at evcp.Stamp) oracle.Behaviour {
	return oracle.Behaviour{At: at, Name: i.what, Words: i.health, Delay: i.delay, Shut: i.shut}
}

// launch starts the Monitor.
func (p *point) launch() error {
	pace := p.c.pace
	m, err := p.c.children.start(string(p.id), filepath.Join(p.c.o.bin, "ev-cp-m"),
		"--cp-id", string(p.id), "--engine-ip", "127.0.0.1", "--engine-port", portOf(p.toward.Addr()),
		"--central-ip", "127.0.0.1", "--central-port", portOf(p.central.Addr()), "--kafka-brokers", p.c.broker.address(),
		"--state-dir", p.state, "--interval", pace.interval.String(), "--timeout", pace.timeout.String(),
		"--report-every", pace.reportEvery.String(), "--heartbeat", pace.heartbeat.String(), "--state-max-size", "4MiB")
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.monitor = m
	p.mu.Unlock()
	return nil
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

func (p *point) process() *child {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.monitor
}

// behave changes what the Engine does. A change to something sick is noted before
// it is made and one to something well after, so that no moment is called well
// that was not.
func (p *point) behave(i item) error {
	b, err := engine.ParseBehaviour(i.what)
	if err != nil {
		return fmt.Errorf("behaviour %s: %w", i.what, err)
	}
	before := now()
	if i.shut {
		err = p.relink(func() { p.shut = true })
	}
	p.engine.SetBehaviour(b)
	if !i.shut {
		err = p.relink(func() { p.shut = false })
	}
	at := before
	if i.health == oracle.Well && i.delay == 0 {
		at = now()
	}
	p.c.journal.behaves(p.number, i.behaviour(at))
	return err
}

// relink changes what the links depend on, and puts it in force. A side that does
// not listen is refused at the link, which can't look through itself.
func (p *point) relink(change func()) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	refuse := faultproxy.Mode{Kind: faultproxy.Refuse}
	engineMode, centralMode := p.modes[engineSide], p.modes[centralSide]
	if p.shut {
		engineMode = refuse
	}
	if p.away {
		centralMode = refuse
	}
	if p.toward.Mode() != engineMode {
		if err := p.toward.Set(engineMode); err != nil {
			return err
		}
	}
	if p.central.Mode() != centralMode {
		return p.central.Set(centralMode)
	}
	return nil
}

// linkFails puts a mode on a link until wait returns.
func (p *point) linkFails(side int, m faultproxy.Mode, wait func()) error {
	from := now()
	if err := p.relink(func() { p.modes[side] = m }); err != nil {
		return err
	}
	wait()
	err := p.relink(func() { p.modes[side] = faultproxy.Mode{} })
	w := oracle.Window{Kind: oracle.CentralLink, Delay: 2 * m.Delay}
	if side == engineSide {
		w.Kind = oracle.EngineLink
		if m.Kind != faultproxy.Slow {
			w.Health = oracle.Sick
		}
	}
	p.c.journal.window(p.number, from, w)
	return err
}

// stop lets the Monitor stand still until wait returns.
func (p *point) stop(wait func()) {
	from := now()
	p.process().signal(syscall.SIGSTOP)
	wait()
	p.process().signal(syscall.SIGCONT)
	p.c.journal.window(p.number, from, oracle.Window{Kind: oracle.Stopped})
}

// Times of a stutter. Together they fit no interval, so that in time every part of
// a check is met.
const (
	stutterStands = 210 * time.Millisecond
	stutterRuns   = 170 * time.Millisecond
)

// stutter stops the Monitor again and again, until wait returns.
func (p *point) stutter(wait func()) {
	over := make(chan struct{})
	go func() { defer close(over); wait() }()
	for {
		p.stop(func() { time.Sleep(stutterStands) })
		select {
		case <-over:
			return
		case <-time.After(stutterRuns):
		}
	}
}

// absent ends the Monitor with end, and starts it again when wait has returned.
func (p *point) absent(end func(*child), wait func()) error {
	from := now()
	end(p.process())
	wait()
	p.c.journal.window(p.number, from, oracle.Window{Kind: oracle.Down, Killed: true})
	return p.launch()
}

// stopPatience is how long a program may take to stop when asked; the Monitor
// promises 2.5 s, on a machine that lets it.
const stopPatience = 5 * time.Second

// retire ends a Monitor in order, and notes one that does not.
func (p *point) retire(m *child) {
	if took, ok := m.end(stopPatience); !ok {
		p.c.journal.misfortune(fmt.Sprintf("%s: its Monitor did not stop within %s", p.id, took.Round(ms)))
	}
}
