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
	"evcp/internal/probe"
	"evcp/internal/testbed"
	"evcp/internal/watch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// interval is faster than life, so that the stories are short.
const interval = 200 * time.Millisecond

// watched is one running Monitor and its log.
type watched struct {
	t    *testing.T
	log  string
	stop func() error
}

// start runs a Monitor of cp on the ground until stop is called or the test ends.
func start(t *testing.T, g *testbed.Testbed, cp evcp.CPID, dir string, changes ...func(*watch.Options)) *watched {
	t.Helper()
	w := &watched{t: t, log: filepath.Join(t.TempDir(), "log")}
	out, err := os.Create(w.log)
	if err != nil {
		t.Fatal(err)
	}
	var brokers []string
	if g.BrokerAddr != "" {
		brokers = []string{g.BrokerAddr}
	}
	o := watch.Options{
		Targets: []probe.Target{{CP: cp, Address: g.EngineAddr}}, Central: g.CentralAddr,
		Policy:   evcp.Policy{Fall: 3, Rise: 1, Instance: "test"},
		Interval: interval, Timeout: interval * 9 / 10, ReportEvery: 30 * time.Second, Heartbeat: time.Second,
		Brokers: brokers, Topic: g.Topic, StateDir: dir, StateMax: 1 << 26, Keep: 1 << 24,
		Version: "test", Console: console.Open(console.Options{Out: out}), Dialer: &net.Dialer{}, Slept: watch.Slept,
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

func (w *watched) says(text string) bool {
	b, err := os.ReadFile(w.log)
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Contains(string(b), text)
}

// TestBasicConnection is the seed's first test: the Monitor authenticates with
// Central, reaches the Engine, and what it did is on the topic.
func TestBasicConnection(t *testing.T) { testbed.ForEachBroker(t, basicConnection) }

func basicConnection(t *testing.T, g *testbed.Testbed) {
	t.Helper()
	r := g.ReadTopic()
	w := start(t, g, "CP_TEST_001", t.TempDir())
	g.UntilCentralState("CP_TEST_001", "activated")
	g.Until("five checks", func() bool { return r.Count(evcp.HealthCheck) >= 5 })
	for _, a := range []evcp.Action{evcp.MonitorStarted, evcp.RegisterToCentral, evcp.AuthenticatedWithCentral, evcp.ConnectedToEngine} {
		if n := r.Count(a); n != 1 {
			t.Errorf("%d %s on the topic", n, a)
		}
	}
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	g.Until("the goodbye", func() bool { return r.Count(evcp.MonitorStopped) == 1 })
	if state, reason := g.CentralState("CP_TEST_001"); state != "disconnected" || reason != "said_goodbye" {
		t.Errorf("Central shows %s, %s", state, reason)
	}
	r.CheckSequence()
	for _, rec := range r.Records() {
		if rec.Key != "CP_TEST_001" {
			t.Fatalf("a record's key is %q", rec.Key)
		}
	}
	for _, line := range []string{"accepted by Central", "OK: the Engine answers in", "Kafka is there", "stopped: Central told, 0 events waiting"} {
		if !w.says(line) {
			t.Errorf("the log does not say %q", line)
		}
	}
}

// TestEngineFailureDetection is the seed's second test: an Engine that says KO is
// reported once, and once more when it is well again.
func TestEngineFailureDetection(t *testing.T) { testbed.ForEachBroker(t, engineFailureDetection) }

func engineFailureDetection(t *testing.T, g *testbed.Testbed) {
	t.Helper()
	r := g.ReadTopic()
	w := start(t, g, "CP_TEST_001", t.TempDir())
	g.Until("a check", func() bool { return r.Count(evcp.HealthCheck) > 0 })
	for round := 1; round <= 2; round++ {
		g.SetBehaviour("ko")
		g.UntilCentralState("CP_TEST_001", "faulted")
		g.SetBehaviour("ok")
		g.UntilCentralState("CP_TEST_001", "activated")
		g.Until("both receipts", func() bool { return r.Count(evcp.ReportEngineRecovery) == round })
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
	if !w.says("KO: 3 checks in a row since") {
		t.Error("the log does not say what failed")
	}
	r.CheckSequence()
}

// TestIntermittentFailures is the seed's third test: failures that come and go.
// Fewer than three in a row are nothing to report; three are.
func TestIntermittentFailures(t *testing.T) { testbed.ForEachBroker(t, intermittentFailures) }

func intermittentFailures(t *testing.T, g *testbed.Testbed) {
	t.Helper()
	r := g.ReadTopic()
	start(t, g, "CP_TEST_001", t.TempDir())
	g.SetBehaviour("intermittent")
	g.Until("two incidents", func() bool { return r.Count(evcp.EngineRecovered) >= 2 })
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
	g := testbed.New(t)
	g.BrokerAddr = testbed.FreeAddr(t)
	w := start(t, g, "CP_001", t.TempDir())
	g.Until("the incident", func() bool { return w.says("CONNECTION_ERROR: connection refused, 3 checks since ") })
	g.Until("the news of Central", func() bool { return w.says("Central is not there: connection refused") })
	g.Until("the news of Kafka", func() bool { return w.says("Kafka is not there: connection refused") })
	stopCentral := g.StartCentral(central.Options{})
	g.UntilCentralState("CP_001", "faulted")
	g.StartEngine("ok")
	g.UntilCentralState("CP_001", "activated")
	stopCentral()
	g.Until("the outage of Central", func() bool { return w.says("Central is gone: connection refused") })
	g.SetBehaviour("ko")
	g.Until("the second incident", func() bool { return w.says("KO: 3 checks in a row") })
	g.SetBehaviour("ok")
	g.Until("the second recovery", func() bool { return w.says("and 3 failed checks") || w.says("failed checks") })
	g.StartCentral(central.Options{})
	g.UntilCentralState("CP_001", "activated")
	g.Until("the return of Central", func() bool { return w.says("Central is back after") })
}
