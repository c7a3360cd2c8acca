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
var wholeLate, halfLate = say("slow=1500ms", oracle.ExpectOK, tooLate), halve(tooLate)

// playLate changes what the Engines do well away from a question, so that nobody
// can be in doubt to which behaviour it came.
func playLate(ctx context.Context, c *campaign) error {
	late := []item{wholeLate, halfLate}
	return c.each(func(p *point) error {
		p.midCheck(ctx)
		if err := p.behave(late[p.number]); err != nil {
			return err
		}
		wait.For(ctx, 10*time.Second)
		p.midCheck(ctx)
		err := p.behave(wellItem)
		wait.For(ctx, 5*time.Second)
		return err
	})
}

func lateFigures(_ *campaign, all []account) []figure {
	told := all[0].lateFigures("OK 1.5 s late", wholeLate, evcp.ConnectionError)
	return append(told, all[1].lateFigures("O in time, K 1.5 s late", halfLate, evcp.KO)...)
}

// lateFigures look at the checks that were asked while the Engine was late, and at
// the first one after that.
func (a account) lateFigures(what string, i item, want evcp.Status) []figure {
	s := a.spells(i.what)[0]
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
	return []figure{
		exactly(what+": checks that are "+want.String(), bad, asked),
		holds(what+": the first check after it is OK", after == evcp.OK),
	}
}
