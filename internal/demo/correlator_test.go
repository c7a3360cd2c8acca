package demo

import (
	"slices"
	"testing"
	"time"

	"evcp"
	"evcp/internal/central"
	"evcp/internal/central/cpstate"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// reports makes what Monitors and Central would report, for a correlator under test.
type reports struct {
	*correlator
	policy     evcp.Policy
	states     map[evcp.CPID]evcp.State
	made       []evcp.Event
	now        time.Time
	answeredOK bool // what the Engine recorded, always
}

func newReports(cps ...evcp.CPID) *reports {
	r := &reports{policy: evcp.Policy{Fall: 3, Rise: 1}, states: map[evcp.CPID]evcp.State{}, now: noon}
	r.correlator = newCorrelator(cps, 900*time.Millisecond, func(evcp.CPID, time.Time, time.Time) bool { return r.answeredOK })
	r.zone = time.UTC
	return r
}

// checks makes the events of checks of CP_1, one a second. They are not yet given
// to the correlator.
func (r *reports) checks(all ...evcp.Status) []evcp.Event {
	first := len(r.made)
	for _, s := range all {
		r.now = r.now.Add(time.Second)
		cause := map[evcp.Status]evcp.Cause{evcp.KO: evcp.SaidKO, evcp.ConnectionError: evcp.Timeout}[s]
		o := evcp.Observation{CP: "CP_1", Kind: evcp.Checked, At: evcp.StampOf(r.now), Outcome: evcp.Outcome{Status: s, Cause: cause}}
		r.states["CP_1"], r.made = r.policy.Next(r.states["CP_1"], o, r.made)
	}
	return r.made[first:]
}

func (r *reports) events(all []evcp.Event) {
	for _, e := range all {
		r.event(e)
	}
}

func (r *reports) changeOf(cp evcp.CPID, from, to cpstate.Availability, why cpstate.Reason) central.Change {
	return central.Change{CP: cp, From: from, To: to, Reason: why, At: r.now, Lasted: 45 * time.Second}
}

func (r *reports) expect(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, l := range r.lines {
		got = append(got, l.shape.Mark()+" "+string(l.cp)+" "+l.text)
	}
	r.lines = nil
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

const (
	isOK   = evcp.OK
	isKO   = evcp.KO
	isMute = evcp.ConnectionError
)

func TestAllActivatedIsLoggedOnce(t *testing.T) {
	r := newReports("CP_1", "CP_2")
	r.change(r.changeOf("CP_1", cpstate.Unregistered, cpstate.Activated, cpstate.Registered))
	r.expect(t)
	r.change(r.changeOf("CP_2", cpstate.Unregistered, cpstate.Activated, cpstate.Registered))
	r.change(r.changeOf("CP_9", cpstate.Unregistered, cpstate.Activated, cpstate.Registered)) // of a Monitor that is not ours
	r.expect(t, "●  2 of 2 activated")
}

// The reports of Central and of the Monitor arrive in either order; the line is the
// same.
func TestFaultAndRecovery(t *testing.T) {
	for _, centralFirst := range []bool{false, true} {
		r := newReports("CP_1")
		failed := r.checks(isOK, isKO, isKO, isKO)
		down := r.changeOf("CP_1", cpstate.Activated, cpstate.Faulted, cpstate.EngineFailure)
		well := r.checks(isKO, isOK)
		up := r.changeOf("CP_1", cpstate.Faulted, cpstate.Activated, cpstate.EngineRecovered)
		both := func(events []evcp.Event, c central.Change) {
			if centralFirst {
				r.change(c)
				r.expect(t)
			}
			r.events(events)
			if !centralFirst {
				r.expect(t)
				r.change(c)
			}
		}
		both(failed, down)
		r.expect(t, "▲ CP_1 faulted: says KO, 3 checks in a row since 12:00:02")
		both(well, up)
		r.expect(t, "● CP_1 activated after 4s")
		if f := r.figures; f.Checks != 6 || f.Faults != 1 || f.FaultsShown != 1 || f.Cleared != 1 || f.FalseAlarms != 0 || f.Events != 8 {
			t.Errorf("%+v", f)
		}
	}
}

// The events may come before Central's changes, those of the recovery too.
func TestFaultThatIsOverWhenCentralReportsIt(t *testing.T) {
	r := newReports("CP_1")
	r.events(r.checks(isMute, isMute, isMute, isOK))
	r.change(r.changeOf("CP_1", cpstate.Activated, cpstate.Faulted, cpstate.EngineFailure))
	r.change(r.changeOf("CP_1", cpstate.Faulted, cpstate.Activated, cpstate.EngineRecovered))
	r.expect(t, "▲ CP_1 faulted: no answer in 900ms, 3 checks since 12:00:01", "● CP_1 activated after 3s")
}

func TestTooFewFailuresAreANote(t *testing.T) {
	r := newReports("CP_1")
	r.events(r.checks(isOK, isKO, isKO, isOK, isMute, isOK))
	r.expect(t, "· CP_1 OK again after 2 failed checks; nothing to report", "· CP_1 OK again after 1 failed check; nothing to report")
}

func TestFalseAlarm(t *testing.T) {
	r := newReports("CP_1")
	r.answeredOK = true
	r.events(r.checks(isKO, isKO, isKO))
	r.change(r.changeOf("CP_1", cpstate.Activated, cpstate.Faulted, cpstate.EngineFailure))
	if r.figures.FalseAlarms != 1 {
		t.Errorf("%+v", r.figures)
	}
}

// A fault at Central without a Monitor's event is logged by itself after a while,
// and compared with what the Engine replied.
func TestFaultWithoutAnEvent(t *testing.T) {
	r := newReports("CP_1")
	r.answeredOK = true
	r.change(r.changeOf("CP_1", cpstate.Activated, cpstate.Faulted, cpstate.EngineFailure))
	r.expire(r.now.Add(time.Second))
	r.expect(t)
	r.expire(r.now.Add(3 * time.Second))
	r.expect(t, "▲ CP_1 faulted: ENGINE_FAILURE")
	r.change(r.changeOf("CP_1", cpstate.Faulted, cpstate.Activated, cpstate.HeartbeatOK))
	r.expire(r.now.Add(3 * time.Second))
	r.expect(t, "● CP_1 activated after 45s")
	if f := r.figures; f.FaultsShown != 1 || f.Cleared != 1 || f.FalseAlarms != 1 || f.Faults != 0 {
		t.Errorf("%+v", f)
	}
}

// A Monitor that is lost while its Engine is faulted: one fault, one loss.
func TestMonitorLostWhileFaulted(t *testing.T) {
	r := newReports("CP_1")
	r.events(r.checks(isKO, isKO, isKO))
	r.change(r.changeOf("CP_1", cpstate.Activated, cpstate.Faulted, cpstate.EngineFailure))
	r.change(r.changeOf("CP_1", cpstate.Faulted, cpstate.Disconnected, cpstate.ConnectionLost))
	r.change(r.changeOf("CP_1", cpstate.Disconnected, cpstate.Faulted, cpstate.EngineFailure))
	r.events(r.checks(isOK))
	r.change(r.changeOf("CP_1", cpstate.Faulted, cpstate.Activated, cpstate.EngineRecovered))
	fault := "▲ CP_1 faulted: says KO, 3 checks in a row since 12:00:01"
	r.expect(t, fault, "○ CP_1 disconnected: its Monitor left without a word", fault, "● CP_1 activated after 3s")
	if f := r.figures; f.FaultsShown != 1 || f.Cleared != 1 || f.KillsShown != 1 || f.Returned != 1 {
		t.Errorf("%+v", f)
	}
}

func TestStallOfAllMonitorsIsLoggedOnce(t *testing.T) {
	r := newReports("CP_1", "CP_2")
	for _, cp := range []evcp.CPID{"CP_1", "CP_2"} {
		r.event(evcp.Event{CP: cp, Action: evcp.MonitorStalled, At: evcp.StampOf(noon), Seq: 1, Span: 1200 * time.Millisecond})
	}
	r.expect(t, "?  this program stood still for 1.2s; no Engine is blamed")
}

func recordOf(e evcp.Event) []byte { return e.AppendJSON(nil) }

func TestBacklogIsLoggedWhenDelivered(t *testing.T) {
	r := newReports("CP_1")
	all := r.checks(isOK, isOK, isOK, isOK)
	r.events(all)
	r.record(recordOf(all[0]))
	r.brokerBack()
	r.expect(t)
	for _, e := range []evcp.Event{all[1], all[2], all[1], all[2]} {
		r.record(recordOf(e))
	}
	r.record([]byte("no event"))
	r.expect(t)
	r.record(recordOf(all[3]))
	r.expect(t, "· "+" broker back: 3 events sent, none lost")
	if f := r.figures; f.Events != 4 || f.Arrived != 4 || f.Repeated != 2 || f.Missing != 0 {
		t.Errorf("%+v", f)
	}
}

func TestMissingEventsAreLogged(t *testing.T) {
	r := newReports("CP_1")
	all := r.checks(isOK, isOK, isOK)
	r.events(all)
	r.record(recordOf(all[0]))
	r.brokerBack()
	r.record(recordOf(all[2]))
	r.expect(t, "▲  broker back: 2 events sent, 1 missing")
	if f := r.figures; f.Arrived != 2 || f.Missing != 1 {
		t.Errorf("%+v", f)
	}
}

func TestNoBacklog(t *testing.T) {
	r := newReports("CP_1")
	all := r.checks(isOK)
	r.events(all)
	r.record(recordOf(all[0]))
	r.brokerBack()
	r.expect(t, "·  broker back: 0 events sent, none lost")
}
