package history

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"evcp"
	"evcp/internal/generator"
)

// FuzzHistory: any records, each taken twice and each numbering saved and read again after each,
// give gapless segments, the same as taken once.
func FuzzHistory(f *testing.F) {
	for _, clock := range []time.Duration{0, -20 * time.Second, time.Hour} {
		m := generator.SimulatedMonitor{CP: "A", Policy: evcp.Policy{Fall: 3, Rise: 1, Instance: "x", Interval: time.Second, Timeout: 900 * time.Millisecond}}
		now, lines := origin, []byte(nil)
		add := func(events []evcp.Event) {
			for _, e := range events {
				lines = append(e.AppendJSON(lines), '\n')
			}
		}
		add(m.Observe(evcp.Observation{Kind: evcp.Started, At: now, Version: "x"}))
		for n := range 20 {
			o := evcp.Outcome{Status: evcp.OK}
			if n >= 5 && n < 15 {
				o = evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO}
			}
			add(m.Check(now, o))
			if now = now.Add(time.Second); n == 10 && clock != 0 {
				now = now.Add(clock)
				add(m.Observe(evcp.Observation{Kind: evcp.ClockStepped, At: now, Gap: clock}))
			}
		}
		f.Add(lines)
	}
	f.Add([]byte(`{"cp_id":"A","monitor_id":"EV_CP_M","action":"health_check","status":"KO","engine_response":"KO","consecutive_failures":0,"timestamp":1640000000.0}` + "\n"))
	f.Fuzz(func(t *testing.T, lines []byte) {
		var all []numbered
		for line := range bytes.Lines(lines) {
			if p, err := Parse(bytes.TrimSuffix(line, []byte("\n"))); err == nil && len(all) < 400 {
				r := p.Record
				if p.Epoch == 0 {
					r = Record{At: p.Check.At, Status: p.Check.Status}
				}
				all = append(all, numbered{p.Epoch, r})
			}
		}
		elements, first := folded(t, all, never)
		segments := Merge(elements, first)
		for i, s := range segments {
			if s.From >= s.To || i > 0 && segments[i-1].To != s.From {
				t.Errorf("%d to %d follows %v", s.From, s.To, segments[:i])
			}
		}
		var twice []numbered
		for _, r := range all {
			twice = append(twice, r, r)
		}
		again, firstAgain := folded(t, twice, func() bool { return true })
		if other := Merge(again, firstAgain); !slices.Equal(segments, other) {
			t.Errorf("taken twice %v\nwant %v", other, segments)
		}
		if one, other := Incidents(elements, first), Incidents(again, firstAgain); !slices.Equal(one, other) {
			t.Errorf("taken twice %v\nwant %v", other, one)
		}
	})
}
