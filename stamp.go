package evcp

import "time"

// Stamp is a moment on the wall clock, in whole microseconds since 1970: the
// resolution of events, so that what is read back equals what was written. The
// zero Stamp means never.
type Stamp int64

// StampOf is the moment t, cut to the microsecond.
func StampOf(t time.Time) Stamp { return Stamp(t.UnixMicro()) }

// Time is the moment as the standard library knows it, in UTC.
func (s Stamp) Time() time.Time { return time.UnixMicro(int64(s)).UTC() }

// Add moves a moment; never stays never.
func (s Stamp) Add(d time.Duration) Stamp {
	if s == 0 {
		return 0
	}
	return s + Stamp(d.Microseconds())
}

// Sub is the time from earlier to s.
func (s Stamp) Sub(earlier Stamp) time.Duration {
	return time.Duration(s-earlier) * time.Microsecond
}
