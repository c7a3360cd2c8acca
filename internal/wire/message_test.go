package wire

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"evcp"
)

// TestMessages is the table of the protocol, byte for byte.
func TestMessages(t *testing.T) {
	for want, m := range map[string]Message{
		"EV_CP_M CP_001 registration request":       {CP: "CP_001", Verb: Registration},
		"EV_CP_M CP_001 ENGINE_FAILURE":             {CP: "CP_001", Verb: EngineFailure},
		"EV_CP_M CP_001 ENGINE_RECOVERED":           {CP: "CP_001", Verb: EngineRecovered},
		"EV_CP_M CP_001 heartbeat OK":               {CP: "CP_001", Verb: Heartbeat, Status: evcp.OK},
		"EV_CP_M CP_001 heartbeat KO":               {CP: "CP_001", Verb: Heartbeat, Status: evcp.KO},
		"EV_CP_M CP_001 heartbeat CONNECTION_ERROR": {CP: "CP_001", Verb: Heartbeat, Status: evcp.ConnectionError},
		"EV_CP_M CP_001 heartbeat MONITORING":       {CP: "CP_001", Verb: Heartbeat, Status: evcp.Monitoring},
		"EV_CP_M CP_001 disconnect":                 {CP: "CP_001", Verb: Disconnect},
		"EV_CP_M CP_001 monitor connection":         {CP: "CP_001", Verb: MonitorConnection},
		"EV_CP_M CP_001 health_check":               {CP: "CP_001", Verb: HealthCheck},
	} {
		if got := m.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got := string(m.Append([]byte("x"))); got != "x"+want {
			t.Errorf("appended %q", got)
		}
		if back, err := Parse([]byte(want)); back != m || err != nil {
			t.Errorf("%q reads %+v, %v", want, back, err)
		}
		if back, err := Parse([]byte(" " + want + "\r\n")); back != m || err != nil {
			t.Errorf("%q as a line reads %+v, %v", want, back, err)
		}
	}
}

// noMessages must not be parsed as any message.
var noMessages = []string{
	"", " ", "\x00", "hello", "EV_CP_M", "EV_CP_M ", "EV_CP_M CP_001", "EV_CP_M CP_001 ",
	"EV_CP_M  health_check",
	"EV_CP_M CP 001 health_check",
	"EV_CP_M CP_001  health_check",
	"EV_CP_M ENGINE_FAILURE",
	"EV_CP_M CP_001 ENGINE_FAILURE health_check",
	"EV_CP_M CP_001 ENGINE_FAILURE ENGINE_FAILURE",
	"EV_CP_M CP_001 engine_failure",
	"ev_cp_m CP_001 health_check",
	"EV_CP_E CP_001 health_check",
	"EV_CP_M CP_001 heartbeat",
	"EV_CP_M CP_001 heartbeat ",
	"EV_CP_M CP_001 heartbeat UNKNOWN",
	"EV_CP_M CP_001 heartbeat OKAY",
	"EV_CP_M CP_001 health_checks",
	"EV_CP_M CP_001 registration",
	"EV_CP_M CP\x1b[31m health_check",
	"EV_CP_M CP_\xc3\xa9 health_check",
	"EV_CP_M \xff health_check",
	"EV_CP_M " + strings.Repeat("x", 65) + " health_check",
	"EV_CP_M CP_001 health_check\nEV_CP_M CP_001 health_check",
	"GET / HTTP/1.1",
	"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	"\x02EV_CP_M CP_001 health_check\x03\x41",
}

func TestNoMessages(t *testing.T) {
	if s := (HealthCheck + 1).String(); s != "" {
		t.Errorf("an invalid verb is %q", s)
	}
	for _, s := range noMessages {
		m, err := Parse([]byte(s))
		if !errors.Is(err, ErrUnknownMessage) || m != (Message{}) {
			t.Errorf("%q reads %+v, %v", s, m, err)
			continue
		}
		checkLine(t, err.Error())
	}
}

// TestAnyID has ids that look like other parts of a message.
func TestAnyID(t *testing.T) {
	ids := rapid.OneOf(
		rapid.SampledFrom([]string{"EV_CP_M", "ENGINE_FAILURE", "health_check", "OK", "KO", "heartbeat", ".", "-", "..", "0", strings.Repeat("x", 64)}),
		rapid.StringMatching(`[A-Za-z0-9._-]{1,64}`))
	rapid.Check(t, func(t *rapid.T) {
		id, err := evcp.ParseCPID(ids.Draw(t, "id"))
		if err != nil {
			t.Fatal(err)
		}
		m := Message{CP: id, Verb: rapid.SampledFrom([]Verb{Registration, EngineFailure, EngineRecovered, Disconnect, MonitorConnection, HealthCheck}).Draw(t, "verb")}
		if back, err := Parse([]byte(m.String())); back != m || err != nil {
			t.Fatalf("%q reads %+v, %v", m, back, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range noMessages {
		f.Add([]byte(s))
	}
	for _, k := range knownTexts {
		f.Add([]byte(sender + "CP_001 " + string(k.text)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			checkLine(t, err.Error())
			return
		}
		if back, err := Parse([]byte(m.String())); back != m || err != nil {
			t.Errorf("%q was read as %+v, and that as %+v, %v", b, m, back, err)
		}
		if got := strings.TrimSpace(string(b)); got != m.String() {
			t.Errorf("%q was read as %q", got, m)
		}
	})
}
