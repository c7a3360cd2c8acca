package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/process"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

// runKills: each charge point has its own story.
func runKills(ctx context.Context, c *campaign) error {
	if err := c.setKO(0, 1, 2); err != nil {
		return err
	}
	stories := []func(context.Context, *cpUnderTest) error{killedAtTwo, killedAfterReceipt, recoveredMeanwhile}
	if err := c.forEachCP(func(p *cpUnderTest) error { return stories[p.number](ctx, p) }); err != nil {
		return err
	}
	return c.setOK(0, 1, 2)
}

// killedAtTwo: at two of three; the next failed check reports.
func killedAtTwo(ctx context.Context, p *cpUnderTest) error {
	p.waitForChecks(ctx, 2)
	wait.For(ctx, 150*ms) // kept by then
	if p.returnedCount(wire.EngineFailure) > 0 {
		return fmt.Errorf("%s: three checks have failed before it could be killed", p.id)
	}
	err := p.withMonitorDown((*process.Child).Kill, func() {})
	p.waitForReturned(ctx, wire.EngineFailure)
	return err
}

// killedAfterReceipt: no second report before its time.
func killedAfterReceipt(ctx context.Context, p *cpUnderTest) error {
	p.waitForReturned(ctx, wire.EngineFailure)
	wait.For(ctx, 300*ms)
	err := p.withMonitorDown((*process.Child).Kill, func() { wait.For(ctx, 100*ms) })
	wait.For(ctx, p.c.timing.reportEvery*5/4)
	return err
}

// recoveredMeanwhile: while no Monitor ran.
func recoveredMeanwhile(ctx context.Context, p *cpUnderTest) error {
	p.waitForReturned(ctx, wire.EngineFailure)
	wait.For(ctx, 300*ms)
	var well error
	err := p.withMonitorDown((*process.Child).Kill, func() {
		wait.For(ctx, time.Second)
		well = p.setBehaviour(okEntry)
		wait.For(ctx, 3*time.Second)
	})
	p.waitForReturned(ctx, wire.EngineRecovered)
	return errors.Join(well, err)
}

func measureKills(c *campaign, all []cpHistory) []measurement {
	told := measureKilledAtTwo(all[0])
	told = append(told, measureAfterReceipt(all[1], c.timing.reportEvery)...)
	recovered := all[2].messagesSent(wire.EngineRecovered, all[2].wholeRun())
	again := all[2].windows(oracle.MonitorDown)[0].To
	told = append(told, exactly("recovered meanwhile: ENGINE_RECOVERED", len(recovered), 1),
		exactly("recovered meanwhile: ENGINE_FAILURE", len(all[2].messagesSent(wire.EngineFailure, all[2].wholeRun())), 1))
	if len(recovered) > 0 {
		told = append(told, atMost("recovered meanwhile: told after the start", recovered[0].Sent.Sub(again), 1500*ms))
	}
	return told
}

func measureKilledAtTwo(a cpHistory) []measurement {
	down := a.windows(oracle.MonitorDown)[0]
	incident, _ := a.after(0, isAction(evcp.EngineFailed))
	took := never
	if sent := a.messagesSent(wire.EngineFailure, a.wholeRun()); len(sent) > 0 {
		took = sent[0].Sent.Sub(down.To)
	}
	return []measurement{
		exactly("at two of three: failures kept before the kill", a.count(timeRange{0, down.From}, failedCheck), 2),
		exactly("at two of three: failed checks from the start to the incident", a.count(timeRange{down.To, incident.At}, failedCheck), 1),
		atMost("at two of three: told after the start", took, 1500*ms),
	}
}

func measureAfterReceipt(a cpHistory, every time.Duration) []measurement {
	sent := a.messagesSent(wire.EngineFailure, a.wholeRun())
	told := []measurement{exactly("after the receipt: ENGINE_FAILURE", len(sent), 2)}
	if len(sent) < 2 {
		return told
	}
	between := sent[1].Sent.Sub(sent[0].Returned)
	return append(told, atLeast("after the receipt: the second one, after the first receipt", between, every-50*ms),
		atMost("  and not much later", between, every+time.Second),
		exactly("after the receipt: incidents", a.count(a.wholeRun(), isAction(evcp.EngineFailed)), 1))
}
