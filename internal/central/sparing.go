package central

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// strangeLines is how many lines a minute strangers may bring into the log: it must
// not fill a disk because somebody tries ids, or sends without an end.
const strangeLines = 30

// sparing lets some lines a minute into the log. The zero value is ready.
type sparing struct {
	mu       sync.Mutex
	began    time.Time // of the present minute
	said     int
	withheld int
}

// line asks for one line. withheld is how many were not granted since the last that
// was.
func (s *sparing) line(now time.Time) (withheld int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.began) >= time.Minute {
		s.began, s.said = now, 0
	}
	if s.said == strangeLines {
		s.withheld++
		return 0, false
	}
	s.said++
	withheld, s.withheld = s.withheld, 0
	return withheld, true
}

// stranger warns of what anyone on the network can bring about.
func (c *Central) stranger(message string, attrs ...slog.Attr) {
	withheld, ok := c.strange.line(time.Now())
	if !ok {
		return
	}
	if withheld > 0 {
		attrs = append(attrs, slog.Int("withheld", withheld))
	}
	c.log.LogAttrs(context.Background(), slog.LevelWarn, message, attrs...)
}
