package oracle_test

import (
	"testing"
	"time"

	"evcp"
	"evcp/internal/oracle"
)

// networkScenario is 20 s of an Engine that always replies OK; from 5 s to 8 s the Monitor's
// machine has no network, so that no check reaches the Engine.
func networkScenario(meanwhile evcp.Outcome) *scenario {
	s := &scenario{policy: evcp.Policy{Fall: 3, Rise: 1, Instance: "bench"}, cp: oracle.CPTrace{ID: "CP_001", Shown: "activated"}}
	s.cp.Behaviours = []oracle.EngineBehaviour{{At: at(0), Name: "ok"}}
	s.cp.Windows = []oracle.Window{{Kind: oracle.OwnNetwork, From: at(5 * time.Second), To: at(8 * time.Second)}}
	s.observe(evcp.Observation{Kind: evcp.Started, At: at(ms)})
	for t := 10 * ms; t < 20*time.Second; t += 250 * ms {
		if t < 5*time.Second || t >= 8*time.Second {
			s.okCheck(t)
		} else {
			s.observe(evcp.Observation{Kind: evcp.Checked, Outcome: meanwhile, At: at(t + ms)})
		}
	}
	return s
}

// TestOwnNetwork: while the Monitor's machine has no network, checks may be unknown and not
// reach the Engine. They may not fail.
func TestOwnNetwork(t *testing.T) {
	unknown := evcp.Outcome{Status: evcp.Unknown, Cause: evcp.NoNetwork, Latency: ms}
	for name, tt := range map[string]struct {
		meanwhile evcp.Outcome
		plant     func(*scenario)
		want      []oracle.Promise // none: no violation
	}{
		"as it was":             {unknown, func(*scenario) {}, nil},
		"counted as the Engine": {evcp.Outcome{Status: evcp.ConnectionError, Cause: evcp.Unreachable, Latency: ms}, func(*scenario) {}, []oracle.Promise{oracle.FalseFailure}},
		"an OK of nobody":       {evcp.Outcome{Status: evcp.OK, Response: "OK", Latency: ms}, func(*scenario) {}, []oracle.Promise{oracle.FalseOK}},
		"a network that was there": {evcp.Outcome{Status: evcp.ConnectionError, Cause: evcp.Unreachable, Latency: ms}, func(s *scenario) {
			s.cp.Windows = nil
		}, []oracle.Promise{oracle.FalseFailure, oracle.LateCheck}},
	} {
		t.Run(name, func(t *testing.T) {
			s := networkScenario(tt.meanwhile)
			tt.plant(s)
			v := oracle.Verify(s.trace())
			for _, c := range tt.want {
				if v.Count(c) == 0 {
					t.Errorf("no %s among %v", c, v.Violations)
				}
			}
			if len(tt.want) == 0 && len(v.Violations) > 0 {
				t.Errorf("found %v", v.Violations)
			}
		})
	}
}
