//go:build !linux

package wait

// NewTimer makes the best Timer that there is on this system.
func NewTimer() Timer { return NewGoTimer() }
