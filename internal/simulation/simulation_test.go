package simulation

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"evcp/internal/oracle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// number reads a number from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// judged plays one history and asks the oracle.
func judged(t *testing.T, p plot) (v *oracle.Verdict) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v = oracle.Judge(play(t, p))
	})
	return v
}

// clean wants a history without a finding.
func clean(t *testing.T, p plot) {
	t.Helper()
	v := judged(t, p)
	t.Logf("%d questions, %d events, %d failed, %d incidents, %d reports, %d epochs; held to %d bounds, %d intervals, %d reports in time",
		v.Questions, v.Events, v.Failed, v.Incidents, v.Reports, v.Epochs, v.Bounds, v.Rhythm, v.Timely)
	for _, f := range v.Findings {
		t.Error(f)
	}
}

// TestHistories plays SIM_HISTORIES histories of ten minutes, from SIM_SEED on.
// None may break a promise.
func TestHistories(t *testing.T) {
	first, count := number(t, "SIM_SEED", 1), number(t, "SIM_HISTORIES", 12)
	for seed := first; seed < first+count; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			clean(t, plot{seed: seed, long: 10 * time.Minute})
			if t.Failed() {
				t.Logf("again: SIM_SEED=%d SIM_HISTORIES=1 go test -race -run TestHistories ./internal/simulation", seed)
			}
		})
	}
}

// TestASleepingMachine lets the machine sleep again and again beside a well Engine:
// nobody is accused. A streak has no part in it, since the step that the clock
// tells after a sleep in a bubble ends one, and the oracle knows of no steps.
func TestASleepingMachine(t *testing.T) {
	lanes := []fault{sleepFault, centralLinkFault, centralFault, monitorFault, diskFault, brokerFault}
	for seed := range uint64(4) {
		clean(t, plot{seed: seed, long: 10 * time.Minute, lanes: lanes})
	}
}

// TestKilledInMemory kills Monitors also while their events are in memory only.
// What is lost then is lost, but no number comes twice with another content.
func TestKilledInMemory(t *testing.T) {
	lanes := []fault{engineFault, monitorFault, {(*lane).disk, 20 * time.Second}, brokerFault}
	for seed := range uint64(6) {
		for _, f := range judged(t, plot{seed: seed, long: 5 * time.Minute, lanes: lanes, mortal: true}).Findings {
			if f.Column == oracle.Ambiguous {
				t.Errorf("seed %d: %s", seed, f)
			}
		}
	}
}

// TestPlantedBugsAreFound holds that a history shows what is wrong with a Monitor.
func TestPlantedBugsAreFound(t *testing.T) {
	for _, tt := range []struct {
		name string
		lie  lie
		want oracle.Column
	}{
		{"an event lost on the way to the topic", lie{lostEvery: 100}, oracle.Gap},
		{"an incident at the fourth failure", lie{slowToSay: true}, oracle.MissedIncident},
		{"receipts that are not recorded", lie{forgetful: true}, oracle.NotTold},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if v := judged(t, plot{seed: 1, long: 5 * time.Minute, lie: tt.lie}); v.Count(tt.want) == 0 {
				t.Errorf("no %s among %v", tt.want, v.Findings)
			}
		})
	}
}
