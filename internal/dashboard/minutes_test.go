package dashboard

import (
	"encoding/json"
	"testing"
)

// TestMinutesOfOne: one check a minute, three outages of ten; a latency only where it was answered.
func TestMinutesOfOne(t *testing.T) {
	s := startTestServerWith(t, testHistory(t))
	var m minutesJSON
	a := get(t, s.url+"api/v1/cps/CP_001/minutes?from=2026-10-31T00:30:00Z&to=2026-10-31T01:00:00Z")
	if err := json.Unmarshal([]byte(a.body), &m); err != nil || a.header.Get("ETag") == "" {
		t.Fatal(err, a.body)
	}
	down := 0
	for _, one := range m.Minutes {
		down += int(one.NoReply)
		if one.OK+one.NoReply != 1 || (one.Median != nil) != (one.OK == 1) || one.OK == 1 && *one.Median != 700 {
			t.Errorf("%+v", one)
		}
	}
	if len(m.Minutes) != 30 || down != 10 || m.Minutes[0].At != m.From || m.KeptFrom == nil {
		t.Errorf("%d minutes, %d down: %s", len(m.Minutes), down, a.body)
	}
}
