//go:build !linux

package wait

// NewAlarm makes the best Alarm that there is on this system.
func NewAlarm() Alarm { return NewTimerAlarm() }
