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

// desktop is an account with somebody who fills it in.
type desktop struct {
	*account
	policy evcp.Policy
	states map[evcp.CPID]evcp.State
	made   []evcp.Event
	now    time.Time
	lying  bool // the Engine says that it answered OK all the time
}

func newDesktop(cps ...evcp.CPID) *desktop {
	d := &desktop{policy: evcp.Policy{Fall: 3, Rise: 1}, states: map[evcp.CPID]evcp.State{}, now: noon}
	d.account = newAccount(cps, 900*time.Millisecond, func(evcp.CPID, time.Time, time.Time) bool { return d.lying })
	d.zone = time.UTC
	return d
}

// checks are one a second, of CP_1; nobody has heard of them yet.
func (d *desktop) checks(all ...evcp.Status) []evcp.Event {
	first := len(d.made)
	for _, s := range all {
		d.now = d.now.Add(time.Second)
		cause := map[evcp.Status]evcp.Cause{evcp.KO: evcp.SaidKO, evcp.ConnectionError: evcp.Timeout}[s]
		o := evcp.Observation{CP: "CP_1", Kind: evcp.Checked, At: evcp.StampOf(d.now), Outcome: evcp.Outcome{Status: s, Cause: cause}}
		d.states["CP_1"], d.made = d.policy.Next(d.states["CP_1"], o, d.made)
	}
	return d.made[first:]
}

func (d *desktop) hear(events []evcp.Event) {
	for _, e := range events {
		d.event(e)
	}
}

func (d *desktop) moves(cp evcp.CPID, from, to cpstate.Availability, why cpstate.Reason) central.Change {
	return central.Change{CP: cp, From: from, To: to, Reason: why, At: d.now, Lasted: 45 * time.Second}
}

func (d *desktop) expect(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, l := range d.lines {
		got = append(got, l.shape.Mark()+" "+string(l.cp)+" "+l.text)
	}
	d.lines = nil
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

const (
	isOK   = evcp.OK
	isKO   = evcp.KO
	isMute = evcp.ConnectionError
)

func TestAllUpIsToldOnce(t *testing.T) {
	d := newDesktop("CP_1", "CP_2")
	d.change(d.moves("CP_1", cpstate.Unregistered, cpstate.Activated, cpstate.Registered))
	d.expect(t)
	d.change(d.moves("CP_2", cpstate.Unregistered, cpstate.Activated, cpstate.Registered))
	d.change(d.moves("CP_9", cpstate.Unregistered, cpstate.Activated, cpstate.Registered)) // a visitor
	d.expect(t, "●  2 of 2 activated")
}

// Central and the Monitor are heard in either order; the line is the same.
func TestAFaultAndItsEnd(t *testing.T) {
	for _, centralFirst := range []bool{false, true} {
		d := newDesktop("CP_1")
		failed := d.checks(isOK, isKO, isKO, isKO)
		down := d.moves("CP_1", cpstate.Activated, cpstate.Faulted, cpstate.EngineFailure)
		well := d.checks(isKO, isOK)
		up := d.moves("CP_1", cpstate.Faulted, cpstate.Activated, cpstate.EngineRecovered)
		both := func(events []evcp.Event, c central.Change) {
			if centralFirst {
				d.change(c)
				d.expect(t)
			}
			d.hear(events)
			if !centralFirst {
				d.expect(t)
				d.change(c)
			}
		}
		both(failed, down)
		d.expect(t, "▲ CP_1 faulted: says KO, 3 checks in a row since 12:00:02")
		both(well, up)
		d.expect(t, "● CP_1 activated after 4s")
		if f := d.figures; f.Checks != 6 || f.Faults != 1 || f.Told != 1 || f.Cleared != 1 || f.FalseAlarms != 0 || f.Events != 8 {
			t.Errorf("%+v", f)
		}
	}
}

// A reader of the events may be so late that the fault is over already.
func TestAFaultThatIsOverWhenItIsTold(t *testing.T) {
	d := newDesktop("CP_1")
	d.hear(d.checks(isMute, isMute, isMute, isOK))
	d.change(d.moves("CP_1", cpstate.Activated, cpstate.Faulted, cpstate.EngineFailure))
	d.change(d.moves("CP_1", cpstate.Faulted, cpstate.Activated, cpstate.EngineRecovered))
	d.expect(t, "▲ CP_1 faulted: no answer in 900ms, 3 checks since 12:00:01", "● CP_1 activated after 3s")
}

func TestTwoAreNotThree(t *testing.T) {
	d := newDesktop("CP_1")
	d.hear(d.checks(isOK, isKO, isKO, isOK, isMute, isOK))
	d.expect(t, "· CP_1 OK again after 2 failed checks; nothing to report", "· CP_1 OK again after 1 failed check; nothing to report")
}

func TestFalseAlarmsAreCounted(t *testing.T) {
	d := newDesktop("CP_1")
	d.lying = true
	d.hear(d.checks(isKO, isKO, isKO))
	d.change(d.moves("CP_1", cpstate.Activated, cpstate.Faulted, cpstate.EngineFailure))
	if d.figures.FalseAlarms != 1 {
		t.Errorf("%+v", d.figures)
	}
}

// What Central says and no Monitor explains is told in Central's words, and held
// against the Engine.
func TestAFaultThatNoMonitorExplains(t *testing.T) {
	d := newDesktop("CP_1")
	d.lying = true
	d.change(d.moves("CP_1", cpstate.Activated, cpstate.Faulted, cpstate.EngineFailure))
	d.settle(d.now.Add(time.Second))
	d.expect(t)
	d.settle(d.now.Add(3 * time.Second))
	d.expect(t, "▲ CP_1 faulted: ENGINE_FAILURE")
	d.change(d.moves("CP_1", cpstate.Faulted, cpstate.Activated, cpstate.HeartbeatOK))
	d.settle(d.now.Add(3 * time.Second))
	d.expect(t, "● CP_1 activated after 45s")
	if f := d.figures; f.Told != 1 || f.Cleared != 1 || f.FalseAlarms != 1 || f.Faults != 0 {
		t.Errorf("%+v", f)
	}
}

// A Monitor that is lost while its Engine is faulted: one fault, one loss.
func TestALossInTheMiddleOfAFault(t *testing.T) {
	d := newDesktop("CP_1")
	d.hear(d.checks(isKO, isKO, isKO))
	d.change(d.moves("CP_1", cpstate.Activated, cpstate.Faulted, cpstate.EngineFailure))
	d.change(d.moves("CP_1", cpstate.Faulted, cpstate.Disconnected, cpstate.ConnectionLost))
	d.change(d.moves("CP_1", cpstate.Disconnected, cpstate.Faulted, cpstate.EngineFailure))
	d.hear(d.checks(isOK))
	d.change(d.moves("CP_1", cpstate.Faulted, cpstate.Activated, cpstate.EngineRecovered))
	fault := "▲ CP_1 faulted: says KO, 3 checks in a row since 12:00:01"
	d.expect(t, fault, "○ CP_1 disconnected: its Monitor left without a word", fault, "● CP_1 activated after 3s")
	if f := d.figures; f.Told != 1 || f.Cleared != 1 || f.LostTold != 1 || f.Returned != 1 {
		t.Errorf("%+v", f)
	}
}

func TestAStallIsToldOnceForAll(t *testing.T) {
	d := newDesktop("CP_1", "CP_2")
	for _, cp := range []evcp.CPID{"CP_1", "CP_2"} {
		d.event(evcp.Event{CP: cp, Action: evcp.MonitorStalled, At: evcp.StampOf(noon), Seq: 1, Span: 1200 * time.Millisecond})
	}
	d.expect(t, "?  this program stood still for 1.2s; no Engine is blamed")
}

func record(e evcp.Event) []byte { return e.AppendJSON(nil) }

func TestABacklogIsToldWhenItIsThere(t *testing.T) {
	d := newDesktop("CP_1")
	all := d.checks(isOK, isOK, isOK, isOK)
	d.hear(all)
	d.arrive(record(all[0]))
	d.thaw()
	d.expect(t)
	for _, e := range []evcp.Event{all[1], all[2], all[1], all[2]} {
		d.arrive(record(e))
	}
	d.arrive([]byte("a stranger's record"))
	d.expect(t)
	d.arrive(record(all[3]))
	d.expect(t, "· "+" broker back: 3 events sent, none lost")
	if f := d.figures; f.Events != 4 || f.Arrived != 4 || f.Twice != 2 || f.Gaps != 0 {
		t.Errorf("%+v", f)
	}
}

func TestALossIsAdmitted(t *testing.T) {
	d := newDesktop("CP_1")
	all := d.checks(isOK, isOK, isOK)
	d.hear(all)
	d.arrive(record(all[0]))
	d.thaw()
	d.arrive(record(all[2]))
	d.expect(t, "▲  broker back: 2 events sent, 1 missing")
	if f := d.figures; f.Arrived != 2 || f.Gaps != 1 {
		t.Errorf("%+v", f)
	}
}

func TestNothingWaitedForTheBroker(t *testing.T) {
	d := newDesktop("CP_1")
	all := d.checks(isOK)
	d.hear(all)
	d.arrive(record(all[0]))
	d.thaw()
	d.expect(t, "·  broker back: 0 events sent, none lost")
}
