package alert_test

import (
	"testing"
	"time"

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
