package main

import (
	"context"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/testbed"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

// namesLate is the third charge point of the scenarios dns-*: its Monitor is started while the
// name server fails, and so knows no address.
const namesLate = 2

// The answers that are none.
var (
	silentNames = testbed.NameAnswer{Silent: true}
	failedNames = testbed.NameAnswer{Code: testbed.ServFail}
	deniedName  = testbed.NameAnswer{Code: testbed.NXDomain}
)

// runNoNames is for a name server that says nothing of the name.
func runNoNames(answer testbed.NameAnswer) func(context.Context, *campaign) error {
	return func(ctx context.Context, c *campaign) error {
		err := c.withNames(ctx, answer, ownNetwork, func() error {
			late, err := c.startLate(place{engine: engineName})
			if err == nil {
				late.waitForUnverified(ctx, "started meanwhile", c.timing.Ready)
			}
			return err
		})
		if err != nil {
			return err
		}
		c.truth.addMetric(c.cps[namesLate].logged(evcp.NameServer))
		c.cps[namesLate].waitForVerified(ctx, "the name server")
		return nil
	}
}

func measureNoNames(_ *campaign, all []cpHistory) []scenarioMetric {
	return append(measureKnownNames(all), measureNotJudged("started meanwhile", all[namesLate], evcp.NameServer)...)
}

func measureKnownNames(all []cpHistory) []scenarioMetric {
	return append(measureUnharmed("connection kept", all[networkKept]), measureUnharmed("every check asks", all[networkCloses])...)
}

// runNoSuchName has the name server deny the name: for less than three checks, and then for
// longer. A kept connection needs no name.
func runNoSuchName(ctx context.Context, c *campaign) error {
	closing, from := c.cps[networkCloses], now()
	c.network.answer(deniedName)
	wait.For(ctx, c.timing.Interval*3/2)
	c.network.answer(testbed.Addresses(engineAddress))
	c.truth.endWindow(networkCloses, from, noSuchName(closing)[0])
	wait.For(ctx, 3*c.timing.Interval)
	c.truth.addMetric(holds("denied for 1.5 intervals: nothing is reported", !closing.answered(wire.EngineFailure)))

	detection := maxDetection(c.timing.Rules)
	err := c.withNames(ctx, deniedName, noSuchName, func() error {
		late, err := c.startLate(place{engine: engineName})
		if err != nil {
			return err
		}
		return c.forEachCP(func(p *cpUnderTest) error {
			switch p {
			case closing:
				p.waitForState(ctx, "faulted", "name denied: faulted at Central after", detection+500*ms)
			case late:
				p.waitForState(ctx, "faulted", "started meanwhile: faulted at Central after", detection+c.timing.Ready)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	return c.forEachCP(func(p *cpUnderTest) error {
		p.waitForState(ctx, "activated", "  the name is back: activated after", maxRecovery(c.timing.Rules)+500*ms)
		return nil
	})
}

// noSuchName are the windows of a name that is denied: it counts, where it is asked for.
func noSuchName(p *cpUnderTest) []oracle.Window {
	if p.number == networkKept {
		return nil
	}
	return []oracle.Window{{Kind: oracle.EngineLink, Expect: oracle.ExpectFailure}}
}

func measureNoSuchName(_ *campaign, all []cpHistory) []scenarioMetric {
	found := measureUnharmed("connection kept", all[networkKept])
	for n, name := range []string{networkCloses: "every check asks", namesLate: "started meanwhile"} {
		if name == "" {
			continue
		}
		h := all[n]
		found = append(found,
			exactly(name+": failed checks for another reason", h.count(always(), func(e evcp.Event) bool { return h.unexplained(e) && e.Cause != evcp.DNS }), 0),
			exactly(name+": incidents", h.count(always(), isAction(evcp.EngineFailed)), 1),
			exactly(name+": receipts for them", h.count(always(), isAction(evcp.ReportEngineFailure)), 1),
			exactly(name+": receipts for recoveries", h.count(always(), isAction(evcp.ReportEngineRecovery)), 1),
			exactly(name+": seqs that are not on the topic", h.missing(), 0))
	}
	return found
}

// runSlowNames has the name server answer late: in time for a check, and then too late.
func runSlowNames(ctx context.Context, c *campaign) error {
	slow := testbed.Addresses(engineAddress)
	slow.Delay = c.timing.Timeout / 4
	err := c.withNames(ctx, slow, ownNetwork, func() error {
		_, err := c.startLate(place{engine: engineName})
		return err
	})
	if err != nil {
		return err
	}
	slow.Delay = 2 * c.timing.Timeout
	return c.withNames(ctx, slow, ownNetwork, func() error { return nil })
}

func measureSlowNames(_ *campaign, all []cpHistory) []scenarioMetric {
	late := all[namesLate]
	started := late.windows(oracle.MonitorDown)[0].To
	found := append(measureKnownNames(all), measureUnharmed("started meanwhile", late)...)
	return append(found, atMost("started meanwhile: OK after its start", late.okAfter(started), late.rules.Ready+late.rules.Timeout))
}

// withNames is withFault for what the name server answers.
func (c *campaign) withNames(ctx context.Context, answer testbed.NameAnswer, windows func(*cpUnderTest) []oracle.Window, hold func() error) error {
	set := func(a testbed.NameAnswer) func() error {
		return func() error {
			c.network.answer(a)
			return nil
		}
	}
	return c.withFault(ctx, set(answer), set(testbed.Addresses(engineAddress)), windows, hold)
}
