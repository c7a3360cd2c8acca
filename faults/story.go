package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"evcp/internal/faultproxy"
	"evcp/internal/oracle"
	"evcp/internal/wire"
)

// playStops: two Engines are well, one of them slow, two mute, and one always late,
// over the same stops of their Monitors in the middle of checks.
func playStops(ctx context.Context, c *campaign) error {
	if err := c.behave(say("slow=600ms", oracle.Well, 600*ms), 1); err != nil {
		return err
	}
	if err := c.behave(say("slow=1200ms", oracle.Well, 1200*ms), 4); err != nil {
		return err
	}
	stops := []struct {
		times int
		long  time.Duration
	}{{1, 10 * time.Second}, {3, 2 * time.Second}, {12, 1500 * ms}, {12, 900 * ms}}
	for _, s := range stops {
		if err := c.mute(2, 3); err != nil {
			return err
		}
		err := c.each(func(p *point) error {
			for range s.times {
				c.midCheck(ctx, p)
				p.stop(func() { sleep(ctx, s.long) })
			}
			return nil
		})
		sleep(ctx, 6*time.Second) // as long as a verdict may take
		if err != nil || ctx.Err() != nil {
			return err
		}
		if err := c.well(2, 3); err != nil {
			return err
		}
		sleep(ctx, 3*time.Second)
	}
	if err := c.mute(2, 3); err != nil {
		return err
	}
	if err := c.hogs(func() { sleep(ctx, 15*time.Second) }); err != nil {
		return err
	}
	return c.well(0, 1, 2, 3, 4)
}

func (c *campaign) mute(points ...int) error { return c.behave(say("mute", oracle.Sick, 0), points...) }
func (c *campaign) well(points ...int) error { return c.behave(wellItem, points...) }

func (c *campaign) behave(i item, points ...int) error {
	for _, n := range points {
		if err := c.points[n].behave(i); err != nil {
			return err
		}
	}
	return nil
}

// midCheck waits until the next question is on its way, and then a third of a
// check's time. The link knows of a question before the Engine has answered it.
func (c *campaign) midCheck(ctx context.Context, p *point) {
	for before := p.sent(); p.sent() == before; {
		if !sleep(ctx, 5*ms) {
			return
		}
	}
	sleep(ctx, c.pace.timeout/3)
}

// sent is how many messages the Monitor has sent to the Engine.
func (p *point) sent() int {
	chunks, _, _ := p.toward.Record()
	n := 0
	for _, x := range chunks {
		if x.Up {
			n++
		}
	}
	return n
}

// untilAsked waits until the Engine has dealt with so many more questions.
func (c *campaign) untilAsked(ctx context.Context, p *point, more int) {
	have, news := c.journal.asked(p.number)
	for want := have + more; have < want; {
		select {
		case <-news:
		case <-ctx.Done():
			return
		}
		have, news = c.journal.asked(p.number)
	}
}

// playKills: each charge point has its own story.
func playKills(ctx context.Context, c *campaign) error {
	ko := say("ko", oracle.Sick, 0)
	if err := c.behave(ko, 0, 1, 2); err != nil {
		return err
	}
	soon := func() { sleep(ctx, 100*ms) }
	stories := []func(*point) error{
		func(p *point) error { // at two of three: the next failed check reports
			c.untilAsked(ctx, p, 2)
			soon()
			if p.told(wire.EngineFailure) > 0 {
				return fmt.Errorf("%s: three checks have failed before it could be killed", p.id)
			}
			if err := p.absent((*child).kill, func() {}); err != nil {
				return err
			}
			asked, _ := c.journal.asked(p.number)
			p.untilTold(ctx, wire.EngineFailure)
			if now, _ := c.journal.asked(p.number); now > asked+2 {
				c.journal.misfortune(fmt.Sprintf("%s: %d questions after the kill before the report", p.id, now-asked))
			}
			return nil
		},
		func(p *point) error { // after an answered report: no second one before its time
			p.untilTold(ctx, wire.EngineFailure)
			sleep(ctx, 300*ms)
			if err := p.absent((*child).kill, soon); err != nil {
				return err
			}
			sleep(ctx, c.pace.reportEvery+c.pace.reportEvery/2)
			if n := p.told(wire.EngineFailure); n != 2 {
				c.journal.misfortune(fmt.Sprintf("%s: told %d times, want 2", p.id, n))
			}
			return nil
		},
		func(p *point) error { // recovered while no Monitor ran: told once
			p.untilTold(ctx, wire.EngineFailure)
			sleep(ctx, 300*ms)
			var failed error
			if err := p.absent((*child).kill, func() { sleep(ctx, time.Second); failed = p.behave(wellItem); sleep(ctx, 3*time.Second) }); err != nil {
				return err
			}
			p.untilTold(ctx, wire.EngineRecovered)
			return failed
		},
	}
	if err := c.each(func(p *point) error { return stories[p.number](p) }); err != nil {
		return err
	}
	return c.well(0, 1, 2)
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

// told is how often Central's answer to such a message went to the Monitor.
func (p *point) told(v wire.Verb) int {
	chunks, conns, _ := p.central.Record()
	n := 0
	for _, m := range messages(chunks, conns) {
		if m.Verb == v && m.Told != 0 {
			n++
		}
	}
	return n
}

// untilTold waits for the first of them.
func (p *point) untilTold(ctx context.Context, v wire.Verb) {
	for p.told(v) == 0 {
		if !sleep(ctx, 10*ms) {
			return
		}
	}
}

func playBroker(ctx context.Context, c *campaign) error {
	if err := c.points[1].behave(say("intermittent", oracle.Mixed, 0)); err != nil {
		return err
	}
	wait := func() { sleep(ctx, 15*time.Second) }
	if err := c.strikeBroker("stop", wait); err != nil {
		return err
	}
	sleep(ctx, 2*time.Second)
	if err := c.strikeBroker("kill", wait); err != nil {
		return err
	}
	return c.well(1)
}

// playFifty: what is random here comes from the seed.
func playFifty(ctx context.Context, c *campaign) error {
	if err := c.points[1].behave(say("intermittent", oracle.Mixed, 0)); err != nil {
		return err
	}
	err := c.each(func(p *point) error {
		r := rand.New(rand.NewPCG(c.o.seed, uint64(p.number)))
		for range 50 {
			sleep(ctx, time.Duration(r.Int64N(int64(1800*ms))))
			if err := p.absent((*child).kill, func() {}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.well(1)
}

func playLate(ctx context.Context, c *campaign) error {
	p := c.points[0]
	if err := p.behave(say("slow=1500ms", oracle.Well, 1500*ms)); err != nil {
		return err
	}
	sleep(ctx, 10*time.Second)
	if err := p.behave(wellItem); err != nil {
		return err
	}
	sleep(ctx, 5*time.Second)
	return nil
}

// playHoles: one link holds new connections too, the other does not answer them.
func playHoles(ctx context.Context, c *campaign) error {
	modes := []faultproxy.Mode{{Kind: faultproxy.Hole}, {Kind: faultproxy.Hang}}
	const hole = 30 * time.Second
	err := c.each(func(p *point) error {
		err := p.linkFails(engineSide, modes[p.number], func() {
			c.untilShown(ctx, p, "faulted", 5*time.Second)
			sleep(ctx, hole-5*time.Second)
		})
		c.untilShown(ctx, p, "activated", 3*time.Second)
		return err
	})
	if err != nil {
		return err
	}
	sleep(ctx, 5*time.Second)
	return c.each(func(p *point) error {
		err := p.linkFails(centralSide, modes[p.number], func() {
			c.untilShown(ctx, p, "disconnected", 3*c.pace.heartbeat+3*time.Second)
			sleep(ctx, hole-10*time.Second)
		})
		c.untilShown(ctx, p, "activated", 12*time.Second)
		return err
	})
}

// untilShown waits until Central shows a charge point so, and notes it if that
// takes longer than it may.
func (c *campaign) untilShown(ctx context.Context, p *point, want string, within time.Duration) {
	began := time.Now()
	last := ""
	for time.Since(began) < within && sleep(ctx, 50*ms) {
		shown, err := c.shown(ctx)
		if err != nil {
			last = err.Error()
			continue
		}
		if last = shown[string(p.id)]; last == want {
			fmt.Fprintf(os.Stderr, "%s %s after %s\n", p.id, want, time.Since(began).Round(ms))
			return
		}
	}
	c.journal.misfortune(fmt.Sprintf("%s is not %s at Central within %s: %s", p.id, want, within, last))
}
