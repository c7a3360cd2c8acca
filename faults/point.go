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

// cpUnderTest is one charge point: its Engine and its links, in this process, and its
// Monitor, a process.
type cpUnderTest struct {
	c        *campaign
	number   int // in the journal
	id       evcp.CPID
	instance string // of its Monitor
	state    string // folder of all Monitors of this disk
	usual    catalogueEntry   // what the Engine does between faults
	engine   *engine.Engine
	hook    *connHook
	engineLink   *faultproxy.Proxy // to the Engine
	centralLink  *faultproxy.Proxy // to Central

	mu      sync.Mutex // guards all below
	engineDown    bool       // the Engine does not listen
	centralDown    bool       // Central does not
	impairments   [2]faultproxy.Impairment
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
	mainInstance  = "bench"
	copyInstance = "second"
)

// newCP starts the Engine and opens the links.
func (c *campaign) newCP(id evcp.CPID, instance string, usual catalogueEntry, state string) (*cpUnderTest, error) {
	n := c.truth.addCP()
	p := &cpUnderTest{c: c, number: n, id: id, instance: instance, state: state, usual: usual, hook: &connHook{ctx: c.ctx}}
	free, err := c.ports.Take(3)
	if err != nil {
		return nil, err
	}
	port, err := engine.Bind(c.ctx, free[0])
	if err != nil {
		return nil, err
	}
	p.engine = engine.New(engine.Options{Listen: p.hook.wrap(port.Listen), Observe: func(x engine.ServedRequest) { c.truth.addExchange(n, x) }})
	c.serving.Go(func() {
		if err := p.engine.Serve(c.ctx); err != nil {
			c.truth.addProblem(err.Error())
		}
	})
	if p.engineLink, err = faultproxy.Open(faultproxy.Options{Listen: free[1], Target: port.Addr().String()}); err != nil {
		return nil, err
	}
	c.undo(p.engineLink.Close)
	if p.centralLink, err = faultproxy.Open(faultproxy.Options{Listen: free[2], Target: c.centralAddress}); err != nil {
		return nil, err
	}
	c.undo(p.centralLink.Close)
	if err := p.setBehaviour(usual); err != nil {
		return nil, err
	}
	return p, nil
}

// What an Engine does between two faults: every other one takes its time, so that
// a Monitor that is stopped is stopped in the middle of a check.
var (
	okEntry   = engineEntry("ok", oracle.ExpectOK, 0)
	delayedEntry = engineEntry("slow=80ms", oracle.ExpectOK, 80*ms)
)

func usualBehaviours(monitors int) []catalogueEntry {
	all := make([]catalogueEntry, monitors)
	for n := range all {
		all[n] = okEntry
		if n%2 == 1 {
			all[n] = delayedEntry
		}
	}
	return all
}

func (i catalogueEntry) behaviourAt(at evcp.Stamp) oracle.EngineBehaviour {
	return oracle.EngineBehaviour{At: at, Name: i.name, Expect: i.expect, Delay: i.delay, Shut: i.shut}
}

// name is that of its Monitor's log.
func (p *cpUnderTest) name() string {
	if p.instance == mainInstance {
		return string(p.id)
	}
	return string(p.id) + "-" + p.instance
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// setBehaviour changes what the Engine does. A change to something sick is noted before
// it is made and one to something well after, so that no moment is called well
// that was not.
func (p *cpUnderTest) setBehaviour(i catalogueEntry) error {
	b, err := i.behaviour()
	if err != nil {
		return fmt.Errorf("behaviour %s: %w", i.name, err)
	}
	before := now()
	if i.shut {
		err = p.updateLinks(func() { p.engineDown = true })
	}
	if i.split {
		p.hook.setGap(i.delay)
	} else {
		p.hook.setGap(0)
	}
	p.engine.SetBehaviour(b)
	if !i.shut {
		err = p.updateLinks(func() { p.engineDown = false })
	}
	at := before
	if i.expect == oracle.ExpectOK && i.delay == 0 {
		at = now()
	}
	p.c.truth.addBehaviour(p.number, i.behaviourAt(at))
	return err
}

// updateLinks changes what the links depend on, and puts it in force. A side that does
// not listen is refused at the link, which can't look through itself.
func (p *cpUnderTest) updateLinks(change func()) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	refuse := faultproxy.Impairment{Kind: faultproxy.Refuse}
	engineMode, centralMode := p.impairments[engineSide], p.impairments[centralSide]
	if p.engineDown {
		engineMode = refuse
	}
	if p.centralDown {
		centralMode = refuse
	}
	if p.engineLink.Impairment() != engineMode {
		if err := p.engineLink.Set(engineMode); err != nil {
			return err
		}
	}
	if p.centralLink.Impairment() != centralMode {
		return p.centralLink.Set(centralMode)
	}
	return nil
}

// impairLink puts a mode on a link until wait returns.
func (p *cpUnderTest) impairLink(side int, m faultproxy.Impairment, wait func()) error {
	from := now()
	if err := p.updateLinks(func() { p.impairments[side] = m }); err != nil {
		return err
	}
	wait()
	err := p.updateLinks(func() { p.impairments[side] = faultproxy.Impairment{} })
	w := oracle.Window{Kind: oracle.CentralLink, Delay: 2 * m.Delay}
	if side == engineSide {
		w.Kind = oracle.EngineLink
		if m.Kind != faultproxy.Slow {
			w.Expect = oracle.ExpectFailure
		}
	}
	p.c.truth.endWindow(p.number, from, w)
	return err
}
