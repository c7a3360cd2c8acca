package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/process"
	"evcp/internal/wait"
)

const fifty = 50

// runFifty kills two Monitors; what is random here comes from the seed.
func runFifty(ctx context.Context, c *campaign) error {
	if err := c.setBehaviour(intermittentEntry, 1); err != nil {
		return err
	}
	err := c.forEachCP(func(p *cpUnderTest) error {
		r := rand.New(rand.NewPCG(c.o.seed, uint64(p.number)))
		for range fifty {
			wait.For(ctx, time.Duration(r.Int64N(int64(1800*ms))))
			if err := p.withMonitorDown((*process.Child).Kill, func() {}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.setOK(1)
}

func measureFifty(_ *campaign, all []cpHistory) []measurement {
	var told []measurement
	for _, a := range all {
		id := string(a.ID)
		gone := a.checksWithoutEvent()
		oldest := time.Duration(0)
		for _, q := range gone {
			oldest = max(oldest, a.untilKilled(q))
		}
		told = append(told,
			exactly(id+": kills", len(a.windows(oracle.MonitorDown)), fifty),
			exactly(id+": numbers that are not on the topic", a.missing(), 0),
			exactly(id+": epochs", len(a.epochs()), 1),
			count(id+": checks that the Engine saw", len(a.EngineChecks)),
			count(id+": of them without an event", len(gone)),
			atMost(id+": the oldest of those was, when its Monitor was killed", oldest, 100*ms))
		for _, q := range gone {
			if age := a.untilKilled(q); age > 100*ms {
				told = append(told, measurement{name: fmt.Sprintf("  asked at %s", q.Received.Time().Format("15:04:05.000")), measured: inSeconds(age)})
			}
		}
	}
	return told
}

// clockTolerance is how far apart two processes may date one moment, by the clock that
// both read.
const clockTolerance = 5 * ms

// checksWithoutEvent are the questions that no event tells of, each event telling of one.
func (a cpHistory) checksWithoutEvent() []oracle.EngineCheck {
	var gone []oracle.EngineCheck
	i := 0
	for _, q := range a.EngineChecks {
		for i < len(a.events) && (a.events[i].Action != evcp.HealthCheck || a.events[i].At.Add(clockTolerance) < q.Received) {
			i++
		}
		if i < len(a.events) && a.events[i].At.Add(-a.events[i].Latency-clockTolerance) <= q.Received {
			i++
			continue
		}
		gone = append(gone, q)
	}
	return gone
}

// untilKilled is how long after a question the next kill came; an hour, if none.
func (a cpHistory) untilKilled(q oracle.EngineCheck) time.Duration {
	for _, w := range a.windows(oracle.MonitorDown) {
		if w.From.Add(clockTolerance) >= q.Received {
			return w.From.Sub(q.Received)
		}
	}
	return time.Hour
}
