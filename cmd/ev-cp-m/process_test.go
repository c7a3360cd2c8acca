package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"evcp"
	"evcp/internal/central"
	"evcp/internal/cli"
	"evcp/internal/status"
	"evcp/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m, nil) }

// start starts the static binary, as it is shipped, in an environment that sets
// nothing but more.
func start(t *testing.T, more []string, args ...string) *testbed.Subprocess {
	t.Helper()
	cmd := testbed.Built(t, name, args...)
	cmd.Env = append(append(cmd.Env, "LANG="), more...)
	return testbed.StartProcess(t, cmd)
}

// flags are what a Monitor needs to find everybody on the ground.
func flags(g *testbed.Testbed, dir string) []string {
	return []string{
		"--cp-id", "CP_001", "--central-ip", "127.0.0.1", "--central-port", testbed.Port(g.CentralAddr),
		"--engine-ip", "127.0.0.1", "--engine-port", testbed.Port(g.EngineAddr), "--kafka-brokers", g.BrokerAddr, "--state-dir", dir,
	}
}

// TestKilledAtTwoOfThree kills the Monitor after two failed checks: the next process's
// first failed check reports, under the next number. The first process may fail more checks
// than three, so that it reports nothing however late the kill comes.
func TestKilledAtTwoOfThree(t *testing.T) {
	g, dir := testbed.Start(t), t.TempDir()
	r := g.ReadTopic()
	failed := func(n uint32) func() bool {
		return func() bool {
			for _, e := range r.Events() {
				if e.Failures == n {
					return true
				}
			}
			return false
		}
	}
	p := start(t, nil, append(flags(g, dir), "--fall", "1000")...)
	g.Until("an OK", func() bool { return r.Count(evcp.HealthCheck) > 0 })
	g.SetBehaviour("ko")
	g.Until("two failed checks", failed(2))
	p.Signal(syscall.SIGKILL)
	p.Wait()
	start(t, nil, flags(g, dir)...)
	g.UntilCentralState("CP_001", "faulted")
	g.Until("the receipt", func() bool { return r.Count(evcp.ReportEngineFailure) == 1 })
	r.CheckSequence()
	epochs := map[int64]bool{}
	checks, failures, last := 0, uint32(0), uint64(0)
	for _, e := range r.Events() {
		epochs[e.Epoch] = true
		if e.Seq <= last { // it came again, since the Monitor was killed
			continue
		}
		last = e.Seq
		if e.Action == evcp.MonitorStarted {
			checks = 0
		}
		if e.Action == evcp.HealthCheck {
			checks++
			if e.Status.Failed() && e.Failures != failures+1 {
				t.Errorf("check %d of a process is failure %d, after %d", checks, e.Failures, failures)
			}
			failures = e.Failures
		}
		if e.Action == evcp.EngineFailed && checks != 1 {
			t.Errorf("reported after %d checks of the second process", checks)
		}
	}
	if len(epochs) != 1 {
		t.Errorf("%d epochs", len(epochs))
	}
}

// TestAStoppedMonitorBlamesNoEngine stops the process in the middle of checks of
// an Engine that takes 0.6 s, for long and for short. The Engine is in this process: where it
// stood still itself, a check may fail.
func TestAStoppedMonitorBlamesNoEngine(t *testing.T) {
	t.Parallel()
	g := testbed.Start(t)
	r := g.ReadTopic()
	stalls := testbed.MeasureStalls(t)
	g.SetBehaviour("slow=600ms")
	p := start(t, nil, append(flags(g, t.TempDir()), "--interval", "1500ms", "--timeout", "1400ms")...)
	g.Until("an OK", func() bool { return r.Count(evcp.HealthCheck) > 0 })
	stop := func(d time.Duration) {
		p.Signal(syscall.SIGSTOP)
		time.Sleep(d) // how long the process is stopped is what is tested
		p.Signal(syscall.SIGCONT)
	}
	stop(4 * time.Second)
	for range 9 {
		asked := len(g.Exchanges())
		g.Until("the next check", func() bool { return len(g.Exchanges()) > asked })
		stop(1400 * time.Millisecond)
	}
	checks := r.Count(evcp.HealthCheck)
	g.Until("two more checks", func() bool { return r.Count(evcp.HealthCheck) > checks+1 })
	for _, e := range r.Events() {
		if (e.Failures > 0 || e.Action == evcp.EngineFailed) && stalls.Longest() < 500*time.Millisecond {
			t.Errorf("blamed: seq %d %s %s %s; the Engine stood still for %s at most", e.Seq, e.Action, e.Status, e.Cause, stalls.Longest())
		}
	}
	if r.Count(evcp.MonitorStalled) == 0 {
		t.Error("no monitor_stalled for the long stop")
	}
	g.UntilCentralState("CP_001", "activated")
	r.CheckSequence()
}

// TestASilentEngineIsFoundDespiteStops is the other half: the same stops hide no
// failed Engine.
func TestASilentEngineIsFoundDespiteStops(t *testing.T) {
	t.Parallel()
	g := testbed.Start(t)
	r := g.ReadTopic()
	p := start(t, nil, flags(g, t.TempDir())...)
	g.Until("an OK", func() bool { return r.Count(evcp.HealthCheck) > 0 })
	g.SetBehaviour("mute")
	for r.Count(evcp.EngineFailed) == 0 && !t.Failed() {
		p.Signal(syscall.SIGSTOP)
		time.Sleep(300 * time.Millisecond) // how long the process is stopped is what is tested
		p.Signal(syscall.SIGCONT)
		checks := r.Count(evcp.HealthCheck)
		g.Until("a check", func() bool { return r.Count(evcp.HealthCheck) > checks })
		if checks > 30 {
			t.Fatal("30 checks and no incident")
		}
	}
	g.UntilCentralState("CP_001", "faulted")
}

// TestStopIsBoundedWhateverHangs stops a Monitor whose Engine, Central and broker
// all listen and never reply.
func TestStopIsBoundedWhateverHangs(t *testing.T) {
	t.Parallel()
	g := testbed.New(t)
	g.StartEngine("mute")
	g.CentralAddr, g.BrokerAddr = testbed.SilentServer(t), testbed.SilentServer(t)
	p := start(t, nil, flags(g, t.TempDir())...)
	g.Until("three questions", func() bool { return len(g.Exchanges()) >= 3 })
	took := testbed.MeasureStalls(t).Time(func() {
		p.Signal(syscall.SIGTERM)
		if code := p.Wait(); code != cli.ExitOK {
			t.Errorf("exit code %d", code)
		}
	})
	t.Logf("gone after %s", took)
	if took > 10*time.Second { // 2.5 s on a machine with time to spare
		t.Errorf("took %s", took)
	}
}

// TestEnvironmentOfAContainer runs the static binary as the image does: variables
// and no flag.
func TestEnvironmentOfAContainer(t *testing.T) {
	t.Parallel()
	g := testbed.Start(t)
	state := t.TempDir()
	start(t, []string{
		"HOME=", "PATH=", "CP_ID=CP_042", "CENTRAL_IP=127.0.0.1", "ENGINE_IP=127.0.0.1", "EVCP_STATE_DIR=" + state,
		"CENTRAL_PORT=tcp://10.96.0.7:5000", "EVCP_CENTRAL_PORT=" + testbed.Port(g.CentralAddr),
		"ENGINE_PORT=" + testbed.Port(g.EngineAddr), "KAFKA_BROKERS=" + g.BrokerAddr, "EVCP_ENGINE_IP=",
	})
	g.UntilCentralState("CP_042", "activated")
	if _, err := os.Stat(filepath.Join(state, "CP_042")); err != nil {
		t.Error(err)
	}
	if out, err := exec.Command("file", testbed.Built(t, name).Path).CombinedOutput(); err == nil && !strings.Contains(string(out), "statically linked") {
		t.Errorf("not static: %s", out)
	}
}

// TestRefusedForGood stops with code 3 when Central never accepted this Monitor,
// and goes on when it did once.
func TestRefusedForGood(t *testing.T) {
	t.Parallel()
	g := testbed.New(t)
	list := filepath.Join(t.TempDir(), "registry")
	write := func(text string) {
		if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open := func() central.Options {
		registry, err := central.OpenRegistry(list)
		if err != nil {
			t.Fatal(err)
		}
		return central.Options{Registry: registry}
	}
	g.StartEngine("ok")
	write("CP_777\n")
	stop := g.StartCentral(open())
	dir := t.TempDir()
	p := start(t, nil, flags(g, dir)...)
	if code := p.Wait(); code != exitRefused {
		t.Errorf("exit code %d", code)
	}
	if said := p.Stderr.String(); !strings.Contains(said, `Authentication denied: unknown charging point CP_001`) || !strings.Contains(said, "--registry") {
		t.Errorf("said %s", said)
	}
	stop()
	write("CP_777\nCP_001\n")
	stop = g.StartCentral(open())
	p = start(t, nil, flags(g, dir)...)
	g.UntilCentralState("CP_001", "activated")
	stop()
	write("CP_777\n")
	g.StartCentral(open())
	g.Until("the refusal", func() bool { return strings.Contains(p.Stderr.String(), "the watch goes on, asked again every 1m") })
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(); code != cli.ExitOK {
		t.Errorf("a Monitor that was accepted before ended with %d", code)
	}
}

// TestTwoMonitorsOfOneFolder refuses the second, and says who has it.
func TestTwoMonitorsOfOneFolder(t *testing.T) {
	t.Parallel()
	g, dir := testbed.Start(t), t.TempDir()
	start(t, nil, flags(g, dir)...)
	g.UntilCentralState("CP_001", "activated")
	second := start(t, nil, flags(g, dir)...)
	if code := second.Wait(); code != cli.ExitFailed {
		t.Errorf("exit code %d", code)
	}
	if said := second.Stderr.String(); !strings.Contains(said, filepath.Join(dir, "CP_001")) {
		t.Errorf("said %s", said)
	}
}

// TestGoesOnWithoutAReaderOfItsLog: ev-cp-m 2>&1 | head -1. The watch goes on, the lines
// are counted, and a signal ends it in order.
func TestGoesOnWithoutAReaderOfItsLog(t *testing.T) {
	testbed.ForEachLostReader(t, func(t *testing.T, start func(*exec.Cmd) *testbed.Subprocess) {
		g, dir := testbed.Start(t), t.TempDir()
		g.SetBehaviour("ko") // so that each check is a line
		p := start(testbed.Built(t, name, append(flags(g, dir), "--log-level", "debug", "--interval", "10ms")...))
		g.Until("dropped lines in the metrics", func() bool {
			a, err := status.Get(t.Context(), filepath.Join(dir, "CP_001"), status.MetricsPath)
			return err == nil && regexp.MustCompile(`(?m)^evcp_log_dropped_total\{kind="line"\} [1-9]`).Match(a.Body)
		})
		checked := len(g.Exchanges())
		g.Until("another check", func() bool { return len(g.Exchanges()) > checked })
		p.Terminate()
	})
}

// TestAnyFreePort: port 0 is any that is free, and the log says which it is.
func TestAnyFreePort(t *testing.T) {
	g := testbed.Start(t)
	p := start(t, nil, append(flags(g, t.TempDir()), "--http", "127.0.0.1:0")...)
	found := regexp.MustCompile(`http=(127\.0\.0\.1:\d+)`).FindStringSubmatch(p.Stderr.Line("watching"))
	if found == nil {
		t.Fatalf("no port in %s", p.Stderr)
	}
	g.Until("a health page there", func() bool {
		resp, err := http.Get("http://" + found[1] + status.HealthPath)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	p.Terminate()
}

// TestTheFolderOfARunningMonitor takes the lock and the socket away, then the whole folder,
// under a running Monitor: it has both again, notices that the folder is gone, and claims
// at the end that its state is kept only where it is.
func TestTheFolderOfARunningMonitor(t *testing.T) {
	t.Parallel()
	g, dir := testbed.Start(t), t.TempDir()
	folder := filepath.Join(dir, "CP_001")
	answers := func() bool {
		return start(t, nil, append([]string{"healthcheck"}, flags(g, dir)...)...).Wait() == cli.ExitOK
	}
	remove := func(paths ...string) {
		t.Helper()
		for _, path := range paths {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	p := start(t, nil, flags(g, dir)...)
	g.Until("the first check", answers)
	remove(filepath.Join(folder, "lock"), filepath.Join(folder, "status.sock"))
	g.Until("an answer on a new socket", answers)
	g.Until("the lock", func() bool { _, err := os.Stat(filepath.Join(folder, "lock")); return err == nil })
	if code := start(t, nil, flags(g, dir)...).Wait(); code != cli.ExitFailed {
		t.Errorf("a second Monitor ended with %d", code)
	}
	if err := os.Rename(folder, folder+"-away"); err != nil { // at once: the Monitor would write into what is being emptied
		t.Fatal(err)
	}
	if err := os.WriteFile(folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	remove(folder + "-away")
	const noticed = "the disk refused: the state folder or its file was removed or replaced; kept in memory"
	g.Until("a line that says so", func() bool { return strings.Contains(p.Stderr.String(), noticed) })
	p.Signal(syscall.SIGTERM)
	code := p.Wait()
	if said := p.Stderr.String(); code != cli.ExitFailed || strings.Contains(said, "state kept") || !strings.Contains(said, "state NOT kept") {
		t.Errorf("ended with %d and said %s", code, said)
	}
}
