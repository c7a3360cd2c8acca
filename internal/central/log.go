package central

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"evcp"
	"evcp/internal/central/cpstate"
	"evcp/internal/console"
	"evcp/internal/display"
	"evcp/internal/language"
)

func levelOf(c Change) slog.Level {
	if c.To == cpstate.Activated || c.Reason == cpstate.SaidGoodbye {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

func (c Change) shape() display.Shape {
	switch c.To {
	case cpstate.Activated:
		return display.Up
	case cpstate.Faulted:
		return display.Failed
	default:
		return display.Gone
	}
}

// Text is the change as a log line in l, without the charge point's name.
func (c Change) Text(l language.Language) string {
	switch c.Reason {
	case cpstate.Registered:
		return l.Sprintf("activated: registered from %s", host(c.Peer))
	case cpstate.EngineRecovered, cpstate.HeartbeatOK:
		if c.From == cpstate.Faulted {
			return l.Sprintf("activated after %s", display.Duration(c.Lasted))
		}
		return l.Text("activated: heard again, Engine OK")
	case cpstate.HeartbeatMonitoring:
		return l.Text("activated: heard again, no verdict yet")
	case cpstate.EngineFailure:
		if c.Status.Failed() {
			return l.Sprintf("faulted: ENGINE_FAILURE, heartbeat %s", c.Status)
		}
		return l.Text("faulted: ENGINE_FAILURE")
	case cpstate.HeartbeatKO, cpstate.HeartbeatConnectionError:
		return l.Sprintf("faulted: heartbeat %s", c.Status)
	case cpstate.SaidGoodbye:
		return l.Text("disconnected: its Monitor said goodbye")
	case cpstate.ConnectionLost:
		return l.Text("disconnected: its Monitor left without a word")
	case cpstate.Silent:
		return l.Text("disconnected: no sign of life")
	case cpstate.CentralRestarted:
		return l.Text("disconnected: not heard since Central restarted")
	case cpstate.NotListed:
		return l.Text("disconnected: no longer in the registry")
	default:
		return l.Text(c.To.String())
	}
}

// host is an address without the port.
func host(peer string) string {
	if h, _, err := net.SplitHostPort(peer); err == nil {
		return h
	}
	return peer
}

// doubt is a charge point that became unverified, or ceased to be, in the same state.
type doubt struct {
	cp       evcp.CPID
	state    cpstate.Availability
	was, now cpstate.Unverified
	peer     string
}

// text is the doubt as a log line in l, without the charge point's name.
func (d doubt) text(l language.Language) string {
	switch d.now {
	case cpstate.NoMessage:
		return l.Text("unverified: it sends no heartbeats, and no other message for a minute")
	case cpstate.NoOutcome:
		return l.Text("unverified: its Monitor can't check the Engine")
	default:
		return l.Text("verified again")
	}
}

// addDoubt keeps a doubt for the log. More than a minute's lines are only counted. The
// caller holds the lock.
func (b *board) addDoubt(d doubt) {
	if len(b.doubts) < warningsPerMinute {
		b.doubts = append(b.doubts, d)
	} else {
		b.moreDoubts++
	}
}

// logDoubts logs the charge points that became unverified, and those that are so no more.
func (c *Central) logDoubts(now time.Time) {
	c.board.mu.Lock()
	doubts, more := c.board.doubts, c.board.moreDoubts
	c.board.doubts, c.board.moreDoubts = nil, 0
	c.board.mu.Unlock()
	for _, d := range doubts {
		suppressed, ok := c.doubts.allow(now)
		if !ok {
			continue
		}
		level, shape, reason := slog.LevelWarn, display.Unknown, d.now
		if d.now == cpstate.Verified {
			level, shape, reason = slog.LevelInfo, display.Note, d.was
		}
		attrs := []slog.Attr{
			console.Shape(shape), console.CP(d.cp), slog.String("state", d.state.String()), slog.String("reason", reason.String()), slog.String("peer", d.peer),
		}
		c.log.LogAttrs(context.Background(), level, d.text(c.o.Language), append(attrs, withheld(suppressed)...)...)
	}
	c.doubts.suppress(more)
}

// withheld are the attributes that say how many lines were left out.
func withheld(suppressed int) []slog.Attr {
	if suppressed == 0 {
		return nil
	}
	return []slog.Attr{slog.Int("withheld", suppressed)}
}

// warningsPerMinute is how many log lines a minute unregistered peers may cause: a
// peer that tries ids, or sends without an end, must not fill a disk. It is also how many
// say that charge points become unverified, or cease to be: thousands may at once.
const warningsPerMinute = 30

// rateLimiter limits warnings. The zero value is ready.
type rateLimiter struct {
	mu         sync.Mutex
	began      time.Time // of the present minute
	allowed    int
	suppressed int
}

// allow asks for one line. suppressed is how many were refused since the last that
// was allowed.
func (l *rateLimiter) allow(now time.Time) (suppressed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.began) >= time.Minute {
		l.began, l.allowed = now, 0
	}
	if l.allowed == warningsPerMinute {
		l.suppressed++
		return 0, false
	}
	l.allowed++
	suppressed, l.suppressed = l.suppressed, 0
	return suppressed, true
}

// suppress counts further lines that are refused.
func (l *rateLimiter) suppress(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.suppressed += n
}

// warnLimited logs what anyone on the network can cause.
func (c *Central) warnLimited(message string, attrs ...slog.Attr) {
	suppressed, ok := c.warnings.allow(time.Now())
	if !ok {
		return
	}
	c.log.LogAttrs(context.Background(), slog.LevelWarn, message, append(attrs, withheld(suppressed)...)...)
}
