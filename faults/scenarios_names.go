package main

import (
	"context"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/testbed"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

// namesLate is the third group of the scenarios dns-*: its Monitor is started while the
// name server fails, and so knows no address; in a fleet its charge points come to the file then.
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
			late, err := c.startLate(place{engine: lateName})
			if err == nil {
				c.waitForCentral(ctx, c.unverified(late, "started meanwhile", c.timing.Ready))
			}
			return err
		})
		if err != nil {
			return err
		}
		late := c.group(namesLate)
		c.truth.addMetric(late[0].logged(evcp.NameServer))
		c.waitForCentral(ctx, c.verified(late, "the name server"))
		return nil
	}
}

func measureNoNames(_ *campaign, groups [][]cpHistory) []scenarioMetric {
	return append(measureKnownNames(groups), measureNotJudged("started meanwhile", groups[namesLate], evcp.NameServer)...)
}

func measureKnownNames(groups [][]cpHistory) []scenarioMetric {
	return append(measureUnharmed("connection kept", groups[networkKept]), measureUnharmed("every check asks", groups[networkCloses])...)
}

// runNoSuchName has the name server deny the name: for less than three checks, and then for
// longer. A kept connection needs no name.
func runNoSuchName(ctx context.Context, c *campaign) error {
	closing, from := c.group(networkCloses), now()
	c.network.answer(deniedName)
	wait.For(ctx, c.timing.Interval*3/2)
	c.network.answer(testbed.Addresses(engineAddress))
	for _, p := range closing {
		c.truth.endWindow(p.number, from, noSuchName(p)[0])
	}
	wait.For(ctx, 3*c.timing.Interval)
	c.truth.addMetric(holds("denied for 1.5 intervals: nothing is reported", !c.anyAnswered(closing, wire.EngineFailure)))

	detection := maxDetection(c.timing.Rules)
	err := c.withNames(ctx, deniedName, noSuchName, func() error {
		late, err := c.startLate(place{engine: lateName})
		if err != nil {
			return err
		}
		c.waitForCentral(ctx, showing(closing, "faulted", "name denied: faulted at Central after", detection+500*ms),
			showing(late, "faulted", "started meanwhile: faulted at Central after", detection+c.timing.Ready))
		return nil
	})
	if err != nil {
		return err
	}
	c.waitForCentral(ctx, showing(c.cps, "activated", "  the name is back: activated after", maxRecovery(c.timing.Rules)+500*ms))
	return nil
}

// noSuchName are the windows of a name that is denied: it counts, where it is asked for.
func noSuchName(p *cpUnderTest) []oracle.Window {
	if p.group == networkKept {
		return nil
	}
	return []oracle.Window{{Kind: oracle.EngineLink, Expect: oracle.ExpectFailure}}
}

func measureNoSuchName(_ *campaign, groups [][]cpHistory) []scenarioMetric {
	found := measureUnharmed("connection kept", groups[networkKept])
	for n, name := range []string{networkCloses: "every check asks", namesLate: "started meanwhile"} {
		if name == "" {
			continue
		}
		found = append(found, ofEach(groups[n], func(h cpHistory) []scenarioMetric {
			return []scenarioMetric{
				exactly(name+": failed checks for another reason", h.count(always(), func(e evcp.Event) bool { return h.unexplained(e) && e.Cause != evcp.DNS }), 0),
				exactly(name+": incidents", h.count(always(), isAction(evcp.EngineFailed)), 1),
				exactly(name+": receipts for them", h.count(always(), isAction(evcp.ReportEngineFailure)), 1),
				exactly(name+": receipts for recoveries", h.count(always(), isAction(evcp.ReportEngineRecovery)), 1),
				exactly(name+": seqs that are not on the topic", h.missing(), 0),
			}
		})...)
	}
	return found
}

// runSlowNames has the name server answer late: in time for a check, and then too late.
func runSlowNames(ctx context.Context, c *campaign) error {
	slow := testbed.Addresses(engineAddress)
	slow.Delay = c.timing.Timeout / 4
	err := c.withNames(ctx, slow, ownNetwork, func() error {
		_, err := c.startLate(place{engine: lateName})
		return err
	})
	if err != nil {
		return err
	}
	slow.Delay = 2 * c.timing.Timeout
	return c.withNames(ctx, slow, ownNetwork, func() error { return nil })
}

func measureSlowNames(_ *campaign, groups [][]cpHistory) []scenarioMetric {
	late := groups[namesLate]
	found := append(measureKnownNames(groups), measureUnharmed("started meanwhile", late)...)
	return append(found, ofEach(late, func(h cpHistory) []scenarioMetric {
		started := h.windows(oracle.MonitorDown)[0].To
		return []scenarioMetric{atMost("started meanwhile: OK after its start", h.okAfter(started), h.rules.Ready+h.rules.Timeout)}
	})...)
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
