package simulation

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"evcp/internal/bubble"
	"evcp/internal/oracle"
	"evcp/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// envNumber reads a number from the environment.
func envNumber(t *testing.T, name string, byDefault uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return byDefault
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// verified simulates one scenario and verifies its trace.
func verified(t *testing.T, s scenario) (r oracle.Trace, v *oracle.Verification) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		r = simulate(t, s)
		v = oracle.Verify(r)
	})
	return r, v
}

// verifyClean wants a history without a violation.
func verifyClean(t *testing.T, s scenario) (oracle.Trace, *oracle.Verification) {
	t.Helper()
	r, v := verified(t, s)
	t.Logf("%d checks received, %d events, %d failed, %d incidents, %d reports, %d epochs; checked %d bounds, %d intervals, %d reports in time",
		v.EngineChecks, v.Events, v.Failed, v.Incidents, v.Reports, v.Epochs, v.Bounds, v.Intervals, v.TimelyReports)
	for _, f := range v.Violations {
		t.Errorf("%s%s", f, traceAround(r, f.CP, f.At))
	}
	return r, v
}

// TestHistories simulates SIM_HISTORIES histories of SIM_MINUTES minutes, from SIM_SEED on,
// every fourth with a fleet of three. None may violate a promise.
func TestHistories(t *testing.T) {
	first, count, minutes := envNumber(t, "SIM_SEED", 1), envNumber(t, "SIM_HISTORIES", 12), envNumber(t, "SIM_MINUTES", 10)
	began, all := time.Now(), totals{}
	t.Run("seed", func(t *testing.T) {
		for seed := first; seed < first+count; seed++ {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				_, v := verifyClean(t, scenario{seed: seed, duration: time.Duration(minutes) * time.Minute, cps: fleetOf(seed), recheckAfter: recheckOf(seed)})
				all.add(v)
				if t.Failed() {
					t.Logf("again: SIM_SEED=%d SIM_HISTORIES=1 SIM_MINUTES=%d make simulate", seed, minutes)
				}
			})
		}
	})
	if os.Getenv("SIM_HISTORIES") != "" { // asked for by make simulate
		fmt.Printf("%d histories, %s of virtual time in %s: %s\n", count,
			time.Duration(count*minutes)*time.Minute, time.Since(began).Round(time.Second), &all)
	}
}

// recheckOf lets every third history check soon after a first failure.
func recheckOf(seed uint64) time.Duration {
	if seed%3 == 0 {
		return 100 * ms
	}
	return 0
}

func fleetOf(seed uint64) (cps int) {
	if seed%4 == 0 {
		return 3
	}
	return 1
}

// totals are the sums over many histories.
type totals struct {
	mu sync.Mutex // guards of
	of oracle.Verification
}

func (s *totals) add(v *oracle.Verification) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of.Checks += v.Checks
	s.of.Events += v.Events
	s.of.Incidents += v.Incidents
	s.of.Reports += v.Reports
	s.of.Epochs += v.Epochs
	s.of.Violations = append(s.of.Violations, v.Violations...)
}

func (s *totals) String() string {
	return fmt.Sprintf("%d checks, %d events, %d incidents, %d reports, %d epochs, %d promises broken",
		s.of.Checks, s.of.Events, s.of.Incidents, s.of.Reports, s.of.Epochs, len(s.of.Violations))
}

// TestASleepingMachine lets the machine sleep again and again while the Engine is OK: no
// check may fail. There are no Engine faults, because a streak can end in the clock step
// that follows a sleep under synctest, and the oracle has no rule for steps.
func TestASleepingMachine(t *testing.T) {
	faults := []fault{sleepFault, centralLinkFault, centralFault, monitorFault, diskFault, brokerFault}
	for seed := range uint64(4) {
		verifyClean(t, scenario{seed: seed, duration: 10 * time.Minute, faults: faults})
	}
}

// TestKilledInMemory kills Monitors also while events are in memory only. Those are lost,
// but no event_id may have two contents.
func TestKilledInMemory(t *testing.T) {
	faults := []fault{engineFault, monitorFault, {inject: (*faultLane).disk, pause: 20 * time.Second}, brokerFault}
	for seed := range uint64(6) {
		r, v := verified(t, scenario{seed: seed, duration: 5 * time.Minute, faults: faults, killInMemory: true})
		for _, f := range v.Violations {
			if f.Promise == oracle.DuplicateID {
				t.Errorf("seed %d: %s%s", seed, f, traceAround(r, f.CP, f.At))
			}
		}
	}
}

// TestReportedOnceWhileTheDiskHangs hangs the disk until it counts as refused, while the
// Engine fails and recovers. Central gets each report before its event is kept, and not
// again when everything is judged again in a new epoch.
func TestReportedOnceWhileTheDiskHangs(t *testing.T) {
	inject := func(l *faultLane) {
		var hanging sync.WaitGroup
		l.h.failDisk()
		hanging.Go(func() { l.h.diskFaults.hang(45 * time.Second) })
		time.Sleep(500 * ms)
		l.h.must(l.e.setBehaviour(failing("ko", behaviour{reply: "KO"})))
		time.Sleep(10 * time.Second)
		l.h.must(l.e.setBehaviour(okBehaviour))
		hanging.Wait()
		for !l.h.diskRecovered() {
			time.Sleep(100 * ms)
		}
	}
	p := scenario{duration: 50 * time.Second, faults: []fault{{inject: inject, pause: 5 * time.Second}}}
	r, v := verifyClean(t, p)
	sent := map[wire.Verb]int{}
	for _, m := range r.CPs[0].Messages {
		sent[m.Verb]++
	}
	if sent[wire.EngineFailure] != 1 || sent[wire.EngineRecovered] != 1 || v.Incidents != 1 || v.Reports != 2 || v.Epochs != 2 {
		t.Errorf("sent %v; %d incidents, %d reports, %d epochs; want one of each, and two epochs", sent, v.Incidents, v.Reports, v.Epochs)
	}
}

// TestPlantedBugsAreFound: the oracle finds each planted bug in a history.
func TestPlantedBugsAreFound(t *testing.T) {
	for _, tt := range []struct {
		name string
		bug  plantedBug
		want oracle.Promise
	}{
		{"an event lost on the way to the topic", plantedBug{dropEvery: 100}, oracle.SeqGap},
		{"an incident at the fourth failure", plantedBug{lateIncident: true}, oracle.MissedIncident},
		{"receipts that are not recorded", plantedBug{dropReceipts: true}, oracle.MissingReport},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, v := verified(t, scenario{seed: 1, duration: 5 * time.Minute, bug: tt.bug}); v.Count(tt.want) == 0 {
				t.Errorf("no %s among %v", tt.want, v.Violations)
			}
		})
	}
}
