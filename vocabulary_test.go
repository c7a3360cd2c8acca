package evcp_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"evcp"
)

// TestCPID tries every byte as an id, and the lengths around the bounds.
func TestCPID(t *testing.T) {
	ids := []string{"", "CP_001", "-", "cp 1", "é", strings.Repeat("x", 64), strings.Repeat("x", 65), strings.Repeat("x", 1000)}
	for c := range 256 {
		ids = append(ids, string([]byte{byte(c)}))
	}
	valid := regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	for _, s := range ids {
		cp, err := evcp.ParseCPID(s)
		switch {
		case valid.MatchString(s) && (err != nil || string(cp) != s):
			t.Errorf("%q reads %q, %v", s, cp, err)
		case !valid.MatchString(s) && (err == nil || cp != ""):
			t.Errorf("%q is an id", s)
		case err != nil && (len(err.Error()) > 200 || len(s) > 64 && !strings.HasPrefix(err.Error(), `"xxx`)):
			t.Errorf("%.80q is refused with %q", s, err)
		}
	}
}

// TestNames parses every name back, and refuses others.
func TestNames(t *testing.T) {
	for s := evcp.Unknown; s <= evcp.Monitoring; s++ {
		if again, ok := evcp.ParseStatus(s.String()); again != s || !ok {
			t.Errorf("status %q reads %d, %t", s, again, ok)
		}
	}
	for c := evcp.NoCause; c <= evcp.LastCause; c++ {
		if again, ok := evcp.ParseCause(c.String(), c.Detail()); again != c || !ok {
			t.Errorf("cause %q reads %d, %t", c, again, ok)
		}
	}
	for _, other := range [][2]string{{"locale", ""}, {"local", "moon"}, {"timeout", "no_network"}} {
		if c, ok := evcp.ParseCause(other[0], other[1]); ok {
			t.Errorf("%q is the cause %d", other, c)
		}
	}
	for a := evcp.RegisterToCentral; a <= evcp.LastAction; a++ {
		if again, ok := evcp.ParseAction(a.String()); again != a || !ok {
			t.Errorf("action %q reads %d, %t", a, again, ok)
		}
	}
	for _, name := range []string{"", "jump"} {
		if a, ok := evcp.ParseAction(name); ok {
			t.Errorf("%q is the action %d", name, a)
		}
	}
	if s, c := (evcp.Monitoring + 1).String(), evcp.Cause(255).String(); s != "invalid" || c != "invalid" {
		t.Errorf("an invalid value is named %q, %q", s, c)
	}
}

// TestFact: every event is a fact but an OK check.
func TestFact(t *testing.T) {
	for e, want := range map[evcp.Event]bool{
		{Action: evcp.HealthCheck, Status: evcp.OK}:      false,
		{Action: evcp.HealthCheck, Status: evcp.KO}:      true,
		{Action: evcp.HealthCheck, Status: evcp.Unknown}: true,
		{Action: evcp.EngineRecovered, Status: evcp.OK}:  true,
		{Action: evcp.MonitorStarted}:                    true,
	} {
		if e.Fact() != want {
			t.Errorf("%s %s: a fact is %t", e.Action, e.Status, e.Fact())
		}
	}
}

func TestStamp(t *testing.T) {
	moment := time.Date(2021, 12, 20, 12, 33, 20, 123456789, time.FixedZone("CET", 3600))
	s := evcp.StampOf(moment)
	if want := time.Date(2021, 12, 20, 11, 33, 20, 123456000, time.UTC); s.Time() != want {
		t.Errorf("%s became %s, want %s", moment, s.Time(), want)
	}
	if later := s.Add(1500 * time.Millisecond); later.Sub(s) != 1500*time.Millisecond {
		t.Errorf("%s after %s", later.Time(), s.Time())
	}
	if never := evcp.Stamp(0).Add(-time.Hour); never != 0 {
		t.Errorf("never became %d", never)
	}
	if first := evcp.Stamp(1).Add(time.Second); first != 1000001 {
		t.Errorf("the first moment became %d", first)
	}
	if never := evcp.StampOf(time.Time{}); never != 0 {
		t.Errorf("the zero time became %d", never)
	}
	for _, c := range []struct {
		at          evcp.Stamp
		least, most int
		want        string
	}{
		{0, 3, 3, "null"}, {s, 1, 6, "1640000000.123456"}, {s, 3, 3, "1640000000.123"},
		{1_640_000_000_000_000, 1, 6, "1640000000.0"}, {1_640_000_000_000_000, 3, 3, "1640000000.000"}, {1_640_000_000_000_000, 0, 6, "1640000000"},
		{1_640_000_000_050_000, 0, 6, "1640000000.05"}, {-1_500_000, 0, 6, "-1.5"},
	} {
		if got := string(c.at.AppendSeconds(nil, c.least, c.most)); got != c.want {
			t.Errorf("%d with %d to %d decimals is %s, want %s", c.at, c.least, c.most, got, c.want)
		}
	}
}
