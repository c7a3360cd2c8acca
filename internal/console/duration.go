package console

import (
	"fmt"
	"time"
)

// Ms words a latency: "3 ms", rounded down; "<1 ms" below one.
func Ms(d time.Duration) string {
	if d < time.Millisecond {
		return "<1 ms"
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

// Span words how long something took or lasted, with the two figures that
// matter: "900ms", "10.2s", "45s", "1m6s", "3h12m", "5d2h". A negative span
// is worded as none.
func Span(d time.Duration) string {
	switch {
	case d <= 0:
		return "0s"
	case d < 999500*time.Microsecond:
		return fmt.Sprintf("%dms", max(d.Round(time.Millisecond).Milliseconds(), 1))
	case d < 59950*time.Millisecond:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour-time.Second/2:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 48*time.Hour-time.Minute/2:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	d = d.Round(time.Hour)
	const day = 24 * time.Hour
	return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
}
