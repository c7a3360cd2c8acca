package wait

import "time"

// Timer wakes its owner at a moment that the owner sets again and again. It may also wake
// it when nothing is due any more. Its methods belong to one goroutine.
type Timer interface {
	// C receives when it goes off.
	C() <-chan time.Time
	// Reset sets it, in place of the moment that was set before; at once if after is not positive.
	Reset(after time.Duration)
	Close()
}

// NewGoTimer makes a Timer on a timer of package time.
func NewGoTimer() Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return goTimer{t}
}

type goTimer struct{ timer *time.Timer }

func (t goTimer) C() <-chan time.Time       { return t.timer.C }
func (t goTimer) Reset(after time.Duration) { t.timer.Reset(after) }
func (t goTimer) Close()                    { t.timer.Stop() }
