package dashboard

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

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

// TestWordsOfOne: what was said over TCP and answered, and beside an incident the report of it.
func TestWordsOfOne(t *testing.T) {
	s := startTestServerWith(t, testHistory(t))
	s.monitor("EV_CP_M CP_002 registration request", "EV_CP_M CP_002 ENGINE_FAILURE", "EV_CP_M CP_002 heartbeat KO", "EV_CP_M CP_002 heartbeat KO")
	var page wordsPage
	for deadline := time.Now().Add(30 * time.Second); len(page.Words) < 3 || page.Words[2].Count < 2; { // an answer comes before its words are kept
		a := get(t, s.url+"api/v1/cps/CP_002/words")
		if err := json.Unmarshal([]byte(a.body), &page); err != nil || time.Now().After(deadline) {
			t.Fatal(err, a.body)
		}
	}
	if w := page.Words[1]; w.Said != "EV_CP_M CP_002 ENGINE_FAILURE" || w.Answer != "Failure report received" || w.Count != 1 || w.Until != w.At || w.Peer == "" {
		t.Errorf("%+v", w)
	}
	var list incidentsPage
	a := get(t, s.url+"api/v1/incidents?order=newest")
	if err := json.Unmarshal([]byte(a.body), &list); err != nil {
		t.Fatal(err, a.body)
	}
	for i, one := range list.Incidents {
		if open := i == 0; (one.TCPFailure != nil) != open || one.TCPRecovery != nil || open && (one.TCPFailure.At != page.Words[1].At || one.TCPFailure.Said != page.Words[1].Said) {
			t.Errorf("%d: %+v", i, one)
		}
	}
}
