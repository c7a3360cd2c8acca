package simulation

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"evcp/internal/oracle"
	"evcp/internal/wire"
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
func judged(t *testing.T, p plot) (r oracle.Trace, v *oracle.Verification) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r = play(t, p)
		v = oracle.Verify(r)
	})
	return r, v
}

// clean wants a history without a finding.
func clean(t *testing.T, p plot) (oracle.Trace, *oracle.Verification) {
	t.Helper()
	r, v := judged(t, p)
	t.Logf("%d questions, %d events, %d failed, %d incidents, %d reports, %d epochs; held to %d bounds, %d intervals, %d reports in time",
		v.EngineChecks, v.Events, v.Failed, v.Incidents, v.Reports, v.Epochs, v.Bounds, v.Intervals, v.TimelyReports)
	for _, f := range v.Violations {
		t.Errorf("%s%s", f, around(r, f.CP, f.At))
	}
	return r, v
}

// TestHistories plays SIM_HISTORIES histories of SIM_MINUTES minutes, from SIM_SEED
// on, every fourth with a fleet of three. None may break a promise.
func TestHistories(t *testing.T) {
	first, count, minutes := number(t, "SIM_SEED", 1), number(t, "SIM_HISTORIES", 12), number(t, "SIM_MINUTES", 10)
	began, all := time.Now(), sum{}
	t.Run("seed", func(t *testing.T) {
		for seed := first; seed < first+count; seed++ {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				_, v := clean(t, plot{seed: seed, long: time.Duration(minutes) * time.Minute, cps: fleetOf(seed)})
				all.add(v)
				if t.Failed() {
					t.Logf("again: SIM_SEED=%d SIM_HISTORIES=1 SIM_MINUTES=%d make simulate", seed, minutes)
				}
			})
		}
	})
	if os.Getenv("SIM_HISTORIES") != "" { // somebody asked for them and waits
		fmt.Printf("%d histories, %s of virtual time in %s: %s\n", count,
			time.Duration(count*minutes)*time.Minute, time.Since(began).Round(time.Second), &all)
	}
}

func fleetOf(seed uint64) (cps int) {
	if seed%4 == 0 {
		return 3
	}
	return 1
}

// sum is what many histories came to.
type sum struct {
	mu sync.Mutex // guards of
	of oracle.Verification
}

func (s *sum) add(v *oracle.Verification) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of.Checks += v.Checks
	s.of.Events += v.Events
	s.of.Incidents += v.Incidents
	s.of.Reports += v.Reports
	s.of.Epochs += v.Epochs
	s.of.Violations = append(s.of.Violations, v.Violations...)
}

func (s *sum) String() string {
	return fmt.Sprintf("%d checks, %d events, %d incidents, %d reports, %d epochs, %d promises broken",
		s.of.Checks, s.of.Events, s.of.Incidents, s.of.Reports, s.of.Epochs, len(s.of.Violations))
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
	lanes := []fault{engineFault, monitorFault, {befall: (*lane).disk, pause: 20 * time.Second}, brokerFault}
	for seed := range uint64(6) {
		r, v := judged(t, plot{seed: seed, long: 5 * time.Minute, lanes: lanes, mortal: true})
		for _, f := range v.Violations {
			if f.Promise == oracle.DuplicateID {
				t.Errorf("seed %d: %s%s", seed, f, around(r, f.CP, f.At))
			}
		}
	}
}

// TestToldOnceThoughTheDiskRefused lets the disk stand still for so long that it counts
// as refused, while the Engine fails and recovers: Central is told before anything is
// kept, and not again when it is all judged anew under other numbers.
func TestToldOnceThoughTheDiskRefused(t *testing.T) {
	story := func(l *lane) {
		var still sync.WaitGroup
		l.h.refuses()
		still.Go(func() { l.h.weather.freeze(45 * time.Second) })
		time.Sleep(500 * ms)
		l.h.must(l.e.behave(ill("ko", manner{answer: "KO"})))
		time.Sleep(10 * time.Second)
		l.h.must(l.e.behave(well))
		still.Wait()
		for !l.h.lookAtDisk() {
			time.Sleep(100 * ms)
		}
	}
	p := plot{long: 50 * time.Second, lanes: []fault{{befall: story, pause: 5 * time.Second}}}
	r, v := clean(t, p)
	said := map[wire.Verb]int{}
	for _, m := range r.CPs[0].Messages {
		said[m.Verb]++
	}
	if said[wire.EngineFailure] != 1 || said[wire.EngineRecovered] != 1 || v.Incidents != 1 || v.Reports != 2 || v.Epochs != 2 {
		t.Errorf("said %v; %d incidents, %d reports, %d epochs; want one of each, and two epochs", said, v.Incidents, v.Reports, v.Epochs)
	}
}

// TestPlantedBugsAreFound holds that a history shows what is wrong with a Monitor.
func TestPlantedBugsAreFound(t *testing.T) {
	for _, tt := range []struct {
		name string
		lie  lie
		want oracle.Promise
	}{
		{"an event lost on the way to the topic", lie{lostEvery: 100}, oracle.SeqGap},
		{"an incident at the fourth failure", lie{slowToSay: true}, oracle.MissedIncident},
		{"receipts that are not recorded", lie{forgetful: true}, oracle.MissingReport},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, v := judged(t, plot{seed: 1, long: 5 * time.Minute, lie: tt.lie}); v.Count(tt.want) == 0 {
				t.Errorf("no %s among %v", tt.want, v.Violations)
			}
		})
	}
}
