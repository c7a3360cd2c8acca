package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

// The Engines of this story.
const (
	stopsWell  = 0
	stopsSlow  = 1 // well, after 0.6 s
	stopsMuteA = 2
	stopsMuteB = 3
	stopsLate  = 4 // 1.2 s: an OK that is never in time
)

var (
	slowItem = say("slow=600ms", oracle.ExpectOK, 600*ms)
	lateItem = say("slow=1200ms", oracle.ExpectOK, 1200*ms)
)

// stops are what the Monitors go through.
var stops = []struct {
	times int
	long  time.Duration
}{{1, 10 * time.Second}, {3, 2 * time.Second}, {12, 1500 * ms}, {12, 900 * ms}}

const starved = 15 * time.Second

// playStops: the same stops for all Monitors, in the middle of checks. Before each
// kind of stop two Engines fall mute.
func playStops(ctx context.Context, c *campaign) error {
	if err := c.behave(slowItem, stopsSlow); err != nil {
		return err
	}
	if err := c.behave(lateItem, stopsLate); err != nil {
		return err
	}
	for _, s := range stops {
		err := c.whileMute(ctx, func() error {
			return c.each(func(p *point) error {
				for i := range s.times {
					p.stopInCheck(ctx, i, s.long)
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	err := c.whileMute(ctx, func() error { return c.hogs(func() { wait.For(ctx, starved) }) })
	if err != nil {
		return err
	}
	return c.well(stopsSlow, stopsLate)
}

// whileMute lets two Engines be mute while do goes on and for as long after it as
// a verdict may take.
func (c *campaign) whileMute(ctx context.Context, do func() error) error {
	if err := c.mute(stopsMuteA, stopsMuteB); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	wait.For(ctx, 6*time.Second)
	if err := c.well(stopsMuteA, stopsMuteB); err != nil {
		return err
	}
	wait.For(ctx, 3*time.Second)
	return ctx.Err()
}

// stopInCheck stops a Monitor when the Engine has been asked and has not answered
// yet, and every other time a third of a check's time later.
func (p *point) stopInCheck(ctx context.Context, turn int, long time.Duration) {
	wait := func() { wait.For(ctx, long) }
	if turn%2 == 0 {
		p.stopUnanswered(ctx, wait)
		return
	}
	p.midCheck(ctx)
	p.stop(wait)
}

func stopsFigures(_ *campaign, all []account) []figure {
	var told []figure
	for _, n := range []int{stopsWell, stopsSlow} {
		a, whose := all[n], [...]string{"well", "well after 0.6 s"}[n]
		told = append(told,
			exactly(whose+": failures counted", a.count(a.all(), failed), 0),
			exactly(whose+": reports", len(a.sent(wire.EngineFailure, a.all())), 0),
			counted(whose+": stops", len(a.windows(oracle.MonitorPaused))),
			counted(whose+": checks unknown", a.count(a.all(), unknown)))
	}
	for i := range len(stops) + 1 {
		what := "two busy processes per core for 15 s"
		if i < len(stops) {
			what = fmt.Sprintf("%d × %s", stops[i].times, stops[i].long)
		}
		for _, n := range []int{stopsMuteA, stopsMuteB} {
			took, most := all[n].muteTold(i)
			told = append(told, atMost(what+": mute "+string(all[n].ID)+" reported after", took, most))
		}
	}
	late := all[stopsLate]
	return append(told, exactly("always 1.2 s late: taken for OK", late.count(late.spells(lateItem.what)[0].less(2*time.Second), isOK), 0))
}

// less is a spell without its ends: there a check may still meet what was before.
func (s spell) less(d time.Duration) spell { return spell{s.from.Add(d), s.to.Add(-d)} }

// muteTold is how long after its Engine fell mute for the n-th time a Monitor told
// Central, and how long that may take: a stall costs its length and an interval,
// whether it was made or confessed.
func (a account) muteTold(n int) (took, most time.Duration) {
	s := a.spells("mute")[n]
	sent := a.sent(wire.EngineFailure, s)
	if len(sent) == 0 {
		return never, bound(a.rules)
	}
	at := sent[0].Sent
	most = bound(a.rules)
	for _, w := range a.windows(oracle.MonitorPaused) {
		if w.To >= s.from && w.From <= at {
			most += w.To.Sub(w.From) + a.rules.Interval
		}
	}
	stalled := isAction(evcp.MonitorStalled)
	for _, e := range a.events {
		if e.At >= s.from && e.At <= at && stalled(e) && !a.stoppedAt(e.At) {
			most += e.Span + a.rules.Interval
		}
	}
	return at.Sub(s.from), most
}

// stoppedAt reports whether somebody had just stopped the Monitor.
func (a account) stoppedAt(t evcp.Stamp) bool {
	return slices.ContainsFunc(a.windows(oracle.MonitorPaused), func(w oracle.Window) bool {
		return w.From <= t && t <= w.To.Add(2*a.rules.Interval)
	})
}
