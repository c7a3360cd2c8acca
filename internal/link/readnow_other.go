//go:build !unix

package link

import "time"

// readNow reads what arrives within a millisecond.
func (l *Link) readNow() (int, error) { return l.readBriefly(time.Millisecond) }
