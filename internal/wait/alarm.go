package wait

import "time"

// Alarm wakes its owner at a moment that the owner sets again and again. It may also wake
// it when nothing is due any more. Its methods belong to one goroutine.
type Alarm interface {
	// C receives when the alarm goes off.
	C() <-chan time.Time
	// Set sets it, in place of the moment that was set before; at once if after is not positive.
	Set(after time.Duration)
	Close()
}

// NewTimerAlarm makes an Alarm on a timer of package time.
func NewTimerAlarm() Alarm {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return timerAlarm{t}
}

type timerAlarm struct{ t *time.Timer }

func (a timerAlarm) C() <-chan time.Time     { return a.t.C }
func (a timerAlarm) Set(after time.Duration) { a.t.Reset(after) }
func (a timerAlarm) Close()                  { a.t.Stop() }
