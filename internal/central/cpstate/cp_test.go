package cpstate

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp"
	"evcp/internal/wire"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func at(s float64) time.Time { return noon.Add(time.Duration(s * float64(time.Second))) }

// say is one message of CP_001 at a second after noon.
type say struct {
	at   float64
	verb wire.Verb
	word evcp.Status
}

func (s say) to(c CP) (CP, string) {
	return c.Hear(wire.Message{CP: "CP_001", Verb: s.verb, Status: s.word}, at(s.at))
}

const (
	reg  = wire.Registration
	fail = wire.EngineFailure
	rec  = wire.EngineRecovered
	beat = wire.Heartbeat
	bye  = wire.Disconnect
)

func TestHear(t *testing.T) {
	tests := []struct {
		name   string
		said   []say
		state  State
		reason Reason
		since  float64
		status evcp.Status
		answer string
	}{
		{"a registration activates", []say{{at: 1, verb: reg}}, Activated, Registered, 1, evcp.Unknown, Authenticated},
		{"registering again changes nothing", []say{{at: 1, verb: reg}, {at: 9, verb: reg}}, Activated, Registered, 1, evcp.Unknown, Authenticated},
		{"a report without a registration", []say{{at: 1, verb: fail}}, Unregistered, NoReason, 0, evcp.Unknown, NotRegistered},
		{"a heartbeat without a registration", []say{{1, beat, evcp.OK}}, Unregistered, NoReason, 0, evcp.Unknown, NotRegistered},
		{"a goodbye without a registration", []say{{at: 1, verb: bye}}, Unregistered, NoReason, 0, evcp.Unknown, NotRegistered},
		{"words for an Engine", []say{{at: 1, verb: reg}, {at: 2, verb: wire.HealthCheck}}, Activated, Registered, 1, evcp.Unknown, UnknownMessage},
		{"a report faults", []say{{at: 1, verb: reg}, {at: 2, verb: fail}}, Faulted, EngineFailure, 2, evcp.Unknown, FailureReceived},
		{"a repeated report keeps the first moment", []say{{at: 1, verb: reg}, {at: 2, verb: fail}, {at: 32, verb: fail}}, Faulted, EngineFailure, 2, evcp.Unknown, FailureReceived},
		{"the heartbeat adds the cause", []say{{at: 1, verb: reg}, {at: 2, verb: fail}, {3, beat, evcp.ConnectionError}}, Faulted, EngineFailure, 2, evcp.ConnectionError, Received},
		{"an OK older than the report is forgotten", []say{{at: 1, verb: reg}, {2, beat, evcp.OK}, {at: 3, verb: fail}}, Faulted, EngineFailure, 3, evcp.Unknown, FailureReceived},
		{"a recovery activates", []say{{at: 1, verb: reg}, {at: 2, verb: fail}, {3, beat, evcp.KO}, {at: 4, verb: rec}}, Activated, EngineRecovered, 4, evcp.Unknown, RecoveryReceived},
		{"a recovery of nothing changes nothing", []say{{at: 1, verb: reg}, {at: 4, verb: rec}}, Activated, Registered, 1, evcp.Unknown, RecoveryReceived},
		{"a heartbeat KO faults", []say{{at: 1, verb: reg}, {2, beat, evcp.KO}}, Faulted, HeartbeatKO, 2, evcp.KO, Received},
		{"a heartbeat CONNECTION_ERROR faults", []say{{at: 1, verb: reg}, {2, beat, evcp.ConnectionError}}, Faulted, HeartbeatConnectionError, 2, evcp.ConnectionError, Received},
		{"a heartbeat OK clears", []say{{at: 1, verb: reg}, {at: 2, verb: fail}, {3, beat, evcp.OK}}, Activated, HeartbeatOK, 3, evcp.OK, Received},
		{"MONITORING leaves a fault", []say{{at: 1, verb: reg}, {at: 2, verb: fail}, {3, beat, evcp.Monitoring}}, Faulted, EngineFailure, 2, evcp.Monitoring, Received},
		{"MONITORING leaves activated", []say{{at: 1, verb: reg}, {3, beat, evcp.Monitoring}}, Activated, Registered, 1, evcp.Monitoring, Received},
		{"a goodbye disconnects", []say{{at: 1, verb: reg}, {at: 2, verb: bye}}, Disconnected, SaidGoodbye, 2, evcp.Unknown, Received},
		{"heard after a goodbye", []say{{at: 1, verb: reg}, {at: 2, verb: bye}, {3, beat, evcp.Monitoring}}, Activated, HeartbeatMonitoring, 3, evcp.Monitoring, Received},
		{"a fault outlives a goodbye, with its first moment", []say{{at: 1, verb: reg}, {at: 2, verb: fail}, {at: 5, verb: bye}, {9, beat, evcp.KO}}, Faulted, EngineFailure, 2, evcp.KO, Received},
		{"whoever sends heartbeats keeps a fault over a registration", []say{{at: 1, verb: reg}, {2, beat, evcp.OK}, {at: 3, verb: fail}, {at: 9, verb: reg}}, Faulted, EngineFailure, 3, evcp.Unknown, Authenticated},
		{"the first Monitors clear a fault by a registration, or nothing would", []say{{at: 1, verb: reg}, {at: 3, verb: fail}, {at: 9, verb: reg}}, Activated, Registered, 9, evcp.Unknown, Authenticated},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var c CP
			var answer string
			for _, s := range tc.said {
				c, answer = s.to(c)
			}
			if answer != tc.answer {
				t.Errorf("answer %q, want %q", answer, tc.answer)
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

// beats registers at 0 and sends heartbeats OK at these seconds.
func beats(seconds ...float64) CP {
	c, _ := say{at: 0, verb: reg}.to(CP{})
	for _, s := range seconds {
		c, _ = say{s, beat, evcp.OK}.to(c)
	}
	return c
}

func TestPatience(t *testing.T) {
	const expected = 5 * time.Second
	relearned, _ := say{at: 100, verb: reg}.to(beats(5, 10, 15))
	replaced, _ := say{at: 200, verb: reg}.to(relearned)
	tests := []struct {
		name string
		cp   CP
		want time.Duration
	}{
		{"no heartbeats: for ever", beats(), 0},
		{"the gap is not known yet", beats(5), time.Minute},
		{"three usual gaps", beats(10, 20, 30, 40), 30 * time.Second},
		{"never under three expected heartbeats", beats(1, 2, 3), 15 * time.Second},
		{"never over 15 minutes", beats(600, 1200, 1800), 15 * time.Minute},
		{"one long pause teaches nothing", beats(10, 20, 30, 40, 300), 30 * time.Second},
		{"two do", beats(10, 20, 30, 60, 90), 90 * time.Second},
		{"a registration begins anew", relearned, time.Minute},
		{"a whole registration without heartbeats ends the habit", replaced, 0},
		{"a restart of Central keeps the habit, not the gap", beats(5, 10).Restarted(at(12)), time.Minute},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.cp.Patience(expected); got != tc.want {
				t.Errorf("waits %v, want %v", got, tc.want)
			}
		})
	}
}

func TestSilent(t *testing.T) {
	const expected = 5 * time.Second
	faulty, _ := say{at: 20, verb: fail}.to(beats(5, 10, 15))
	gone, _ := say{at: 16, verb: bye}.to(beats(5, 10, 15))
	tests := []struct {
		name   string
		cp     CP
		now    float64
		awake  float64
		reason Reason
	}{
		{"just before three gaps", beats(5, 10, 15), 29.9, 0, Registered},
		{"after three gaps", beats(5, 10, 15), 30, 0, Silent},
		{"any word is a sign of life", faulty, 34.9, 0, EngineFailure},
		{"a faulty one falls silent too", faulty, 35, 0, Silent},
		{"what Central slept through was not silence", beats(5, 10, 15), 40, 39, Registered},
		{"but silence goes on after that", beats(5, 10, 15), 54, 39, Silent},
		{"without heartbeats there is no silence", beats(), 86400, 0, Registered},
		{"a goodbye stays a goodbye", gone, 86400, 0, SaidGoodbye},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.cp.Silent(at(tc.now), at(tc.awake), expected); got.Reason != tc.reason {
				t.Errorf("%v (%v), want %v", got.State, got.Reason, tc.reason)
			}
		})
	}
}

func TestSlowMonitorIsNotCalledSilentForEver(t *testing.T) {
	c, silences := beats(5, 10, 15), 0
	for s := 45.0; s < 600; s += 30 {
		was := c.State
		if c = c.Silent(at(s-1), noon, 5*time.Second); c.State == Disconnected && was != Disconnected {
			silences++
		}
		c, _ = say{s, beat, evcp.OK}.to(c)
	}
	if silences > 2 {
		t.Errorf("called silent %d times; two gaps are a habit", silences)
	}
}

func TestLost(t *testing.T) {
	c := beats(5, 10)
	if got := c.Lost(at(11)); got.Reason != ConnectionLost || !got.Since.Equal(at(11)) {
		t.Errorf("%v since %v; want connection_lost since the connection ended", got.Reason, got.Since)
	}
	spoke, _ := say{11.5, beat, evcp.OK}.to(c)
	if got := spoke.Lost(at(11)); got.State != Activated {
		t.Errorf("%v although it spoke after the connection ended", got.State)
	}
}

func TestRestartAndRegistry(t *testing.T) {
	faulty, _ := say{at: 20, verb: fail}.to(beats(5, 10))
	restarted := faulty.Restarted(at(30))
	if restarted.State != Disconnected || restarted.Reason != CentralRestarted {
		t.Fatalf("%v (%v) after a restart", restarted.State, restarted.Reason)
	}
	if again, _ := (say{at: 31, verb: reg}).to(restarted); again.State != Faulted || !again.Since.Equal(at(20)) {
		t.Errorf("%v since %v; the fault stands until its Monitor takes it back", again.State, again.Since)
	}
	if ok, _ := (say{31, beat, evcp.OK}).to(restarted); ok.State != Activated || ok.Fault != (Fault{}) {
		t.Errorf("%v, fault %v after OK", ok.State, ok.Fault)
	}
	off := restarted.Unlisted(at(40))
	if off.Reason != NotListed || off.Unlisted(at(50)) != off {
		t.Errorf("%v since %v after it was taken off the registry", off.Reason, off.Since)
	}
	if (CP{}).Restarted(at(1)).Known() || (CP{}).Unlisted(at(1)).Known() || (CP{}).Lost(at(1)).Known() {
		t.Error("the zero CP became known without a registration")
	}
}

// Whatever is said in whatever order, the belief stays whole.
func TestBeliefStaysWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c CP
		now := 0.0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += float64(rapid.IntRange(0, 40_000).Draw(t, "ms")) / 1000
			was := c
			switch rapid.IntRange(0, 8).Draw(t, "step") {
			case 0:
				c = c.Silent(at(now), noon, 5*time.Second)
			case 1:
				c = c.Lost(at(now))
			case 2:
				c = c.Restarted(at(now))
			case 3:
				c = c.Unlisted(at(now))
			default:
				verb := rapid.SampledFrom([]wire.Verb{reg, fail, rec, beat, beat, bye}).Draw(t, "verb")
				word := rapid.SampledFrom([]evcp.Status{evcp.OK, evcp.KO, evcp.ConnectionError, evcp.Monitoring}).Draw(t, "word")
				c, _ = say{now, verb, word}.to(c)
			}
			holds(t, was, c, at(now))
		}
	})
}

func holds(t *rapid.T, was, c CP, now time.Time) {
	switch {
	case was.Known() && !c.Known():
		t.Fatal("a known charge point was forgotten")
	case c.State == Faulted && (c.Fault.Since != c.Since || c.Fault.Reason != c.Reason):
		t.Fatalf("faulted since %v (%v), but its fault is %+v", c.Since, c.Reason, c.Fault)
	case c.State == Activated && c.Fault != (Fault{}):
		t.Fatalf("activated with a fault: %+v", c.Fault)
	case c.Since.After(now) || c.LastSeen.After(now):
		t.Fatalf("dated after now: %+v", c)
	case c.Known() && (c.Registered.IsZero() || c.Reason == NoReason):
		t.Fatalf("known without a reason: %+v", c)
	case was.State == c.State && was.Since != c.Since && c.Reason != NotListed:
		t.Fatalf("%v anew without having left it", c.State)
	}
}

func TestWordsReadBack(t *testing.T) {
	for s := Unregistered; s <= Disconnected; s++ {
		if got, ok := ParseState(s.String()); !ok || got != s {
			t.Errorf("%v reads back as %v", s, got)
		}
	}
	for r := NoReason; r <= NotListed; r++ {
		if got, ok := ParseReason(r.String()); !ok || got != r {
			t.Errorf("%v reads back as %v", r, got)
		}
	}
	if _, ok := ParseState("well"); ok {
		t.Error("a word that is no state was read")
	}
}
