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
	slowEntry = engineEntry("slow=600ms", oracle.ExpectOK, 600*ms)
	lateEntry = engineEntry("slow=1200ms", oracle.ExpectOK, 1200*ms)
)

// stops are what the Monitors go through.
var stops = []struct {
	times int
	long  time.Duration
}{{1, 10 * time.Second}, {3, 2 * time.Second}, {12, 1500 * ms}, {12, 900 * ms}}

const loadDuration = 15 * time.Second

// runStops: the same stops for all Monitors, in the middle of checks. Before each
// kind of stop two Engines fall mute.
func runStops(ctx context.Context, c *campaign) error {
	if err := c.setBehaviour(slowEntry, stopsSlow); err != nil {
		return err
	}
	if err := c.setBehaviour(lateEntry, stopsLate); err != nil {
		return err
	}
	for _, s := range stops {
		err := c.whileMute(ctx, func() error {
			return c.forEachCP(func(p *cpUnderTest) error {
				for i := range s.times {
					p.pauseInCheck(ctx, i, s.long)
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	err := c.whileMute(ctx, func() error { return c.loadCPU(func() { wait.For(ctx, loadDuration) }) })
	if err != nil {
		return err
	}
	return c.setOK(stopsSlow, stopsLate)
}

// whileMute lets two Engines be mute while do goes on and for as long after it as
// a verdict may take.
func (c *campaign) whileMute(ctx context.Context, do func() error) error {
	if err := c.setMute(stopsMuteA, stopsMuteB); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	wait.For(ctx, 6*time.Second)
	if err := c.setOK(stopsMuteA, stopsMuteB); err != nil {
		return err
	}
	wait.For(ctx, 3*time.Second)
	return ctx.Err()
}

// pauseInCheck stops a Monitor when the Engine has been asked and has not answered
// yet, and every other time a third of a check's time later.
func (p *cpUnderTest) pauseInCheck(ctx context.Context, turn int, long time.Duration) {
	wait := func() { wait.For(ctx, long) }
	if turn%2 == 0 {
		p.pauseUnanswered(ctx, wait)
		return
	}
	p.waitMidCheck(ctx)
	p.pauseMonitor(wait)
}

func measureStops(_ *campaign, all []cpHistory) []measurement {
	var told []measurement
	for _, n := range []int{stopsWell, stopsSlow} {
		a, whose := all[n], [...]string{"well", "well after 0.6 s"}[n]
		told = append(told,
			exactly(whose+": failures counted", a.count(a.wholeRun(), failedCheck), 0),
			exactly(whose+": reports", len(a.messagesSent(wire.EngineFailure, a.wholeRun())), 0),
			count(whose+": stops", len(a.windows(oracle.MonitorPaused))),
			count(whose+": checks unknown", a.count(a.wholeRun(), unknownCheck)))
	}
	for i := range len(stops) + 1 {
		what := "two busy processes per core for 15 s"
		if i < len(stops) {
			what = fmt.Sprintf("%d × %s", stops[i].times, stops[i].long)
		}
		for _, n := range []int{stopsMuteA, stopsMuteB} {
			took, most := all[n].muteReported(i)
			told = append(told, atMost(what+": mute "+string(all[n].ID)+" reported after", took, most))
		}
	}
	late := all[stopsLate]
	return append(told, exactly("always 1.2 s late: taken for OK", late.count(late.intervalsOf(lateEntry.name)[0].shrunk(2*time.Second), okCheck), 0))
}

// shrunk is a spell without its ends: there a check may still meet what was before.
func (s timeRange) shrunk(d time.Duration) timeRange { return timeRange{s.from.Add(d), s.to.Add(-d)} }

// muteReported is how long after its Engine fell mute for the n-th time a Monitor told
// Central, and how long that may take: a stall costs its length and an interval,
// whether it was made or confessed.
func (a cpHistory) muteReported(n int) (took, most time.Duration) {
	s := a.intervalsOf("mute")[n]
	sent := a.messagesSent(wire.EngineFailure, s)
	if len(sent) == 0 {
		return never, maxDetection(a.rules)
	}
	at := sent[0].Sent
	most = maxDetection(a.rules)
	for _, w := range a.windows(oracle.MonitorPaused) {
		if w.To >= s.from && w.From <= at {
			most += w.To.Sub(w.From) + a.rules.Interval
		}
	}
	stalled := isAction(evcp.MonitorStalled)
	for _, e := range a.events {
		if e.At >= s.from && e.At <= at && stalled(e) && !a.pausedAt(e.At) {
			most += e.Span + a.rules.Interval
		}
	}
	return at.Sub(s.from), most
}

// pausedAt reports whether somebody had just stopped the Monitor.
func (a cpHistory) pausedAt(t evcp.Stamp) bool {
	return slices.ContainsFunc(a.windows(oracle.MonitorPaused), func(w oracle.Window) bool {
		return w.From <= t && t <= w.To.Add(2*a.rules.Interval)
	})
}
