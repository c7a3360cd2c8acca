package main

import (
	"context"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/wait"
)

const tooLate = 1500 * ms

// What is late: a whole answer, or the second letter of one.
var wholeLate, halfLate = engineEntry("slow=1500ms", oracle.ExpectOK, tooLate), splitEntry(tooLate)

// runLate changes what the Engines do well away from a question, so that nobody
// can be in doubt to which behaviour it came.
func runLate(ctx context.Context, c *campaign) error {
	late := []catalogueEntry{wholeLate, halfLate}
	return c.forEachCP(func(p *cpUnderTest) error {
		p.waitMidCheck(ctx)
		if err := p.setBehaviour(late[p.number]); err != nil {
			return err
		}
		wait.For(ctx, 10*time.Second)
		p.waitMidCheck(ctx)
		err := p.setBehaviour(okEntry)
		wait.For(ctx, 5*time.Second)
		return err
	})
}

func measureLate(_ *campaign, all []cpHistory) []measurement {
	told := all[0].measureLate("OK 1.5 s late", wholeLate, evcp.ConnectionError)
	return append(told, all[1].measureLate("O in time, K 1.5 s late", halfLate, evcp.KO)...)
}

// measureLate look at the checks that were asked while the Engine was late, and at
// the first one after that.
func (a cpHistory) measureLate(what string, i catalogueEntry, want evcp.Status) []measurement {
	s := a.intervalsOf(i.name)[0]
	asked, bad, after := 0, 0, evcp.Unknown
	for _, e := range a.events {
		begun := e.At.Add(-e.Latency)
		switch {
		case e.Action != evcp.HealthCheck || begun < s.from:
		case begun < s.to:
			asked++
			if e.Status == want {
				bad++
			}
		case after == evcp.Unknown:
			after = e.Status
		}
	}
	return []measurement{
		exactly(what+": checks that are "+want.String(), bad, asked),
		holds(what+": the first check after it is OK", after == evcp.OK),
	}
}
