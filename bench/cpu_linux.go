package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"evcp/internal/process"
)

// processorTime is what all threads of the process have used, ended ones too, by
// the kernel's clock of that process, in nanoseconds. /proc/PID/stat counts in
// hundredths of a second, which is longer than twenty checks take.
func processorTime(c *process.Child) (time.Duration, error) {
	const sched = 2 // CPUCLOCK_SCHED of include/linux/posix-timers.h
	clock := int32(^c.PID())<<3 | sched
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, fmt.Errorf("read the processor time of %s: %w", c.Name, err)
	}
	return time.Duration(t.Nano()), nil
}
