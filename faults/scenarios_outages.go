package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"evcp"
	"evcp/internal/faultproxy"
	"evcp/internal/oracle"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

// runBroker pauses the broker, and then kills it.
func runBroker(ctx context.Context, c *campaign) error {
	if err := c.setBehaviour(intermittentEntry, 1); err != nil {
		return err
	}
	pause := func() { wait.For(ctx, 15*time.Second) }
	if err := c.injectBroker("stop", pause); err != nil {
		return err
	}
	wait.For(ctx, 2*time.Second)
	if err := c.injectBroker("kill", pause); err != nil {
		return err
	}
	return c.setOK(1)
}

func measureBroker(_ *campaign, groups [][]cpHistory) []scenarioMetric {
	var found []scenarioMetric
	for _, h := range slices.Concat(groups...) {
		id := h.label
		found = append(found,
			count(id+": checks", len(h.EngineChecks)),
			atMost(id+": largest lateness of a check", h.maxLateness(), 150*ms),
			exactly(id+": seqs that are not on the topic", h.missing(), 0),
			exactly(id+": epochs", len(h.epochs()), 1),
			count(id+": records on the topic", len(h.Records)))
	}
	return found
}

// blackHoleDuration is that of each black hole of scenario black-holes.
const blackHoleDuration = 30 * time.Second

// blackHolesFailing is the group whose Engines fail while Central can't be reached.
const blackHolesFailing = 2

// blackHoles are the impairments of the groups: new connections are accepted and carry
// nothing, or are not answered. The one link of a fleet to Central has one after the other.
var blackHoles = []faultproxy.Impairment{{Kind: faultproxy.BlackHole}, {Kind: faultproxy.Hang}, {Kind: faultproxy.BlackHole}}

// centralBlackHoles is how often the links to Central are impaired.
func (c *campaign) centralBlackHoles() int {
	if c.o.fleet {
		return 2
	}
	return 1
}

// runBlackHoles impairs the links to the Engines, and then those to Central.
func runBlackHoles(ctx context.Context, c *campaign) error {
	detection := maxDetection(c.timing.Rules)
	err := whileImpaired(ctx, c.cps, func(p *cpUnderTest, hold func()) error { return p.impairLink(engineSide, blackHoles[p.group], hold) }, func() {
		c.waitForCentral(ctx, showing(c.cps, "faulted", "no link to the Engine: faulted at Central after", detection+500*ms))
	})
	if err != nil {
		return err
	}
	c.waitForCentral(ctx, showing(c.cps, "activated", "  link to the Engine restored: activated after", c.timing.Interval+c.timing.Timeout+500*ms))
	for n := range c.centralBlackHoles() {
		wait.For(ctx, 5*time.Second)
		if err := c.withoutCentral(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// withoutCentral impairs the links to Central; the Engines of one group fail meanwhile.
func (c *campaign) withoutCentral(ctx context.Context, n int) error {
	failed, others := c.group(blackHolesFailing), append(c.group(0), c.group(1)...)
	var changed error
	impair := func(m *monitorUnderTest, hold func()) error {
		return m.cps[0].impairLink(centralSide, blackHoles[m.cps[0].group+n], hold)
	}
	err := whileImpaired(ctx, c.monitors(), impair, func() {
		c.waitForCentral(ctx, showing(c.cps, "disconnected", "no link to Central: disconnected there after", c.maxSilence(c.cps)))
		changed = setAll(failed, failing("ko"))
	})
	const most = 9 * time.Second // backoff, and one message without an answer
	c.waitForCentral(ctx, showing(others, "activated", "  link to Central restored: activated after", most), showing(failed, "faulted", "  link to Central restored: faulted after", most))
	wait.For(ctx, 10*time.Second)
	return errors.Join(err, changed, setAll(failed, okEntry))
}

// maxSilence is how long Central may take until it shows charge points as disconnected that it does
// not hear: three times what is between two heartbeats, and a second from look to look. Those of
// a fleet wait for each other: each keeps one of 16 connections busy for 20 ms.
func (c *campaign) maxSilence(cps []*cpUnderTest) time.Duration {
	queue := time.Duration(0)
	if c.o.fleet {
		queue = time.Duration(len(cps)) * 20 * ms / 16
	}
	return 3*(c.timing.heartbeat+queue) + 1500*ms
}

// whileImpaired impairs something of each at once, for the duration of a black hole and until
// during has returned.
func whileImpaired[T any](ctx context.Context, all []T, impair func(_ T, hold func()) error, during func()) (err error) {
	over := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { err = forEach(all, func(x T) error { return impair(x, func() { <-over }) }) })
	until := time.Now().Add(blackHoleDuration)
	during()
	wait.For(ctx, time.Until(until))
	close(over)
	running.Wait()
	return err
}

func measureBlackHoles(c *campaign, groups [][]cpHistory) []scenarioMetric {
	var found []scenarioMetric
	for n, group := range groups {
		incidents := 1
		if n == blackHolesFailing {
			incidents += c.centralBlackHoles()
		}
		found = append(found, ofEach(group, func(h cpHistory) []scenarioMetric {
			id := h.label
			rows := []scenarioMetric{
				atMost(id+" no link to the Engine: incident after", h.incidentIn(h.windows(oracle.EngineLink)[0]), maxDetection(h.rules)),
				exactly(id+" incidents in all", h.count(always(), isAction(evcp.EngineFailed)), incidents),
				exactly(id+" receipts for them", h.count(always(), isAction(evcp.ReportEngineFailure)), incidents),
				exactly(id+" receipts for recoveries", h.count(always(), isAction(evcp.ReportEngineRecovery)), incidents),
				exactly(id+" reports after a receipt of theirs", h.reportsAfterReceipt(), 0),
			}
			for _, w := range h.windows(oracle.CentralLink) {
				rows = append(rows, atMost(id+" no link to Central: the Monitor closes after", h.closedIn(w), 3*c.timing.heartbeat))
			}
			return rows
		})...)
	}
	return found
}

// incidentIn is the time from the beginning of a window to the first incident in it.
func (h cpHistory) incidentIn(w oracle.Window) time.Duration {
	e, ok := h.after(w.From, isAction(evcp.EngineFailed))
	if !ok || e.At > w.To {
		return never
	}
	return e.At.Sub(w.From)
}

// closedIn is the time from the beginning of a window until the Monitor first closed a
// connection to Central in it.
func (h cpHistory) closedIn(w oracle.Window) time.Duration {
	first := never
	for _, m := range h.Messages {
		if m.Closed >= w.From && m.Closed <= w.To && (first < 0 || m.Closed.Sub(w.From) < first) {
			first = m.Closed.Sub(w.From)
		}
	}
	return first
}

// reportsAfterReceipt counts the reports that were sent after a receipt for the same
// failure or recovery.
func (h cpHistory) reportsAfterReceipt() int {
	n := 0
	receipt := map[wire.Verb]bool{}
	for _, m := range h.Messages {
		switch m.Verb {
		case wire.EngineFailure:
			receipt[wire.EngineRecovered] = false
		case wire.EngineRecovered:
			receipt[wire.EngineFailure] = false
		default:
			continue
		}
		if receipt[m.Verb] {
			n++
		}
		receipt[m.Verb] = receipt[m.Verb] || m.Returned != 0 && (m.Closed == 0 || m.Returned < m.Closed)
	}
	return n
}
