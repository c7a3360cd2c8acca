package oracle_test

import (
	"slices"
	"testing"
	"time"

	"evcp"
	"evcp/internal/oracle"
)

// linkScenario is 20 s of an Engine that always replies OK: from 5 s to 8 s the link drops
// everything, and from 12 s to 15 s it delays every check and reply too long.
func linkScenario() *scenario {
	s := &scenario{policy: evcp.Policy{Fall: 3, Rise: 1, Instance: "bench"}, cp: oracle.CPTrace{ID: "CP_001", Shown: "activated"}}
	s.cp.Behaviours = []oracle.EngineBehaviour{{At: at(0), Name: "ok"}}
	s.cp.Windows = []oracle.Window{
		{Kind: oracle.EngineLink, From: at(5 * time.Second), To: at(8 * time.Second), Expect: oracle.ExpectFailure},
		{Kind: oracle.EngineLink, From: at(12 * time.Second), To: at(15 * time.Second), Delay: 300 * ms},
	}
	s.observe(evcp.Observation{Kind: evcp.Started, At: at(ms)})
	timeout := evcp.Outcome{Status: evcp.ConnectionError, Cause: evcp.Timeout, Latency: 205 * ms}
	for t := 10 * ms; t < 20*time.Second; t += 250 * ms {
		switch {
		case t >= 5*time.Second && t < 8*time.Second:
			s.observe(evcp.Observation{Kind: evcp.Checked, Outcome: timeout, At: at(t + 205*ms)})
		case t >= 12*time.Second && t < 15*time.Second:
			s.receive(at(t+150*ms), "OK")
			s.observe(evcp.Observation{Kind: evcp.Checked, Outcome: timeout, At: at(t + 205*ms)})
		default:
			s.okCheck(t)
		}
	}
	return s
}

// okCheck is a check with the reply OK.
func (s *scenario) okCheck(t time.Duration) {
	s.receive(at(t), "OK")
	s.observe(evcp.Observation{Kind: evcp.Checked, Outcome: evcp.Outcome{Status: evcp.OK, Response: "OK", Latency: ms}, At: at(t + ms)})
}

// TestLinkFaults: a link that fails explains failed checks meanwhile, and nothing else.
func TestLinkFaults(t *testing.T) {
	isCheck := action(evcp.HealthCheck)
	never := func(n int) func(*scenario) { // the n-th incident has no events
		return func(s *scenario) {
			for _, a := range []evcp.Action{evcp.EngineFailed, evcp.EngineRecovered, evcp.ReportEngineFailure, evcp.ReportEngineRecovery} {
				s.remove(s.index(n, action(a)))
			}
		}
	}
	for name, tt := range map[string]struct {
		plant func(*scenario)
		want  []oracle.Promise // none: no violation
	}{
		"as it was":                    {plant: func(*scenario) {}},
		"not found behind a dead link": {never(0), []oracle.Promise{oracle.MissedIncident}},
		"not found behind a slow link": {never(1), []oracle.Promise{oracle.MissedIncident}},
		"found too late, and a slow link only long after": {func(s *scenario) {
			s.cp.Windows[0].From = at(4400 * ms)
		}, []oracle.Promise{oracle.MissedIncident}},
		"a failure after the dead link": {func(s *scenario) {
			e := &s.events[s.index(40, isCheck)]
			e.Status, e.Cause, e.Response, e.Failures = evcp.ConnectionError, evcp.Timeout, "", 1
		}, []oracle.Promise{oracle.FalseFailure}},
		"a KO behind the dead link": {func(s *scenario) {
			e := &s.events[s.index(25, isCheck)]
			e.Status, e.Cause, e.Response = evcp.KO, evcp.SaidKO, "KO"
		}, []oracle.Promise{oracle.FalseFailure}},
		"an OK behind the dead link": {func(s *scenario) {
			e := &s.events[s.index(25, isCheck)]
			e.Status, e.Cause, e.Response, e.Failures = evcp.OK, evcp.NoCause, "OK", 0
		}, []oracle.Promise{oracle.FalseOK}},
		"a link that was not dead": {func(s *scenario) { s.cp.Windows = s.cp.Windows[1:] }, []oracle.Promise{oracle.FalseFailure}},
	} {
		t.Run(name, func(t *testing.T) {
			s := linkScenario()
			tt.plant(s)
			v := oracle.Verify(s.trace())
			for _, c := range tt.want {
				if v.Count(c) == 0 {
					t.Errorf("no %s among %v", c, v.Violations)
				}
			}
			if len(tt.want) == 0 && len(v.Violations) > 0 || v.Bounds < 2 {
				t.Errorf("checked %d bounds and found %v", v.Bounds, v.Violations)
			}
		})
	}
}

// killedAtTwo is a Monitor that is killed at two failures of three and starts again
// later, while the Engine replies KO. With forgets, the two are lost.
func killedAtTwo(away time.Duration, forgets bool) oracle.Trace {
	const killed, greeting = 5400 * ms, 400 * ms
	back := killed + away
	s := &scenario{policy: evcp.Policy{Fall: 3, Rise: 1, Instance: "bench"}, cp: oracle.CPTrace{ID: "CP_001", Shown: "faulted"}}
	s.cp.Behaviours = []oracle.EngineBehaviour{{At: at(0), Name: "ok"}, {At: at(5 * time.Second), Name: "ko", Expect: oracle.ExpectFailure}}
	s.cp.Windows = []oracle.Window{{Kind: oracle.MonitorDown, From: at(killed), To: at(back)}}
	s.observe(evcp.Observation{Kind: evcp.Started, At: at(ms)})
	for t := 10 * ms; t < back+5*time.Second; t += 250 * ms {
		switch {
		case t >= killed && t < back+greeting:
			continue
		case t >= back+greeting && t < back+greeting+250*ms:
			s.observe(evcp.Observation{Kind: evcp.Started, At: at(t - 5*ms)})
			if forgets {
				s.state.Failures = 0
			}
		}
		if t < 5*time.Second {
			s.check(t)
		} else {
			s.receive(at(t), "KO")
			s.observe(evcp.Observation{Kind: evcp.Checked, At: at(t + ms), Outcome: evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO, Response: "KO", Latency: ms}})
		}
	}
	r := s.trace()
	r.Rules.Ready = 0 // leaves no more time than the bound itself
	r.To = at(back + 5*time.Second)
	return r
}

// TestAStreakExpires: two failures count with a third for 30 s. A Monitor that starts
// again later has the time for a new incident; one that starts earlier has not.
func TestAStreakExpires(t *testing.T) {
	missed := func(f oracle.Violation) bool { return f.Promise == oracle.MissedIncident }
	for _, tt := range []struct {
		long    time.Duration
		forgets bool
		found   bool
	}{{33 * time.Second, false, false}, {20 * time.Second, false, false}, {20 * time.Second, true, true}} {
		v := oracle.Verify(killedAtTwo(tt.long, tt.forgets))
		if got := slices.ContainsFunc(v.Violations, missed); got != tt.found {
			t.Errorf("away for %s, forgets %t: %v", tt.long, tt.forgets, v.Violations)
		}
	}
}

// TestAStreakOfSlowChecks: with a check each 31 s failures in a row still open an
// incident; a Monitor that counts each of them as the first is found out.
func TestAStreakOfSlowChecks(t *testing.T) {
	slow := rules
	slow.Interval, slow.Timeout = 31*time.Second, 27900*ms
	for _, forgets := range []bool{false, true} {
		s := &scenario{policy: evcp.Policy{Fall: 3, Rise: 1, Instance: "bench", Interval: slow.Interval, Timeout: slow.Timeout}}
		s.cp = oracle.CPTrace{ID: "CP_001", Behaviours: []oracle.EngineBehaviour{{At: at(0), Name: "ko", Expect: oracle.ExpectFailure}}}
		s.observe(evcp.Observation{Kind: evcp.Started, At: at(ms)})
		for n := range 20 {
			when := 10*ms + time.Duration(n)*slow.Interval
			s.receive(at(when), "KO")
			if forgets {
				s.state.Failures = 0
			}
			s.observe(evcp.Observation{Kind: evcp.Checked, At: at(when + ms), Outcome: evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO, Response: "KO", Latency: ms}})
		}
		trace := s.trace()
		trace.Rules, trace.To = slow, at(20*slow.Interval)
		v := oracle.Verify(trace)
		if got := v.Count(oracle.MissedIncident) + v.Count(oracle.FalseFailure); (got > 0) != forgets || v.Bounds == 0 {
			t.Errorf("forgets %t: checked %d bounds and found %v", forgets, v.Bounds, v.Violations)
		}
	}
}
