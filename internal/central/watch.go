package central

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"evcp/internal/central/cpstate"
	"evcp/internal/console"
)

const (
	// pulse is how often silence is looked for.
	pulse = time.Second
	// mourning is how long another connection may take to speak for a charge
	// point whose connection ended: a Monitor that reconnects is not lost.
	mourning = time.Second
	// dozed is how late a look may be before Central says that it was itself away.
	dozed = time.Second / 2
)

// watch judges what nobody says: silence, lost connections, a changed registry.
// It takes endings until the last session is gone, and so never blocks one.
func (c *Central) watch(ctx context.Context) {
	tick := time.NewTicker(pulse)
	defer tick.Stop()
	due := time.NewTimer(mourning)
	defer due.Stop()
	var queue []ending
	awake, last := time.Now(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-c.ended:
			if queue = append(queue, e); len(queue) == 1 {
				due.Reset(mourning)
			}
		case <-due.C:
			queue = c.bury(queue, due)
		case <-tick.C:
			now := time.Now()
			woke := now.Sub(last) > pulse+dozed
			if woke {
				awake = now // heartbeats may still wait in the sockets
			}
			last = now
			c.look(now, awake)
			if !woke { // and so may ends of connections
				c.count(now)
			}
			c.meter.looked.Store(&now)
		}
	}
}

// bury judges the endings that are due and sets the timer for the next.
func (c *Central) bury(queue []ending, due *time.Timer) []ending {
	now := time.Now()
	for len(queue) > 0 && now.Sub(queue[0].at) >= mourning {
		c.board.lost(queue[0].cp, queue[0].at, now)
		queue = queue[1:]
	}
	if len(queue) > 0 {
		due.Reset(mourning - now.Sub(queue[0].at))
	}
	return queue
}

// count tells of charge points for which two begin to speak.
func (c *Central) count(now time.Time) {
	for _, d := range c.board.count(now) {
		c.stranger("two connections send heartbeats for one charge point", console.CP(d.cp), slog.String("peer", d.peer), slog.String("other", d.other))
	}
}

func (c *Central) look(now, awake time.Time) {
	c.board.judge(now, func(cp cpstate.CP) cpstate.CP { return cp.Silent(now, awake, c.o.Heartbeat) })
	if c.o.Registry == nil {
		return
	}
	switch changed, err := c.o.Registry.Refresh(); {
	case err != nil:
		why, _, _ := strings.Cut(err.Error(), "\n") // the first of several; the attribute has all
		c.log.Error("keeps the registry as it was: "+why, "error", err)
	case changed:
		c.log.Info("registry re-read", "file", c.o.Registry.Path(), "charge_points", c.o.Registry.Len())
		c.unlist(now)
	}
}

func (c *Central) unlist(now time.Time) {
	c.board.judge(now, func(cp cpstate.CP) cpstate.CP {
		if c.o.Registry.Listed(cp.ID) {
			return cp
		}
		return cp.Unlisted(now)
	})
}
