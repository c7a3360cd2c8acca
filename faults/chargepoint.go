package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"time"

	"evcp"
	"evcp/internal/credentials"
	"evcp/internal/engine"
	"evcp/internal/faultproxy"
	"evcp/internal/oracle"
	"evcp/internal/process"
	"evcp/internal/wait"
)

// cpUnderTest is one charge point: its Engine and its links, in this process, and its
// Monitor, a child process.
type cpUnderTest struct {
	c        *campaign
	number   int // in groundTruth
	id       evcp.CPID
	instance string         // of its Monitor
	state    string         // folder of the state folders
	usual    catalogueEntry // what the Engine does between faults
	place    place
	engine   *engine.Engine
	hook     *connHook

	engineCert *credentials.KeyPair // nil: no TLS
	expired    time.Time            // when the Engine's certificate did, in scenario expiry
	links      [sides]*faultproxy.Proxy

	mu          sync.Mutex // guards all below
	impairments [sides]faultproxy.Impairment
	down        [sides]bool // nobody listens behind the link
	monitor     *process.Child
}

// The links of a charge point.
const (
	engineSide = iota
	centralSide
	sides
)

func cpID(n int) evcp.CPID { return evcp.CPID(fmt.Sprintf("CP_%03d", n+1)) }

// The values of --instance: copyInstance is that of the second Monitor that scenario
// moved-state starts.
const (
	mainInstance = "first"
	copyInstance = "second"
)

// place is where Engine and Central are for a Monitor. The zero place is loopback.
type place struct {
	engine  string // name or address beyond the interface
	closes  bool   // the Engine closes each connection after its reply, as the first ones did
	central string // address beyond the interface
}

// hosts are what the Monitor is told.
func (at place) hosts() (ofEngine, ofCentral string) {
	const loopback = "127.0.0.1"
	return cmp.Or(at.engine, loopback), cmp.Or(at.central, loopback)
}

// newCP starts the Engine and opens the links.
func (c *campaign) newCP(id evcp.CPID, instance string, usual catalogueEntry, state string, at place) (*cpUnderTest, error) {
	n := c.truth.addCP(id)
	p := &cpUnderTest{c: c, number: n, id: id, instance: instance, state: state, usual: usual, place: at, hook: &connHook{ctx: c.ctx}}
	free, err := c.ports.Take(1 + sides)
	if err != nil {
		return nil, err
	}
	port, err := engine.Bind(c.ctx, free[sides])
	if err != nil {
		return nil, err
	}
	centralTLS, err := p.secure()
	if err != nil {
		return nil, err
	}
	p.engine = engine.New(engine.Options{Listen: p.hook.wrap(port.Listen), CloseAfterReply: at.closes, Observe: func(x engine.ServedRequest) { c.truth.addExchange(n, x) }})
	c.serving.Go(func() {
		if err := p.engine.Serve(c.ctx); err != nil {
			c.truth.addProblem(err.Error())
		}
	})
	far := [sides]bool{engineSide: at.engine != "", centralSide: at.central != ""}
	for side, target := range []string{engineSide: port.Addr().String(), centralSide: c.centralAddress} {
		o, listen := faultproxy.Options{}, free[side]
		if far[side] {
			o.Listen, listen = c.network.listenFar, "0.0.0.0:"+portOf(free[side])
		}
		if side == centralSide {
			o.TLS = centralTLS
		}
		if p.links[side], err = faultproxy.OpenWith(o, listen, target); err != nil {
			return nil, err
		}
		c.undo(p.links[side].Close)
	}
	err = p.setBehaviour(usual)
	return p, err
}

// secure issues the certificates of a charge point, and gives its Engine TLS. It returns that
// of the link to Central; nil without TLS.
func (p *cpUnderTest) secure() (*faultproxy.TLS, error) {
	of := p.c.certificates
	if of == nil {
		return nil, nil
	}
	if err := of.enrol(p.id); err != nil {
		return nil, err
	}
	server, err := of.server(ofEngine(p.id))
	if err != nil {
		return nil, err
	}
	p.engineCert, p.hook.tls = server.Pair, server.Config()
	return of.centralLink(p.id)
}

// Behaviours without a fault. The delay lets a paused Monitor be in the middle of a check.
var (
	okEntry      = engineEntry("ok", oracle.ExpectOK, 0)
	delayedEntry = engineEntry("slow=80ms", oracle.ExpectOK, 80*ms)
)

// usualBehaviours delay the replies of every other Engine.
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

// setBehaviour changes what the Engine does. The oracle is given the time before a change
// to something that fails, and the time after a change to OK without delay: it takes no
// moment for OK that was not.
func (p *cpUnderTest) setBehaviour(e catalogueEntry) error {
	b, err := e.behaviour()
	if err != nil {
		return fmt.Errorf("behaviour %s: %w", e.name, err)
	}
	at := now()
	if e.shut {
		err = p.updateLinks(func() { p.down[engineSide] = true })
	}
	gap := time.Duration(0)
	if e.split {
		gap = e.delay
	}
	p.hook.gap.Store(int64(gap))
	p.engine.SetBehaviour(b)
	if !e.shut {
		err = p.updateLinks(func() { p.down[engineSide] = false })
	}
	if e.expect == oracle.ExpectOK && e.delay == 0 {
		at = now()
	}
	p.c.truth.addBehaviour(p.number, oracle.EngineBehaviour{At: at, Name: e.name, Expect: e.expect, Delay: e.delay, Shut: e.shut})
	return err
}

// updateLinks changes what the links depend on, and puts it in force. A link refuses when
// nobody listens behind it: its client would be accepted otherwise.
func (p *cpUnderTest) updateLinks(change func()) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	for side, link := range p.links {
		want := p.impairments[side]
		if p.down[side] {
			want = faultproxy.Impairment{Kind: faultproxy.Refuse}
		}
		if err := link.Set(want); err != nil {
			return err
		}
	}
	return nil
}

func (p *cpUnderTest) startMonitor() error {
	t := p.c.timing
	engineHost, centralHost := p.place.hosts()
	args := []string{
		"--cp-id", string(p.id), "--instance", p.instance, "--engine-ip", engineHost, "--engine-port", portOf(p.links[engineSide].Addr()),
		"--central-ip", centralHost, "--central-port", portOf(p.links[centralSide].Addr()), "--kafka-brokers", p.c.brokerAddress,
		"--state-dir", p.state, "--interval", t.Interval.String(), "--timeout", t.Timeout.String(),
		"--report-every", t.ReportEvery.String(), "--heartbeat", t.heartbeat.String(), "--state-max-size", "4MiB",
	}
	if p.c.certificates != nil {
		args = append(args, p.c.certificates.monitorArgs(p.id)...)
	}
	m, err := p.c.startChild(p.name(), filepath.Join(p.c.o.bin, "ev-cp-m"), args...)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.monitor = m
	p.mu.Unlock()
	return nil
}

func (p *cpUnderTest) process() *process.Child {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.monitor
}

// stopMonitor sends SIGTERM, and notes a Monitor that does not stop.
func (p *cpUnderTest) stopMonitor(m *process.Child) {
	p.c.stop(m, string(p.id)+": its Monitor did not stop")
}

func (p *cpUnderTest) noteUnexpectedExit() {
	if m := p.process(); m.UnexpectedExit() {
		p.c.truth.addProblem(fmt.Sprintf("%s: its Monitor ended by itself: %s", p.id, m.Tail()))
	}
}

// stateFolder is that of its Monitor.
func (p *cpUnderTest) stateFolder() string { return filepath.Join(p.state, string(p.id)) }

// name is that of its Monitor, and of the Monitor's log.
func (p *cpUnderTest) name() string { return monitorName(p.id, p.instance) }

func monitorName(id evcp.CPID, instance string) string {
	if instance == copyInstance {
		return string(id) + "-" + copyInstance
	}
	return string(id)
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// waitForCheckCount waits until the Engine has served so many checks in all, and reports
// whether it did before ctx ended.
func (p *cpUnderTest) waitForCheckCount(ctx context.Context, want int) bool {
	return wait.Until(ctx, 5*ms, func() bool { return p.c.truth.checkCount(p.number) >= want })
}
