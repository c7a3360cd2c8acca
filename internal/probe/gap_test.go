package probe

import (
	"testing"
	"time"

	"evcp"
)

// TestGap tells a Monitor that stood still from an answer that was a moment late.
func TestGap(t *testing.T) {
	const ms = time.Millisecond
	h := evcp.EvidenceRules{Timeout: 900 * ms, Grace: 25 * ms}
	stalled := evcp.Outcome{Cause: evcp.Stalled}
	tests := []struct {
		name string
		o    evcp.Outcome
		e    evcp.Evidence
		want time.Duration
	}{
		{"well", evcp.Outcome{Status: evcp.OK}, evcp.Evidence{WriteEnded: ms, Noticed: 2 * ms}, 0},
		{"an OK 0.2 ms too late, awake", stalled, evcp.Evidence{WriteEnded: ms, Noticed: 926*ms + 200*time.Microsecond}, 0},
		{"stopped for 10 s", stalled, evcp.Evidence{WriteEnded: ms, Noticed: 10001 * ms}, 10 * time.Second},
		{"stopped before asking", stalled, evcp.Evidence{WriteEnded: 5000 * ms, Noticed: 5001 * ms}, 5 * time.Second},
		{"never awake while dialling", stalled, evcp.Evidence{Noticed: 1500 * ms}, 1500 * ms},
		{"a KO is believed whenever it is noticed", evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO}, evcp.Evidence{WriteEnded: ms, Noticed: 10 * time.Second}, 0},
		{"the machine slept", evcp.Outcome{Cause: evcp.Slept}, evcp.Evidence{WriteEnded: ms, Noticed: 2 * ms, Slept: time.Hour}, time.Hour},
	}
	for _, tt := range tests {
		if got := gap(tt.o, tt.e, h); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
