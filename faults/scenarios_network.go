package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/language"
	"evcp/internal/oracle"
	"evcp/internal/testbed"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

// layout is where everything is in a scenario with a network of its own.
type layout struct {
	places    []place  // of the groups
	addresses []string // that the name server gives at first; none: engineAddress

	certified []int // groups of a fleet with a certificate of their own for their Engines
}

// place is that of the charge points of a group; loopback without one.
func (l layout) place(group int) place {
	if group < len(l.places) {
		return l.places[group]
	}
	return place{}
}

// engineName is the name of every Engine of these scenarios, but for namesLate: a Monitor that
// knows the address of a name needs nobody for it. Each Engine has engineAddress at first, and
// farAddress always.
const (
	engineName     = "engine.test"
	lateName       = "late.test"
	engineAddress  = "10.9.0.11"
	otherAddress   = "10.9.0.12"
	deadAddress    = "10.9.0.13" // of no machine
	refusedAddress = "10.9.0.1"  // of the Monitors' machine; no Engine listens there
	farAddress     = "192.0.2.1" // by the default route
)

// The groups of these scenarios, by their Engines and Central; namesLate is the third one
// of some.
const (
	networkKept   = 0 // the Engine keeps the connection
	networkCloses = 1 // every check connects anew
	networkAll    = 2 // Central is beyond the interface, too
)

// twoAt are the first two groups, with one host for all Engines.
func twoAt(host string) layout {
	return layout{places: []place{{engine: host}, {engine: host, closes: true}}}
}

// threeAt has the third as well.
func threeAt(host string) layout {
	return layout{places: append(twoAt(host).places, place{engine: host, central: host})}
}

// severalAddresses are two dead ones, one that an Engine may get, and the one it has.
var severalAddresses = layout{places: twoAt(engineName).places, addresses: []string{deadAddress, refusedAddress, otherAddress, engineAddress}}

// runDeadAddresses gives the name several addresses, of which one lives: at first the last one,
// then each address of the Engine in turn dies and the other begins to live.
func runDeadAddresses(ctx context.Context, c *campaign) error {
	wait.For(ctx, c.faultDuration())
	return c.moveEngines(ctx, func(string) {})
}

// runAddressChanged moves the Engines to another address, which the name server knows at once,
// and back.
func runAddressChanged(ctx context.Context, c *campaign) error {
	return c.moveEngines(ctx, func(to string) { c.network.answer(testbed.Addresses(to)) })
}

// moveEngines moves all Engines to the other address, and back. The old one does not answer
// any more. The first check on a connection to it may fail.
func (c *campaign) moveEngines(ctx context.Context, tell func(to string)) error {
	here, there := engineAddress, otherAddress
	for range 2 {
		if err := c.network.give(there); err != nil {
			return err
		}
		c.group(networkCloses)[0].waitAfterCheck(ctx) // no check of it meets the change
		from := now()
		tell(there)
		if err := c.network.take(here); err != nil {
			return err
		}
		for _, p := range c.cps {
			c.truth.addWindow(p.number, oracle.Window{Kind: oracle.EngineLink, From: from, To: now().Add(c.timing.Interval), Expect: oracle.ExpectEither})
		}
		wait.For(ctx, c.faultDuration())
		here, there = there, here
	}
	return ctx.Err()
}

// waitAfterCheck waits until the Engine has served a check, if it does within two intervals.
func (p *cpUnderTest) waitAfterCheck(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*p.c.timing.Interval)
	defer cancel()
	p.waitForChecks(ctx, 1)
}

func measureMoves(c *campaign, groups [][]cpHistory) (found []scenarioMetric) {
	for n, name := range []string{networkKept: "connection kept", networkCloses: "every check connects"} {
		found = append(found, ofEach(groups[n], func(h cpHistory) []scenarioMetric {
			return append(measureMoved(name, h, n == networkKept || c.o.fleet), measureComplete(name, h)...)
		})...)
	}
	return found
}

// measureMoved allows one failed check at each move where a check can meet it: on a connection to
// the address that dies, or, of many charge points, in flight at that moment.
func measureMoved(name string, h cpHistory, met bool) (found []scenarioMetric) {
	longest := 3*h.rules.Interval + h.rules.Timeout // a check that fails, a tick that passes meanwhile, and the next check
	moves, first, most := h.windows(oracle.EngineLink), 0, 0
	for i, w := range moves {
		first += h.count(timeRange{w.From, w.To.Add(h.rules.Timeout + 3*evcp.DefaultGrace)}, h.unexplained)
		found = append(found, atMost(fmt.Sprintf("%s: OK again after move %d", name, i+1), h.okAfter(w.From), longest))
	}
	if met {
		most = len(moves)
	}
	return append(found, notMore(name+": failed checks, the first after a move", first, most),
		exactly(name+": failed checks at other times", h.count(always(), h.unexplained)-first, 0))
}

// runOwnNetwork takes the network from the Monitors' machine and gives it back, by commands of
// ip(8).
func runOwnNetwork(take, give string) func(context.Context, *campaign) error {
	return func(ctx context.Context, c *campaign) error {
		near, all := append(c.group(networkKept), c.group(networkCloses)...), c.group(networkAll)
		c.waitForHeartbeats(ctx, all, 3) // Central then knows how long a silence is
		err := c.withFault(ctx, func() error { return c.network.change(take) }, func() error { return c.network.change(give) }, ownNetwork, func() error {
			c.waitForCentral(ctx, showing(all, "disconnected", "no network: disconnected at Central after", c.maxSilence(all)),
				c.unverified(near, "no network", 10*c.timing.Interval))
			return nil
		})
		if err != nil {
			return err
		}
		for _, m := range c.monitors() {
			c.truth.addMetric(m.cps[0].logged(evcp.NoNetwork))
		}
		const most = 9 * time.Second // backoff, and one message without an answer
		c.waitForCentral(ctx, showing(all, "activated", "  the network is back: activated after", most), c.verified(near, "the network"))
		return nil
	}
}

func measureOwnNetwork(_ *campaign, groups [][]cpHistory) []scenarioMetric {
	var found []scenarioMetric
	for n, name := range []string{networkKept: "connection kept", networkCloses: "every check connects", networkAll: "Central there, too"} {
		found = append(found, measureNotJudged(name, groups[n], evcp.NoNetwork)...)
	}
	return found
}

// What these scenarios share.

// faultDuration is how long a fault of the network lasts at least.
func (c *campaign) faultDuration() time.Duration { return 8 * c.timing.Interval }

// ownNetwork are the windows of a fault of the Monitor's own network or name server.
func ownNetwork(p *cpUnderTest) []oracle.Window {
	all := []oracle.Window{{Kind: oracle.OwnNetwork}}
	if p.place.central != "" {
		all = append(all, oracle.Window{Kind: oracle.CentralLink})
	}
	return all
}

// withFault begins a fault, holds it for its duration and until hold returns, and ends it.
// windows are those of each charge point.
func (c *campaign) withFault(ctx context.Context, begin, end func() error, windows func(*cpUnderTest) []oracle.Window, hold func() error) error {
	from := now()
	if err := begin(); err != nil {
		return err
	}
	least := time.Now().Add(c.faultDuration())
	err := hold()
	wait.For(ctx, time.Until(least))
	err = errors.Join(err, end(), ctx.Err())
	for _, p := range c.cps {
		for _, w := range windows(p) {
			c.truth.endWindow(p.number, from, w)
		}
	}
	return err
}

// startLate adds a charge point whose Monitor has not run before; in a fleet it adds to the file a
// quarter more charge points.
func (c *campaign) startLate(at place) ([]*cpUnderTest, error) {
	group := c.cps[len(c.cps)-1].group + 1
	if c.o.fleet {
		return c.fleets[0].grow(max(1, len(c.cps)/4), group, at)
	}
	p, err := c.newCP(group, cpID(len(c.cps)), mainInstance, okEntry, filepath.Join(c.o.dir, "state"), at)
	if err != nil {
		return nil, err
	}
	c.cps = append(c.cps, p)
	c.truth.endWindow(p.number, c.from, oracle.Window{Kind: oracle.MonitorDown})
	err = p.startMonitor()
	return []*cpUnderTest{p}, err
}

// unverified is when Central says that nothing supports the state any more: after
// eleven heartbeats without an outcome. The Monitor sends the first of them when it has not
// judged for a time; a check may have been under way when the fault began, and another one when
// that time is over.
func (c *campaign) unverified(cps []*cpUnderTest, fault string, notJudged time.Duration) shownState {
	return shownState{cps, fault + ": unverified at Central after", notJudged + c.timing.Interval + 13*c.timing.heartbeat, func(s centralState) bool {
		return s.State == "activated" && s.Unverified
	}}
}

func (c *campaign) verified(cps []*cpUnderTest, what string) shownState {
	return shownState{cps, "  " + what + " is back: verified after", maxRecovery(c.timing.Rules) + c.timing.heartbeat, func(s centralState) bool {
		return s.State == "activated" && !s.Unverified
	}}
}

// maxRecovery is how long the next check that is OK may take after such a fault: one that is
// under way, and the one after it.
func maxRecovery(r oracle.Rules) time.Duration {
	return 2*r.Interval + r.Timeout + 3*evcp.DefaultGrace
}

// logged is whether the Monitor's log says why it can't judge, and what to do.
func (p *cpUnderTest) logged(why evcp.Cause) scenarioMetric {
	a := advice.For(language.English, advice.Engine, why)
	log, err := os.ReadFile(p.child().Log)
	text := string(log)
	return holds(p.label()+": its log has the reason and the advice", err == nil && strings.Contains(text, a.Phrase) && strings.Contains(text, a.Do))
}

// measureUnharmed is for charge points that a fault must not touch: nothing fails, and every
// check is judged.
func measureUnharmed(name string, group []cpHistory) []scenarioMetric {
	unjudged := func(e evcp.Event) bool { return unknownCheck(e) && e.Cause >= evcp.Local }
	return ofEach(group, func(h cpHistory) []scenarioMetric {
		return append([]scenarioMetric{
			exactly(name+": failed checks", h.count(always(), h.unexplained), 0),
			onTime(exactly(name+": checks that the own machine prevented", h.count(always(), unjudged), 0)), // a name server, too, is late where the machine stands still
		}, measureComplete(name, h)...)
	})
}

// measureNotJudged is for charge points that can't be judged during a fault: nothing fails, and
// from the check under way at its beginning to its end all checks are unknown.
func measureNotJudged(name string, group []cpHistory, why evcp.Cause) []scenarioMetric {
	known := func(e evcp.Event) bool { return e.Action == evcp.HealthCheck && e.Status.Countable() }
	other := func(e evcp.Event) bool { return unknownCheck(e) && e.Cause != why && e.Cause != evcp.Stalled }
	return ofEach(group, func(h cpHistory) []scenarioMetric {
		w := h.windows(oracle.OwnNetwork)[0]
		during := timeRange{w.From.Add(h.rules.Timeout + 3*evcp.DefaultGrace), w.To}
		return append([]scenarioMetric{
			exactly(name+": failed checks", h.count(always(), h.unexplained), 0),
			exactly(name+": checks judged during the fault", h.count(during, known), 0),
			exactly(name+": checks unknown for another reason", h.count(during, other), 0),
			count(name+": checks unknown", h.count(during, unknownCheck)),
			atMost(name+": OK after the fault", h.okAfter(w.To), maxRecovery(h.rules)),
		}, measureComplete(name, h)...)
	})
}

// measureComplete is for a charge point of which nothing was to be reported, and whose events
// must all be on the topic.
func measureComplete(name string, h cpHistory) []scenarioMetric {
	return []scenarioMetric{
		exactly(name+": reports", len(h.sent(wire.EngineFailure, always())), 0),
		exactly(name+": seqs that are not on the topic", h.missing(), 0),
	}
}

// okAfter is how long it took from a moment until a check that was OK ended.
func (h cpHistory) okAfter(from evcp.Stamp) time.Duration {
	e, ok := h.after(from, okCheck)
	if !ok {
		return never
	}
	return e.At.Sub(from)
}
