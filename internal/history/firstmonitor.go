package history

import (
	"cmp"
	"slices"
	"time"

	"evcp"
)

// firstFall is how many failures in a row made the first EV_CP_M report one.
const firstFall = 3

// unnumbered makes Elements of the checks of the first EV_CP_M, in any order: those of one
// moment are one check, and the interval is the median of the first distances. An incident is
// named by the moment of its first failed check, in Unix microseconds.
func unnumbered(checks []Check) (out []Element) {
	checks = slices.DeleteFunc(slices.Clone(checks), func(c Check) bool { return !c.Status.Countable() })
	slices.SortFunc(checks, func(a, b Check) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Status, b.Status)) })
	checks = slices.CompactFunc(checks, func(a, b Check) bool { return a.At == b.At })
	if len(checks) == 0 {
		return nil
	}
	var f Fold
	var distances []time.Duration
	for i := 1; i < min(len(checks), sample); i++ {
		distances = append(distances, checks[i].At.Sub(checks[i-1].At))
	}
	f.setEstimate(median(distances))
	out = append(out, Element{Kind: Begun, From: checks[0].At})
	failures := 0
	var since evcp.Stamp
	for _, c := range checks {
		if f.Run.Kind != "" && c.At.Sub(f.Run.To) > f.Run.limit() {
			failures = 0
		}
		out = f.check(Record{At: c.At, Status: c.Status}, out)
		switch {
		case c.Status == evcp.OK:
			if f.Open.Is {
				out = append(out, Element{Kind: Recovered, Incident: f.Open.ID, From: f.Open.Since, To: c.At, FailedChecks: f.Open.Failed})
			}
			f.Open, failures = Opened{}, 0
			continue
		case failures == 0:
			since = c.At
		}
		if failures++; failures == firstFall && !f.Open.Is {
			f.Open = Opened{Is: true, ID: evcp.EventID{Seq: uint64(since)}, Since: since, Failed: firstFall}
			out = append(out, Element{Kind: Failed, Incident: f.Open.ID, From: since, To: c.At, Cause: c.Status.String()})
		}
	}
	return f.closed(out)
}
