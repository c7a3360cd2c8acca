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

// playKills: each charge point has its own story.
func playKills(ctx context.Context, c *campaign) error {
	if err := c.ko(0, 1, 2); err != nil {
		return err
	}
	stories := []func(context.Context, *point) error{killedAtTwo, killedAfterReceipt, recoveredMeanwhile}
	if err := c.each(func(p *point) error { return stories[p.number](ctx, p) }); err != nil {
		return err
	}
	return c.well(0, 1, 2)
}

// killedAtTwo: at two of three; the next failed check reports.
func killedAtTwo(ctx context.Context, p *point) error {
	p.moreAsked(ctx, 2)
	wait.For(ctx, 150*ms) // kept by then
	if p.told(wire.EngineFailure) > 0 {
		return fmt.Errorf("%s: three checks have failed before it could be killed", p.id)
	}
	err := p.absent((*process.Child).Kill, func() {})
	p.untilTold(ctx, wire.EngineFailure)
	return err
}

// killedAfterReceipt: no second report before its time.
func killedAfterReceipt(ctx context.Context, p *point) error {
	p.untilTold(ctx, wire.EngineFailure)
	wait.For(ctx, 300*ms)
	err := p.absent((*process.Child).Kill, func() { wait.For(ctx, 100*ms) })
	wait.For(ctx, p.c.pace.reportEvery*5/4)
	return err
}

// recoveredMeanwhile: while no Monitor ran.
func recoveredMeanwhile(ctx context.Context, p *point) error {
	p.untilTold(ctx, wire.EngineFailure)
	wait.For(ctx, 300*ms)
	var well error
	err := p.absent((*process.Child).Kill, func() {
		wait.For(ctx, time.Second)
		well = p.behave(wellItem)
		wait.For(ctx, 3*time.Second)
	})
	p.untilTold(ctx, wire.EngineRecovered)
	return errors.Join(well, err)
}

func killsFigures(c *campaign, all []account) []figure {
	told := atTwoFigures(all[0])
	told = append(told, afterReceiptFigures(all[1], c.pace.reportEvery)...)
	recovered := all[2].sent(wire.EngineRecovered, all[2].all())
	again := all[2].windows(oracle.MonitorDown)[0].To
	told = append(told, exactly("recovered meanwhile: ENGINE_RECOVERED", len(recovered), 1),
		exactly("recovered meanwhile: ENGINE_FAILURE", len(all[2].sent(wire.EngineFailure, all[2].all())), 1))
	if len(recovered) > 0 {
		told = append(told, atMost("recovered meanwhile: told after the start", recovered[0].Sent.Sub(again), 1500*ms))
	}
	return told
}

func atTwoFigures(a account) []figure {
	down := a.windows(oracle.MonitorDown)[0]
	incident, _ := a.after(0, isAction(evcp.EngineFailed))
	took := never
	if sent := a.sent(wire.EngineFailure, a.all()); len(sent) > 0 {
		took = sent[0].Sent.Sub(down.To)
	}
	return []figure{
		exactly("at two of three: failures kept before the kill", a.count(spell{0, down.From}, failed), 2),
		exactly("at two of three: failed checks from the start to the incident", a.count(spell{down.To, incident.At}, failed), 1),
		atMost("at two of three: told after the start", took, 1500*ms),
	}
}

func afterReceiptFigures(a account, every time.Duration) []figure {
	sent := a.sent(wire.EngineFailure, a.all())
	told := []figure{exactly("after the receipt: ENGINE_FAILURE", len(sent), 2)}
	if len(sent) < 2 {
		return told
	}
	between := sent[1].Sent.Sub(sent[0].Returned)
	return append(told, atLeast("after the receipt: the second one, after the first receipt", between, every-50*ms),
		atMost("  and not much later", between, every+time.Second),
		exactly("after the receipt: incidents", a.count(a.all(), isAction(evcp.EngineFailed)), 1))
}
