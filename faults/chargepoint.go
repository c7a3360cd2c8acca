package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"evcp"
	"evcp/internal/authority"
	"evcp/internal/credentials"
	"evcp/internal/engine"
	"evcp/internal/faultproxy"
	"evcp/internal/oracle"
	"evcp/internal/wait"
)

// cpUnderTest is one charge point: its Engine and the link to it, in this process, and the
// Monitor that watches it.
type cpUnderTest struct {
	*monitorUnderTest
	number   int // in groundTruth
	group    int // see campaign.group
	id       evcp.CPID
	instance string         // of its Monitor
	usual    catalogueEntry // what the Engine does between faults
	place    place
	engine   *engine.Engine
	hook     *connHook

	engineCert *credentials.KeyPair // nil: no TLS
	expired    time.Time            // when the Engine's certificate did, in scenario expiry
	links      [sides]*controlledLink
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

// newCP starts the Engine and opens the links of a charge point with a Monitor of its own.
func (c *campaign) newCP(group int, id evcp.CPID, instance string, usual catalogueEntry, state string, at place) (*cpUnderTest, error) {
	p := &cpUnderTest{group: group, id: id, instance: instance, usual: usual, place: at, hook: &connHook{ctx: c.ctx}}
	p.monitorUnderTest = c.newMonitor(monitorName(id, instance), filepath.Join(state, string(id)))
	p.arguments = func() []string { return p.monitorArgs(state) }
	p.cps = []*cpUnderTest{p}
	if err := p.openEngine(); err != nil {
		return nil, err
	}
	err := p.openCentralLink()
	return p, err
}

// openEngine starts the Engine and opens the link to it.
func (p *cpUnderTest) openEngine() error {
	c, n := p.c, p.c.truth.addCP(p.id)
	p.number = n
	free, err := c.ports.Take(1)
	if err != nil {
		return err
	}
	port, err := engine.Bind(c.ctx, free[0])
	if err != nil {
		return err
	}
	if err := p.secureEngine(); err != nil {
		return err
	}
	p.engine = engine.New(engine.Options{Listen: p.hook.wrap(port.Listen), CloseAfterReply: p.place.closes, Observe: func(x engine.ServedRequest) { c.truth.addExchange(n, x) }})
	c.serving.Go(func() {
		if err := p.engine.Serve(c.ctx); err != nil {
			c.truth.addProblem(err.Error())
		}
	})
	p.links[engineSide], err = c.openLink(port.Addr().String(), p.place.engine != "", nil)
	if err != nil {
		return err
	}
	return p.setBehaviour(p.usual)
}

// openCentralLink opens the link between the charge point's own Monitor and Central.
func (p *cpUnderTest) openCentralLink() (err error) {
	p.links[centralSide], err = p.c.openCentralLink(string(p.id), p.place.central != "")
	return err
}

// openCentralLink opens the link between a Monitor and Central; owner is who has the Monitor's
// certificates.
func (c *campaign) openCentralLink(owner string, far bool) (_ *controlledLink, err error) {
	var secure *faultproxy.TLS
	if c.certificates != nil {
		if secure, err = c.certificates.centralLink(owner); err != nil {
			return nil, err
		}
	}
	return c.openLink(c.centralAddress, far, secure)
}

// secureEngine issues the certificates of a charge point, and gives its Engine TLS, if the
// campaign has it.
func (p *cpUnderTest) secureEngine() error {
	of := p.c.certificates
	if of == nil {
		return nil
	}
	if err := of.enrolEngine(p.id); err != nil {
		return err
	}
	if !p.c.o.fleet {
		if err := of.enrolMonitor(string(p.id), authority.ChargePointURI(p.id)); err != nil {
			return err
		}
	}
	server, err := of.server(ofEngine(p.id))
	if err != nil {
		return err
	}
	p.engineCert, p.hook.tls = server.Pair, server.Config()
	return nil
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
		err = p.links[engineSide].setDown(true)
	}
	gap := time.Duration(0)
	if e.split {
		gap = e.delay
	}
	p.hook.gap.Store(int64(gap))
	p.engine.SetBehaviour(b)
	if !e.shut {
		err = p.links[engineSide].setDown(false)
	}
	if e.expect == oracle.ExpectOK && e.delay == 0 {
		at = now()
	}
	p.c.truth.addBehaviour(p.number, oracle.EngineBehaviour{At: at, Name: e.name, Expect: e.expect, Delay: e.delay, Shut: e.shut})
	return err
}

// monitorArgs are the arguments of its own Monitor.
func (p *cpUnderTest) monitorArgs(state string) []string {
	engineHost, centralHost := p.place.hosts()
	args := []string{
		"--cp-id", string(p.id), "--instance", p.instance, "--engine-ip", engineHost, "--engine-port", portOf(p.links[engineSide].Addr()),
		"--central-ip", centralHost, "--central-port", portOf(p.links[centralSide].Addr()), "--state-dir", state, "--state-max-size", "4MiB",
	}
	if p.c.certificates != nil {
		args = append(args, p.c.certificates.monitorArgs(string(p.id))...)
	}
	return args
}

// name is that under which its events are kept.
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
