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

// holeDuration is how long each lasts.
const holeDuration = 30 * time.Second

// holesFailing is the charge point whose Engine falls ill while Central can't be
// reached.
const holesFailing = 2

// holeModes: new connections are taken and carry nothing, or are not even answered.
var holeModes = []faultproxy.Impairment{{Kind: faultproxy.BlackHole}, {Kind: faultproxy.Hang}, {Kind: faultproxy.BlackHole}}

// runHoles: first between Monitors and Engines, then between Monitors and Central.
func runHoles(ctx context.Context, c *campaign) error {
	within := maxDetection(c.timing.rules())
	err := c.withBlackHole(ctx, engineSide, func(p *cpUnderTest) {
		p.waitForCentralState(ctx, "faulted", "hole before the Engine: faulted at Central after", within+500*ms)
	}, func(p *cpUnderTest) {
		p.waitForCentralState(ctx, "activated", "  over: activated after", c.timing.interval+c.timing.timeout+500*ms)
	})
	if err != nil {
		return err
	}
	wait.For(ctx, 5*time.Second)
	var ill, well error
	err = c.withBlackHole(ctx, centralSide, func(p *cpUnderTest) {
		p.waitForCentralState(ctx, "disconnected", "hole before Central: disconnected there after", 3*c.timing.heartbeat+1500*ms)
		if p.number == holesFailing {
			ill = p.setBehaviour(engineEntry("ko", oracle.ExpectFailure, 0))
		}
	}, func(p *cpUnderTest) {
		want := "activated"
		if p.number == holesFailing {
			want = "faulted"
		}
		p.waitForCentralState(ctx, want, "  over: "+want+" after", 9*time.Second) // back-off, and one question without an answer
		if p.number == holesFailing {
			wait.For(ctx, 10*time.Second)
			well = p.setBehaviour(okEntry)
		}
	})
	return errors.Join(err, ill, well)
}

// withBlackHole puts a hole on one side of all charge points; within looks at each while it
// lasts, and after when it is over.
func (c *campaign) withBlackHole(ctx context.Context, side int, within, after func(*cpUnderTest)) error {
	return c.forEachCP(func(p *cpUnderTest) error {
		over := time.Now().Add(holeDuration)
		err := p.impairLink(side, holeModes[p.number], func() {
			within(p)
			wait.For(ctx, time.Until(over))
		})
		after(p)
		return err
	})
}

func measureHoles(c *campaign, all []cpHistory) []measurement {
	var told []measurement
	for n, a := range all {
		id := string(a.ID)
		incidents := 1
		if n == holesFailing {
			incidents = 2
		}
		away := a.windows(oracle.CentralLink)[0]
		told = append(told,
			atMost(id+" hole before the Engine: incident after", a.incidentIn(a.windows(oracle.EngineLink)[0]), maxDetection(a.rules)),
			atMost(id+" hole before Central: the Monitor hangs up after", a.hungUpIn(away), 3*c.timing.heartbeat),
			exactly(id+" incidents in all", a.count(a.wholeRun(), isAction(evcp.EngineFailed)), incidents),
			exactly(id+" receipts for them", a.count(a.wholeRun(), isAction(evcp.ReportEngineFailure)), incidents),
			exactly(id+" receipts for recoveries", a.count(a.wholeRun(), isAction(evcp.ReportEngineRecovery)), incidents),
			exactly(id+" reports after a receipt of theirs", a.reportsAfterReceipt(), 0))
	}
	return told
}

// incidentIn is how long after its beginning an incident opened in a window.
func (a cpHistory) incidentIn(w oracle.Window) time.Duration {
	e, ok := a.after(w.From, isAction(evcp.EngineFailed))
	if !ok || e.At > w.To {
		return never
	}
	return e.At.Sub(w.From)
}

// hungUpIn is how long after the beginning of a window the Monitor gave up a
// connection to Central for the first time.
func (a cpHistory) hungUpIn(w oracle.Window) time.Duration {
	first := never
	for _, m := range a.Messages {
		if m.Closed >= w.From && m.Closed <= w.To && (first < 0 || m.Closed.Sub(w.From) < first) {
			first = m.Closed.Sub(w.From)
		}
	}
	return first
}

// reportsAfterReceipt counts reports that were sent after the receipt for the same thing.
func (a cpHistory) reportsAfterReceipt() int {
	n := 0
	answered := map[wire.Verb]bool{}
	for _, m := range a.Messages {
		switch m.Verb {
		case wire.EngineFailure:
			answered[wire.EngineRecovered] = false
		case wire.EngineRecovered:
			answered[wire.EngineFailure] = false
		default:
			continue
		}
		if answered[m.Verb] {
			n++
		}
		answered[m.Verb] = answered[m.Verb] || m.Returned != 0 && (m.Closed == 0 || m.Returned < m.Closed)
	}
	return n
}
