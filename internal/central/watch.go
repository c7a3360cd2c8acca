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
	// silenceCheckInterval is how often silence is looked for.
	silenceCheckInterval = time.Second
	// reconnectGrace is how long another connection may take to speak for a charge
	// point whose connection ended: a Monitor that reconnects is not lost.
	reconnectGrace = time.Second
	// sleepThreshold is how late a look may be before Central says that it was itself away.
	sleepThreshold = time.Second / 2
)

// superviseCPs judges what nobody says: silence, lost connections, a changed registry.
// It takes endings until the last session is gone, and so never blocks one.
func (c *Central) superviseCPs(ctx context.Context) {
	tick := time.NewTicker(silenceCheckInterval)
	defer tick.Stop()
	due := time.NewTimer(reconnectGrace)
	defer due.Stop()
	var queue []connectionEnd
	awake, last := time.Now(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-c.connEnds:
			if queue = append(queue, e); len(queue) == 1 {
				due.Reset(reconnectGrace)
			}
		case <-due.C:
			queue = c.expireLost(queue, due)
		case <-tick.C:
			now := time.Now()
			woke := now.Sub(last) > silenceCheckInterval+sleepThreshold
			if woke {
				awake = now // heartbeats may still wait in the sockets
			}
			last = now
			c.checkSilence(now, awake)
			if !woke { // and so may ends of connections
				c.logDuplicates(now)
			}
			c.meter.silenceChecked.Store(&now)
		}
	}
}

// expireLost judges the endings that are due and sets the timer for the next.
func (c *Central) expireLost(queue []connectionEnd, due *time.Timer) []connectionEnd {
	now := time.Now()
	for len(queue) > 0 && now.Sub(queue[0].at) >= reconnectGrace {
		c.board.connectionEnded(queue[0].cp, queue[0].at, now)
		queue = queue[1:]
	}
	if len(queue) > 0 {
		due.Reset(reconnectGrace - now.Sub(queue[0].at))
	}
	return queue
}

// logDuplicates tells of charge points for which two begin to speak.
func (c *Central) logDuplicates(now time.Time) {
	for _, d := range c.board.countSources(now) {
		c.warnLimited("two connections send heartbeats for one charge point", console.CP(d.cp), slog.String("peer", d.peer), slog.String("other", d.other))
	}
}

func (c *Central) checkSilence(now, awake time.Time) {
	c.board.updateAll(now, func(cp cpstate.Condition) cpstate.Condition { return cp.AfterSilence(now, awake, c.o.Heartbeat) })
	if c.o.Registry == nil {
		return
	}
	switch changed, err := c.o.Registry.Refresh(); {
	case err != nil:
		why, _, _ := strings.Cut(err.Error(), "\n") // the first of several; the attribute has all
		c.log.Error("keeps the registry as it was: "+why, "error", err)
	case changed:
		c.log.Info("registry re-read", "file", c.o.Registry.Path(), "charge_points", c.o.Registry.Len())
		c.applyRegistry(now)
	}
}

func (c *Central) applyRegistry(now time.Time) {
	c.board.updateAll(now, func(cp cpstate.Condition) cpstate.Condition {
		if c.o.Registry.Listed(cp.ID) {
			return cp
		}
		return cp.AfterUnlisting(now)
	})
}
