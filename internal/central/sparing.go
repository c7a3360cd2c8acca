package central

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// warningsPerMinute is how many lines a minute strangers may bring into the log: it must
// not fill a disk because somebody tries ids, or sends without an end.
const warningsPerMinute = 30

// rateLimiter lets some lines a minute into the log. The zero value is ready.
type rateLimiter struct {
	mu         sync.Mutex
	began      time.Time // of the present minute
	allowed    int
	suppressed int
}

// allow asks for one line. withheld is how many were not granted since the last that
// was.
func (s *rateLimiter) allow(now time.Time) (withheld int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.began) >= time.Minute {
		s.began, s.allowed = now, 0
	}
	if s.allowed == warningsPerMinute {
		s.suppressed++
		return 0, false
	}
	s.allowed++
	withheld, s.suppressed = s.suppressed, 0
	return withheld, true
}

// warnLimited warns of what anyone on the network can bring about.
func (c *Central) warnLimited(message string, attrs ...slog.Attr) {
	withheld, ok := c.warnings.allow(time.Now())
	if !ok {
		return
	}
	if withheld > 0 {
		attrs = append(attrs, slog.Int("withheld", withheld))
	}
	c.log.LogAttrs(context.Background(), slog.LevelWarn, message, attrs...)
}
