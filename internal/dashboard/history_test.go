package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"evcp"
	"evcp/internal/archive"
	"evcp/internal/kafka"
	"evcp/internal/ledger"
)

// testHistory has two charge points that were checked every minute for a day of 2026-10:
// CP_001, at Norte, was down three times for ten minutes; CP_002 once, and is down at the end.
func testHistory(t testing.TB) *HistorySource {
	t.Helper()
	dir := t.TempDir()
	a, err := archive.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	var batch kafka.ReadBatch
	begin := time.Date(2026, 10, 30, 23, 0, 0, 0, time.UTC)
	for n, site := range []string{"Norte", ""} {
		cp := evcp.CPID(fmt.Sprintf("CP_%03d", n+1))
		p := evcp.Policy{Fall: 1, Rise: 1, Instance: "x", Interval: time.Minute, Timeout: 50 * time.Second, Site: site}
		var s evcp.State
		var events []evcp.Event
		s, events = p.Next(s, evcp.Observation{Kind: evcp.Started, CP: cp, At: evcp.StampOf(begin), Version: "test"}, events)
		for m := range 26 * 60 {
			o := evcp.Outcome{Status: evcp.OK, Response: "OK", Latency: 700 * time.Microsecond}
			if n == 0 && m%480 >= 100 && m%480 < 110 || n == 1 && (m >= 200 && m < 210 || m >= 1550) {
				o = evcp.Outcome{Status: evcp.ConnectionError, Cause: evcp.Refused}
			}
			s, events = p.Next(s, evcp.Observation{Kind: evcp.Checked, CP: cp, At: evcp.StampOf(begin.Add(time.Duration(m) * time.Minute)), Outcome: o}, events)
		}
		for _, e := range events {
			batch.Records = append(batch.Records, kafka.TopicRecord{Offset: int64(len(batch.Records)), Value: e.AppendJSON(nil)})
		}
	}
	if err := a.Take(batch); err != nil {
		t.Fatal(err)
	}
	if err := a.Commit(); err != nil {
		t.Fatal(err)
	}
	annotate := func(_ context.Context, n archive.Annotation) (int64, error) { return a.Annotate(n) }
	return &HistorySource{Checks: a.Checks, Annotate: annotate, Open: func(_ context.Context, position string) (*archive.HistoryView, error) {
		return archive.OpenView(filepath.Join(dir, archive.FileName), position, true)
	}}
}

// past are the parts of an answer about the past.
type past struct {
	Segments []struct {
		State, Cause, From, To string
		Us                     int64
	}
	Incidents []struct {
		CP          string `json:"cp_id"`
		FirstFailed string `json:"first_failed"`
		Recovered   *string
		Open        bool
	}
	Next *string
}

func ask(t *testing.T, s *testServer, path string) (p past) {
	t.Helper()
	a := get(t, s.url+path)
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.code != http.StatusOK {
		t.Fatalf("%s: %d %s %v", path, a.code, a.body, err)
	}
	return p
}

// pages follows next to the end, and returns all.
func pages(t *testing.T, s *testServer, path string) (all past, n int) {
	t.Helper()
	cursor := ""
	for n = 1; ; n++ {
		p := ask(t, s, path+cursor)
		all.Segments, all.Incidents = append(all.Segments, p.Segments...), append(all.Incidents, p.Incidents...)
		if p.Next == nil {
			return all, n
		}
		cursor = "&cursor=" + *p.Next
	}
}

func TestPastOfOne(t *testing.T) {
	s := startTestServerWith(t, testHistory(t))
	whole := ask(t, s, "api/v1/cps/CP_001/segments")
	paged, n := pages(t, s, "api/v1/cps/CP_001/segments?limit=2")
	if len(whole.Segments) < 7 || n != (len(whole.Segments)+1)/2 || fmt.Sprint(whole.Segments) != fmt.Sprint(paged.Segments) {
		t.Errorf("%d segments; %d pages of 2 with %d", len(whole.Segments), n, len(paged.Segments))
	}
	for i, g := range whole.Segments[1:] {
		if g.From != whole.Segments[i].To {
			t.Errorf("a hole: %v, %v", whole.Segments[i], g)
		}
	}
	if d := whole.Segments[1]; d.State != "down" || d.Cause != "refused" || d.From != "2026-10-31T00:40:00Z" || d.Us != 600_000_000 {
		t.Errorf("the first outage: %+v", d)
	}
	window := ask(t, s, "api/v1/cps/CP_001/segments?from=2026-10-31T00:45:00Z&to=2026-10-31T00:46:00Z").Segments
	if len(window) != 1 || window[0].State != "down" {
		t.Errorf("in a window: %+v", window)
	}
	if all, n := pages(t, s, "api/v1/cps/CP_001/incidents?limit=1"); len(all.Incidents) != 4 || n != 4 || all.Incidents[0].Recovered == nil {
		t.Errorf("incidents: %+v in %d pages", all.Incidents, n)
	}
	var one struct {
		History struct{ Site, State string }
	}
	a := get(t, s.url+"api/v1/cps/CP_001")
	if err := json.Unmarshal([]byte(a.body), &one); err != nil || one.History.Site != "Norte" || !strings.Contains(a.body, `"present": null`) {
		t.Errorf("%v %s", err, a.body)
	}
}

func TestIncidentsOfAll(t *testing.T) {
	s := startTestServerWith(t, testHistory(t))
	whole := ask(t, s, "api/v1/incidents")
	paged, _ := pages(t, s, "api/v1/incidents?limit=1")
	if len(whole.Incidents) != 6 || len(paged.Incidents) != 6 {
		t.Errorf("%d at once, %d in pages", len(whole.Incidents), len(paged.Incidents))
	}
	for i := range paged.Incidents {
		if paged.Incidents[i].FirstFailed != whole.Incidents[i].FirstFailed || paged.Incidents[i].CP != whole.Incidents[i].CP {
			t.Errorf("%d: %v, paged %v", i, whole.Incidents[i], paged.Incidents[i])
		}
	}
	if open := ask(t, s, "api/v1/incidents?open=true").Incidents; len(open) != 1 || open[0].CP != "CP_002" || !open[0].Open {
		t.Errorf("open: %+v", open)
	}
	if norte := ask(t, s, "api/v1/incidents?site=Norte").Incidents; len(norte) != 4 || norte[0].CP != "CP_001" {
		t.Errorf("at Norte: %+v", norte)
	}
}

func TestUptimeAnswers(t *testing.T) {
	s := startTestServerWith(t, testHistory(t))
	a := get(t, s.url+"api/v1/uptime?definition=plain&month=2026-10&cp_id=CP_001&until=2026-10-31T23:00:00Z")
	var u ledger.Uptime
	if err := json.Unmarshal([]byte(a.body), &u); err != nil || a.code != http.StatusOK {
		t.Fatalf("%d %s %v", a.code, a.body, err)
	}
	if p := u.Ports[0]; len(u.Ports) != 1 || p.Down != 30*time.Minute.Microseconds() || p.Up != (24*60-30)*time.Minute.Microseconds() {
		t.Errorf("%s", a.body)
	}
	if again := get(t, s.url+"api/v1/uptime?definition=plain&month=2026-10&cp_id=CP_001&until=2026-10-31T23:00:00Z"); again.body != a.body {
		t.Error("the same question has another answer")
	}
}

// TestPagesOfTheList: Link leads through all, by id, and If-None-Match spares an answer that is
// known.
func TestPagesOfTheList(t *testing.T) {
	s := startTestServerWith(t, testHistory(t))
	for n := range 5 {
		s.monitor(fmt.Sprintf("EV_CP_M CP_%03d registration request", n+1))
	}
	var got []string
	for path := "api/v1/cps?limit=2"; path != ""; {
		a := get(t, s.url+path)
		got = append(got, ids(t, a.body))
		path, _, _ = strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "</"), ">")
	}
	if text := strings.Join(got, " | "); text != "CP_001 CP_002 | CP_003 CP_004 | CP_005" {
		t.Errorf("pages: %s", text)
	}
	for query, want := range map[string]string{"site=Norte": "CP_001", "text=p_00": "CP_001 CP_002 CP_003 CP_004 CP_005", "text=4": "CP_004", "text=%3Cscript%3E": ""} {
		if a := get(t, s.url+"api/v1/cps?"+query); a.code != http.StatusOK || ids(t, a.body) != want {
			t.Errorf("%s: %d %s, want %s", query, a.code, a.body, want)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"api/v1/cps", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("If-None-Match", get(t, s.url+"api/v1/cps").header.Get("ETag"))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if resp.StatusCode != http.StatusNotModified {
		t.Errorf("what is known already: %s", resp.Status)
	}
}

// TestNewestIncidents: pages lead through all, the newest first, whatever the size of a page;
// the file has the same.
func TestNewestIncidents(t *testing.T) {
	s := startTestServerWith(t, testHistory(t))
	whole := ask(t, s, "api/v1/incidents?order=newest").Incidents
	if len(whole) != 6 || !whole[0].Open || whole[0].CP != "CP_002" {
		t.Fatalf("%+v", whole)
	}
	for i, one := range whole[1:] {
		if one.FirstFailed > whole[i].FirstFailed {
			t.Errorf("%v comes after %v", one, whole[i])
		}
	}
	for _, size := range []string{"1", "4", "6"} {
		if paged, _ := pages(t, s, "api/v1/incidents?order=newest&limit="+size); fmt.Sprint(times(paged)) != fmt.Sprint(times(past{Incidents: whole})) {
			t.Errorf("in pages of %s: %v", size, times(paged))
		}
	}
	if refused := ask(t, s, "api/v1/incidents?order=newest&cause=refused&site=Norte,Sur").Incidents; len(refused) != 4 {
		t.Errorf("%+v", refused)
	}
	if none := ask(t, s, "api/v1/incidents?order=newest&cause=reset").Incidents; len(none) != 0 {
		t.Errorf("%+v", none)
	}
	a := get(t, s.url+"api/v1/incidents?format=csv")
	if lines := strings.Split(strings.TrimSpace(a.body), "\r\n"); len(lines) != 7 || !strings.HasPrefix(lines[1], "CP_002,,refused,"+whole[0].FirstFailed) ||
		a.header.Get("Content-Disposition") != `attachment; filename="incidents.csv"` {
		t.Errorf("%v %s", a.header, a.body)
	}
}

func times(p past) (all []string) {
	for _, i := range p.Incidents {
		all = append(all, i.CP+" "+i.FirstFailed)
	}
	return all
}

// TestUptimeFiles: a report is a file, and never a page of this server.
func TestUptimeFiles(t *testing.T) {
	s := startTestServerWith(t, testHistory(t))
	for format, want := range map[string]string{"csv": "port,cp_id,site,start", "html": "Disponibilidad"} {
		a := get(t, s.url+"api/v1/uptime?definition=plain&month=2026-10&until=newest&language=es&format="+format)
		if a.code != http.StatusOK || !strings.Contains(a.body, want) || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: %d %v %s", format, a.code, a.header, a.body)
		}
	}
}

// TestIncidentsFileStartsNoFormula: what a Monitor calls its site is a text in a spreadsheet.
func TestIncidentsFileStartsNoFormula(t *testing.T) {
	e := newEventSource(t)
	s := startTestServerWith(t, e.source())
	e.checks("CP_001", "=HYPERLINK(1)", "OOOCCC")
	if a := get(t, s.url+"api/v1/incidents?format=csv"); !strings.Contains(a.body, "\nCP_001,'=HYPERLINK(1),refused,") {
		t.Errorf("%s", a.body)
	}
}
