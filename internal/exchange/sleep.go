package exchange

import (
	"time"

	"evcp"
)

// SleepHistory is when the machine slept, for one target. Every reading is of the time
// slept since boot, taken by the owner. The reading for a check's beginning is older than
// the check, and the one for its end is younger, so that a sleep next to a check counts as
// one inside it: both err towards Unknown.
type SleepHistory struct {
	atAsk       time.Duration // before the check in flight
	atLastCheck time.Duration // after the last check; before the first, when the target was adopted
	wokeAt      time.Duration // the end of the last sleep; 0: none, or an OK came since
}

// NewSleepHistory begins when the machine has slept so long.
func NewSleepHistory(slept time.Duration) SleepHistory { return SleepHistory{atLastCheck: slept} }

// Asked notes the begin of a check.
func (h *SleepHistory) Asked(slept time.Duration) { h.atAsk = slept }

// Judge decides what a check came to; slept was read after it was found. gap is how long
// the Monitor stood still, at most, when the outcome is Unknown for that reason.
func (h *SleepHistory) Judge(e evcp.Evidence, slept time.Duration, r evcp.EvidenceRules) (o evcp.Outcome, gap time.Duration) {
	e.Slept = slept - h.atAsk
	e.RecentlyAwake = h.recentlyAwake(e.Began, r)
	o = r.Judge(e)
	h.checked(o, e.Noticed, slept, r)
	return o, stall(o, e, r)
}

// recentlyAwake reports whether the machine slept less than WakeGrace before a check
// that began then.
func (h *SleepHistory) recentlyAwake(began time.Duration, r evcp.EvidenceRules) bool {
	if h.atAsk-h.atLastCheck > r.Grace {
		h.wokeAt = began
	}
	return h.wokeAt != 0 && began-h.wokeAt < evcp.WakeGrace
}

// checked notes the end of a check. A sleep during the check begins a new WakeGrace,
// even within the last one; an OK ends it.
func (h *SleepHistory) checked(o evcp.Outcome, end, slept time.Duration, r evcp.EvidenceRules) {
	h.atLastCheck = slept
	switch {
	case slept-h.atAsk > r.Grace:
		h.wokeAt = end
	case o.Status == evcp.OK:
		h.wokeAt = 0
	}
}

// stall is how long the Monitor stood still in a check that it could not judge. An
// OK that came a moment too late was noticed at once, and is no stall.
func stall(o evcp.Outcome, e evcp.Evidence, r evcp.EvidenceRules) time.Duration {
	ended := max(e.WriteEnded, e.Began) // the question may never have been sent
	late := e.Noticed - (ended + r.Timeout + r.Grace)
	switch {
	case e.Slept > r.Grace:
		return e.Slept
	case o.Cause == evcp.Stalled && (late > r.Grace || ended-e.Began > r.Timeout):
		return max(e.Noticed-ended, ended-e.Began)
	default:
		return 0
	}
}
