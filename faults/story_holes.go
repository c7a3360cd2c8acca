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

// hole is how long each lasts.
const hole = 30 * time.Second

// holesSick is the charge point whose Engine falls ill while Central can't be
// reached.
const holesSick = 2

// holeModes: new connections are taken and carry nothing, or are not even answered.
var holeModes = []faultproxy.Impairment{{Kind: faultproxy.BlackHole}, {Kind: faultproxy.Hang}, {Kind: faultproxy.BlackHole}}

// playHoles: first between Monitors and Engines, then between Monitors and Central.
func playHoles(ctx context.Context, c *campaign) error {
	within := bound(c.pace.rules())
	err := c.holed(ctx, engineSide, func(p *point) {
		p.untilShown(ctx, "faulted", "hole before the Engine: faulted at Central after", within+500*ms)
	}, func(p *point) {
		p.untilShown(ctx, "activated", "  over: activated after", c.pace.interval+c.pace.timeout+500*ms)
	})
	if err != nil {
		return err
	}
	wait.For(ctx, 5*time.Second)
	var ill, well error
	err = c.holed(ctx, centralSide, func(p *point) {
		p.untilShown(ctx, "disconnected", "hole before Central: disconnected there after", 3*c.pace.heartbeat+1500*ms)
		if p.number == holesSick {
			ill = p.behave(say("ko", oracle.ExpectFailure, 0))
		}
	}, func(p *point) {
		want := "activated"
		if p.number == holesSick {
			want = "faulted"
		}
		p.untilShown(ctx, want, "  over: "+want+" after", 9*time.Second) // back-off, and one question without an answer
		if p.number == holesSick {
			wait.For(ctx, 10*time.Second)
			well = p.behave(wellItem)
		}
	})
	return errors.Join(err, ill, well)
}

// holed puts a hole on one side of all charge points; within looks at each while it
// lasts, and after when it is over.
func (c *campaign) holed(ctx context.Context, side int, within, after func(*point)) error {
	return c.each(func(p *point) error {
		over := time.Now().Add(hole)
		err := p.linkFails(side, holeModes[p.number], func() {
			within(p)
			wait.For(ctx, time.Until(over))
		})
		after(p)
		return err
	})
}

func holesFigures(c *campaign, all []account) []figure {
	var told []figure
	for n, a := range all {
		id := string(a.ID)
		incidents := 1
		if n == holesSick {
			incidents = 2
		}
		away := a.windows(oracle.CentralLink)[0]
		told = append(told,
			atMost(id+" hole before the Engine: incident after", a.incidentIn(a.windows(oracle.EngineLink)[0]), bound(a.rules)),
			atMost(id+" hole before Central: the Monitor hangs up after", a.hungUpIn(away), 3*c.pace.heartbeat),
			exactly(id+" incidents in all", a.count(a.all(), isAction(evcp.EngineFailed)), incidents),
			exactly(id+" receipts for them", a.count(a.all(), isAction(evcp.ReportEngineFailure)), incidents),
			exactly(id+" receipts for recoveries", a.count(a.all(), isAction(evcp.ReportEngineRecovery)), incidents),
			exactly(id+" reports after a receipt of theirs", a.again(), 0))
	}
	return told
}

// incidentIn is how long after its beginning an incident opened in a window.
func (a account) incidentIn(w oracle.Window) time.Duration {
	e, ok := a.after(w.From, isAction(evcp.EngineFailed))
	if !ok || e.At > w.To {
		return never
	}
	return e.At.Sub(w.From)
}

// hungUpIn is how long after the beginning of a window the Monitor gave up a
// connection to Central for the first time.
func (a account) hungUpIn(w oracle.Window) time.Duration {
	first := never
	for _, m := range a.Messages {
		if m.Closed >= w.From && m.Closed <= w.To && (first < 0 || m.Closed.Sub(w.From) < first) {
			first = m.Closed.Sub(w.From)
		}
	}
	return first
}

// again counts reports that were sent after the receipt for the same thing.
func (a account) again() int {
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
