package dashboard

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"evcp"
	"evcp/internal/archive"
	"evcp/internal/central"
	"evcp/internal/kafka"
	"evcp/internal/operations"
)

// eventSource is a history that the test tells events as a Monitor writes them.
type eventSource struct {
	t       *testing.T
	mu      sync.Mutex // guards what follows
	archive *archive.Archive
	path    string
	states  map[evcp.CPID]evcp.State
	offset  int64
	failing string // the error of the reader
	since   time.Time
	latency func(i int) time.Duration // of the ith OK of checks; nil: 1.9 ms
}

func newEventSource(t *testing.T) *eventSource {
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
	return &eventSource{t: t, archive: a, path: filepath.Join(dir, archive.FileName), states: map[evcp.CPID]evcp.State{}}
}

func (s *eventSource) source() *HistorySource {
	return &HistorySource{EventStates: s.archive.EventStates(), Checks: s.archive.Checks, Open: func(_ context.Context, position string) (*archive.HistoryView, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if err := s.archive.Commit(); err != nil {
			return nil, err
		}
		return archive.OpenView(s.path, position, true)
	}, Reading: func() archive.FollowStatus {
		s.mu.Lock()
		defer s.mu.Unlock()
		return archive.FollowStatus{ReadProgress: s.archive.Progress(), Error: s.failing, Since: s.since}
	}}
}

// lose makes the reader fail; "" makes it well.
func (s *eventSource) lose(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing, s.since = why, time.Now()
}

// observe tells what the Monitor of a charge point makes of observations.
func (s *eventSource) observe(cp evcp.CPID, site string, all ...evcp.Observation) {
	s.t.Helper()
	p := evcp.Policy{Fall: 3, Rise: 1, Instance: "x", Interval: time.Second, Timeout: 900 * time.Millisecond, Site: site}
	s.mu.Lock()
	defer s.mu.Unlock()
	var batch kafka.ReadBatch
	for _, o := range all {
		var events []evcp.Event
		o.CP = cp
		s.states[cp], events = p.Next(s.states[cp], o, nil)
		for _, e := range slices.Clone(events) { // Central answers each report within 4 ms
			if e.Action == evcp.EngineFailed {
				told := evcp.Observation{Kind: evcp.FailureReported, CP: cp, At: e.At.Add(6 * time.Millisecond), Incident: e.ID(), Latency: 4 * time.Millisecond}
				s.states[cp], events = p.Next(s.states[cp], told, events)
			}
		}
		for i := range events {
			batch.Records = append(batch.Records, kafka.TopicRecord{Offset: s.offset, Value: events[i].AppendJSON(nil)})
			s.offset++
		}
	}
	if err := s.archive.Take(batch); err != nil {
		s.t.Fatal(err)
	}
}

// checks tells one check a second, the last one now: O is OK, K is "KO: overtemp 91C", C is
// refused, T no answer, U not judged.
func (s *eventSource) checks(cp evcp.CPID, site, letters string) {
	s.t.Helper()
	s.checksUntil(time.Now(), cp, site, letters)
}

// checksUntil tells one check a second, the last one at a moment.
func (s *eventSource) checksUntil(end time.Time, cp evcp.CPID, site, letters string) {
	s.t.Helper()
	begin := end.Add(-time.Duration(len(letters)) * time.Second)
	var all []evcp.Observation
	s.mu.Lock()
	_, known := s.states[cp]
	s.mu.Unlock()
	if !known {
		all = append(all, evcp.Observation{Kind: evcp.Started, At: evcp.StampOf(begin), Version: "test"})
	}
	for i, l := range letters {
		o := evcp.Outcome{Status: evcp.OK, Response: "OK", Latency: 1900 * time.Microsecond}
		if s.latency != nil {
			o.Latency = s.latency(int(begin.Unix()) + i)
		}
		switch l {
		case 'K':
			o = evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO, Response: "KO: overtemp 91C", Latency: o.Latency}
		case 'C':
			o = evcp.Outcome{Status: evcp.ConnectionError, Cause: evcp.Refused}
		case 'T':
			o = evcp.Outcome{Status: evcp.ConnectionError, Cause: evcp.Timeout, Latency: 900 * time.Millisecond}
		case 'U':
			o = evcp.Outcome{Cause: evcp.Stalled}
		}
		all = append(all, evcp.Observation{Kind: evcp.Checked, At: evcp.StampOf(begin.Add(time.Duration(i+1) * time.Second)), Outcome: o})
	}
	s.observe(cp, site, all...)
}

// frameText is the data of the frames that a cache has for a page at frame n.
func frameText(c *frameCache, n uint64) (text string, now uint64) {
	c.boardRead = time.Time{}
	frames, now, _ := c.after(n)
	for _, f := range frames {
		_, data, _ := strings.Cut(string(f), "\ndata: ")
		text += data
	}
	return text, now
}

// Both sources are in a frame, each in its own fields, and an event of a charge point that
// Central has heard nothing new of makes a frame.
func TestFramesJoinReportsAndEvents(t *testing.T) {
	e := newEventSource(t)
	s := startTestSite(t, central.Options{}, e.source(), anyPort, anyPort)
	s.monitor("EV_CP_M CP_001 registration request", "EV_CP_M CP_001 heartbeat OK")
	c := &frameCache{central: s.central, operations: operations.Empty(), events: e.source()}
	_, at := frameText(c, 0)
	e.checks("CP_001", "Norte", "OOOOOOOOKKUKK")
	text, at := frameText(c, at)
	var d deltaJSONText
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if len(d.CPs) != 1 || d.CPs[0].State != "activated" || d.CPs[0].Site != "Norte" || d.CPs[0].Events == nil || d.CPs[0].Events.Open == nil {
		t.Fatalf("frame %s", text)
	}
	if o := d.CPs[0].Events.Open; o.Cause != "said_ko" || o.Reply != "KO: overtemp 91C" || o.Failed != 4 || o.NotJudged != 1 || o.Before != "OOOOOO" || o.Opening != "KKUK" {
		t.Errorf("incident %+v", o)
	}
	if len(d.Feed) != 5 || d.Feed[3].Kind != "incident_opened" { // three failed checks, the incident, and Central's answer
		t.Errorf("feed %+v", d.Feed)
	}
	if d.Reading == nil || d.Reading.Records == 0 || len(d.Reading.Rate) != 1 {
		t.Errorf("reading %+v", d.Reading)
	}
	if again, _ := frameText(c, at); again != "" {
		t.Errorf("a frame without a change: %s", again)
	}
}

// deltaJSONText is a delta as a page reads it.
type deltaJSONText struct {
	CPs []struct {
		State  string
		Site   string
		Events *struct {
			Open *struct {
				Cause, Before, Opening string
				Reply                  string `json:"engine_response"`
				Failed                 uint64 `json:"failed_checks"`
				NotJudged              uint64 `json:"not_judged"`
			}
		}
	}
	Feed    []struct{ Kind string }
	Reading *struct {
		Records int64
		Rate    []int
	}
}

// Of many charge points, one more OK makes no frame: ten thousand come a second.
func TestOKsOfManyMakeNoFrame(t *testing.T) {
	e := newEventSource(t)
	s := startTestSite(t, central.Options{}, e.source(), anyPort, anyPort)
	conn := s.monitor()
	for n := range 2 * maxBig {
		s.send(conn, fmt.Sprintf("EV_CP_M CP_%03d registration request", n))
		e.checks(evcp.CPID(fmt.Sprintf("CP_%03d", n)), "", "OO")
	}
	c := &frameCache{central: s.central, operations: operations.Empty(), events: e.source()}
	_, at := frameText(c, 0)
	e.checks("CP_003", "", "O")
	if text, _ := frameText(c, at); text != "" {
		t.Errorf("a frame: %s", text)
	}
	e.checks("CP_003", "", "C")
	if text, _ := frameText(c, at); !strings.Contains(text, `"streak":1`) || strings.Count(text, `"cp_id"`) != 2 {
		t.Errorf("not one charge point and one feed item: %s", text)
	}
}

// A page that names its last frame gets what came since; one that names a frame of another
// Central gets a snapshot.
func TestPageComesBackToItsFrame(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	conn := s.monitor("EV_CP_M CP_001 registration request")
	read := func(query string) (event, id string) {
		t.Helper()
		resp, err := http.Get(s.url + "api/v1/events" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			if named, found := strings.CutPrefix(lines.Text(), "event: "); found {
				event = named
			} else if id, found := strings.CutPrefix(lines.Text(), "id: "); found {
				return event, id
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
		return event, id
	}
	event, id := read("")
	if event != "snapshot" || id == "" {
		t.Fatalf("%s %s", event, id)
	}
	s.send(conn, "EV_CP_M CP_001 ENGINE_FAILURE")
	if event, _ := read("?after=" + id); event != "delta" {
		t.Errorf("after %s: %s", id, event)
	}
	for _, other := range []string{"1-1", "x", id + "0000"} {
		if event, _ := read("?after=" + other); event != "snapshot" {
			t.Errorf("after %s: %s", other, event)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
