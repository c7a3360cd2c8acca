package watch_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"evcp"
	"evcp/internal/central"
	"evcp/internal/console"
	"evcp/internal/link"
	"evcp/internal/testbed"
	"evcp/internal/watch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// interval is shorter than the default, so that the tests are short.
const interval = 200 * time.Millisecond

// testMonitor is one running Monitor and its log.
type testMonitor struct {
	t    *testing.T
	log  string
	stop func() error
}

// start runs a Monitor of cp on the testbed until stop is called or the test ends.
func start(t *testing.T, bed *testbed.Testbed, cp evcp.CPID, dir string, changes ...func(*watch.Options)) *testMonitor {
	t.Helper()
	w := &testMonitor{t: t, log: filepath.Join(t.TempDir(), "log")}
	out, err := os.Create(w.log)
	if err != nil {
		t.Fatal(err)
	}
	var brokers []string
	if bed.BrokerAddr != "" {
		brokers = []string{bed.BrokerAddr}
	}
	o := watch.Options{
		Targets: []watch.Target{{CP: cp, Address: bed.EngineAddr}}, Central: bed.CentralAddr,
		Policy:   evcp.Policy{Fall: 3, Rise: 1, Instance: "test"},
		Interval: interval, Timeout: interval * 9 / 10, ReportEvery: 30 * time.Second, Heartbeat: time.Second,
		Brokers: brokers, Topic: bed.Topic, StateDir: dir, StateMax: 1 << 26, Keep: 1 << 24,
		Version: "test", Console: console.Open(console.Options{Out: out}), Dialers: link.OneDialer(&net.Dialer{}), Slept: watch.Slept,
		CloseLimit: testbed.Patience, // a busy machine is no reason to lose events
	}
	for _, change := range changes {
		change(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- watch.Run(ctx, o) }()
	w.stop = sync.OnceValue(func() error {
		cancel()
		defer out.Close()
		return <-ended
	})
	t.Cleanup(func() {
		if err := w.stop(); err != nil && !t.Failed() {
			t.Errorf("the Monitor ended: %v", err)
		}
	})
	return w
}

// count is how many times a text stands in the log.
func (w *testMonitor) count(text string) int {
	b, err := os.ReadFile(w.log)
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Count(string(b), text)
}

func (w *testMonitor) logs(text string) bool { return w.count(text) > 0 }

// TestBasicConnection is the seed's first test: the Monitor authenticates with
// Central, reaches the Engine, and what it did is on the topic.
func TestBasicConnection(t *testing.T) { testbed.ForEachBroker(t, basicConnection) }

func basicConnection(t *testing.T, bed *testbed.Testbed) {
	t.Helper()
	r := bed.ReadTopic()
	w := start(t, bed, "CP_TEST_001", t.TempDir())
	bed.UntilCentralState("CP_TEST_001", "activated")
	bed.Until("five checks", func() bool { return r.Count(evcp.HealthCheck) >= 5 })
	for _, a := range []evcp.Action{evcp.MonitorStarted, evcp.RegisterToCentral, evcp.AuthenticatedWithCentral, evcp.ConnectedToEngine} {
		if n := r.Count(a); n != 1 {
			t.Errorf("%d %s on the topic", n, a)
		}
	}
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	bed.Until("the last event", func() bool { return r.Count(evcp.MonitorStopped) == 1 })
	if state, reason := bed.CentralState("CP_TEST_001"); state != "disconnected" || reason != "said_goodbye" {
		t.Errorf("Central shows %s, %s", state, reason)
	}
	r.CheckSequence()
	if e := r.Events()[0]; e.Interval != interval || e.Timeout != interval*9/10 || e.Fall != 3 || e.Rise != 1 {
		t.Errorf("the first event is %+v", e)
	}
	for _, rec := range r.Records() {
		if rec.Key != "CP_TEST_001" {
			t.Fatalf("a record's key is %q", rec.Key)
		}
	}
	for _, line := range []string{"accepted by Central", "OK: the Engine answers in", "Kafka is there", "stopped: Central told, 0 events waiting"} {
		if !w.logs(line) {
			t.Errorf("the log does not say %q", line)
		}
	}
}

// TestEngineFailureDetection is the seed's second test: an Engine that says KO is
// reported once, and once more when it is well again.
func TestEngineFailureDetection(t *testing.T) { testbed.ForEachBroker(t, engineFailureDetection) }

func engineFailureDetection(t *testing.T, bed *testbed.Testbed) {
	t.Helper()
	r := bed.ReadTopic()
	w := start(t, bed, "CP_TEST_001", t.TempDir())
	bed.Until("a check", func() bool { return r.Count(evcp.HealthCheck) > 0 })
	for round := 1; round <= 2; round++ {
		bed.SetBehaviour("ko")
		bed.UntilCentralState("CP_TEST_001", "faulted")
		bed.SetBehaviour("ok")
		bed.UntilCentralState("CP_TEST_001", "activated")
		bed.Until("both receipts", func() bool { return r.Count(evcp.ReportEngineRecovery) == round })
	}
	for a, want := range map[evcp.Action]int{evcp.EngineFailed: 2, evcp.EngineRecovered: 2, evcp.ReportEngineFailure: 2} {
		if n := r.Count(a); n != want {
			t.Errorf("%d %s, want %d", n, a, want)
		}
	}
	for _, e := range r.Events() {
		if e.Action == evcp.ReportEngineFailure && (e.Response != "Failure report received" || e.Repeat != 0) {
			t.Errorf("receipt %q, repeat %d", e.Response, e.Repeat)
		}
	}
	if !w.logs("KO: 3 checks in a row since") {
		t.Error("the log does not say what failed")
	}
	r.CheckSequence()
}

// TestIntermittentFailures is the seed's third test: failures that come and go.
// Fewer than three in a row are nothing to report; three are.
func TestIntermittentFailures(t *testing.T) { testbed.ForEachBroker(t, intermittentFailures) }

func intermittentFailures(t *testing.T, bed *testbed.Testbed) {
	t.Helper()
	r := bed.ReadTopic()
	start(t, bed, "CP_TEST_001", t.TempDir())
	bed.SetBehaviour("intermittent")
	bed.Until("two incidents", func() bool { return r.Count(evcp.EngineRecovered) >= 2 })
	failures := uint32(0)
	for _, e := range r.Events() {
		switch e.Action {
		case evcp.HealthCheck:
			if e.Status == evcp.OK {
				failures = 0
			}
			if e.Status.Failed() {
				failures++
			}
			if e.Failures != failures {
				t.Fatalf("seq %d counts %d failures, want %d", e.Seq, e.Failures, failures)
			}
		case evcp.EngineFailed:
			if failures < 3 {
				t.Errorf("an incident after %d failures", failures)
			}
		}
	}
	r.CheckSequence()
}

// TestEverybodyMayBeAbsent starts a Monitor alone, and lets the others come, go
// and come back.
func TestEverybodyMayBeAbsent(t *testing.T) {
	bed := testbed.New(t)
	bed.BrokerAddr = testbed.FreeAddr(t)
	w := start(t, bed, "CP_001", t.TempDir())
	bed.Until("the incident", func() bool { return w.logs("CONNECTION_ERROR: connection refused, 3 checks since ") })
	bed.Until("the line on Central", func() bool { return w.logs("Central is not there: connection refused") })
	bed.Until("the line on Kafka", func() bool { return w.logs("Kafka is not there: connection refused") })
	stopCentral := bed.StartCentral(central.Options{})
	bed.UntilCentralState("CP_001", "faulted")
	bed.StartEngine("ok")
	bed.UntilCentralState("CP_001", "activated")
	stopCentral()
	bed.Until("the outage of Central", func() bool { return w.logs("Central is gone: ") }) // refused, or closed in the middle of a message
	bed.SetBehaviour("ko")
	// On a busy machine a check may time out too, and so open or lengthen an incident.
	bed.Until("the second incident", func() bool { return w.count(" shape=failed ") >= 2 })
	bed.SetBehaviour("ok")
	bed.Until("the second recovery, with its failed checks", func() bool {
		n := w.count(" action=engine_recovered ")
		return n >= 2 && n == w.count(" failed checks")
	})
	bed.StartCentral(central.Options{})
	bed.UntilCentralState("CP_001", "activated")
	bed.Until("the return of Central", func() bool { return w.logs("Central is back after") })
}
