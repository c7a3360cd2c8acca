package history

import (
	"testing"
	"time"
)

// TestReported: which reports by the text protocol belong to an incident.
func TestReported(t *testing.T) {
	at := func(s int) TCPReport { return TCPReport{At: origin.Add(time.Duration(s) * time.Second)} }
	over := func(s int) TCPReport { r := at(s); r.Recovery = true; return r }
	incident := func(from, to, told int) IncidentDetail {
		d := IncidentDetail{FirstFailed: at(from).At}
		if to > 0 {
			d.Recovered = at(to).At
		}
		if told > 0 {
			d.Told = at(told).At
		}
		return d
	}
	for name, tt := range map[string]struct {
		incident          IncidentDetail
		all               []TCPReport
		failure, recovery int // seconds; 0: none
	}{
		"both":                             {incident(100, 200, 102), []TCPReport{at(10), over(50), at(102), over(200), at(300)}, 102, 200},
		"Central's clock is 4 s behind":    {incident(100, 200, 102), []TCPReport{at(98), over(196)}, 98, 196},
		"reported again and again":         {incident(100, 200, 102), []TCPReport{at(102), at(130), at(160), over(201)}, 102, 201},
		"still open":                       {incident(100, 0, 102), []TCPReport{over(50), at(102)}, 102, 0},
		"Central was away meanwhile":       {incident(100, 200, 400), []TCPReport{at(400), over(401)}, 400, 401},
		"the recovery was never reported":  {incident(100, 200, 102), []TCPReport{at(102), at(500), over(600)}, 102, 0},
		"the failure was never reported":   {incident(100, 200, 0), []TCPReport{over(202), at(500)}, 0, 202},
		"nothing was ever said":            {incident(100, 200, 0), nil, 0, 0},
		"reports of another incident only": {incident(100, 200, 0), []TCPReport{at(300), over(400)}, 0, 0},
	} {
		failure, recovery := tt.incident.Reported(tt.all)
		for what, got := range map[string]struct {
			r    *TCPReport
			want int
		}{"failure": {failure, tt.failure}, "recovery": {recovery, tt.recovery}} {
			if (got.r != nil) != (got.want > 0) || got.r != nil && got.r.At != at(got.want).At {
				t.Errorf("%s: %s is %+v, want at %d", name, what, got.r, got.want)
			}
		}
	}
}
