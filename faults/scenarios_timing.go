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

// The charge points of scenario stops, by their Engines.
const (
	stopsOK    = 0
	stopsSlow  = 1 // OK after 0.6 s
	stopsMuteA = 2
	stopsMuteB = 3
	stopsLate  = 4 // OK after 1.2 s, which is never in time
)

var (
	slowEntry = engineEntry("slow=600ms", oracle.ExpectOK, 600*ms)
	lateEntry = engineEntry("slow=1200ms", oracle.ExpectOK, 1200*ms)
)

// stops are the pauses of every Monitor.
var stops = []struct {
	times int
	long  time.Duration
}{{1, 10 * time.Second}, {3, 2 * time.Second}, {12, 1500 * ms}, {12, 900 * ms}}

const loadDuration = 15 * time.Second

// runStops pauses all Monitors in the middle of checks, and then loads the CPU. Before
// each series of pauses, and before the load, two Engines become mute.
func runStops(ctx context.Context, c *campaign) error {
	if err := c.setBehaviour(slowEntry, stopsSlow); err != nil {
		return err
	}
	if err := c.setBehaviour(lateEntry, stopsLate); err != nil {
		return err
	}
	for _, s := range stops {
		err := c.whileMute(ctx, func() error {
			return forEach(c.monitors(), func(m *monitorUnderTest) error {
				for i := range s.times {
					m.watched(i).pauseInCheck(ctx, i, s.long)
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

// whileMute runs do while two Engines are mute; they stay so for as long after it as an
// incident may take to open.
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

// watched is the charge point in whose check a Monitor is paused: another one each two times.
func (m *monitorUnderTest) watched(turn int) *cpUnderTest {
	const apart = 83 // so that all groups have their turn
	return m.cps[turn/2*apart%len(m.cps)]
}

// pauseInCheck pauses a Monitor before the Engine's reply: in even turns as soon as the
// Engine has received the check, in odd ones a third of the timeout later.
func (p *cpUnderTest) pauseInCheck(ctx context.Context, turn int, long time.Duration) {
	hold := func() { wait.For(ctx, long) }
	if turn%2 == 0 {
		p.pauseUnanswered(ctx, hold)
		return
	}
	p.waitMidCheck(ctx)
	p.pauseMonitor(hold)
}

func measureStops(_ *campaign, groups [][]cpHistory) []scenarioMetric {
	var found []scenarioMetric
	for n, who := range []string{stopsOK: "OK at once", stopsSlow: "OK after 0.6 s"} {
		found = append(found, ofEach(groups[n], func(h cpHistory) []scenarioMetric {
			return []scenarioMetric{
				exactly(who+": failed checks", h.count(always(), h.unexplained), 0),
				exactly(who+": reports", len(h.sent(wire.EngineFailure, always())), 0),
				count(who+": pauses of its Monitor", len(h.windows(oracle.MonitorPaused))),
				count(who+": checks unknown", h.count(always(), unknownCheck)),
			}
		})...)
	}
	for i := range len(stops) + 1 {
		during := "two busy processes per core for 15 s"
		if i < len(stops) {
			during = fmt.Sprintf("%d × %s", stops[i].times, stops[i].long)
		}
		for _, h := range slices.Concat(groups[stopsMuteA], groups[stopsMuteB]) {
			took, most := h.muteReported(i)
			found = append(found, atMost(during+": mute "+h.label+" reported after", took, most))
		}
	}
	return append(found, ofEach(groups[stopsLate], func(h cpHistory) []scenarioMetric {
		late := h.rangesOf(lateEntry.name)[0].shrunk(2 * time.Second)
		return []scenarioMetric{exactly("OK after 1.2 s: checks that are OK", h.count(late, okCheck), 0)}
	})...)
}

// muteReported is how long after its Engine became mute for the n-th time a Monitor sent
// a report, and how long that may take. Each pause allows its length and one interval
// more, and so does each stall that the Monitor recorded itself.
func (h cpHistory) muteReported(n int) (took, most time.Duration) {
	r := h.rangesOf("mute")[n]
	reports := h.sent(wire.EngineFailure, r)
	most = maxDetection(h.rules)
	if len(reports) == 0 {
		return never, most
	}
	at := reports[0].Sent
	for _, w := range h.windows(oracle.MonitorPaused) {
		if w.To >= r.from && w.From <= at {
			most += w.To.Sub(w.From) + h.rules.Interval
		}
	}
	for _, e := range h.events {
		if e.Action == evcp.MonitorStalled && e.At >= r.from && e.At <= at && !h.pausedAt(e.At) {
			most += e.Span + h.rules.Interval
		}
	}
	return at.Sub(r.from), most
}

// pausedAt reports whether the Monitor was paused at that time, or two intervals before.
func (h cpHistory) pausedAt(t evcp.Stamp) bool {
	return slices.ContainsFunc(h.windows(oracle.MonitorPaused), func(w oracle.Window) bool {
		return w.From <= t && t <= w.To.Add(2*h.rules.Interval)
	})
}

const tooLate = 1500 * ms

// What is late in scenario late: the whole reply, or its second byte.
var wholeLate, halfLate = engineEntry("slow=1500ms", oracle.ExpectOK, tooLate), splitEntry(tooLate)

// runLate changes behaviours in the middle of a check's time, so that it is certain to
// which behaviour each check belongs.
func runLate(ctx context.Context, c *campaign) error {
	late := []catalogueEntry{wholeLate, halfLate}
	return c.forEachCP(func(p *cpUnderTest) error {
		p.waitMidCheck(ctx)
		if err := p.setBehaviour(late[p.group]); err != nil {
			return err
		}
		wait.For(ctx, 10*time.Second)
		p.waitMidCheck(ctx)
		err := p.setBehaviour(okEntry)
		wait.For(ctx, 5*time.Second)
		return err
	})
}

func measureLate(_ *campaign, groups [][]cpHistory) []scenarioMetric {
	found := ofEach(groups[0], func(h cpHistory) []scenarioMetric {
		return h.measureLate("OK 1.5 s late", wholeLate, evcp.ConnectionError)
	})
	return append(found, ofEach(groups[1], func(h cpHistory) []scenarioMetric {
		return h.measureLate("O in time, K 1.5 s late", halfLate, evcp.KO)
	})...)
}

// measureLate looks at the checks that began while the Engine was late, and at the first
// one after that.
func (h cpHistory) measureLate(name string, late catalogueEntry, want evcp.Status) []scenarioMetric {
	r := h.rangesOf(late.name)[0]
	checks, asWanted, after := 0, 0, evcp.Unknown
	for _, e := range h.events {
		began := e.At.Add(-e.Latency)
		switch {
		case e.Action != evcp.HealthCheck || began < r.from:
		case began < r.to:
			checks++
			if e.Status == want {
				asWanted++
			}
		case after == evcp.Unknown:
			after = e.Status
		}
	}
	return []scenarioMetric{
		exactly(name+": checks that are "+want.String(), asWanted, checks),
		holds(name+": the first check after it is OK", after == evcp.OK),
	}
}
