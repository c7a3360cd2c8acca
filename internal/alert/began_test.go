package alert_test

import (
	"testing"
	"time"

	"evcp"
	"evcp/internal/alert"
)

// TestBeganWithTheFirstFailedCheck: people are told the begin that the page and the history show,
// where the events tell it; the delay runs from what Central heard.
func TestBeganWithTheFirstFailedCheck(t *testing.T) {
	heard := time.Date(2026, 11, 28, 21, 4, 39, 0, time.UTC)
	first := heard.Add(-2 * time.Second)
	all := alert.NewSiteIncidents(alert.Delays{After: 30 * time.Second}, nil, heard)
	all.See(alert.CPTrouble{CP: "CP_001", Kind: alert.Faulted, Since: heard, First: first}, heard)
	all.See(alert.CPTrouble{CP: "CP_002", Kind: alert.Faulted, Since: heard}, heard)
	if early := all.Next(heard.Add(29 * time.Second)); len(early) > 0 {
		t.Errorf("told before the delay was over: %+v", early)
	}
	told := all.Next(heard.Add(30 * time.Second))
	if len(told) != 1 || !told[0].Since.Equal(first) || len(told[0].Members) != 2 || !told[0].Members[0].Since.Equal(first) || !told[0].Members[1].Since.Equal(heard) {
		t.Errorf("told %+v", told)
	}
}

// TestEndedAsTheEventsSay: a recovery has the times of the page and of the history, which are those of
// the events; the delay runs from what Central saw.
func TestEndedAsTheEventsSay(t *testing.T) {
	heard := time.Date(2026, 11, 28, 21, 4, 39, 0, time.UTC)
	later := func(s float64) time.Time { return heard.Add(time.Duration(s * float64(time.Second))) }
	all := alert.NewSiteIncidents(alert.Delays{After: 30 * time.Second, Repeat: 4 * time.Hour}, nil, heard)
	see := func(cp evcp.CPID, first time.Time) {
		all.See(alert.CPTrouble{CP: cp, Kind: alert.Faulted, Since: heard, First: first}, heard)
	}
	see("CP_001", later(-2))
	see("CP_002", time.Time{}) // its events come late
	see("CP_003", time.Time{}) // and those of this one never
	if told := all.Next(later(30)); len(told) != 1 || !told[0].Since.Equal(later(-2)) {
		t.Fatalf("told %+v", told)
	}
	see("CP_002", later(-3))
	for _, cp := range []evcp.CPID{"CP_001", "CP_002", "CP_003"} {
		all.Clear(cp, alert.Faulted, later(600))
	}
	if got := all.Undated(10); len(got) != 3 {
		t.Errorf("%v are not dated", got)
	}
	all.Date("CP_001", later(-900), later(-800)) // an older incident: the events of this one are still to come
	all.Date("CP_001", later(-2), later(599.1))
	all.Date("CP_002", later(-3), later(599.5))
	all.Date("CP_003", time.Time{}, time.Time{})
	if got := all.Undated(10); len(got) != 1 || got[0] != "CP_003" {
		t.Errorf("%v are not dated", got)
	}
	restarted := alert.NewSiteIncidents(alert.Delays{After: 30 * time.Second}, all.Open(), later(601))
	if early := restarted.Next(later(629)); len(early) > 0 {
		t.Errorf("told before the delay was over: %+v", early)
	}
	told := restarted.Next(later(630))
	if len(told) != 1 || !told[0].Since.Equal(later(-3)) || !told[0].Recovered.Equal(later(600)) {
		t.Fatalf("told %+v", told)
	}
	for n, want := range [][2]float64{{-2, 599.1}, {-3, 599.5}, {0, 600}} {
		if m := told[0].Members[n]; !m.Since.Equal(later(want[0])) || !m.Ended.Equal(later(want[1])) {
			t.Errorf("%s from %s to %s, want %v", m.CP, m.Since, m.Ended, want)
		}
	}
}
