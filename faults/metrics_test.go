package main

import (
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/wire"
)

// sec is a moment of these tests.
func sec(s float64) evcp.Stamp {
	return evcp.StampOf(time.Unix(1_800_000_000, 0)).Add(time.Duration(s * float64(time.Second)))
}

func askedAt(moments ...float64) cpHistory {
	a := cpHistory{rules: oracle.Rules{Interval: time.Second, Timeout: 900 * ms, Fall: 3}}
	for _, m := range moments {
		a.EngineChecks = append(a.EngineChecks, oracle.EngineCheck{Received: sec(m), Done: sec(m), Reply: "OK"})
	}
	return a
}

// TestMaxLateness is measured from ticks, not from the check before.
func TestMaxLateness(t *testing.T) {
	tests := []struct {
		name  string
		asked []float64
		want  time.Duration
	}{
		{"too few to say", []float64{0, 1}, never},
		{"in time, the first one at once", []float64{0.3, 1, 2, 3}, 0},
		{"one is late", []float64{0, 1, 2.2, 3, 4}, 200 * ms},
		{"each a little later than the one before", []float64{0, 1, 2.1, 3.2, 4.3}, 300 * ms},
		{"one is missing", []float64{0, 1, 3, 4}, time.Second},
	}
	for _, tt := range tests {
		if got := askedAt(tt.asked...).maxLateness(); got.Round(ms) != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestChecksWithoutEvent: an event is about one check only.
func TestChecksWithoutEvent(t *testing.T) {
	a := askedAt(1, 2, 2.03, 3)
	for n, at := range []float64{1.001, 2.031, 3.001} {
		a.events = append(a.events, evcp.Event{Action: evcp.HealthCheck, Status: evcp.OK, At: sec(at), Latency: ms, Epoch: 1, Seq: uint64(n + 1)})
	}
	a.Windows = []oracle.Window{{Kind: oracle.MonitorDown, From: sec(2.01), To: sec(2.02)}}
	gone := a.checksWithoutEvent()
	if len(gone) != 1 || gone[0].Received != sec(2) || a.untilKilled(gone[0]).Round(ms) != 10*ms {
		t.Errorf("%v", gone)
	}
	if got := a.untilKilled(a.EngineChecks[3]); got != time.Hour {
		t.Errorf("no kill came later, and it returns %s", got)
	}
}

// TestMissing counts seqs within each epoch.
func TestMissing(t *testing.T) {
	a := cpHistory{events: []evcp.Event{{Epoch: 1, Seq: 1}, {Epoch: 1, Seq: 4}, {Epoch: 2, Seq: 2}}}
	if a.missing() != 3 || !slices.Equal(a.epochs(), []int64{1, 2}) {
		t.Errorf("%d missing, epochs %v", a.missing(), a.epochs())
	}
}

// TestReportsAfterReceipt: a report without a receipt may be sent again, one with it may not.
func TestReportsAfterReceipt(t *testing.T) {
	answered := func(v wire.Verb, receipt evcp.Stamp) oracle.CentralMessage {
		return oracle.CentralMessage{Verb: v, Returned: receipt}
	}
	a := cpHistory{CPTrace: oracle.CPTrace{Messages: []oracle.CentralMessage{
		answered(wire.EngineFailure, 0), answered(wire.EngineFailure, sec(1)), answered(wire.Heartbeat, sec(2)), answered(wire.EngineRecovered, sec(3)),
		answered(wire.EngineFailure, sec(4)),
	}}}
	if n := a.reportsAfterReceipt(); n != 0 {
		t.Errorf("%d after a receipt, want 0", n)
	}
	a.Messages = append(a.Messages, answered(wire.EngineFailure, sec(5)))
	if n := a.reportsAfterReceipt(); n != 1 {
		t.Errorf("%d after a receipt, want 1", n)
	}
}

// TestMeasurementsBreak at their bounds and not before.
func TestMeasurementsBreak(t *testing.T) {
	good := []scenarioMetric{exactly("a", 2, 2), notMore("b", 2, 2), notLess("c", 2, 2), atMost("d", 2, 2), atLeast("e", 2, 2), holds("f", true), count("g", 7)}
	bad := []scenarioMetric{exactly("A", 1, 2), notMore("B", 3, 2), notLess("C", 1, 2), atMost("D", 3, 2), atMost("E", never, 2), atLeast("F", 1, 2), holds("G", false)}
	const timed = 2
	for busy, want := range map[bool]int{false: len(bad), true: len(bad) - timed} {
		if n := printMetrics(io.Discard, slices.Concat(good, bad), busy); n != want {
			t.Errorf("busy %t: %d broken, want %d", busy, n, want)
		}
	}
}

// TestMetricsOfAGroup are one line: of the charge point that is furthest off, and how many there
// are. What one of them broke is broken, and each that did counts.
func TestMetricsOfAGroup(t *testing.T) {
	for name, of := range map[string]struct {
		all  []scenarioMetric
		want string
		bad  int
	}{
		"exactly":  {[]scenarioMetric{exactly("x", 2, 2), exactly("x", 0, 2), exactly("x", 1, 2)}, "0 of 2 (3)", 2},
		"at most":  {[]scenarioMetric{atMost("x", time.Second, 2*time.Second), atMost("x", time.Second*3/2, 2*time.Second)}, "1.500 s of at most 2.000 s (2)", 0},
		"never":    {[]scenarioMetric{atMost("x", 9*time.Second, 2*time.Second), atMost("x", never, 2*time.Second)}, "never of at most 2.000 s (2)", 2},
		"at least": {[]scenarioMetric{atLeast("x", 3*time.Second, 2*time.Second), atLeast("x", 4*time.Second, 2*time.Second)}, "3.000 s of at least 2.000 s (2)", 0},
		"bounds":   {[]scenarioMetric{atMost("x", 9*time.Second, 8*time.Second), atMost("x", 12*time.Second, 14*time.Second)}, "9.000 s of at most 8.000 s (2)", 1},
		"counts":   {[]scenarioMetric{count("x", 2), count("x", 3)}, "5 of  (2)", 0},
		"yes":      {[]scenarioMetric{holds("x", true), holds("x", false)}, "no of yes (2)", 1},
	} {
		rows := joined(of.all)
		if len(rows) != 1 {
			t.Errorf("%s: %d rows", name, len(rows))
			continue
		}
		if got := fmt.Sprintf("%s of %s (%d)", rows[0].measured, rows[0].required, rows[0].of); got != of.want || rows[0].broken != of.bad {
			t.Errorf("%s: %s, %d broken; want %s, %d", name, got, rows[0].broken, of.want, of.bad)
		}
	}
}
