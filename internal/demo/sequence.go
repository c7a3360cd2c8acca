package demo

import "evcp"

// sequences are the numbers of one charge point's events as they came: by epoch,
// the highest so far.
type sequences map[int64]uint64

// take reports whether the event is new, and how many before it never came.
func (s sequences) take(id evcp.EventID) (isNew bool, gap int) {
	last := s[id.Epoch]
	if id.Seq <= last {
		return false, 0
	}
	s[id.Epoch] = id.Seq
	return true, int(id.Seq - last - 1)
}
