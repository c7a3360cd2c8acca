package oracle_test

import (
	"slices"
	"testing"
	"time"

	"evcp"
	"evcp/internal/oracle"
)

// away is a Monitor that is killed at two failures of three, and starts again much
// later; the Engine says KO all the time. It may have forgotten the two.
func away(long time.Duration, forgets bool) oracle.Trace {
	const killed, greeting = 5400 * ms, 400 * ms
	back := killed + long
	w := &world{policy: evcp.Policy{Fall: 3, Rise: 1, Instance: "bench"}, cp: oracle.CPTrace{ID: "CP_001", Shown: "faulted"}}
	w.cp.Behaviours = []oracle.EngineBehaviour{{At: at(0), Name: "ok"}, {At: at(5 * time.Second), Name: "ko", Expect: oracle.ExpectFailure}}
	w.cp.Windows = []oracle.Window{{Kind: oracle.MonitorDown, From: at(killed), To: at(back), Killed: true}}
	w.see(evcp.Observation{Kind: evcp.Started, At: at(ms)})
	for t := 10 * ms; t < back+5*time.Second; t += 250 * ms {
		switch {
		case t >= killed && t < back+greeting:
			continue
		case t >= back+greeting && t < back+greeting+250*ms:
			w.see(evcp.Observation{Kind: evcp.Started, At: at(t - 5*ms)})
			if forgets {
				w.state.Failures = 0
			}
		}
		if t < 5*time.Second {
			w.check(t)
		} else {
			w.asked(at(t), "KO")
			w.see(evcp.Observation{Kind: evcp.Checked, At: at(t + ms), Outcome: evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO, Response: "KO", Latency: ms}})
		}
	}
	r := w.record()
	r.Rules.Ready = 0 // so that nothing but the bound itself has room
	r.To = at(back + 5*time.Second)
	return r
}

// TestAStreakEndsInALongAbsence: two failures count with a third for 30 s, and not
// longer. A Monitor that comes back later may take as long as for a new fault, and
// one that comes back earlier may not.
func TestAStreakEndsInALongAbsence(t *testing.T) {
	missed := func(f oracle.Violation) bool { return f.Promise == oracle.MissedIncident }
	for _, tt := range []struct {
		long    time.Duration
		forgets bool
		found   bool
	}{{33 * time.Second, false, false}, {20 * time.Second, false, false}, {20 * time.Second, true, true}} {
		v := oracle.Verify(away(tt.long, tt.forgets))
		if got := slices.ContainsFunc(v.Violations, missed); got != tt.found {
			t.Errorf("away for %s, forgets %t: %v", tt.long, tt.forgets, v.Violations)
		}
	}
}
