package cpstate

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp"
	"evcp/internal/wire"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func at(s float64) time.Time { return noon.Add(time.Duration(s * float64(time.Second))) }

// sentMessage is one message of CP_001 at a second after noon.
type sentMessage struct {
	at     float64
	verb   wire.Verb
	status evcp.Status
}

func (s sentMessage) to(c Condition) (Condition, Reply) {
	return c.Receive(wire.Message{CP: "CP_001", Verb: s.verb, Status: s.status}, at(s.at))
}

const (
	reg  = wire.Registration
	fail = wire.EngineFailure
	rec  = wire.EngineRecovered
	beat = wire.Heartbeat
	bye  = wire.Disconnect
)

func TestReceive(t *testing.T) {
	tests := []struct {
		name   string
		sent   []sentMessage
		state  Availability
		reason Reason
		since  float64
		status evcp.Status
		reply  Reply
	}{
		{"a registration activates", []sentMessage{{at: 1, verb: reg}}, Activated, Registered, 1, evcp.Unknown, Authenticated},
		{"registering again changes nothing", []sentMessage{{at: 1, verb: reg}, {at: 9, verb: reg}}, Activated, Registered, 1, evcp.Unknown, Authenticated},
		{"a report without a registration", []sentMessage{{at: 1, verb: fail}}, Unregistered, NoReason, 0, evcp.Unknown, NotRegistered},
		{"a heartbeat without a registration", []sentMessage{{1, beat, evcp.OK}}, Unregistered, NoReason, 0, evcp.Unknown, NotRegistered},
		{"a disconnect without a registration", []sentMessage{{at: 1, verb: bye}}, Unregistered, NoReason, 0, evcp.Unknown, NotRegistered},
		{"a message for an Engine", []sentMessage{{at: 1, verb: reg}, {at: 2, verb: wire.HealthCheck}}, Activated, Registered, 1, evcp.Unknown, UnknownMessage},
		{"a report faults", []sentMessage{{at: 1, verb: reg}, {at: 2, verb: fail}}, Faulted, EngineFailure, 2, evcp.Unknown, FailureReceived},
		{"a repeated report keeps the first moment", []sentMessage{{at: 1, verb: reg}, {at: 2, verb: fail}, {at: 32, verb: fail}}, Faulted, EngineFailure, 2, evcp.Unknown, FailureReceived},
		{"the heartbeat adds the cause", []sentMessage{{at: 1, verb: reg}, {at: 2, verb: fail}, {3, beat, evcp.ConnectionError}}, Faulted, EngineFailure, 2, evcp.ConnectionError, Received},
		{"an OK older than the report is dropped", []sentMessage{{at: 1, verb: reg}, {2, beat, evcp.OK}, {at: 3, verb: fail}}, Faulted, EngineFailure, 3, evcp.Unknown, FailureReceived},
		{"a recovery activates", []sentMessage{{at: 1, verb: reg}, {at: 2, verb: fail}, {3, beat, evcp.KO}, {at: 4, verb: rec}}, Activated, EngineRecovered, 4, evcp.Unknown, RecoveryReceived},
		{"a recovery of nothing changes nothing", []sentMessage{{at: 1, verb: reg}, {at: 4, verb: rec}}, Activated, Registered, 1, evcp.Unknown, RecoveryReceived},
		{"a heartbeat KO faults", []sentMessage{{at: 1, verb: reg}, {2, beat, evcp.KO}}, Faulted, HeartbeatKO, 2, evcp.KO, Received},
		{"a heartbeat CONNECTION_ERROR faults", []sentMessage{{at: 1, verb: reg}, {2, beat, evcp.ConnectionError}}, Faulted, HeartbeatConnectionError, 2, evcp.ConnectionError, Received},
		{"a heartbeat OK clears", []sentMessage{{at: 1, verb: reg}, {at: 2, verb: fail}, {3, beat, evcp.OK}}, Activated, HeartbeatOK, 3, evcp.OK, Received},
		{"MONITORING leaves a fault", []sentMessage{{at: 1, verb: reg}, {at: 2, verb: fail}, {3, beat, evcp.Monitoring}}, Faulted, EngineFailure, 2, evcp.Monitoring, Received},
		{"MONITORING leaves activated", []sentMessage{{at: 1, verb: reg}, {3, beat, evcp.Monitoring}}, Activated, Registered, 1, evcp.Monitoring, Received},
		{"a disconnect message disconnects", []sentMessage{{at: 1, verb: reg}, {at: 2, verb: bye}}, Disconnected, SaidGoodbye, 2, evcp.Unknown, Received},
		{"a heartbeat after a disconnect", []sentMessage{{at: 1, verb: reg}, {at: 2, verb: bye}, {3, beat, evcp.Monitoring}}, Activated, HeartbeatMonitoring, 3, evcp.Monitoring, Received},
		{"a fault outlasts a disconnect, with its first moment", []sentMessage{{at: 1, verb: reg}, {at: 2, verb: fail}, {at: 5, verb: bye}, {9, beat, evcp.KO}}, Faulted, EngineFailure, 2, evcp.KO, Received},
		{"where heartbeats are sent, a registration keeps a fault", []sentMessage{{at: 1, verb: reg}, {2, beat, evcp.OK}, {at: 3, verb: fail}, {at: 9, verb: reg}}, Faulted, EngineFailure, 3, evcp.Unknown, Authenticated},
		{"also when it is not the first since the last heartbeat", []sentMessage{{at: 1, verb: reg}, {2, beat, evcp.KO}, {at: 9, verb: reg}, {at: 10, verb: reg}, {at: 11, verb: reg}}, Faulted, HeartbeatKO, 2, evcp.KO, Authenticated},
		{"where none are sent, a registration clears a fault", []sentMessage{{at: 1, verb: reg}, {at: 3, verb: fail}, {at: 9, verb: reg}}, Activated, Registered, 9, evcp.Unknown, Authenticated},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var c Condition
			var reply Reply
			for _, s := range tc.sent {
				c, reply = s.to(c)
			}
			if reply != tc.reply {
				t.Errorf("reply %q, want %q", reply.Text("CP_001"), tc.reply.Text("CP_001"))
			}
			if c.State != tc.state || c.Reason != tc.reason || c.Status != tc.status {
				t.Errorf("%v (%v), heartbeat %v; want %v (%v), %v", c.State, c.Reason, c.Status, tc.state, tc.reason, tc.status)
			}
			if c.Known() && !c.Since.Equal(at(tc.since)) {
				t.Errorf("since %v, want %v", c.Since.Sub(noon), tc.since)
			}
		})
	}
}

// afterHeartbeats registers at 0 and sends heartbeats OK at these seconds.
func afterHeartbeats(seconds ...float64) Condition {
	c, _ := sentMessage{at: 0, verb: reg}.to(Condition{})
	for _, s := range seconds {
		c, _ = sentMessage{s, beat, evcp.OK}.to(c)
	}
	return c
}

func TestSilenceTimeout(t *testing.T) {
	const expected = 5 * time.Second
	relearned, _ := sentMessage{at: 100, verb: reg}.to(afterHeartbeats(5, 10, 15))
	replaced, _ := sentMessage{at: 200, verb: reg}.to(relearned)
	tests := []struct {
		name string
		cp   Condition
		want time.Duration
	}{
		{"no heartbeats: for ever", afterHeartbeats(), 0},
		{"the gap is not known yet", afterHeartbeats(5), time.Minute},
		{"three usual gaps", afterHeartbeats(10, 20, 30, 40), 30 * time.Second},
		{"never under three expected heartbeats", afterHeartbeats(1, 2, 3), 15 * time.Second},
		{"never over 15 minutes", afterHeartbeats(600, 1200, 1800), 15 * time.Minute},
		{"one long pause changes nothing", afterHeartbeats(10, 20, 30, 40, 300), 30 * time.Second},
		{"two do", afterHeartbeats(10, 20, 30, 60, 90), 90 * time.Second},
		{"a registration begins anew", relearned, time.Minute},
		{"a whole registration without heartbeats: for ever", replaced, 0},
		{"a restart of Central: heartbeats are expected, the gap is not known", afterHeartbeats(5, 10).AfterRestart(at(12)), time.Minute},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.cp.SilenceTimeout(expected); got != tc.want {
				t.Errorf("timeout %v, want %v", got, tc.want)
			}
		})
	}
}

// UsualGap equals the upper median found by sorting the gaps that are known.
func TestUsualGap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Condition
		now, next := noon, rapid.OneOf(rapid.Int64Range(0, 5), rapid.Int64Range(0, int64(time.Hour)))
		for range rapid.IntRange(0, 8).Draw(t, "heartbeats") {
			c = c.learnGap(now)
			now = now.Add(time.Duration(next.Draw(t, "gap")))
		}
		known := slices.DeleteFunc(slices.Sorted(slices.Values(c.gaps[:])), func(d time.Duration) bool { return d == 0 })
		want := time.Duration(0)
		if len(known) > 0 {
			want = known[len(known)/2]
		}
		if got := c.UsualGap(); got != want {
			t.Fatalf("the usual of %v is %v, want %v", c.gaps, got, want)
		}
	})
}

func TestAfterSilence(t *testing.T) {
	const expected = 5 * time.Second
	faulty, _ := sentMessage{at: 20, verb: fail}.to(afterHeartbeats(5, 10, 15))
	gone, _ := sentMessage{at: 16, verb: bye}.to(afterHeartbeats(5, 10, 15))
	tests := []struct {
		name      string
		cp        Condition
		now       float64
		listening float64
		reason    Reason
	}{
		{"just before three gaps", afterHeartbeats(5, 10, 15), 29.9, 0, Registered},
		{"after three gaps", afterHeartbeats(5, 10, 15), 30, 0, Silent},
		{"any message ends silence", faulty, 34.9, 0, EngineFailure},
		{"a faulty one falls silent too", faulty, 35, 0, Silent},
		{"time in which Central stood still does not count", afterHeartbeats(5, 10, 15), 40, 39, Registered},
		{"silence counts from then on", afterHeartbeats(5, 10, 15), 54, 39, Silent},
		{"without heartbeats: never silent", afterHeartbeats(), 86400, 0, Registered},
		{"a disconnect keeps its reason", gone, 86400, 0, SaidGoodbye},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.cp.AfterSilence(at(tc.now), at(tc.listening), expected); got.Reason != tc.reason {
				t.Errorf("%v (%v), want %v", got.State, got.Reason, tc.reason)
			}
		})
	}
}

// monitoringAt registers at 0 and sends heartbeats MONITORING at these seconds.
func monitoringAt(seconds ...float64) Condition {
	c, _ := sentMessage{at: 0, verb: reg}.to(Condition{})
	for _, s := range seconds {
		c, _ = sentMessage{s, beat, evcp.Monitoring}.to(c)
	}
	return c
}

func TestUnverified(t *testing.T) {
	eleven := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	then := func(c Condition, m sentMessage) Condition { c, _ = m.to(c); return c }
	faulty := then(afterHeartbeats(), sentMessage{at: 5, verb: fail})
	tests := []struct {
		name string
		cp   Condition
		now  float64
		want Unverified
	}{
		{"a bare registration, within a minute", afterHeartbeats(), 59, Verified},
		{"a bare registration, after a minute", afterHeartbeats(), 60, NoMessage},
		{"a failure whose recovery would not be reported", faulty, 65, NoMessage},
		{"a message ends it", then(afterHeartbeats().AfterSilence(at(61), noon, 0), sentMessage{at: 62, verb: reg}), 62, Verified},
		{"the silence of one that sends heartbeats is none", afterHeartbeats(5, 10), 600, Verified},
		{"ten heartbeats MONITORING", monitoringAt(eleven[:10]...), 11, Verified},
		{"eleven heartbeats MONITORING", monitoringAt(eleven...), 11, NoOutcome},
		{"two, over a minute apart", monitoringAt(1, 62), 62, NoOutcome},
		{"a registration is no outcome", then(monitoringAt(eleven...), sentMessage{at: 12, verb: reg}), 12, NoOutcome},
		{"an outcome ends it", then(monitoringAt(eleven...), sentMessage{12, beat, evcp.OK}), 12, Verified},
		{"a failure ends it", then(monitoringAt(eleven...), sentMessage{at: 12, verb: fail}), 12, Verified},
		{"a goodbye ends it", then(monitoringAt(eleven...), sentMessage{at: 12, verb: bye}), 12, Verified},
		{"an outcome begins the count anew", then(then(monitoringAt(eleven...), sentMessage{12, beat, evcp.OK}), sentMessage{13, beat, evcp.Monitoring}), 13, Verified},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.cp.AfterSilence(at(tc.now), noon, 5*time.Second).Unverified; got != tc.want {
				t.Errorf("unverified %q, want %q", got, tc.want)
			}
		})
	}
}

func TestLastKnownFault(t *testing.T) {
	faulty, _ := sentMessage{5, beat, evcp.KO}.to(afterHeartbeats())
	if faulty.LastKnownFault() != (OpenFault{}) || faulty.FaultCause() != HeartbeatKO {
		t.Errorf("faulted now: last known %v, cause %v", faulty.LastKnownFault(), faulty.FaultCause())
	}
	reported, _ := sentMessage{at: 5, verb: fail}.to(afterHeartbeats())
	unreachable, _ := sentMessage{6, beat, evcp.ConnectionError}.to(reported)
	if reported.FaultCause() != EngineFailure || unreachable.FaultCause() != HeartbeatConnectionError || afterHeartbeats().FaultCause() != NoReason {
		t.Errorf("causes %v, %v, %v", reported.FaultCause(), unreachable.FaultCause(), afterHeartbeats().FaultCause())
	}
	gone := faulty.AfterConnectionEnd(at(9))
	if f := gone.LastKnownFault(); f.Reason != HeartbeatKO || !f.Since.Equal(at(5)) {
		t.Errorf("its Monitor is gone: last known fault %+v", f)
	}
	if off := gone.AfterUnlisting(at(10)); off.LastKnownFault() != (OpenFault{}) {
		t.Error("a charge point that was taken off the registry is last known faulted")
	}
	if well, _ := (sentMessage{11, beat, evcp.OK}).to(gone); well.LastKnownFault() != (OpenFault{}) {
		t.Error("a recovery leaves it last known faulted")
	}
}

func TestSlowMonitorIsNotCalledSilentForEver(t *testing.T) {
	c, silences := afterHeartbeats(5, 10, 15), 0
	for s := 45.0; s < 600; s += 30 {
		was := c.State
		if c = c.AfterSilence(at(s-1), noon, 5*time.Second); c.State == Disconnected && was != Disconnected {
			silences++
		}
		c, _ = sentMessage{s, beat, evcp.OK}.to(c)
	}
	if silences > 2 {
		t.Errorf("called silent %d times; two gaps change the usual gap", silences)
	}
}

func TestAfterConnectionEnd(t *testing.T) {
	c := afterHeartbeats(5, 10)
	if got := c.AfterConnectionEnd(at(11)); got.Reason != ConnectionLost || !got.Since.Equal(at(11)) {
		t.Errorf("%v since %v; want connection_lost since the connection ended", got.Reason, got.Since)
	}
	sent, _ := sentMessage{11.5, beat, evcp.OK}.to(c)
	if got := sent.AfterConnectionEnd(at(11)); got.State != Activated {
		t.Errorf("%v although it sent after the connection ended", got.State)
	}
}

func TestRestartAndRegistry(t *testing.T) {
	faulty, _ := sentMessage{at: 20, verb: fail}.to(afterHeartbeats(5, 10))
	restarted := faulty.AfterRestart(at(30))
	if restarted.State != Disconnected || restarted.Reason != CentralRestarted {
		t.Fatalf("%v (%v) after a restart", restarted.State, restarted.Reason)
	}
	if again, _ := (sentMessage{at: 31, verb: reg}).to(restarted); again.State != Faulted || !again.Since.Equal(at(20)) {
		t.Errorf("%v since %v; the fault lasts until its Monitor reports the recovery", again.State, again.Since)
	}
	if ok, _ := (sentMessage{31, beat, evcp.OK}).to(restarted); ok.State != Activated || ok.Fault != (OpenFault{}) {
		t.Errorf("%v, fault %v after OK", ok.State, ok.Fault)
	}
	off := restarted.AfterUnlisting(at(40))
	if off.Reason != NotListed || off.AfterUnlisting(at(50)) != off {
		t.Errorf("%v since %v after it was removed from the registry", off.Reason, off.Since)
	}
	if (Condition{}).AfterRestart(at(1)).Known() || (Condition{}).AfterUnlisting(at(1)).Known() || (Condition{}).AfterConnectionEnd(at(1)).Known() {
		t.Error("the zero Condition became known without a registration")
	}
}

// Any messages in any order keep the invariants of Condition.
func TestConditionInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Condition
		now := 0.0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += float64(rapid.IntRange(0, 40_000).Draw(t, "ms")) / 1000
			was := c
			switch rapid.IntRange(0, 8).Draw(t, "step") {
			case 0:
				c = c.AfterSilence(at(now), noon, 5*time.Second)
			case 1:
				c = c.AfterConnectionEnd(at(now))
			case 2:
				c = c.AfterRestart(at(now))
			case 3:
				c = c.AfterUnlisting(at(now))
			default:
				verb := rapid.SampledFrom([]wire.Verb{reg, fail, rec, beat, beat, bye}).Draw(t, "verb")
				word := rapid.SampledFrom([]evcp.Status{evcp.OK, evcp.KO, evcp.ConnectionError, evcp.Monitoring}).Draw(t, "word")
				c, _ = sentMessage{now, verb, word}.to(c)
			}
			checkInvariants(t, was, c, at(now))
		}
	})
}

func checkInvariants(t *rapid.T, was, c Condition, now time.Time) {
	switch {
	case was.Known() && !c.Known():
		t.Fatal("a known charge point was forgotten")
	case c.State == Faulted && (c.Fault.Since != c.Since || c.Fault.Reason != c.Reason):
		t.Fatalf("faulted since %v (%v), but its fault is %+v", c.Since, c.Reason, c.Fault)
	case c.State == Activated && c.Fault != (OpenFault{}):
		t.Fatalf("activated with a fault: %+v", c.Fault)
	case c.Since.After(now) || c.LastSeen.After(now):
		t.Fatalf("dated after now: %+v", c)
	case c.Known() && (c.Registered.IsZero() || c.Reason == NoReason):
		t.Fatalf("known without a reason: %+v", c)
	case was.State == c.State && was.Since != c.Since && c.Reason != NotListed:
		t.Fatalf("%v anew without having left it", c.State)
	}
}

func TestNamesReadBack(t *testing.T) {
	for s := Unregistered; s <= Disconnected; s++ {
		if got, ok := ParseAvailability(s.String()); !ok || got != s {
			t.Errorf("%v reads back as %v", s, got)
		}
	}
	for r := NoReason; r <= NotListed; r++ {
		if got, ok := ParseReason(r.String()); !ok || got != r {
			t.Errorf("%v reads back as %v", r, got)
		}
	}
	if _, ok := ParseAvailability("well"); ok {
		t.Error("an unknown name was read")
	}
}

// The replies are the protocol's, byte for byte.
func TestReplyText(t *testing.T) {
	for r, want := range []string{
		"KO unknown message", "KO not registered", "Authentication denied: unknown charging point CP_001",
		"Authentication denied: Central has no room for another charging point",
		"Authentication denied: the certificate is not for charging point CP_001",
		"Authentication denied: TLS with a certificate is required for charging point CP_001",
		"Authentication successful", "Failure report received", "Recovery report received", "OK",
	} {
		if got := Reply(r).Text("CP_001"); got != want || Reply(r).Accepted() != (r >= 6) {
			t.Errorf("reply %d is %q, accepted %v; want %q", r, got, Reply(r).Accepted(), want)
		}
	}
}
