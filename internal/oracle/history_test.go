package oracle_test

import (
	"slices"
	"testing"
	"time"

	"evcp"
	"evcp/internal/history"
	"evcp/internal/oracle"
)

// withHistory adds to a trace what Central makes of its records.
func withHistory(t *testing.T, trace oracle.Trace) oracle.Trace {
	t.Helper()
	var n history.Numbering
	var elements []history.Element
	epoch := int64(0)
	for _, raw := range trace.CPs[0].Records {
		p, err := history.Parse([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		epoch, elements = p.Epoch, n.Add(p.Record, elements)
	}
	all := []history.NumberingElements{{Epoch: epoch, Elements: append(elements, n.Rest()...)}}
	trace.CPs[0].History = &oracle.CentralHistory{Segments: history.Merge(all, nil), Incidents: history.Incidents(all, nil)}
	return trace
}

// TestTrueHistory: that of a Monitor that keeps every promise, and is killed in an incident.
func TestTrueHistory(t *testing.T) {
	trace := withHistory(t, newScenario().trace())
	v := oracle.Verify(trace)
	for _, f := range v.Violations {
		t.Error(f)
	}
	if h := trace.CPs[0].History; v.Segments != 8 || len(h.Incidents) != 2 {
		t.Errorf("%d segments: %+v\n%d incidents: %+v", v.Segments, h.Segments, len(h.Incidents), h.Incidents)
	}
}

// TestWrongHistories plants one error at a time.
func TestWrongHistories(t *testing.T) {
	second := evcp.Stamp(time.Second.Microseconds())
	nth := func(h *oracle.CentralHistory, state history.SegmentState, n int) *history.CPSegment {
		for i := range h.Segments {
			if h.Segments[i].State == state {
				if n--; n < 0 {
					return &h.Segments[i]
				}
			}
		}
		t.Fatalf("no such segment in %+v", h.Segments)
		return nil
	}
	// move moves the boundary after a segment.
	move := func(h *oracle.CentralHistory, s *history.CPSegment, by evcp.Stamp) {
		i := slices.IndexFunc(h.Segments, func(o history.CPSegment) bool { return o.From == s.From })
		h.Segments[i].To += by
		h.Segments[i+1].From += by
	}
	for name, plant := range map[string]func(h *oracle.CentralHistory){
		"no history":                 func(h *oracle.CentralHistory) { h.Segments = nil },
		"down begins a second early": func(h *oracle.CentralHistory) { move(h, nth(h, history.Up, 0), -second) },
		"down begins a second late":  func(h *oracle.CentralHistory) { move(h, nth(h, history.Up, 0), second) },
		"down ends a second early":   func(h *oracle.CentralHistory) { move(h, nth(h, history.Down, 1), -second) },
		"down ends a second late":    func(h *oracle.CentralHistory) { move(h, nth(h, history.Down, 1), second) },
		"an outage is up":            func(h *oracle.CentralHistory) { nth(h, history.Down, 2).State = history.Up },
		"up is an outage":            func(h *oracle.CentralHistory) { nth(h, history.Up, 1).State = history.Down },
		"up is unwatched": func(h *oracle.CentralHistory) {
			*nth(h, history.Up, 1) = unwatched(*nth(h, history.Up, 1), history.NoCheck)
		},
		"records are said to be missing":  func(h *oracle.CentralHistory) { nth(h, history.Unwatched, 1).Cause = history.Missed },
		"a hole":                          func(h *oracle.CentralHistory) { nth(h, history.Up, 1).From += second },
		"it ends a second early":          func(h *oracle.CentralHistory) { h.Segments[len(h.Segments)-1].To -= second },
		"an incident is missing":          func(h *oracle.CentralHistory) { h.Incidents = h.Incidents[:1] },
		"an incident that nobody saw":     func(h *oracle.CentralHistory) { h.Incidents = append(h.Incidents, history.IncidentDetail{}) },
		"an incident begins a check late": func(h *oracle.CentralHistory) { h.Incidents[0].FirstFailed += second / 4 },
		"an incident has not ended":       func(h *oracle.CentralHistory) { h.Incidents[1].Recovered = 0 },
		"a failed check too many":         func(h *oracle.CentralHistory) { h.Incidents[0].Failed++ },
	} {
		t.Run(name, func(t *testing.T) {
			trace := withHistory(t, newScenario().trace())
			plant(trace.CPs[0].History)
			if v := oracle.Verify(trace); v.Count(oracle.WrongHistory) == 0 {
				t.Errorf("not found in %+v", trace.CPs[0].History)
			}
		})
	}
	t.Run("a time without a Monitor is down", func(t *testing.T) {
		s := newScenario()
		s.cp.Windows[0].To = at(11 * time.Second)
		trace := withHistory(t, s.trace())
		if h := trace.CPs[0].History; oracle.Verify(trace).Count(oracle.WrongHistory) == 0 {
			t.Errorf("not found in %+v", h)
		}
	})
}

func unwatched(s history.CPSegment, cause string) history.CPSegment {
	return history.CPSegment{From: s.From, To: s.To, State: history.Unwatched, Cause: cause}
}
