package oracle_test

import (
	"testing"
	"time"

	"evcp"
	"evcp/internal/oracle"
)

// linkStory is 20 s of an Engine that is always well: from 5 s to 8 s the link swallows
// everything, and from 12 s to 15 s it brings every question and answer too late.
func linkStory() *world {
	w := &world{policy: evcp.Policy{Fall: 3, Rise: 1, Instance: "bench"}, cp: oracle.CPTrace{ID: "CP_001", Shown: "activated"}}
	w.cp.Behaviours = []oracle.EngineBehaviour{{At: at(0), Name: "ok"}}
	w.cp.Windows = []oracle.Window{
		{Kind: oracle.EngineLink, From: at(5 * time.Second), To: at(8 * time.Second), Expect: oracle.ExpectFailure},
		{Kind: oracle.EngineLink, From: at(12 * time.Second), To: at(15 * time.Second), Delay: 300 * ms},
	}
	w.see(evcp.Observation{Kind: evcp.Started, At: at(ms)})
	timeout := evcp.Outcome{Status: evcp.ConnectionError, Cause: evcp.Timeout, Latency: 205 * ms}
	for t := 10 * ms; t < 20*time.Second; t += 250 * ms {
		switch {
		case t >= 5*time.Second && t < 8*time.Second:
			w.see(evcp.Observation{Kind: evcp.Checked, Outcome: timeout, At: at(t + 205*ms)})
		case t >= 12*time.Second && t < 15*time.Second:
			w.asked(at(t+150*ms), "OK")
			w.see(evcp.Observation{Kind: evcp.Checked, Outcome: timeout, At: at(t + 205*ms)})
		default:
			w.well(t)
		}
	}
	return w
}

// well is a check that found the Engine well.
func (w *world) well(t time.Duration) {
	w.asked(at(t), "OK")
	w.see(evcp.Observation{Kind: evcp.Checked, Outcome: evcp.Outcome{Status: evcp.OK, Response: "OK", Latency: ms}, At: at(t + ms)})
}

// TestALinkIsNoEngine holds the oracle to what a link does: it explains what fails
// while it fails, and nothing else.
func TestALinkIsNoEngine(t *testing.T) {
	isCheck := action(evcp.HealthCheck)
	never := func(n int) func(*world) { // the n-th incident was not seen
		return func(w *world) {
			for _, a := range []evcp.Action{evcp.EngineFailed, evcp.EngineRecovered, evcp.ReportEngineFailure, evcp.ReportEngineRecovery} {
				w.without(w.find(n, action(a)))
			}
		}
	}
	for name, tt := range map[string]struct {
		plant func(*world)
		want  []oracle.Promise // none: nothing is found
	}{
		"as it was":                      {plant: func(*world) {}},
		"never found behind a hole":      {never(0), []oracle.Promise{oracle.MissedIncident}},
		"never found behind a slow link": {never(1), []oracle.Promise{oracle.MissedIncident}},
		"found too late, and a slow link long after is no excuse": {func(w *world) {
			w.cp.Windows[0].From = at(4400 * ms)
		}, []oracle.Promise{oracle.MissedIncident}},
		"accused after the hole": {func(w *world) {
			e := &w.events[w.find(40, isCheck)]
			e.Status, e.Cause, e.Response, e.Failures = evcp.ConnectionError, evcp.Timeout, "", 1
		}, []oracle.Promise{oracle.FalseFailure}},
		"a KO out of the hole": {func(w *world) {
			e := &w.events[w.find(25, isCheck)]
			e.Status, e.Cause, e.Response = evcp.KO, evcp.SaidKO, "KO"
		}, []oracle.Promise{oracle.FalseFailure}},
		"an OK out of the hole": {func(w *world) {
			e := &w.events[w.find(25, isCheck)]
			e.Status, e.Cause, e.Response, e.Failures = evcp.OK, evcp.NoCause, "OK", 0
		}, []oracle.Promise{oracle.FalseOK}},
		"a hole that was none": {func(w *world) { w.cp.Windows = w.cp.Windows[1:] }, []oracle.Promise{oracle.FalseFailure}},
	} {
		t.Run(name, func(t *testing.T) {
			w := linkStory()
			tt.plant(w)
			v := oracle.Verify(w.record())
			for _, c := range tt.want {
				if v.Count(c) == 0 {
					t.Errorf("no %s among %v", c, v.Violations)
				}
			}
			if len(tt.want) == 0 && len(v.Violations) > 0 || v.Bounds < 2 {
				t.Errorf("held %d bounds and found %v", v.Bounds, v.Violations)
			}
		})
	}
}
