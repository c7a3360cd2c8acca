//go:build !unix

package link

import "time"

// peek takes what there is within a millisecond.
func (l *Link) peek() (int, error) { return l.peekBriefly(time.Millisecond) }
