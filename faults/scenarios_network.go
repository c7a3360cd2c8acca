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
	places    []place  // of the charge points
	addresses []string // that the name server gives at first; none: engineAddress
}

// engineName is the name of every Engine of these scenarios. Each Engine has engineAddress at
// first, and farAddress always.
const (
	engineName     = "engine.test"
	engineAddress  = "10.9.0.11"
	otherAddress   = "10.9.0.12"
	deadAddress    = "10.9.0.13" // of no machine
	refusedAddress = "10.9.0.1"  // of the Monitors' machine; no Engine listens there
	farAddress     = "192.0.2.1" // by the default route
)

// The charge points of these scenarios, by their Engines and Central; namesLate is the third one
// of some.
const (
	networkKept   = 0 // the Engine keeps the connection
	networkCloses = 1 // every check connects anew
	networkAll    = 2 // Central is beyond the interface, too
)

// twoAt are the first two charge points, with one host for both Engines.
func twoAt(host string) layout {
	return layout{places: []place{{engine: host}, {engine: host, closes: true}}}
}

// threeAt has the third as well.
func threeAt(host string) layout {
	return layout{places: append(twoAt(host).places, place{engine: host, central: host})}
}

// severalAddresses are two dead ones, one that an Engine may get, and the one it has.
var severalAddresses = layout{twoAt(engineName).places, []string{deadAddress, refusedAddress, otherAddress, engineAddress}}

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
		c.cps[networkCloses].waitAfterCheck(ctx) // no check of it meets the change
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

func measureMoves(_ *campaign, all []cpHistory) []scenarioMetric {
	var found []scenarioMetric
	rules := all[0].rules
	longest := 3*rules.Interval + rules.Timeout // a check that fails, a tick that passes meanwhile, and the next check
	for n, name := range []string{networkKept: "connection kept", networkCloses: "every check connects"} {
		h := all[n]
		moves := h.windows(oracle.EngineLink)
		first := 0
		for i, w := range moves {
			first += h.count(timeRange{w.From, w.To.Add(h.rules.Timeout + 3*evcp.DefaultGrace)}, h.unexplained)
			found = append(found, atMost(fmt.Sprintf("%s: OK again after move %d", name, i+1), h.okAfter(w.From), longest))
		}
		most := 0
		if n == networkKept {
			most = len(moves)
		}
		found = append(found, notMore(name+": failed checks, the first after a move", first, most),
			exactly(name+": failed checks at other times", h.count(always(), h.unexplained)-first, 0))
		found = append(found, measureComplete(name, h)...)
	}
	return found
}

// runOwnNetwork takes the network from the Monitors' machine and gives it back, by commands of
// ip(8).
func runOwnNetwork(take, give string) func(context.Context, *campaign) error {
	return func(ctx context.Context, c *campaign) error {
		c.cps[networkAll].waitForHeartbeats(ctx, 3) // Central then knows how long a silence is
		err := c.withFault(ctx, func() error { return c.network.change(take) }, func() error { return c.network.change(give) }, ownNetwork, func() error {
			return c.forEachCP(func(p *cpUnderTest) error {
				if p.place.central != "" {
					p.waitForState(ctx, "disconnected", "no network: disconnected at Central after", 3*c.timing.heartbeat+1500*ms)
					return nil
				}
				p.waitForUnverified(ctx, "no network", 10*c.timing.Interval)
				return nil
			})
		})
		if err != nil {
			return err
		}
		return c.forEachCP(func(p *cpUnderTest) error {
			c.truth.addMetric(p.logged(evcp.NoNetwork))
			if p.place.central != "" {
				p.waitForState(ctx, "activated", "  the network is back: activated after", 9*time.Second) // backoff, and one message without an answer
				return nil
			}
			p.waitForVerified(ctx, "the network")
			return nil
		})
	}
}

func measureOwnNetwork(_ *campaign, all []cpHistory) []scenarioMetric {
	var found []scenarioMetric
	for n, name := range []string{networkKept: "connection kept", networkCloses: "every check connects", networkAll: "Central there, too"} {
		found = append(found, measureNotJudged(name, all[n], evcp.NoNetwork)...)
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

// startLate adds a charge point whose Monitor has not run before.
func (c *campaign) startLate(at place) (*cpUnderTest, error) {
	p, err := c.newCP(cpID(len(c.cps)), mainInstance, okEntry, filepath.Join(c.o.dir, "state"), at)
	if err != nil {
		return nil, err
	}
	c.cps = append(c.cps, p)
	c.truth.endWindow(p.number, c.from, oracle.Window{Kind: oracle.MonitorDown})
	err = p.startMonitor()
	return p, err
}

// waitForUnverified waits until Central says that nothing supports the state any more: after
// eleven heartbeats without an outcome. The Monitor sends the first of them when it has not
// judged for a time.
func (p *cpUnderTest) waitForUnverified(ctx context.Context, fault string, notJudged time.Duration) {
	p.waitForCentral(ctx, fmt.Sprintf("%s %s: unverified at Central after", p.id, fault), notJudged+13*p.c.timing.heartbeat, func(s centralState) bool {
		return s.State == "activated" && s.Unverified
	})
}

func (p *cpUnderTest) waitForVerified(ctx context.Context, what string) {
	t := p.c.timing
	p.waitForCentral(ctx, fmt.Sprintf("%s   %s is back: verified after", p.id, what), maxRecovery(t.Rules)+t.heartbeat, func(s centralState) bool {
		return s.State == "activated" && !s.Unverified
	})
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
	return holds(fmt.Sprintf("%s: its log has the reason and the advice", p.id), err == nil && strings.Contains(text, a.Phrase) && strings.Contains(text, a.Do))
}

// measureUnharmed is for a charge point that a fault must not touch: nothing fails, and every
// check is judged.
func measureUnharmed(name string, h cpHistory) []scenarioMetric {
	unjudged := func(e evcp.Event) bool { return unknownCheck(e) && e.Cause >= evcp.Local }
	return append([]scenarioMetric{
		exactly(name+": failed checks", h.count(always(), h.unexplained), 0),
		exactly(name+": checks that the own machine prevented", h.count(always(), unjudged), 0),
	}, measureComplete(name, h)...)
}

// measureNotJudged is for a charge point that can't be judged during a fault: nothing fails, and
// from the check under way at its beginning to its end all checks are unknown.
func measureNotJudged(name string, h cpHistory, why evcp.Cause) []scenarioMetric {
	w := h.windows(oracle.OwnNetwork)[0]
	during := timeRange{w.From.Add(h.rules.Timeout + 3*evcp.DefaultGrace), w.To}
	known := func(e evcp.Event) bool { return e.Action == evcp.HealthCheck && e.Status.Countable() }
	other := func(e evcp.Event) bool { return unknownCheck(e) && e.Cause != why && e.Cause != evcp.Stalled }
	return append([]scenarioMetric{
		exactly(name+": failed checks", h.count(always(), h.unexplained), 0),
		exactly(name+": checks judged during the fault", h.count(during, known), 0),
		exactly(name+": checks unknown for another reason", h.count(during, other), 0),
		count(name+": checks unknown", h.count(during, unknownCheck)),
		atMost(name+": OK after the fault", h.okAfter(w.To), maxRecovery(h.rules)),
	}, measureComplete(name, h)...)
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
