package archive

import (
	"log/slog"
	"testing"
	"time"

	"evcp"
	"evcp/internal/history"
	"evcp/internal/kafka"
)

// After a restart what the events say goes on where the file has it: the incident with its
// first failed check, cause and counts, and that Central was told.
func TestEventStatesGoOnAfterARestart(t *testing.T) {
	dir := t.TempDir()
	open := func() *Archive {
		t.Helper()
		a, err := Open(dir, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	p := evcp.Policy{Fall: 3, Rise: 1, Instance: "x", Interval: time.Second, Timeout: 900 * time.Millisecond, Site: "Norte"}
	var s evcp.State
	begin, offset := time.Now().Add(-time.Minute), int64(0)
	tell := func(a *Archive, all ...evcp.Observation) {
		t.Helper()
		var batch kafka.ReadBatch
		for _, o := range all {
			o.CP = "CP_001"
			var events []evcp.Event
			s, events = p.Next(s, o, nil)
			for i := range events {
				batch.Records = append(batch.Records, kafka.TopicRecord{Offset: offset, Value: events[i].AppendJSON(nil)})
				offset++
			}
		}
		if err := a.Take(batch); err != nil {
			t.Fatal(err)
		}
	}
	checked := func(second int, o evcp.Outcome) evcp.Observation {
		return evcp.Observation{Kind: evcp.Checked, At: evcp.StampOf(begin.Add(time.Duration(second) * time.Second)), Outcome: o}
	}
	refused := evcp.Outcome{Status: evcp.ConnectionError, Cause: evcp.Refused}
	a := open()
	tell(a, evcp.Observation{Kind: evcp.Started, At: evcp.StampOf(begin), Version: "test"}, checked(1, evcp.Outcome{Status: evcp.OK, Response: "OK"}),
		checked(2, refused), checked(3, refused), checked(4, refused))
	first, _ := a.EventStates().CP("CP_001")
	if first.Open == nil || first.Open.Failed != 3 {
		t.Fatalf("%+v", first.Open)
	}
	tell(a, evcp.Observation{Kind: evcp.FailureReported, At: evcp.StampOf(begin.Add(4100 * time.Millisecond)), Incident: first.Open.ID, Latency: 4 * time.Millisecond})
	if err := a.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = open()
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	tell(a, checked(5, refused))
	now, _ := a.EventStates().CP("CP_001")
	if now.Open == nil || now.Site != "Norte" {
		t.Fatalf("after the restart %+v", now)
	}
	if o := now.Open; o.ID != first.Open.ID || o.Since != first.Open.Since || o.Cause != "refused" || o.Failed != 4 || o.AnsweredIn != 4*time.Millisecond || o.Told == 0 {
		t.Errorf("after the restart %+v, before it %+v", o, first.Open)
	}
}

// A reader that comes late is told how many feed items it has missed, and of each charge point
// once.
func TestEventStatesOfASlowReader(t *testing.T) {
	p := newEventStates()
	at := p.Since(EventStatesPosition{}).Next
	now := time.Now()
	for n := range 3 * maxFeedItems {
		r := history.ParsedRecord{CP: "CP_001", Epoch: 1, At: evcp.StampOf(now), IsCheck: true, CheckCause: evcp.Refused}
		r.Seq, r.Action, r.Status = uint64(n+1), evcp.HealthCheck, evcp.ConnectionError
		r.Record.At = r.At
		p.take(r, now)
	}
	d := p.Since(at)
	if len(d.CPs) != 1 || uint64(len(d.Feed))+d.Missed != 3*maxFeedItems || len(d.Feed) > 2*maxFeedItems {
		t.Errorf("%d charge points, %d feed items, %d missed", len(d.CPs), len(d.Feed), d.Missed)
	}
	if a := p.Arrivals(now.Add(time.Second)); a.Rate[len(a.Rate)-1] != 3*maxFeedItems || a.Last.IsZero() {
		t.Errorf("arrivals %+v", a)
	}
	if again := p.Since(d.Next); len(again.CPs)+len(again.Feed) > 0 {
		t.Errorf("told twice: %+v", again)
	}
}
