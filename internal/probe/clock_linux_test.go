package probe

import (
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestASteppedClock: a receive time counts while the real-time clock goes evenly. After it
// was set, it counts for the checks that began after that, and for no other.
func TestASteppedClock(t *testing.T) {
	c := newClock()
	asked := c.now
	stamp := func() unix.Timespec { return unix.NsecToTimespec(time.Now().UnixNano()) }
	if at := c.arrival(stamp(), asked); at < asked || at > asked+time.Second {
		t.Errorf("asked at %s, arrived at %s", asked, at)
	}
	for _, step := range []time.Duration{time.Hour, -time.Hour, 20 * time.Millisecond} {
		c.usual -= step // as if the clock had been set since
		c.read()
		if at := c.arrival(stamp(), asked); at != 0 {
			t.Errorf("asked before a step of %s, arrived at %s", step, at)
		}
		time.Sleep(time.Millisecond)
		c.read()
		asked = c.now
		if at := c.arrival(stamp(), asked); at < asked || at > asked+time.Second {
			t.Errorf("asked after a step of %s at %s, arrived at %s", step, asked, at)
		}
	}
	if at := c.arrival(unix.Timespec{}, asked); at != 0 {
		t.Errorf("without a receive time: %s", at)
	}
}

// TestTargetsAreSmall: ten thousand targets fit into a few megabytes.
func TestTargetsAreSmall(t *testing.T) {
	if size := unsafe.Sizeof(rawTarget{}); size > 112 {
		t.Errorf("a target takes %d bytes", size)
	}
}
