package central

import (
	"context"
	"log/slog"
	"time"

	"evcp/internal/central/cpstate"
	"evcp/internal/console"
	"evcp/internal/display"
)

const (
	// logLines is how many charge points that enter the same state have a line of their
	// own in a second where Options says nothing. A service may log 10,000 lines in 30 s
	// until journald drops them.
	logLines = 60
	// foldFor is how long the others are counted for one line.
	foldFor = time.Second
)

// changeFold decides which changes of state have a line of their own: the first of each
// state in a second. Ten thousand charge points that are lost at once are ten thousand
// changes, and no ten thousand lines.
type changeFold struct {
	limit int       // lines for each state in a second
	until time.Time // the end of the second; zero: none has begun
	lines [cpstate.Disconnected + 1]int
}

// shows reports whether a change to a state has a line of its own.
func (f *changeFold) shows(to cpstate.Availability, now time.Time) bool {
	if f.until.IsZero() {
		f.until = now.Add(foldFor)
	}
	f.lines[to]++
	return f.lines[to] <= f.limit
}

// take ends the second, and returns how many changes to a state had no line.
func (f *changeFold) take() (more map[cpstate.Availability]int) {
	more = map[cpstate.Availability]int{}
	for to, n := range f.lines {
		if n > f.limit {
			more[cpstate.Availability(to)] = n - f.limit
		}
	}
	f.until, f.lines = time.Time{}, [len(f.lines)]int{}
	return more
}

// logChanges logs each change of state, and no heartbeat, until ctx ends. Of many in one
// second it counts the most.
func (c *Central) logChanges(ctx context.Context) {
	signal, stop := c.board.watchChanges()
	defer stop()
	fold, seq := changeFold{limit: c.o.LogLines}, c.logFrom
	if c.log.Enabled(ctx, slog.LevelDebug) {
		fold.limit = 1 << 30 // who asks for everything gets it
	}
	for {
		var second <-chan time.Time
		if !fold.until.IsZero() {
			second = time.After(time.Until(fold.until))
		}
		select {
		case <-ctx.Done():
			c.logMore(fold.take())
			return
		case <-second:
			c.logMore(fold.take())
		case <-signal:
			changes, missed, next := c.board.changesAfter(seq)
			seq = next
			if missed > 0 {
				c.log.Warn("changes not shown: too many at once", "changes", missed)
			}
			for _, change := range changes {
				if fold.shows(change.To, time.Now()) {
					c.logChange(change)
				}
			}
		}
	}
}

func (c *Central) logChange(change Change) {
	c.log.LogAttrs(context.Background(), levelOf(change), change.Text(c.o.Language),
		console.Shape(change.shape()), console.CP(change.CP), slog.String("state", change.To.String()),
		slog.String("reason", change.Reason.String()), slog.String("peer", change.Peer))
}

// moreChanges are the lines that count, in the order in which they are logged.
var moreChanges = []struct {
	to    cpstate.Availability
	level slog.Level
	text  display.Plural
}{
	{cpstate.Faulted, slog.LevelWarn, display.NewPlural("%d more faulted in this second", "%d more faulted in this second")},
	{cpstate.Disconnected, slog.LevelWarn, display.NewPlural("%d more disconnected in this second", "%d more disconnected in this second")},
	{cpstate.Activated, slog.LevelInfo, display.NewPlural("%d more activated in this second", "%d more activated in this second")},
}

// logMore logs how many changes had no line of their own.
func (c *Central) logMore(more map[cpstate.Availability]int) {
	for _, m := range moreChanges {
		if n := more[m.to]; n > 0 {
			c.log.LogAttrs(context.Background(), m.level, m.text.In(c.o.Language).Of(int64(n)),
				console.Shape(Change{To: m.to}.shape()), slog.String("state", m.to.String()), slog.Int("charge_points", n))
		}
	}
}
