package main

import (
	"context"
	"time"

	"evcp/internal/oracle"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

// What stories have in common: who behaves how, and waiting for a moment.

func (c *campaign) mute(points ...int) error {
	return c.behave(say("mute", oracle.ExpectFailure, 0), points...)
}
func (c *campaign) ko(points ...int) error {
	return c.behave(say("ko", oracle.ExpectFailure, 0), points...)
}
func (c *campaign) well(points ...int) error { return c.behave(wellItem, points...) }

func (c *campaign) behave(i item, points ...int) error {
	for _, n := range points {
		if err := c.points[n].behave(i); err != nil {
			return err
		}
	}
	return nil
}

// each plays for all charge points side by side.
func (c *campaign) each(play func(*point) error) error {
	failed := make(chan error, len(c.points))
	for _, p := range c.points {
		c.serving.Go(func() { failed <- play(p) })
	}
	var first error
	for range c.points {
		if err := <-failed; first == nil {
			first = err
		}
	}
	return first
}

// midCheck waits until the next question has come to the Engine, and a third of a
// check's time longer.
func (p *point) midCheck(ctx context.Context) {
	asked := make(chan struct{})
	p.mouth.atNextQuestion(func() { close(asked) })
	select {
	case <-asked:
		wait.For(ctx, p.c.pace.timeout/3)
	case <-ctx.Done():
	}
}

// moreAsked waits until the Engine has dealt with so many more questions.
func (p *point) moreAsked(ctx context.Context, more int) {
	have, _ := p.c.journal.asked(p.number)
	p.untilAsked(ctx, have+more)
}

// told is how often Central's answer to such a message went to the Monitor.
func (p *point) told(v wire.Verb) int {
	chunks, conns, _ := p.central.Traffic()
	n := 0
	for _, m := range messages(chunks, conns) {
		if m.Verb == v && m.Returned != 0 {
			n++
		}
	}
	return n
}

// untilTold waits for the first of them.
func (p *point) untilTold(ctx context.Context, v wire.Verb) {
	for p.told(v) == 0 {
		if !wait.For(ctx, 10*ms) {
			return
		}
	}
}

// untilShown waits for as long as Central may take to show a charge point so, and
// shows how long it took.
func (p *point) untilShown(ctx context.Context, want, what string, most time.Duration) {
	began := time.Now()
	took := never
	for patience := most + 5*time.Second; took < 0 && time.Since(began) < patience && wait.For(ctx, 25*ms); {
		if shown, err := p.c.shown(ctx); err == nil && shown[string(p.id)].State == want {
			took = time.Since(began)
		}
	}
	p.c.journal.show(atMost(string(p.id)+" "+what, took, most))
}
