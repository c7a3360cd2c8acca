package wait_test

import (
	"testing"
	"time"

	"evcp/internal/wait"
)

func TestAlarm(t *testing.T) {
	for name, newAlarm := range map[string]func() wait.Alarm{"the kernel's": wait.NewAlarm, "of package time": wait.NewTimerAlarm} {
		t.Run(name, func(t *testing.T) {
			a := newAlarm()
			defer a.Close()
			for _, after := range []time.Duration{20 * time.Millisecond, 0, -time.Hour, time.Nanosecond} {
				a.Set(time.Hour)
				began := time.Now()
				a.Set(after)
				<-a.C()
				if took := time.Since(began); took < after {
					t.Errorf("set to %s, it went off after %s", after, took)
				}
			}
			a.Set(time.Hour)
			select {
			case <-a.C():
				t.Error("it went off at once, set to an hour")
			case <-time.After(20 * time.Millisecond):
			}
		})
	}
}
