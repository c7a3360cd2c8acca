package demo

import (
	"slices"
	"testing"
	"time"

	"evcp"
	"evcp/internal/generator"
)

// TestPast: what is made up is as a Monitor could have written it, whenever the demo begins: all
// outages are over, none is in the future, the numbers have no gap, and each event says who made it.
func TestPast(t *testing.T) {
	for _, now := range []time.Time{
		time.Date(2026, 11, 28, 22, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 1000, time.UTC), time.Date(2028, 3, 12, 20, 10, 0, 0, time.UTC), time.Date(2026, 10, 9, 23, 0, 0, 0, time.UTC),
	} {
		for n := 1; n <= LoneCPs; n++ {
			w := pastOf("CP_001", n, "Harbour", now)
			for _, all := range [][]generator.Outage{w.Down, w.Off} {
				if !slices.IsSortedFunc(all, func(a, b generator.Outage) int { return int(a.From - b.From) }) {
					t.Errorf("%s: outages of %d are not in order", now, n)
				}
			}
			events := slices.Collect(w.Events())
			var state evcp.State
			for i, e := range events {
				state = state.After(e)
				if e.Seq != uint64(i+1) || e.Instance != pastInstance || e.At > evcp.StampOf(now) || e.At < w.From || e.Site != "Harbour" && e.Site != "" {
					t.Fatalf("%s: the %dth event of %d is %s", now, i, n, e.AppendJSON(nil))
				}
			}
			last := events[len(events)-1]
			if last.Action != evcp.MonitorStopped || last.At != evcp.StampOf(now) || state.Incident.Open {
				t.Errorf("%s: the past of %d ends with %s", now, n, last.AppendJSON(nil))
			}
			if monthBefore := time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 0, time.UTC); w.From.Time().After(monthBefore.Add(-14 * time.Hour)) {
				t.Errorf("%s: the past begins at %s", now, w.From.Time())
			}
		}
	}
}
