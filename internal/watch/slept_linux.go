package watch

import (
	"time"

	"golang.org/x/sys/unix"
)

// Slept is how long this machine has slept since it booted: the boot clock goes
// on while it sleeps, the monotonic one does not. A reading between whose two
// halves this process was stopped is taken again.
func Slept() time.Duration {
	const near, tries = time.Millisecond, 3
	for range tries {
		before := read(unix.CLOCK_MONOTONIC)
		boot := read(unix.CLOCK_BOOTTIME)
		after := read(unix.CLOCK_MONOTONIC)
		if after-before < near {
			return max(boot-after, 0).Round(near)
		}
	}
	return 0
}

func read(clock int32) time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(clock, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
