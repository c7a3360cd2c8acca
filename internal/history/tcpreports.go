package history

import (
	"time"

	"evcp"
)

// TCPReport is one report of an incident as Central heard it by the text protocol, and what it
// answered. It says nothing to the fold: what the events say and what was reported stand side
// by side.
type TCPReport struct {
	At         evcp.Stamp // by Central's clock
	Recovery   bool       // else a failure
	Said       string
	Answered   string // "": the answer could not be sent
	AnsweredIn time.Duration
}

// clocksApart is how far the clocks of Monitor and Central may be apart for a report to be found.
const clocksApart = 5 * time.Second

// Reported finds the reports of an incident among those of its charge point, which are in
// order: the first failure from its first failed check on, up to its end or the time at which
// its events say that Central answered; and the first recovery from its end on, unless another
// failure comes before. nil: there is none.
func (d IncidentDetail) Reported(all []TCPReport) (failure, recovery *TCPReport) {
	end := latest
	if d.Recovered != 0 {
		end = max(d.Recovered, d.Told).Add(clocksApart)
	}
	for i := range all {
		r := &all[i]
		if r.At < d.FirstFailed.Add(-clocksApart) {
			continue
		}
		switch {
		case !r.Recovery && failure == nil && r.At <= end:
			failure = r
		case d.Recovered == 0 || r.At < d.Recovered.Add(-clocksApart):
		case r.Recovery:
			return failure, r
		case r.At > end:
			return failure, nil
		}
	}
	return failure, nil
}
