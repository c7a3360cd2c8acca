package dashboard

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"evcp"
	"evcp/internal/archive"
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

// TestChecksOfOne: the last five minutes one by one; a reply can't harm who shows it, and one
// that was not read since the start has none.
func TestChecksOfOne(t *testing.T) {
	past := testHistory(t)
	checks := past.Checks
	past.Checks = func(cp evcp.CPID) (archive.RecentChecks, bool) {
		if cp == "CP_002" {
			return archive.RecentChecks{}, false
		}
		r, ok := checks(cp)
		r.Checks[0].Reply = []byte("<script>\x1b[31m\u202e")
		return r, ok
	}
	s := startTestServerWith(t, past)
	var c checksJSON
	a := get(t, s.url+"api/v1/cps/CP_001/checks")
	if err := json.Unmarshal([]byte(a.body), &c); err != nil || len(c.Checks) != 6 || *c.To != c.Checks[5].At || *c.Complete >= *c.From {
		t.Fatal(err, a.body)
	}
	if one := c.Checks[5]; one.Outcome != "OK" || one.Reply != "OK" || one.Latency != 700 || one.Event == nil {
		t.Errorf("%+v", one)
	}
	if got := c.Checks[0].Reply; got != `<script>\x1b[31m\u202e` || strings.Contains(a.body, "<script>") {
		t.Errorf("%s in %s", got, a.body)
	}
	if a := get(t, s.url+"api/v1/cps/CP_002/checks"); a.code != http.StatusOK || !strings.Contains(a.body, `"to":null`) {
		t.Errorf("%d %s", a.code, a.body)
	}
}
