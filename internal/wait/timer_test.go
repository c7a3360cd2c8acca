package wait_test

import (
	"testing"
	"time"

	"evcp/internal/wait"
)

func TestTimer(t *testing.T) {
	for name, newTimer := range map[string]func() wait.Timer{"the kernel's": wait.NewTimer, "of package time": wait.NewGoTimer} {
		t.Run(name, func(t *testing.T) {
			timer := newTimer()
			defer timer.Close()
			for _, after := range []time.Duration{20 * time.Millisecond, 0, -time.Hour, time.Nanosecond} {
				timer.Reset(time.Hour)
				began := time.Now()
				timer.Reset(after)
				<-timer.C()
				if took := time.Since(began); took < after {
					t.Errorf("set to %s, it went off after %s", after, took)
				}
			}
			timer.Reset(time.Hour)
			select {
			case <-timer.C():
				t.Error("it went off at once, set to an hour")
			case <-time.After(20 * time.Millisecond):
			}
		})
	}
}
