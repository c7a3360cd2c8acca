package uplink

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"evcp"
	"evcp/internal/pace"
	"evcp/internal/wire"
)

var manner = Schedule{Heartbeat: 5 * time.Second, ReportEvery: 30 * time.Second, RefusalRetry: time.Minute, Backoff: pace.Outage}

// talk plays a conversation with a Central that exists only as its answers.
type talk struct {
	t   *testing.T
	p   SessionState
	now time.Time
}

func newTalk(t *testing.T) *talk {
	t.Helper()
	return &talk{t: t, now: time.Unix(1640000000, 0)}
}

// says checks what is said next, and hears the answer. An answer of "-" is none
// on a connection, "x" a dial that failed, and one that begins with ? is no answer of
// Central's, whatever it says.
func (k *talk) says(want wire.Verb, answer string) Report {
	k.t.Helper()
	say, r := k.next()
	if say != want {
		k.t.Fatalf("says %q, want %q", say, want)
	}
	k.hears(say, r, answer)
	return r
}

// next lets time pass until something is said.
func (k *talk) next() (wire.Verb, Report) {
	say, r, wake := manner.Next(k.p, k.now)
	for say == wire.NoVerb && !wake.IsZero() {
		k.now = wake
		say, r, wake = manner.Next(k.p, k.now)
	}
	return say, r
}

func (k *talk) hears(say wire.Verb, r Report, answer string) {
	a := Reply{Text: answer, Received: true, Connected: true}
	switch answer {
	case "-":
		a = Reply{Connected: true, Cause: evcp.Timeout}
	case "x":
		a = Reply{Cause: evcp.Refused}
	}
	if text, unsound := strings.CutPrefix(answer, "?"); unsound {
		a.Text, a.Malformed = text, true
	}
	manner.Heard(&k.p, say, r, a, k.now, 0.999)
}

func (k *talk) learn(e evcp.Event) { k.p.Learn(e) }

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

func TestAnIncident(t *testing.T) {
	k := newTalk(t)
	k.says(wire.Registration, "Authentication successful")
	k.says(wire.Heartbeat, "OK")
	k.learn(failed(5))
	k.says(wire.EngineFailure, "Failure report received")
	told := k.now
	k.learn(receipt(6, 5, evcp.ReportEngineFailure))
	for range 5 {
		k.says(wire.Heartbeat, "OK")
	}
	if r := k.says(wire.EngineFailure, "Failure report received"); r.Repeat != 1 || k.now.Sub(told) != 30*time.Second {
		t.Errorf("repeat %d after %s", r.Repeat, k.now.Sub(told))
	}
	k.learn(recovered(9, 5))
	k.says(wire.EngineRecovered, "Recovery report received")
	k.learn(receipt(10, 5, evcp.ReportEngineRecovery))
	for range 20 {
		k.says(wire.Heartbeat, "OK")
	}
}

// TestNumberedAnew has a disk that refuses after Central was told: the same incident
// comes again by another name, and is told once.
func TestNumberedAnew(t *testing.T) {
	anew := func(e evcp.Event) evcp.Event {
		e.Epoch, e.Incident.Epoch = 2, 2
		return e
	}
	k := newTalk(t)
	k.says(wire.Registration, "Authentication successful")
	k.says(wire.Heartbeat, "OK")
	k.learn(failed(5))
	k.says(wire.EngineFailure, "Failure report received")
	k.learn(recovered(6, 5))
	k.learn(failed(7))
	k.says(wire.EngineRecovered, "Recovery report received")
	k.says(wire.EngineFailure, "Failure report received")
	k.learn(recovered(9, 7))
	for _, e := range []evcp.Event{failed(5), recovered(6, 5), failed(7), recovered(9, 7)} {
		k.learn(anew(e))
	}
	if r := k.says(wire.EngineRecovered, "Recovery report received"); r.Incident.Epoch != 2 {
		t.Errorf("told by its old name %v", r.Incident)
	}
	for range 20 {
		k.says(wire.Heartbeat, "OK")
	}
	for _, e := range []evcp.Event{
		receipt(10, 5, evcp.ReportEngineFailure), receipt(11, 5, evcp.ReportEngineRecovery),
		receipt(12, 7, evcp.ReportEngineFailure), receipt(13, 7, evcp.ReportEngineRecovery),
	} {
		k.learn(anew(e))
	}
	if len(k.p.Told) != 0 {
		t.Errorf("%v are not known to be kept", k.p.Told)
	}
}

// TestCentralWasAway tells failure and recovery that both happened meanwhile, in
// order, and does not repeat what is over.
func TestCentralWasAway(t *testing.T) {
	k := newTalk(t)
	k.learn(failed(5))
	k.learn(recovered(8, 5))
	k.learn(failed(12))
	for range 5 {
		k.says(wire.Registration, "x")
	}
	if !k.p.Away {
		t.Error("no outage")
	}
	k.says(wire.Registration, "Authentication successful")
	k.says(wire.EngineFailure, "Failure report received")
	k.says(wire.EngineRecovered, "Recovery report received")
	if r := k.says(wire.EngineFailure, "Failure report received"); r.Incident.Seq != 12 || r.Repeat != 0 {
		t.Errorf("told %+v", r)
	}
	k.says(wire.Heartbeat, "OK")
	k.learn(recovered(14, 12))
	k.learn(failed(15))
	k.learn(recovered(16, 15))
	k.says(wire.EngineRecovered, "Recovery report received")
	k.says(wire.EngineFailure, "Failure report received")
	k.says(wire.EngineRecovered, "Recovery report received")
	for range 20 {
		k.says(wire.Heartbeat, "OK")
	}
}

// TestARepeatHasTheNewName repeats by the name that the incident was given when the
// disk had refused the first, and no faster than any report when it is not taken.
func TestARepeatHasTheNewName(t *testing.T) {
	k := newTalk(t)
	k.says(wire.Registration, "OK")
	k.learn(failed(5))
	k.says(wire.EngineFailure, "received")
	again := failed(5)
	again.Epoch, again.Incident.Epoch = 2, 2
	k.learn(again)
	for {
		say, r := k.next()
		if say == wire.EngineFailure && (r.Repeat != 1 || r.Incident.Epoch != 2) {
			t.Errorf("repeats %+v", r)
		}
		if say == wire.EngineFailure {
			break
		}
		k.hears(say, r, "OK")
	}
	began := k.now
	for told := 0; told < 8; {
		say, r := k.next()
		answer := "OK"
		if say == wire.EngineFailure {
			answer = "ERROR database"
			told++
		}
		k.hears(say, r, answer)
	}
	if took := k.now.Sub(began); took < 10*time.Second {
		t.Errorf("told 8 times within %s", took)
	}
}

func TestACentralThatRestarted(t *testing.T) {
	k := newTalk(t)
	k.says(wire.Registration, "OK")
	for _, seq := range []uint64{5, 7} { // once is a restart, and so is once again later
		k.learn(failed(seq))
		asked := k.now
		k.says(wire.EngineFailure, "KO not registered")
		k.says(wire.Registration, "OK")
		if k.now != asked {
			t.Errorf("registers %s later", k.now.Sub(asked))
		}
		k.says(wire.EngineFailure, "Failure report received")
	}
	k.says(wire.Heartbeat, "KO not registered")
	k.says(wire.Registration, "OK")
	if before := k.now; true {
		k.says(wire.Heartbeat, "OK")
		if k.now != before {
			t.Error("a Central that lost us is told the state late")
		}
	}
}

func TestAnUnansweredHeartbeatIsNoOutage(t *testing.T) {
	k := newTalk(t)
	k.says(wire.Registration, "OK")
	k.says(wire.Heartbeat, "-")
	k.says(wire.Heartbeat, "-")
	if k.p.Away || !k.p.Registered {
		t.Errorf("%+v", k.p)
	}
	k.says(wire.Heartbeat, "x")
	if !k.p.Away || k.p.Registered {
		t.Errorf("a heartbeat that could not be sent: %+v", k.p)
	}
	k.says(wire.Registration, "OK")
}

func TestAReportWithoutAnAnswerIsAnOutage(t *testing.T) {
	k := newTalk(t)
	k.says(wire.Registration, "OK")
	k.learn(failed(5))
	k.says(wire.EngineFailure, "-")
	k.says(wire.Registration, "OK")
	if r := k.says(wire.EngineFailure, "received"); r.Repeat != 0 {
		t.Errorf("an unanswered report was counted: repeat %d", r.Repeat)
	}
}

func TestARefusalIsAskedAgainAfterAMinute(t *testing.T) {
	k := newTalk(t)
	k.says(wire.Registration, "Authentication denied: unknown charging point CP_001")
	if refused := (SessionState{Refused: true, RetryAt: k.p.RetryAt}); !reflect.DeepEqual(k.p, refused) {
		t.Errorf("after a refusal: %+v", k.p)
	}
	before := k.now
	k.says(wire.Registration, "OK")
	if accepted := (SessionState{Registered: true, Greeted: true}); !reflect.DeepEqual(k.p, accepted) {
		t.Errorf("after the acceptance: %+v", k.p)
	}
	if waited := k.now.Sub(before); waited != time.Minute {
		t.Errorf("asked again after %s", waited)
	}
}

// TestAReportThatIsNotTaken is told again, slower each time, and never lost. Signs
// of life go on meanwhile: what Central will not take says nothing against us.
func TestAReportThatIsNotTaken(t *testing.T) {
	for _, answer := range []string{"ERROR database", "?Failure report received", "HTTP/1.1 200 OK"} {
		k := newTalk(t)
		k.says(wire.Registration, "OK")
		k.says(wire.Heartbeat, "OK")
		k.learn(failed(5))
		began, beat := k.now, k.now
		for told := 0; len(k.p.Queue) > 0; {
			say, r := k.next()
			if silent := k.now.Sub(beat); silent > manner.Heartbeat {
				t.Fatalf("%s: no sign of life for %s", answer, silent)
			}
			switch say {
			case wire.Heartbeat:
				beat = k.now
				k.hears(say, r, "OK")
			case wire.EngineFailure:
				if told++; told == 20 {
					answer = "received"
				}
				k.hears(say, r, answer)
			default:
				t.Fatalf("%s: says %q", answer, say)
			}
		}
		if took := k.now.Sub(began); took < time.Minute {
			t.Errorf("%s: told 20 times within %s", answer, took)
		}
	}
}

// TestWhatIsNoAnswerDecidesNothing has a Central whose frames come damaged: it has
// neither accepted, nor refused, nor forgotten anybody.
func TestWhatIsNoAnswerDecidesNothing(t *testing.T) {
	k := newTalk(t)
	k.says(wire.Registration, "?Authentication successful")
	k.says(wire.Registration, "?Authentication denied")
	if k.p.Registered || k.p.Refused || k.p.Away {
		t.Errorf("%+v", k.p)
	}
	k.says(wire.Registration, "OK")
	k.says(wire.Heartbeat, "?KO not registered")
	k.says(wire.Heartbeat, "OK")
}

// TestACentralThatForgetsAtOnce is not asked in a tight circle.
func TestACentralThatForgetsAtOnce(t *testing.T) {
	k := newTalk(t)
	k.says(wire.Registration, "OK")
	k.learn(failed(5))
	began := k.now
	for range 8 {
		k.says(wire.EngineFailure, "not registered")
		k.says(wire.Registration, "OK")
	}
	if took := k.now.Sub(began); took < 10*time.Second {
		t.Errorf("asked 8 times within %s", took)
	}
}

// TestASecondLife does not tell what the first one has an answer for.
func TestASecondLife(t *testing.T) {
	k := newTalk(t)
	k.learn(failed(5))
	k.learn(receipt(6, 5, evcp.ReportEngineFailure))
	k.learn(recovered(8, 5))
	k.says(wire.Registration, "OK")
	k.says(wire.EngineRecovered, "Recovery report received")
	k.says(wire.Heartbeat, "OK")
}

func TestNever(t *testing.T) {
	silent := Schedule{RefusalRetry: time.Minute, Backoff: pace.Outage}
	p := SessionState{Registered: true, Open: true}
	if say, _, wake := silent.Next(p, time.Now()); say != wire.NoVerb || !wake.IsZero() {
		t.Errorf("says %q, wakes %s", say, wake)
	}
}
