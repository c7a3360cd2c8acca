package eventstate

import (
	"strings"
	"testing"
	"time"

	"evcp"
	"evcp/internal/history"
)

// story feeds events a second apart: O, K, C, U are checks, F and R open and close, T is the
// answer of Central, S the start of a Monitor.
type story struct {
	cp   EventState
	seq  uint64
	at   evcp.Stamp
	said []FeedKind
}

const began evcp.Stamp = 1_700_000_000_000_000

func (s *story) tell(letters string) (changes int) {
	for _, l := range letters {
		s.seq++
		r := history.ParsedRecord{CP: "CP_001", Epoch: max(s.cp.Epoch, 1)}
		r.Seq = s.seq
		if strings.ContainsRune("OKCU", l) {
			s.at = max(s.at, began).Add(time.Second)
			r.Action, r.IsCheck = evcp.HealthCheck, true
			r.Status = map[rune]evcp.Status{'O': evcp.OK, 'K': evcp.KO, 'C': evcp.ConnectionError}[l]
			if l == 'K' {
				r.CheckCause, r.Reply = evcp.SaidKO, []byte("KO: overtemp")
			}
		}
		r.At = s.at
		switch l {
		case 'F':
			r.Action, r.Incident, r.Since, r.Cause = evcp.EngineFailed, evcp.EventID{Epoch: 1, Seq: s.seq}, s.at.Add(-2*time.Second), "said_ko"
		case 'R':
			r.Action, r.Since = evcp.EngineRecovered, began
		case 'T':
			r.Action, r.Latency = evcp.ReportEngineFailure, 4*time.Millisecond
			if s.cp.Open != nil {
				r.Incident = s.cp.Open.ID
			}
		case 'S':
			r.Action, r.Interval, r.Rise, r.Site = evcp.MonitorStarted, time.Second, 1, "Norte"
		}
		what, changed := s.cp.Take(r)
		if changed {
			changes++
		}
		if what.Kind != "" {
			s.said = append(s.said, what.Kind)
		}
	}
	return changes
}

func TestIncidentAsItsEventsSay(t *testing.T) {
	var s story
	s.tell("SOOOOOOOOKKKF")
	open := s.cp.Open
	if open == nil || open.Before != "OOOOOO" || open.Opening != "KKK" || open.Failed != 3 || open.Reply != "KO: overtemp" || open.Told != 0 {
		t.Fatalf("open %+v", open)
	}
	s.tell("TKUKT")
	open = s.cp.Open
	if open.Failed != 5 || open.NotJudged != 1 || open.AnsweredIn != 4*time.Millisecond || s.cp.Outcomes(4) != "KKUK" || s.cp.Site != "Norte" {
		t.Errorf("open %+v, outcomes %s", open, s.cp.Outcomes(4))
	}
	s.tell("OR")
	if s.cp.Open != nil || s.cp.Streak != 0 {
		t.Errorf("still %+v", s.cp)
	}
	want := []FeedKind{CheckFailed, CheckFailed, CheckFailed, IncidentOpened, ReportAnswered, IncidentClosed}
	if len(s.said) != len(want) {
		t.Fatalf("said %v", s.said)
	}
	for i := range want {
		if s.said[i] != want[i] {
			t.Errorf("said %v", s.said)
		}
	}
}

// Ten thousand OKs a second must wake nobody.
func TestOKAfterOKChangesNothing(t *testing.T) {
	var s story
	s.tell("SO")
	if n := s.tell("OOOO"); n != 0 {
		t.Errorf("%d changes", n)
	}
	if n := s.tell("CO"); n != 2 {
		t.Errorf("%d changes of a failed check and the OK after it", n)
	}
	if s.said[len(s.said)-1] != OKAgain {
		t.Errorf("said %v", s.said)
	}
}

// A Monitor that stood still for less than an interval is no line of the feed.
func TestShortStallIsNoFeedItem(t *testing.T) {
	var s story
	s.tell("SO")
	for _, stood := range []struct {
		span time.Duration
		kind FeedKind
	}{{200 * time.Millisecond, ""}, {4 * time.Second, MonitorStalled}} {
		s.seq++
		r := history.ParsedRecord{CP: "CP_001", Epoch: 1, At: s.at}
		r.Seq, r.Action, r.Span = s.seq, evcp.MonitorStalled, stood.span
		if what, _ := s.cp.Take(r); what.Kind != stood.kind {
			t.Errorf("%v: %q", stood.span, what.Kind)
		}
	}
}

// An incident whose engine_recovered is missing ends with the OK after the one that would
// have closed it; a repeated event changes nothing.
func TestEndThatIsMissing(t *testing.T) {
	var s story
	s.tell("SOKKKFOO")
	if s.cp.Open != nil {
		t.Errorf("open %+v", s.cp.Open)
	}
	before := s.cp
	s.seq -= 3
	s.tell("K")
	if s.cp != before {
		t.Error("a repeated event changed something")
	}
}

// After a restart of Central the incident goes on where the history has it.
func TestResumedIncident(t *testing.T) {
	var s story
	s.cp = Resume("CP_001", 1, history.Fold{Last: 9, At: began, Check: began, Site: "Norte", Open: history.Opened{ID: evcp.EventID{Epoch: 1, Seq: 5}, Is: true, Since: began, Failed: 7}},
		[]history.Element{{Kind: history.Failed, Cause: "timeout"}, {Kind: history.Told, To: began, Span: time.Millisecond}})
	s.seq = 9
	s.tell("CC")
	if open := s.cp.Open; open.Failed != 9 || open.Cause != "timeout" || open.Told != began || open.Before != "" {
		t.Errorf("open %+v", open)
	}
}
