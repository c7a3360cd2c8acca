package main

import (
	"fmt"
	"net"
	"sync"

	"evcp"
	"evcp/internal/engine"
	"evcp/internal/faultproxy"
	"evcp/internal/oracle"
	"evcp/internal/process"
)

// point is one charge point: its Engine and its links, in this process, and its
// Monitor, a process.
type point struct {
	c        *campaign
	number   int // in the journal
	id       evcp.CPID
	instance string // of its Monitor
	state    string // folder of all Monitors of this disk
	usual    item   // what the Engine does between faults
	engine   *engine.Engine
	mouth    *mouth
	toward   *faultproxy.Proxy // to the Engine
	central  *faultproxy.Proxy // to Central

	mu      sync.Mutex // guards all below
	shut    bool       // the Engine does not listen
	away    bool       // Central does not
	modes   [2]faultproxy.Impairment
	monitor *process.Child
}

// The links of a point, as an index of modes.
const (
	engineSide = iota
	centralSide
)

func cpID(n int) evcp.CPID { return evcp.CPID(fmt.Sprintf("CP_%03d", n+1)) }

// The instances: all Monitors are on the bench, but the one that story twins adds.
const (
	bench  = "bench"
	second = "second"
)

// newPoint starts the Engine and opens the links.
func (c *campaign) newPoint(id evcp.CPID, instance string, usual item, state string) (*point, error) {
	n := c.journal.open()
	p := &point{c: c, number: n, id: id, instance: instance, state: state, usual: usual, mouth: &mouth{ctx: c.life}}
	free, err := c.ports.Take(3)
	if err != nil {
		return nil, err
	}
	port, err := engine.Bind(c.life, free[0])
	if err != nil {
		return nil, err
	}
	p.engine = engine.New(engine.Options{Listen: p.mouth.over(port.Listen), Observe: func(x engine.ServedRequest) { c.journal.observe(n, x) }})
	c.serving.Go(func() {
		if err := p.engine.Serve(c.life); err != nil {
			c.journal.misfortune(err.Error())
		}
	})
	if p.toward, err = faultproxy.Open(faultproxy.Options{Listen: free[1], Target: port.Addr().String()}); err != nil {
		return nil, err
	}
	c.undo(p.toward.Close)
	if p.central, err = faultproxy.Open(faultproxy.Options{Listen: free[2], Target: c.centralAddress}); err != nil {
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
	wellItem   = say("ok", oracle.ExpectOK, 0)
	steadyItem = say("slow=80ms", oracle.ExpectOK, 80*ms)
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

func (i item) noted(at evcp.Stamp) oracle.EngineBehaviour {
	return oracle.EngineBehaviour{At: at, Name: i.what, Expect: i.health, Delay: i.delay, Shut: i.shut}
}

// name is that of its Monitor's log.
func (p *point) name() string {
	if p.instance == bench {
		return string(p.id)
	}
	return string(p.id) + "-" + p.instance
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// behave changes what the Engine does. A change to something sick is noted before
// it is made and one to something well after, so that no moment is called well
// that was not.
func (p *point) behave(i item) error {
	b, err := i.behaviour()
	if err != nil {
		return fmt.Errorf("behaviour %s: %w", i.what, err)
	}
	before := now()
	if i.shut {
		err = p.relink(func() { p.shut = true })
	}
	if i.halves {
		p.mouth.pause(i.delay)
	} else {
		p.mouth.pause(0)
	}
	p.engine.SetBehaviour(b)
	if !i.shut {
		err = p.relink(func() { p.shut = false })
	}
	at := before
	if i.health == oracle.ExpectOK && i.delay == 0 {
		at = now()
	}
	p.c.journal.behaves(p.number, i.noted(at))
	return err
}

// relink changes what the links depend on, and puts it in force. A side that does
// not listen is refused at the link, which can't look through itself.
func (p *point) relink(change func()) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	refuse := faultproxy.Impairment{Kind: faultproxy.Refuse}
	engineMode, centralMode := p.modes[engineSide], p.modes[centralSide]
	if p.shut {
		engineMode = refuse
	}
	if p.away {
		centralMode = refuse
	}
	if p.toward.Impairment() != engineMode {
		if err := p.toward.Set(engineMode); err != nil {
			return err
		}
	}
	if p.central.Impairment() != centralMode {
		return p.central.Set(centralMode)
	}
	return nil
}

// linkFails puts a mode on a link until wait returns.
func (p *point) linkFails(side int, m faultproxy.Impairment, wait func()) error {
	from := now()
	if err := p.relink(func() { p.modes[side] = m }); err != nil {
		return err
	}
	wait()
	err := p.relink(func() { p.modes[side] = faultproxy.Impairment{} })
	w := oracle.Window{Kind: oracle.CentralLink, Delay: 2 * m.Delay}
	if side == engineSide {
		w.Kind = oracle.EngineLink
		if m.Kind != faultproxy.Slow {
			w.Expect = oracle.ExpectFailure
		}
	}
	p.c.journal.window(p.number, from, w)
	return err
}
