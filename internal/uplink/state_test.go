package uplink

import (
	"reflect"
	"testing"
	"time"

	"evcp"
	"evcp/internal/outbox"
	"evcp/internal/wire"
)

var schedule = Schedule{Heartbeat: 5 * time.Second, ReportEvery: 30 * time.Second}

// dialogue plays a session with a Central that exists only as its replies.
type dialogue struct {
	t   *testing.T
	s   SessionState
	now Instant
}

func newDialogue(t *testing.T) *dialogue {
	t.Helper()
	return &dialogue{t: t, now: Instant(longAgo)}
}

// expect waits for the next message, which must be of op, and answers it. The text "-"
// is no reply on a connection, "x" a dial that failed, and one that begins with ? a
// reply that came damaged.
func (d *dialogue) expect(op Operation, text string) Outbound {
	d.t.Helper()
	m := d.next()
	if m.Operation != op {
		d.t.Fatalf("sends operation %d, want %d", m.Operation, op)
	}
	d.reply(m, text)
	return m
}

// next lets time pass until there is something to send.
func (d *dialogue) next() Outbound {
	m, wake := schedule.Next(d.s, d.now)
	for m.Operation == NoOperation && wake != 0 {
		d.now = wake
		m, wake = schedule.Next(d.s, d.now)
	}
	return m
}

func (d *dialogue) reply(m Outbound, text string) {
	reply := SendResult{Text: text, Received: true, Connected: true}
	switch {
	case text == "-":
		reply = SendResult{Connected: true, Cause: evcp.Timeout}
	case text == "x":
		reply = SendResult{Cause: evcp.Refused}
	case text[0] != '?':
		var central wire.CentralReply
		central.Feed([]byte(text), true)
		reply.Text, reply.Verdict = central.Text(), judge(m, &central)
	}
	d.s.Replied(m, reply, d.now, 0.999)
}

func (d *dialogue) apply(e evcp.Event) {
	d.s.Apply(outbox.Fact{Pos: int64(e.Seq), Incident: e.Incident, At: e.At, Action: e.Action})
}

// at is when the event of that number happened.
func at(seq uint64) evcp.Stamp { return evcp.Stamp(seq) * 1e6 }

func failed(seq uint64) evcp.Event {
	return evcp.Event{Action: evcp.EngineFailed, At: at(seq), Epoch: 1, Seq: seq, Incident: evcp.EventID{Epoch: 1, Seq: seq}}
}

func recovered(seq, incident uint64) evcp.Event {
	return evcp.Event{Action: evcp.EngineRecovered, At: at(seq), Epoch: 1, Seq: seq, Incident: evcp.EventID{Epoch: 1, Seq: incident}}
}

func receipt(seq, incident uint64, action evcp.Action) evcp.Event {
	return evcp.Event{Action: action, At: at(seq), Epoch: 1, Seq: seq, Incident: evcp.EventID{Epoch: 1, Seq: incident}}
}

func TestAnIncidentIsReportedAndRepeated(t *testing.T) {
	d := newDialogue(t)
	d.expect(Register, "Authentication successful")
	d.expect(Heartbeat, "OK")
	d.apply(failed(5))
	d.expect(ReportFailure, "Failure report received")
	reported := d.now
	d.apply(receipt(6, 5, evcp.ReportEngineFailure))
	for range 5 {
		d.expect(Heartbeat, "OK")
	}
	if r := d.expect(ReportFailure, "Failure report received"); r.Repeat != 1 || d.now.sub(reported) != 30*time.Second {
		t.Errorf("repeat %d after %s", r.Repeat, d.now.sub(reported))
	}
	d.apply(recovered(9, 5))
	d.expect(ReportRecovery, "Recovery report received")
	d.apply(receipt(10, 5, evcp.ReportEngineRecovery))
	for range 20 {
		d.expect(Heartbeat, "OK")
	}
}

// TestAnIncidentNumberedAnewIsReportedOnce has a disk that refuses after the receipts
// came: the same incidents return under other event ids.
func TestAnIncidentNumberedAnewIsReportedOnce(t *testing.T) {
	anew := func(e evcp.Event) evcp.Event {
		e.Epoch, e.Incident.Epoch = 2, 2
		return e
	}
	d := newDialogue(t)
	d.expect(Register, "Authentication successful")
	d.expect(Heartbeat, "OK")
	d.apply(failed(5))
	d.expect(ReportFailure, "Failure report received")
	d.apply(recovered(6, 5))
	d.apply(failed(7))
	d.expect(ReportRecovery, "Recovery report received")
	d.expect(ReportFailure, "Failure report received")
	d.apply(recovered(9, 7))
	for _, e := range []evcp.Event{failed(5), recovered(6, 5), failed(7), recovered(9, 7)} {
		d.apply(anew(e))
	}
	if r := d.expect(ReportRecovery, "Recovery report received"); r.Incident.Epoch != 2 {
		t.Errorf("reported under its old id %v", r.Incident)
	}
	for range 20 {
		d.expect(Heartbeat, "OK")
	}
	for _, e := range []evcp.Event{
		receipt(10, 5, evcp.ReportEngineFailure), receipt(11, 5, evcp.ReportEngineRecovery),
		receipt(12, 7, evcp.ReportEngineFailure), receipt(13, 7, evcp.ReportEngineRecovery),
	} {
		d.apply(anew(e))
	}
	if d.s.Reports != nil {
		t.Errorf("%+v is not known to be kept", d.s.Reports)
	}
}

// TestReportsAfterAnOutageOfCentral sends failures and recoveries of the outage in
// order, and does not repeat what is over.
func TestReportsAfterAnOutageOfCentral(t *testing.T) {
	d := newDialogue(t)
	d.apply(failed(5))
	d.apply(recovered(8, 5))
	d.apply(failed(12))
	for range 5 {
		d.expect(Register, "x")
	}
	if !d.s.Away {
		t.Error("no outage")
	}
	d.expect(Register, "Authentication successful")
	d.expect(ReportFailure, "Failure report received")
	d.expect(ReportRecovery, "Recovery report received")
	if r := d.expect(ReportFailure, "Failure report received"); r.Incident.Seq != 12 || r.Repeat != 0 {
		t.Errorf("reported %+v", r)
	}
	d.expect(Heartbeat, "OK")
	d.apply(recovered(14, 12))
	d.apply(failed(15))
	d.apply(recovered(16, 15))
	d.expect(ReportRecovery, "Recovery report received")
	d.expect(ReportFailure, "Failure report received")
	d.expect(ReportRecovery, "Recovery report received")
	for range 20 {
		d.expect(Heartbeat, "OK")
	}
}

// TestARepeatHasTheNewID repeats under the id that the incident got when the disk had
// refused the first one, and backs off as any report when Central does not accept it.
func TestARepeatHasTheNewID(t *testing.T) {
	d := newDialogue(t)
	d.expect(Register, "OK")
	d.apply(failed(5))
	d.expect(ReportFailure, "received")
	again := failed(5)
	again.Epoch, again.Incident.Epoch = 2, 2
	d.apply(again)
	for {
		m := d.next()
		if m.Operation == ReportFailure && (m.Repeat != 1 || m.Incident.Epoch != 2) {
			t.Errorf("repeats %+v", m)
		}
		if m.Operation == ReportFailure {
			break
		}
		d.reply(m, "OK")
	}
	began := d.now
	for sent := 0; sent < 8; {
		m := d.next()
		answer := "OK"
		if m.Operation == ReportFailure {
			answer = "ERROR database"
			sent++
		}
		d.reply(m, answer)
	}
	if took := d.now.sub(began); took < 10*time.Second {
		t.Errorf("sent 8 times within %s", took)
	}
}

func TestRegistrationAfterCentralRestarted(t *testing.T) {
	d := newDialogue(t)
	d.expect(Register, "OK")
	for _, seq := range []uint64{5, 7} { // once is a restart, and so is once again later
		d.apply(failed(seq))
		asked := d.now
		d.expect(ReportFailure, "KO not registered")
		d.expect(Register, "OK")
		if d.now != asked {
			t.Errorf("registers %s later", d.now.sub(asked))
		}
		d.expect(ReportFailure, "Failure report received")
	}
	d.expect(Heartbeat, "KO not registered")
	d.expect(Register, "OK")
	if before := d.now; true {
		d.expect(Heartbeat, "OK")
		if d.now != before {
			t.Error("the first heartbeat after the registration is late")
		}
	}
}

func TestAnUnansweredHeartbeatIsNoOutage(t *testing.T) {
	d := newDialogue(t)
	d.expect(Register, "OK")
	d.expect(Heartbeat, "-")
	d.expect(Heartbeat, "-")
	if d.s.Away || !d.s.Registered {
		t.Errorf("%+v", d.s)
	}
	d.expect(Heartbeat, "x")
	if !d.s.Away || d.s.Registered {
		t.Errorf("a heartbeat that could not be sent: %+v", d.s)
	}
	d.expect(Register, "OK")
}

func TestAReportWithoutAnAnswerIsAnOutage(t *testing.T) {
	d := newDialogue(t)
	d.expect(Register, "OK")
	d.apply(failed(5))
	d.expect(ReportFailure, "-")
	d.expect(Register, "OK")
	if r := d.expect(ReportFailure, "received"); r.Repeat != 0 {
		t.Errorf("an unanswered report was counted: repeat %d", r.Repeat)
	}
}

func TestARejectedRegistrationIsRetriedAfterAMinute(t *testing.T) {
	d := newDialogue(t)
	d.expect(Register, "Authentication denied: unknown charging point CP_001")
	if refused := (SessionState{Refused: true, RetryAt: d.s.RetryAt}); !reflect.DeepEqual(d.s, refused) {
		t.Errorf("after the rejection: %+v", d.s)
	}
	before := d.now
	d.expect(Register, "OK")
	if accepted := (SessionState{Registered: true, RegisteredBefore: true}); !reflect.DeepEqual(d.s, accepted) {
		t.Errorf("after the acceptance: %+v", d.s)
	}
	if waited := d.now.sub(before); waited != time.Minute {
		t.Errorf("asked again after %s", waited)
	}
}

// TestARejectedReportIsSentAgain with a growing backoff, and is never lost. Heartbeats
// go on meanwhile.
func TestARejectedReportIsSentAgain(t *testing.T) {
	for _, answer := range []string{"ERROR database", "?Failure report received", "HTTP/1.1 200 OK"} {
		d := newDialogue(t)
		d.expect(Register, "OK")
		d.expect(Heartbeat, "OK")
		d.apply(failed(5))
		began, beat := d.now, d.now
		for sent := 0; d.s.pending() > 0; {
			m := d.next()
			if silent := d.now.sub(beat); silent > schedule.Heartbeat {
				t.Fatalf("%s: no heartbeat for %s", answer, silent)
			}
			switch m.Operation {
			case Heartbeat:
				beat = d.now
				d.reply(m, "OK")
			case ReportFailure:
				if sent++; sent == 20 {
					answer = "received"
				}
				d.reply(m, answer)
			default:
				t.Fatalf("%s: sends operation %d", answer, m.Operation)
			}
		}
		if took := d.now.sub(began); took < time.Minute {
			t.Errorf("%s: sent 20 times within %s", answer, took)
		}
	}
}

// TestADamagedReplyChangesNothing has a Central whose frames come damaged: they accept,
// reject and forget nobody.
func TestADamagedReplyChangesNothing(t *testing.T) {
	d := newDialogue(t)
	d.expect(Register, "?Authentication successful")
	d.expect(Register, "?Authentication denied")
	if d.s.Registered || d.s.Refused || d.s.Away {
		t.Errorf("%+v", d.s)
	}
	d.expect(Register, "OK")
	d.expect(Heartbeat, "?KO not registered")
	d.expect(Heartbeat, "OK")
}

// TestACentralThatForgetsAtOnce is not asked in a tight loop.
func TestACentralThatForgetsAtOnce(t *testing.T) {
	d := newDialogue(t)
	d.expect(Register, "OK")
	d.apply(failed(5))
	began := d.now
	for range 8 {
		d.expect(ReportFailure, "not registered")
		d.expect(Register, "OK")
	}
	if took := d.now.sub(began); took < 10*time.Second {
		t.Errorf("asked 8 times within %s", took)
	}
}

// TestARestartSendsNoReportAgain whose receipt is kept.
func TestARestartSendsNoReportAgain(t *testing.T) {
	d := newDialogue(t)
	d.apply(failed(5))
	d.apply(receipt(6, 5, evcp.ReportEngineFailure))
	d.apply(recovered(8, 5))
	d.expect(Register, "OK")
	d.expect(ReportRecovery, "Recovery report received")
	d.expect(Heartbeat, "OK")
}

func TestHeartbeatAndRepeatsSwitchedOff(t *testing.T) {
	var silent Schedule
	s := SessionState{Registered: true, Reports: &ReportState{Repeating: true}}
	if m, wake := silent.Next(s, Instant(longAgo)); m.Operation != NoOperation || wake != 0 {
		t.Errorf("sends operation %d, wakes %d", m.Operation, wake)
	}
}

// TestNumberedAnewOnItsWay: the disk refuses a failure whose report is on its way. The receipt is
// for the failure under its new number too.
func TestNumberedAnewOnItsWay(t *testing.T) {
	d := newDialogue(t)
	d.expect(Register, "Authentication successful")
	d.expect(Heartbeat, "OK")
	d.apply(failed(5))
	m := d.next()
	again := failed(5)
	again.Epoch, again.Incident.Epoch = 2, 2
	d.apply(again)
	d.reply(m, "Failure report received")
	if r := d.s.Reports; len(r.Queue) != 0 || len(r.Unkept) != 1 || r.Unkept[0].Incident != again.Incident || r.Last.Incident != again.Incident {
		t.Errorf("after the receipt: %+v", r)
	}
	d.s.LastHeartbeat = d.now.add(time.Hour) // so that the repeat is next
	m = d.next()
	again.Epoch, again.Incident.Epoch = 3, 3
	d.apply(again)
	d.reply(m, "Failure report received")
	if r := d.s.Reports; r.Last.Incident != again.Incident || r.Repeat != 1 {
		t.Errorf("after the receipt of the repeat: %+v", r)
	}
}
