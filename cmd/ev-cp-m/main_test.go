package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"evcp/internal/central"
	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/display"
	"evcp/internal/testbed"
)

func TestHelpWordForWord(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--help")
	want, err := os.ReadFile("testdata/help.txt")
	if err != nil {
		t.Fatal(err)
	}
	if code := p.Wait(); code != cli.ExitOK || p.Stdout.String() != string(want) {
		t.Errorf("exit code %d, said\n%s\nwant\n%s", code, p.Stdout.String(), want)
	}
}

// TestEverySettingIsInTheManual holds the table of docs/OPERATIONS.md to the
// program's own.
func TestEverySettingIsInTheManual(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(manual), "\n## Settings\n")
	table, _, _ = strings.Cut(table, "\n`ev-central`:\n")
	for _, s := range program(&options{}).Settings {
		if s.Hidden && s.Secret { // it is refused
			continue
		}
		row := "`--" + s.Name
		if s.Arg != "" {
			row += " " + s.Arg
		}
		if !strings.Contains(table, row+"`") {
			t.Errorf("the table has no %s`", row)
		}
	}
}

// TestNetworkKeys holds the list that Central also reads to the Monitor's table.
func TestNetworkKeys(t *testing.T) {
	t.Parallel()
	var keys []string
	for _, s := range program(&options{}).Settings {
		if s.Scope == config.Anywhere {
			keys = append(keys, strings.ReplaceAll(s.Name, "-", "_"))
		}
	}
	if !slices.Equal(keys, config.NetworkKeys) {
		t.Errorf("the table has %v, config.NetworkKeys %v", keys, config.NetworkKeys)
	}
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "bad.yaml"), []byte("cp_id: CP_001\n\ncentral_prot: 5000\n\n\n\nengine_port: 50o1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		env  string
		args []string
		says []string
	}{
		{"", []string{"--engine-prt", "5001"}, []string{"ev-cp-m: unknown flag --engine-prt. Did you mean --engine-port?", "All flags: ev-cp-m --help"}},
		{"", []string{"--engine-port", "70000"}, []string{"ev-cp-m: --engine-port 70000: a port is a number from 1 to 65535"}},
		{"", []string{"--cp-id", "CP 001"}, []string{"--cp-id", "A-Z a-z 0-9"}},
		{"", []string{"--timeout", "2s"}, []string{"--timeout 2s: it must not exceed --interval (1s)"}},
		{"CENTRAL_PORT=tcp://10.96.0.7:5000", nil, []string{`CENTRAL_PORT "tcp://10.96.0.7:5000": a port is a number`, "Kubernetes sets this variable itself", "EVCP_CENTRAL_PORT"}},
		{"", []string{"--config", filepath.Join(folder, "bad.yaml")}, []string{"2 errors", "bad.yaml:3: unknown key central_prot. Did you mean central_port?", "^^^^^^^^^^^^", `bad.yaml:7: engine_port "50o1"`}},
		{"", []string{"--config", filepath.Join(folder, "absent.yaml")}, []string{"absent.yaml"}},
		{"", []string{"statsu"}, []string{"ev-cp-m: unknown command statsu. Did you mean status?", "All flags: ev-cp-m --help"}},
		{"", []string{"--state-dir", filepath.Join(folder, "bad.yaml")}, []string{"--state-dir", "a folder is needed, and a file is there"}},
		{"", []string{"--config", "/dev/zero"}, []string{"ev-cp-m: /dev/zero: larger than 64 KiB"}},
		{"", []string{"--kafka-topic", "my topic"}, []string{`--kafka-topic "my topic": a topic is 1 to 249 of A-Z`}},
		{"", []string{"--kafka-password", "hunter2"}, []string{"ev-cp-m: --kafka-password: a secret is given by a file that only this program can read: --kafka-password-file FILE"}},
		{"EVCP_KAFKA_OAUTH_CLIENT_SECRET=hunter2", nil, []string{"EVCP_KAFKA_OAUTH_CLIENT_SECRET: a secret is given by a file", "--kafka-oauth-client-secret-file FILE"}},
		{"", []string{"--kafka-sasl", "plain", "--kafka-username", "u", "--kafka-password-file", "f"}, []string{"it shows the secret to everybody on the way: it needs --kafka-tls"}},
		{"", []string{"--kafka-sasl", "scram-sha-256", "--kafka-username", "u"}, []string{"it needs --kafka-password-file"}},
		{"", []string{"--kafka-username", "u"}, []string{"--kafka-username u: it goes with --kafka-sasl"}},
		{"", []string{"--kafka-oauth-token-url", "http://login.example/hunter2"}, []string{"--kafka-oauth-token-url: a token server's address begins with https://"}},
		{"", []string{"--kafka-sasl", "scram-sha-256", "--kafka-username", "u", "--kafka-password-file", filepath.Join(folder, "absent")}, []string{"--kafka-password-file: ", "absent: no such file"}},
		{"", []string{"xyzzy"}, []string{"unknown command xyzzy. The commands are events, explain, healthcheck, status and support."}},
		{"", []string{"status", "now"}, []string{"unexpected argument now"}},
		{"", []string{"--follow"}, []string{"--json, --follow and --since go with a command"}},
		{"", []string{"status", "--follow"}, []string{"ev-cp-m: --follow goes with events"}},
		{"", []string{"explain", "--since", "10m"}, []string{"ev-cp-m: --since goes with events"}},
		{"", []string{"healthcheck", "--json"}, []string{"ev-cp-m: --json goes with status, explain and events"}},
		{"", []string{"status", "--test"}, []string{"ev-cp-m: --test is no part of status"}},
		{"", []string{"events", "--since", "yesterday"}, []string{"--since yesterday: a time is so long ago, as 10m"}},
	}
	for _, tt := range tests {
		p := start(t, []string{tt.env}, tt.args...)
		if code := p.Wait(); code != cli.ExitUsage {
			t.Errorf("%s %v: exit code %d", tt.env, tt.args, code)
		}
		if strings.Contains(p.Stderr.String()+p.Stdout.String(), "hunter2") {
			t.Errorf("%s %v shows the secret", tt.env, tt.args)
		}
		for _, want := range tt.says {
			if said := p.Stderr.String(); !strings.Contains(said, want) && !strings.Contains(unwrapped(said), want) {
				t.Errorf("%s %v said\n%s\nwithout %q", tt.env, tt.args, said, want)
			}
		}
	}
}

// unwrapped is prose as one line: where it was wrapped depends on a temporary
// folder's name.
func unwrapped(said string) string { return strings.Join(strings.Fields(said), " ") }

// TestSelfTest runs --test against every kind of trouble. The transcripts stand in
// testdata, with times and ports made alike.
func TestSelfTest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		set  func(g *testbed.Testbed)
		code int
	}{
		{"all-well", func(g *testbed.Testbed) { startAll(g) }, cli.ExitOK},
		{"engine-refuses", func(g *testbed.Testbed) { g.StartCentral(central.Options{}); g.StartBroker() }, cli.ExitFailed},
		{"engine-ko", func(g *testbed.Testbed) { startAll(g); g.SetBehaviour("ko") }, cli.ExitFailed},
		{"engine-mute", func(g *testbed.Testbed) { startAll(g); g.SetBehaviour("mute") }, cli.ExitFailed},
		{"central-refuses", func(g *testbed.Testbed) { g.StartEngine("ok"); g.StartBroker() }, cli.ExitFailed},
		{"central-denies", startDenying, cli.ExitFailed},
		{"central-is-a-web-server", startWebServer, cli.ExitFailed},
		{"central-mute", func(g *testbed.Testbed) {
			g.StartEngine("ok")
			g.StartBroker()
			g.CentralAddr = testbed.SilentServer(g.T)
		}, cli.ExitFailed},
		{"kafka-absent", func(g *testbed.Testbed) {
			g.StartCentral(central.Options{})
			g.StartEngine("ok")
			g.BrokerAddr = testbed.FreeAddr(g.T)
		}, cli.ExitOK},
		{"no-kafka", func(g *testbed.Testbed) { g.StartCentral(central.Options{}); g.StartEngine("ok") }, cli.ExitOK},
		{"nobody", func(g *testbed.Testbed) { g.BrokerAddr = testbed.FreeAddr(g.T) }, cli.ExitFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := testbed.New(t)
			tt.set(g)
			state := filepath.Join(t.TempDir(), "state")
			var p *testbed.Subprocess
			selfTestSays(t, filepath.Join("testdata", "trial-"+tt.name+".txt"), func() string {
				p = start(t, nil, append(flags(g, state), "--test")...)
				p.Wait()
				return normaliseSelfTest(p.Stdout.String(), g)
			})
			if code := p.Wait(); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if _, err := os.Stat(state); err == nil {
				t.Error("--test made a state folder")
			}
			for i, line := range strings.Split(p.Stdout.String(), "\n") {
				if n := len([]rune(line)); n > display.Columns {
					t.Errorf("line %d has %d columns", i+1, n)
				}
			}
		})
	}
}

// selfTestSays holds what --test says to a file. The peers are in the test's process: where it stood
// still meanwhile they were late, and --test is called once more.
func selfTestSays(t *testing.T, file string, call func() string) {
	t.Helper()
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	stalls := testbed.MeasureStalls(t)
	for {
		stalled, said := stalls.Total(), call()
		if said == string(want) || stalls.Total() == stalled {
			testbed.Golden(t, file, said)
			return
		}
	}
}

// TestSelfTestOfThePages: a port that is taken stops a Monitor, and --test says so; beside a
// Monitor that has taken it itself, all is well.
func TestSelfTestOfThePages(t *testing.T) {
	t.Parallel()
	g := testbed.New(t)
	startAll(g)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	args := append(flags(g, t.TempDir()), "--http", taken.Addr().String())
	p := start(t, nil, append(args, "--test")...)
	code := p.Wait()
	if said := unwrapped(p.Stdout.String()); code != cli.ExitFailed || !strings.Contains(said, "is taken by another program.") ||
		!strings.HasSuffix(said, "1 problem. A Monitor started now would stop with exit code 1.") {
		t.Errorf("exit code %d: %s", code, p.Stdout.String())
	}
	taken.Close()
	m := start(t, nil, args...)
	m.Stderr.Line("accepted by Central")
	p = start(t, nil, append(args, "--test")...)
	if code := p.Wait(); code != cli.ExitOK {
		t.Errorf("beside a Monitor: exit code %d: %s", code, p.Stdout.String())
	}
}

func startAll(g *testbed.Testbed) {
	g.StartCentral(central.Options{})
	g.StartEngine("ok")
	g.StartBroker()
}

func startDenying(g *testbed.Testbed) {
	t := g.T
	t.Helper()
	list := filepath.Join(t.TempDir(), "registry")
	if err := os.WriteFile(list, []byte("CP_777\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	registry, err := central.OpenRegistry(list)
	if err != nil {
		t.Fatal(err)
	}
	g.StartCentral(central.Options{Registry: registry})
	g.StartEngine("ok")
	g.StartBroker()
}

// startWebServer is what listens on port 5000 of a Mac.
func startWebServer(g *testbed.Testbed) {
	t := g.T
	t.Helper()
	g.StartEngine("ok")
	g.StartBroker()
	l, err := net.Listen("tcp", g.CentralAddr)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.NotFoundHandler()}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Close()
		<-ended
	})
}

var elapsed = regexp.MustCompile(` +(<1|\d+) ms\n`)

// normaliseSelfTest replaces what differs from run to run: ports and times.
func normaliseSelfTest(said string, g *testbed.Testbed) string {
	said = elapsed.ReplaceAllString(said, "  (ms)\n")
	for name, address := range map[string]string{"CENTRAL": g.CentralAddr, "ENGINE": g.EngineAddr, "BROKER": g.BrokerAddr} {
		if address != "" {
			said = strings.ReplaceAll(said, address, name)
		}
	}
	return regexp.MustCompile(`(CENTRAL|ENGINE|BROKER|none) +`).ReplaceAllString(said, "$1  ")
}

func TestProcessors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fleet   bool
		setting string
		want    int
	}{{false, "", 1}, {false, "2", 0}, {true, "", 0}, {true, "2", 0}} {
		if n := processors(tt.fleet, tt.setting); n != tt.want {
			t.Errorf("a fleet: %v, GOMAXPROCS=%q: %d, want %d", tt.fleet, tt.setting, n, tt.want)
		}
	}
}
