package main

import (
	"context"
	"time"

	"evcp/internal/oracle"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

// What stories have in common: who behaves how, and waiting for a moment.

func (c *campaign) setMute(points ...int) error {
	return c.setBehaviour(engineEntry("mute", oracle.ExpectFailure, 0), points...)
}
func (c *campaign) setKO(points ...int) error {
	return c.setBehaviour(engineEntry("ko", oracle.ExpectFailure, 0), points...)
}
func (c *campaign) setOK(points ...int) error { return c.setBehaviour(okEntry, points...) }

func (c *campaign) setBehaviour(i catalogueEntry, points ...int) error {
	for _, n := range points {
		if err := c.cps[n].setBehaviour(i); err != nil {
			return err
		}
	}
	return nil
}

// forEachCP plays for all charge points side by side.
func (c *campaign) forEachCP(play func(*cpUnderTest) error) error {
	failed := make(chan error, len(c.cps))
	for _, p := range c.cps {
		c.serving.Go(func() { failed <- play(p) })
	}
	var first error
	for range c.cps {
		if err := <-failed; first == nil {
			first = err
		}
	}
	return first
}

// waitMidCheck waits until the next question has come to the Engine, and a third of a
// check's time longer.
func (p *cpUnderTest) waitMidCheck(ctx context.Context) {
	asked := make(chan struct{})
	p.hook.onNextCheck(func() { close(asked) })
	select {
	case <-asked:
		wait.For(ctx, p.c.timing.timeout/3)
	case <-ctx.Done():
	}
}

// waitForChecks waits until the Engine has dealt with so many more questions.
func (p *cpUnderTest) waitForChecks(ctx context.Context, more int) {
	have, _ := p.c.truth.checkCount(p.number)
	p.waitForCheckCount(ctx, have+more)
}

// returnedCount is how often Central's answer to such a message went to the Monitor.
func (p *cpUnderTest) returnedCount(v wire.Verb) int {
	chunks, conns, _ := p.centralLink.Traffic()
	n := 0
	for _, m := range messages(chunks, conns) {
		if m.Verb == v && m.Returned != 0 {
			n++
		}
	}
	return n
}

// waitForReturned waits for the first of them.
func (p *cpUnderTest) waitForReturned(ctx context.Context, v wire.Verb) {
	for p.returnedCount(v) == 0 {
		if !wait.For(ctx, 10*ms) {
			return
		}
	}
}

// waitForCentralState waits for as long as Central may take to show a charge point so, and
// shows how long it took.
func (p *cpUnderTest) waitForCentralState(ctx context.Context, want, what string, most time.Duration) {
	began := time.Now()
	took := never
	for patience := most + 5*time.Second; took < 0 && time.Since(began) < patience && wait.For(ctx, 25*ms); {
		if shown, err := p.c.centralView(ctx); err == nil && shown[string(p.id)].State == want {
			took = time.Since(began)
		}
	}
	p.c.truth.addMeasurement(atMost(string(p.id)+" "+what, took, most))
}
