package watch

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The boot clock is read first: a pause between the two adds to every reading of Slept
// alike, and only their differences matter.
var (
	bootTimeAtInit = bootTime()
	processBegan   = time.Now()
)

// Slept is how long this machine has slept since this process began: the boot clock
// goes on while the machine sleeps, the monotonic clock does not. A reading is
// repeated when this process stood still between the two clocks.
func Slept() time.Duration {
	const near, tries = time.Millisecond, 3
	for range tries {
		before := time.Since(processBegan)
		boot := bootTime() - bootTimeAtInit
		after := time.Since(processBegan)
		if after-before < near {
			return max(boot-after, 0).Round(near)
		}
	}
	return 0
}

// bootTime is the one system call of a reading: it never blocks, and skips the bookkeeping of
// Go's scheduler, which wakes a thread. The monotonic clock is read
// without one.
func bootTime() time.Duration {
	var t unix.Timespec
	if _, _, errno := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_BOOTTIME, uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		return 0
	}
	return time.Duration(t.Nano())
}
