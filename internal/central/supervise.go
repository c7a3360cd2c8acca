package central

import (
	"container/heap"
	"context"
	"log/slog"
	"strings"
	"time"

	"evcp/internal/console"
)

const (
	// silenceCheckInterval is how often silence is looked for.
	silenceCheckInterval = time.Second
	// sleepThreshold is how late a silence check may be; later, Central itself stood
	// still.
	sleepThreshold = time.Second / 2
)

// superviseCPs handles what no message brings: silence, a changed registry, a second
// connection.
func (c *Central) superviseCPs(ctx context.Context) {
	tick := time.NewTicker(silenceCheckInterval)
	defer tick.Stop()
	listening := time.Now()
	c.board.look(listening)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			now := time.Now()
			stood := c.board.look(now)
			slept := stood > 0
			if slept {
				c.log.Warn("Central stood still: nobody is called silent for that time", "for", stood.Round(time.Millisecond))
				listening = now // heartbeats may still wait in the sockets
			}
			c.board.expireSilent(now, listening)
			if !slept {
				c.expireConnections() // those that were given more time than conngroup.Grace
			}
			c.logDoubts(now)
			c.refreshRegistry(now)
			if !slept { // ends of connections may wait too
				c.logDuplicates(now)
			}
			c.board.setFigures(func(f *Figures) { f.SilenceChecked = now })
		}
	}
}

func (c *Central) refreshRegistry(now time.Time) {
	if c.o.Registry == nil {
		return
	}
	switch changed, err := c.o.Registry.Refresh(); {
	case err != nil:
		why, _, _ := strings.Cut(c.o.Language.Error(err), "\n") // the first of several; the attribute has all
		c.log.Error(c.o.Language.Sprintf("keeps the registry as it was: %s", why), "error", err)
	case changed:
		c.log.Info("registry re-read", "file", c.o.Registry.Path(), "charge_points", c.o.Registry.Len())
		c.applyRegistry(now)
	}
}

func (c *Central) applyRegistry(now time.Time) { c.board.updateListed(now, c.o.Registry.all()) }

// logDuplicates logs the charge points that a second Monitor began to send for.
func (c *Central) logDuplicates(now time.Time) {
	for _, d := range c.board.countSources(now) {
		c.warnLimited("two Monitors send heartbeats for one charge point", console.CP(d.cp), slog.String("peer", d.peer), slog.String("other", d.other))
	}
}

// expireSilent disconnects the charge points that are silent. It looks at those alone
// whose deadline has passed.
func (b *board) expireSilent(now, listening time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.silence) > 0 && !now.Before(b.silence[0].silent) {
		p := b.silence[0]
		if next := p.AfterSilence(now, listening, b.expected); next != p.Condition {
			b.update(p, next, now)
		} else {
			b.schedule(p, listening) // Central stood still meanwhile: the deadline is later
		}
	}
}

// schedule sets when a charge point will be silent, and moves it in board.silence.
func (b *board) schedule(p *boardEntry, listening time.Time) {
	p.silent = p.SilenceDeadline(listening, b.expected)
	if p.silent.IsZero() {
		p.silent = neverSilent
	}
	heap.Fix(&b.silence, p.index)
}

// neverSilent is later than any deadline.
var neverSilent = time.Unix(1<<40, 0)

// deadlineHeap has all charge points; the first has the earliest deadline of silence.
type deadlineHeap []*boardEntry

func (h deadlineHeap) Len() int           { return len(h) }
func (h deadlineHeap) Less(i, j int) bool { return h[i].silent.Before(h[j].silent) }
func (h deadlineHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push is called by package heap.
func (h *deadlineHeap) Push(x any) {
	p, _ := x.(*boardEntry)
	p.index = len(*h)
	*h = append(*h, p)
}

// Pop is called by package heap.
func (h *deadlineHeap) Pop() any {
	last := len(*h) - 1
	p := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return p
}
