package watch

import (
	"sync/atomic"
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

var sleepClock sleepReader

// Slept is how long this machine has slept since this process began: the boot clock
// goes on while the machine sleeps, the monotonic clock does not. Any goroutine may call it.
func Slept() time.Duration { return sleepClock.read(sinceBegan, awake) }

func sinceBegan() time.Duration { return bootTime() - bootTimeAtInit }
func awake() time.Duration      { return time.Since(processBegan) }

// sleepReader compares the two clocks. Its zero value is ready.
type sleepReader struct {
	last atomic.Int64 // the last reading, a Duration
}

// read repeats a reading when this process stood still between the two clocks. When it did each
// time, the last reading stands: less than that would look as if the machine had slept all that
// time until the next one.
func (r *sleepReader) read(sinceBegan, awake func() time.Duration) time.Duration {
	const near, tries = time.Millisecond, 3
	for range tries {
		before := awake()
		boot := sinceBegan()
		after := awake()
		if after-before < near {
			slept := max(boot-after, 0).Round(near)
			r.last.Store(int64(slept))
			return slept
		}
	}
	return time.Duration(r.last.Load())
}

// bootTime is the one system call of a reading: it never blocks, and skips the bookkeeping of
// Go's scheduler, which wakes a thread. The monotonic clock is read without one.
func bootTime() time.Duration {
	var t unix.Timespec
	if _, _, errno := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_BOOTTIME, uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		return 0
	}
	return time.Duration(t.Nano())
}
