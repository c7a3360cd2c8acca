package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// cpu is the time that all threads of the process have spent on a processor,
// ended ones too, in nanoseconds: the kernel's clock of that process.
// /proc/PID/stat counts in hundredths of a second, longer than twenty checks take.
func (p *process) cpu() (time.Duration, error) {
	const sched = 2 // CPUCLOCK_SCHED of include/linux/posix-timers.h
	clock := int32(^p.cmd.Process.Pid)<<3 | sched
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, fmt.Errorf("read the processor time of %s: %w", p.name, err)
	}
	return time.Duration(t.Nano()), nil
}
