package main

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"evcp"
	"evcp/internal/cli"
	"evcp/internal/testbed"
)

// runBeside runs a command beside the Monitor that has dir.
func runBeside(t *testing.T, dir string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	p := start(t, []string{"LANG=C.UTF-8"}, append(args, "--cp-id", "CP_001", "--state-dir", dir)...)
	code = p.Wait()
	return code, p.Stdout.String(), p.Stderr.String()
}

// TestCommandsBesideARunningMonitor goes through a fault with every command, and asks
// again when nobody is there to answer.
func TestCommandsBesideARunningMonitor(t *testing.T) {
	t.Parallel()
	g, dir := testbed.Start(t), t.TempDir()
	r := g.ReadTopic()
	code, out, said := runBeside(t, dir, "status")
	if code != cli.ExitFailed || out != "" || !strings.Contains(said, "ev-cp-m: no Monitor of CP_001 runs here\nLooked in "+dir) {
		t.Errorf("before: exit %d, %s%s", code, out, said)
	}
	if err := os.Mkdir(filepath.Join(dir, "CP_7"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, said := runBeside(t, dir, "events"); !strings.Contains(said, "no Monitor of CP_001 has kept anything here") || !strings.Contains(said, "\nIn "+dir+" there are: CP_7.\n") {
		t.Errorf("beside another: %s", said)
	}
	p := start(t, nil, flags(g, dir)...)
	g.Until("health", func() bool { code, _, _ := runBeside(t, dir, "healthcheck"); return code == cli.ExitOK })
	g.Until("an OK", func() bool { return r.Count(evcp.HealthCheck) > 0 })
	g.SetBehaviour("ko")
	g.Until("the receipt", func() bool { return r.Count(evcp.ReportEngineFailure) == 1 })
	for _, command := range []string{"status", "explain"} {
		code, out, said := runBeside(t, dir, command)
		if code != cli.ExitOK || said != "" {
			t.Errorf("%s: exit %d, %s", command, code, said)
		}
		testbed.Golden(t, "testdata/"+command+"-ko.txt", normalise(out, g, dir))
	}
	code, out, _ = runBeside(t, dir, "status", "--json")
	if d := map[string]any{}; code != cli.ExitOK || json.Unmarshal([]byte(out), &d) != nil || d["program"] != "ev-cp-m" {
		t.Errorf("exit %d, %s", code, out)
	}
	p.Signal(syscall.SIGTERM)
	p.Wait()
	code, out, said = runBeside(t, dir, "events")
	if code != cli.ExitOK || said != "" {
		t.Errorf("events: exit %d, %s", code, said)
	}
	testbed.Golden(t, "testdata/events.txt", normalise(out, g, dir))
	if code, _, said := runBeside(t, dir, "healthcheck"); code != cli.ExitFailed || !strings.Contains(said, "no Monitor of CP_001 runs here") || !strings.Contains(said, "\nOne ran there before: ev-cp-m events") {
		t.Errorf("after: exit %d, %s", code, said)
	}
}

// normalise takes out of an answer what differs from run to run.
func normalise(said string, g *testbed.Testbed, dir string) string {
	for name, address := range map[string]string{"CENTRAL": g.CentralAddr, "ENGINE": g.EngineAddr, "BROKER": g.BrokerAddr, "DIR": dir} {
		said = strings.ReplaceAll(said, address, name)
	}
	said = strings.ReplaceAll(said, "\n"+strings.Repeat(" ", 13), " ") // where a row breaks is up to its figures
	host, _ := os.Hostname()
	for _, r := range []struct{ from, to string }{
		{regexp.QuoteMeta(host), "HOST"}, {`\d{4}-\d\d-\d\d `, ""}, {`\d\d:\d\d:\d\d`, "TIME"}, {` *(<1|\d+) ms`, " MS"},
		{`for \d[0-9.a-z]*`, "for SPAN"}, {`\d[0-9.a-z]* ago`, "SPAN ago"}, {`in \d[0-9.a-z]+ +`, "in SPAN "}, {`now +`, "in SPAN "}, {`, \d+ in a row`, ""}, {`\d+ checks?`, "N checks"}, {`\d+ failed`, "N failed"}, {`\d+ missed`, "N missed"}, {`\d+ events wait`, "N events wait"}, {`\d+ event waits`, "N events wait"},
		{`process \d+`, "process PID"}, {`version \S+`, "version V"}, {`\d+\.\d of 512`, "SIZE of 512"}, {` {2,}(ENGINE|CENTRAL|BROKER|HOST) +`, "  $1  "},
		{`(CENTRAL|ENGINE|BROKER|HOST) +`, "$1  "},
	} {
		said = regexp.MustCompile(r.from).ReplaceAllString(said, r.to)
	}
	return dropVariable(strings.Split(said, "\n"))
}

// dropVariable takes out what is up to the machine: how many checks there were, which of
// two peers was first, and that the Monitor itself stood still.
func dropVariable(lines []string) string {
	lines = slices.DeleteFunc(lines, func(line string) bool {
		return strings.Contains(line, "heartbeat") || strings.Contains(line, "UNKNOWN") || strings.Contains(line, "stood still")
	})
	dated := func(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), "TIME") }
	for from := 0; from < len(lines); from++ {
		to := from
		for to < len(lines) && dated(lines[to]) {
			to++
		}
		slices.Sort(lines[from:to])
		from = max(from, to-1)
	}
	return strings.Join(slices.Compact(lines), "\n")
}

// TestEventsEqualTheTopic compares what the outbox keeps with what Kafka got, and
// follows what comes.
func TestEventsEqualTheTopic(t *testing.T) {
	t.Parallel()
	g, dir := testbed.Start(t), t.TempDir()
	r := g.ReadTopic()
	follower := start(t, nil, "events", "--json", "--follow", "--cp-id", "CP_001", "--state-dir", dir)
	p := start(t, nil, flags(g, dir)...)
	g.Until("some checks", func() bool { return r.Count(evcp.HealthCheck) >= 3 })
	p.Signal(syscall.SIGTERM)
	p.Wait()
	g.Until("the end", func() bool { return r.Count(evcp.MonitorStopped) == 1 })
	var want []string
	for _, e := range r.Events() {
		want = append(want, string(e.AppendJSON(nil)))
	}
	code, out, said := runBeside(t, dir, "events", "--json")
	if got := strings.Split(strings.TrimSpace(out), "\n"); code != cli.ExitOK || said != "" || !slices.Equal(got, want) {
		t.Errorf("exit %d, %s\nkept\n%s\nsent\n%s", code, said, out, strings.Join(want, "\n"))
	}
	_, out, _ = runBeside(t, dir, "events", "--json", "--since", r.Events()[len(want)-1].At.Time().Format(time.RFC3339Nano))
	if got := strings.TrimSpace(out); got != want[len(want)-1] {
		t.Errorf("since the last: %s", out)
	}
	g.Until("all of it followed", func() bool { return len(follower.Stdout.String()) > len(strings.Join(want, "\n")) })
	follower.Signal(syscall.SIGTERM)
	if code := follower.Wait(); code != cli.ExitOK {
		t.Errorf("the follower: exit %d, %s", code, follower.Stderr.String())
	}
	if got := strings.Split(strings.TrimSpace(follower.Stdout.String()), "\n"); !slices.Equal(got, want) {
		t.Errorf("followed\n%s", strings.Join(got, "\n"))
	}
}

// TestAStoppedMonitorDoesNotAnswer: the command says so within its limit.
func TestAStoppedMonitorDoesNotAnswer(t *testing.T) {
	t.Parallel()
	g, dir := testbed.Start(t), t.TempDir()
	p := start(t, nil, flags(g, dir)...)
	g.Until("health", func() bool { code, _, _ := runBeside(t, dir, "healthcheck"); return code == cli.ExitOK })
	p.Signal(syscall.SIGSTOP)
	code, _, said := runBeside(t, dir, "healthcheck")
	p.Signal(syscall.SIGCONT)
	if code != cli.ExitFailed || !strings.Contains(said, "the Monitor of CP_001 does not answer within 5s\nIt stands still.") {
		t.Errorf("exit %d, %s", code, said)
	}
}

// TestUnderSystemd starts the program as systemd does, and watches it over HTTP.
func TestUnderSystemd(t *testing.T) {
	t.Parallel()
	g, dir := testbed.Start(t), t.TempDir()
	receiver := testbed.ReceiveNotify(t, "")
	httpAddress := testbed.FreeAddr(t)
	env := []string{"NOTIFY_SOCKET=" + receiver.Address, "WATCHDOG_USEC=10000000", "EVCP_HTTP=" + httpAddress}
	p := start(t, env, flags(g, dir)...)
	receiver.Until("READY=1", 1)
	receiver.Until("WATCHDOG=1", 1)
	for path, want := range map[string]int{"/metrics": 200, "/healthz": 200, "/readyz": 200, "/api/v1/status": 200, "/x": 404} {
		g.Until(path, func() bool { // it is unhealthy for a moment where the machine stood still
			resp, err := http.Get("http://" + httpAddress + path)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			return resp.StatusCode == want
		})
	}
	http.DefaultClient.CloseIdleConnections()
	p.Signal(syscall.SIGTERM)
	receiver.Until("STOPPING=1", 1)
	if code := p.Wait(); code != cli.ExitOK {
		t.Errorf("exit %d", code)
	}
	taken := start(t, nil, append(flags(g, t.TempDir()), "--http", g.CentralAddr)...)
	if code := taken.Wait(); code != cli.ExitFailed || !strings.Contains(taken.Stderr.String(), "is taken by another program.\nStop that program, or choose another port with --http") {
		t.Errorf("a taken port: exit %d, %s", code, taken.Stderr.String())
	}
}

func TestAnEventIsWrappedAndNotCut(t *testing.T) {
	const line = `2026-11-24 14:31:21 → CP_1 accepted by Central: "Authentication successful" (1 ms)`
	for columns, want := range map[int]string{
		90: line,
		80: strings.TrimSuffix(line, " ms)") + "\n" + strings.Repeat(" ", 22) + "ms)",
		60: "2026-11-24 14:31:21 → CP_1 accepted by Central:\n" + strings.Repeat(" ", 22) + `"Authentication successful" (1 ms)`,
	} {
		if got := strings.Join(wrapTo(line, columns), "\n"); got != want {
			t.Errorf("%d columns:\n%s\nwant\n%s", columns, got, want)
		}
	}
}

// TestFleetCommands asks a Monitor of three, one of which has no Engine: status names it,
// explain speaks of one, events of one or of all, and --test finds the same.
func TestFleetCommands(t *testing.T) {
	t.Parallel()
	g, dir := testbed.Start(t), t.TempDir()
	file := filepath.Join(dir, "chargers.yaml")
	text := "sites:\n  - site: Gandía\n    cps:\n      - {cp_id: \"CP_[001-002]\", engine: \"" + g.EngineAddr + "\"}\n      - {cp_id: CP_003, engine: \"" + testbed.FreeAddr(t) + "\"}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(g.CentralAddr)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--fleet", file, "--central-ip", host, "--central-port", port, "--kafka-brokers", "", "--state-dir", filepath.Join(dir, "state")}
	ask := func(code int, more ...string) string {
		p := start(t, []string{"LANG=C.UTF-8"}, append(more, args...)...)
		if got := p.Wait(); got != code {
			t.Errorf("%v: exit code %d, want %d", more, got, code)
		}
		return p.Stdout.String() + p.Stderr.String()
	}
	holds := func(said string, wanted ...string) {
		t.Helper()
		for _, want := range wanted {
			if !strings.Contains(said, want) {
				t.Errorf("no %q in\n%s", want, said)
			}
		}
	}
	holds(ask(cli.ExitFailed, "--test"), "▲ Engine   3 Engines", "2 of 3 answered OK", "▲ CP_003 ", "connection refused", "report 1 charge point as faulted.")
	holds(ask(cli.ExitFailed, "status"), "no Monitor of "+file, "--fleet and --state-dir")
	m := start(t, nil, args...)
	m.Stderr.Line("cp=CP_003 msg=\"failure told to Central")
	holds(ask(cli.ExitOK, "status"), "▲ CP_003 ", "CONNECTION_ERROR", "connection refused →", "● 2  ▲ 1  ? 0", "3 registered")
	explained := ask(cli.ExitOK, "explain", "CP_003")
	holds(explained, "▲ CP_003 ", "ENGINE_FAILURE: answered in ", "1 OK closes the incident")
	if strings.Contains(explained, "CP_001") {
		t.Errorf("explain CP_003 speaks of another:\n%s", explained)
	}
	holds(ask(cli.ExitOK, "explain", "CP_001"), "● CP_001 ", "checks of "+g.EngineAddr)
	holds(ask(cli.ExitUsage, "explain"), "which charge point?")
	holds(ask(cli.ExitFailed, "explain", "CP_777"), "there is no charge point CP_777 in")
	holds(ask(cli.ExitOK, "events"), "CP_001 accepted by Central", "CP_003 CONNECTION_ERROR: connection refused")
	holds(ask(cli.ExitFailed, "events", "--cp-id", "CP_999"), "no event of CP_999 is kept in")
	if one := ask(cli.ExitOK, "events", "--cp-id", "CP_001"); strings.Contains(one, "CP_003") || !strings.Contains(one, "CP_001 accepted by Central") {
		t.Errorf("events --cp-id CP_001:\n%s", one)
	}
}
