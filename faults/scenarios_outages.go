package main

import (
	"context"
	"errors"
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

func measureBroker(_ *campaign, all []cpHistory) []scenarioMetric {
	var found []scenarioMetric
	for _, h := range all {
		id := string(h.ID)
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

// blackHolesFailing is the charge point whose Engine fails while Central can't be reached.
const blackHolesFailing = 2

// blackHoleImpairments are those of the charge points: new connections are accepted and carry
// nothing, or are not answered.
var blackHoleImpairments = []faultproxy.Impairment{{Kind: faultproxy.BlackHole}, {Kind: faultproxy.Hang}, {Kind: faultproxy.BlackHole}}

// runBlackHoles impairs the links to the Engines, and then those to Central.
func runBlackHoles(ctx context.Context, c *campaign) error {
	detection := maxDetection(c.timing.Rules)
	err := c.withBlackHole(ctx, engineSide, func(p *cpUnderTest) {
		p.waitForState(ctx, "faulted", "no link to the Engine: faulted at Central after", detection+500*ms)
	}, func(p *cpUnderTest) {
		p.waitForState(ctx, "activated", "  link restored: activated after", c.timing.Interval+c.timing.Timeout+500*ms)
	})
	if err != nil {
		return err
	}
	wait.For(ctx, 5*time.Second)
	var failed, recovered error
	err = c.withBlackHole(ctx, centralSide, func(p *cpUnderTest) {
		p.waitForState(ctx, "disconnected", "no link to Central: disconnected there after", 3*c.timing.heartbeat+1500*ms)
		if p.number == blackHolesFailing {
			failed = p.setBehaviour(failing("ko"))
		}
	}, func(p *cpUnderTest) {
		want := "activated"
		if p.number == blackHolesFailing {
			want = "faulted"
		}
		p.waitForState(ctx, want, "  link restored: "+want+" after", 9*time.Second) // backoff, and one message without an answer
		if p.number == blackHolesFailing {
			wait.For(ctx, 10*time.Second)
			recovered = p.setBehaviour(okEntry)
		}
	})
	return errors.Join(err, failed, recovered)
}

// withBlackHole impairs one link of every charge point at once. during is called when the
// impairment has begun, after when it is over.
func (c *campaign) withBlackHole(ctx context.Context, side int, during, after func(*cpUnderTest)) error {
	return c.forEachCP(func(p *cpUnderTest) error {
		over := time.Now().Add(blackHoleDuration)
		err := p.impairLink(side, blackHoleImpairments[p.number], func() {
			during(p)
			wait.For(ctx, time.Until(over))
		})
		after(p)
		return err
	})
}

func measureBlackHoles(c *campaign, all []cpHistory) []scenarioMetric {
	var found []scenarioMetric
	for n, h := range all {
		id := string(h.ID)
		incidents := 1
		if n == blackHolesFailing {
			incidents = 2
		}
		found = append(found,
			atMost(id+" no link to the Engine: incident after", h.incidentIn(h.windows(oracle.EngineLink)[0]), maxDetection(h.rules)),
			atMost(id+" no link to Central: the Monitor closes after", h.closedIn(h.windows(oracle.CentralLink)[0]), 3*c.timing.heartbeat),
			exactly(id+" incidents in all", h.count(always(), isAction(evcp.EngineFailed)), incidents),
			exactly(id+" receipts for them", h.count(always(), isAction(evcp.ReportEngineFailure)), incidents),
			exactly(id+" receipts for recoveries", h.count(always(), isAction(evcp.ReportEngineRecovery)), incidents),
			exactly(id+" reports after a receipt of theirs", h.reportsAfterReceipt(), 0))
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
