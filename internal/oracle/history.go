package oracle

import (
	"slices"
	"time"

	"evcp"
	"evcp/internal/history"
)

// CentralHistory is what Central has made of the events of one charge point.
type CentralHistory struct {
	Segments  []history.CPSegment
	Incidents []history.IncidentDetail
}

// follow is how far apart two checks may be so that what is between them is known.
func (r Rules) follow() time.Duration { return 3*r.Interval + r.Timeout }

// history compares what Central has made of the events with what the Engine did, and its
// incidents with the events. One Monitor watched, under one numbering or several, and no record is
// missing.
func (v *verifier) history() {
	if v.cp.History == nil {
		return
	}
	v.result.Segments += len(v.cp.History.Segments)
	v.gapless()
	v.downWasDown()
	v.upWasUp()
	v.unwatchedWasUnwatched()
	v.sameIncidents()
}

// clipped are the segments of a state, in the time of the trace.
func (v *verifier) clipped(state history.SegmentState) (all []span) {
	for _, s := range v.cp.History.Segments {
		if c := (span{max(s.From, v.trace.From), min(s.To, v.trace.To)}); s.State == state && c.from < c.to {
			all = append(all, c)
		}
	}
	return all
}

// gapless: the segments cover the time from the first event to the last check.
func (v *verifier) gapless() {
	segments := v.cp.History.Segments
	if len(v.events) == 0 || len(segments) == 0 {
		v.violated(WrongHistory, v.trace.To, "%d segments, %d events", len(segments), len(v.events))
		return
	}
	at := v.events[0].At
	for _, s := range segments {
		if s.From != at || s.To <= s.From {
			v.violated(WrongHistory, s.From, "a segment from %s to %s follows one to %s", clock(s.From), clock(s.To), clock(at))
		}
		at = s.To
	}
	for _, e := range v.events {
		if e.Action == evcp.HealthCheck && e.Status.Countable() && e.At > at {
			v.violated(WrongHistory, e.At, "the segments end at %s, and a check is later", clock(at))
			return
		}
	}
}

// downWasDown: what is said to be down was failing, or was until a moment ago: the next check ends
// it. Where that is away, the checks around it may be as far apart as follow.
func (v *verifier) downWasDown() {
	r := v.trace.Rules
	var failing []span
	for _, p := range v.periods() {
		if p.expect == ExpectOK {
			continue
		}
		noticed := v.deadline(p.to, 2*r.Interval+r.Timeout+3*grace).Add(slack)
		failing = append(failing, span{p.from.Add(-slack), min(noticed, v.nextCheck(p.to))})
	}
	v.covered(v.clipped(history.Down), union(failing), "down, while the Engine was OK")
}

// nextCheck is the latest moment of the first check after a change, or of the end of what is said
// before it. A check in flight while the Monitor is paused is dated when it is over.
func (v *verifier) nextCheck(change evcp.Stamp) evcp.Stamp {
	r := v.trace.Rules
	most := change.Add(r.follow() + r.Timeout + 3*grace + slack)
	for _, s := range v.of(MonitorPaused) {
		if s.meets(span{change.Add(-r.Timeout), most}) {
			most = most.Add(s.length())
		}
	}
	return most
}

// covered: each of the stretches lies in the time that is allowed.
func (v *verifier) covered(stretches []span, allowed spans, what string) {
	for _, s := range stretches {
		at := s.from
		for _, a := range allowed {
			if a.from <= at && at < a.to {
				at = a.to
			}
		}
		if at < s.to {
			v.violated(WrongHistory, at, "%s to %s is said to be %s", clock(s.from), clock(s.to), what)
		}
	}
}

// upWasUp: where an Engine fails for so long that an incident has to be open, nothing is up but
// the time until its first failed check.
func (v *verifier) upWasUp() {
	r := v.trace.Rules
	fall := time.Duration(r.Fall)*r.Interval + r.Timeout + 3*grace
	for _, p := range v.periods() {
		if p.expect != ExpectFailure {
			continue
		}
		due := v.deadline(p.from, fall)
		due = v.deadline(v.streakStart(p.from, due), fall).Add(slack)
		if due >= p.to || v.of(MonitorDown).meet(span{due, due}) {
			continue
		}
		first := v.deadline(p.from, r.Interval+r.Timeout+3*grace+v.linkDelay(p.span)).Add(slack)
		first = min(first, v.nextCheck(p.from))
		for _, s := range v.clipped(history.Up) {
			if from, to := max(s.from, first), min(s.to, p.to); from < to {
				v.violated(WrongHistory, from, "up to %s, while the Engine was failing since %s", clock(to), clock(p.from))
			}
		}
	}
}

// unwatchedWasUnwatched: nobody knows for as long as the Monitor could not check, and for no other
// reason. While none ran for long, nobody knows.
func (v *verifier) unwatchedWasUnwatched() {
	r := v.trace.Rules
	away := v.of(MonitorDown, MonitorPaused, HarnessStalled, MachineBusy)
	for _, s := range v.stalls {
		away = append(away, s.span)
	}
	for i := range away {
		away[i] = away[i].wider(r.Interval + r.Timeout + 3*grace + slack)
		away[i].to = away[i].to.Add(r.Ready)
	}
	unwatched := v.clipped(history.Unwatched)
	if first := v.cp.History.Segments; len(first) > 0 && first[0].State == history.Unwatched && len(unwatched) > 0 && unwatched[0].to == first[0].To {
		unwatched = unwatched[1:] // from its start to its first check
	}
	v.covered(unwatched, union(away), "unwatched, while its Monitor ran")
	for _, s := range v.cp.History.Segments {
		if s.State == history.Unwatched && s.Cause != history.NoCheck {
			v.violated(WrongHistory, s.From, "unwatched for %s, and no record is missing", s.Cause)
		}
	}
	for _, down := range v.of(MonitorDown) {
		if down.length() <= r.follow()+r.Interval || down.from < v.trace.From {
			continue
		}
		lastCheck := r.Timeout + 3*grace + slack // one in flight is ended first
		if v.of(Removed).meet(span{down.from, down.from}) {
			lastCheck += reload
		}
		nobody := span{down.from.Add(lastCheck + r.Interval), down.to}
		for _, s := range v.of(MonitorPaused) { // the check ends when the Monitor goes on
			if s.meets(down) {
				nobody.from = max(nobody.from, s.to.Add(lastCheck+reload+r.Interval))
			}
		}
		for _, s := range append(v.clipped(history.Up), v.clipped(history.Down)...) {
			if s.from < nobody.to && nobody.from < s.to {
				v.violated(WrongHistory, max(s.from, nobody.from), "up or down, while no Monitor ran since %s", clock(down.from))
			}
		}
	}
}

// sameIncidents: the incidents are those of the events, with their moments and counts.
func (v *verifier) sameIncidents() {
	var want []history.IncidentDetail
	failed := uint64(0) // checks in a row, until an OK
	open := -1          // of want
	byID := map[evcp.EventID]int{}
	for _, e := range v.events {
		switch e.Action {
		case evcp.HealthCheck:
			if e.Status == evcp.OK && open < 0 {
				failed = 0
			}
			if e.Status.Failed() {
				failed++
			}
		case evcp.EngineFailed:
			open = len(want)
			byID[e.ID()] = open
			want = append(want, history.IncidentDetail{ID: e.ID(), FirstFailed: e.Since, Detected: e.At, Cause: e.Cause.String()})
		case evcp.ReportEngineFailure:
			if i, known := byID[e.Incident]; known && want[i].Told == 0 {
				want[i].Told, want[i].AnsweredIn = e.At, e.Latency
			}
		case evcp.EngineRecovered:
			if i, known := byID[e.Incident]; known {
				want[i].FirstFailed, want[i].Recovered, want[i].Failed = e.Since, e.At, failed
			}
			open, failed = -1, 0
		}
	}
	if open >= 0 {
		want[open].Failed = failed
	}
	got := slices.Clone(v.cp.History.Incidents)
	for i := range got {
		got[i].NotJudged = 0
	}
	if slices.Equal(got, want) {
		return
	}
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			v.violated(WrongHistory, want[i].FirstFailed, "no incident %+v", want[i])
		case i >= len(want):
			v.violated(WrongHistory, got[i].FirstFailed, "an incident that no event tells of: %+v", got[i])
		case got[i] != want[i]:
			v.violated(WrongHistory, want[i].FirstFailed, "incident %+v, the events say %+v", got[i], want[i])
		}
	}
}
