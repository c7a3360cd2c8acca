package evcp_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"evcp"
	"evcp/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m, nil) }

// pages are the ones whose flags and variables a person types.
var pages = []string{"README.md", "README.es.md", "docs/OPERATIONS.md", "docs/PROTOCOL.md", "docs/EVENTS.md", "docs/ARCHITECTURE.md", "docs/SECURITY.md"}

var (
	flagWord  = regexp.MustCompile(`--[a-z][a-z-]*[a-z]`)
	helpFlag  = regexp.MustCompile(`(?m)^ {2}(?:-h, )?(--[a-z-]+)`)
	variable  = regexp.MustCompile(`EVCP_[A-Z_]*[A-Z]`)
	ourOwn    = regexp.MustCompile(`^(?:\$ )?(?:go run \./cmd/|bin/)?ev-[a-z-]+\b`)
	continued = strings.NewReplacer("\\\n", " ")
)

// notOurs are flags of others that prose speaks of.
var notOurs = []string{"--hostname", "--add-host"} // docker's

// TestFlagsOnThePages holds pages and --help to each other: a flag or variable on
// a page exists, and each flag of the Monitor is on a page.
func TestFlagsOnThePages(t *testing.T) {
	known := map[string]bool{}
	var monitors []string
	for _, name := range []string{"ev-cp-m", "ev-central", "ev-cp-e", "ev-demo"} {
		help, _, code := testbed.RunProcess(t, testbed.Built(t, name, "--help"))
		if code != 0 {
			t.Fatalf("%s --help: exit code %d", name, code)
		}
		monitor := name == "ev-cp-m"
		_, alike, found := strings.Cut(help, "; the same with engine- and kafka- instead of central-\n")
		if found != monitor {
			t.Fatalf("%s --help names flags by those of another peer: %t", name, found)
		}
		for _, m := range helpFlag.FindAllStringSubmatch(help, -1) {
			flags := []string{m[1]}
			if strings.Contains(alike, m[1]) && strings.Contains(m[1], "central-") {
				flags = append(flags, strings.Replace(m[1], "central-", "engine-", 1), strings.Replace(m[1], "central-", "kafka-", 1))
			}
			for _, f := range flags {
				known[f] = true
				if monitor {
					monitors = append(monitors, f)
				}
			}
		}
	}
	if len(monitors) < 15 {
		t.Fatalf("the help of ev-cp-m shows only %v", monitors)
	}
	said := map[string]bool{}
	for _, page := range pages {
		text := readDoc(t, page)
		for _, f := range flagWord.FindAllString(prose(text)+ourLines(text), -1) {
			said[f] = true
			if !known[f] && !slices.Contains(notOurs, f) {
				t.Errorf("%s: no program has %s", page, f)
			}
		}
		for _, v := range variable.FindAllString(text, -1) {
			f := "--" + strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(v, "EVCP_")), "_", "-")
			if !known[f] {
				t.Errorf("%s: no program reads %s", page, v)
			}
		}
	}
	for _, f := range monitors {
		if !said[f] {
			t.Errorf("no page speaks of %s", f)
		}
	}
}

// ourLines are the lines of the fenced blocks that call our programs.
func ourLines(text string) string {
	var all strings.Builder
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(continued.Replace(m[2])) {
			if ourOwn.MatchString(line) {
				all.WriteString(line)
			}
		}
	}
	return all.String()
}

// TestNetworkYAMLOfThePages gives the example to both programs that read it, with
// one flag that is wrong: all errors are shown at once, so there is only that one,
// and nothing is dialled.
func TestNetworkYAMLOfThePages(t *testing.T) {
	for _, page := range []string{"README.md", "README.es.md"} {
		examples := blocks(readDoc(t, page), "yaml")
		if len(examples) != 1 {
			t.Fatalf("%s has %d examples", page, len(examples))
		}
		file := filepath.Join(t.TempDir(), "network.yaml")
		if err := os.WriteFile(file, []byte(examples[0]), 0o600); err != nil {
			t.Fatal(err)
		}
		for name, wrong := range map[string]string{"ev-cp-m": "--cp-id=C P", "ev-central": "--listen=nowhere"} {
			out, said, code := testbed.RunProcess(t, testbed.Built(t, name, "--config", file, wrong))
			if code == 0 || strings.Contains(out+said, "errors") || !strings.Contains(out+said, strings.SplitN(wrong, "=", 2)[0]) {
				t.Errorf("%s: %s exits with %d\n%s%s", page, name, code, out, said)
			}
		}
	}
}

// site is Central and a Monitor as programs, with the folders that the pages name.
type site struct {
	*testbed.Testbed
	home, page string
}

// openSite lets a Monitor see an incident and its end, and stops both programs.
func openSite(t *testing.T) site {
	t.Helper()
	g := testbed.New(t)
	g.StartEngine("ok")
	g.StartBroker()
	s := site{Testbed: g, home: t.TempDir(), page: testbed.FreeAddr(t)}
	r := g.ReadTopic()
	central := s.start("ev-central", "--listen", g.CentralAddr, "--http", s.page)
	g.Until("Central's page", func() bool { _, err := s.get("/healthz"); return err == nil })
	m := s.start("ev-cp-m", "--central-ip", "127.0.0.1", "--central-port", testbed.Port(g.CentralAddr),
		"--engine-ip", "127.0.0.1", "--engine-port", testbed.Port(g.EngineAddr), "--kafka-brokers", g.BrokerAddr,
		"--interval", "300ms", "--heartbeat", "300ms")
	g.Until("a check", func() bool { return r.Count(evcp.HealthCheck) > 0 })
	g.SetBehaviour("ko")
	g.Until("a receipt", func() bool { return r.Count(evcp.ReportEngineFailure) > 0 })
	s.fieldsOfCentral()
	g.SetBehaviour("ok")
	g.Until("the other", func() bool { return r.Count(evcp.ReportEngineRecovery) > 0 })
	m.Terminate()
	central.Terminate()
	g.Until("the end", func() bool { return r.Count(evcp.MonitorStopped) > 0 })
	return s
}

// start starts a program in the site's home.
func (s site) start(program string, args ...string) *testbed.Subprocess {
	s.T.Helper()
	cmd := testbed.Built(s.T, program, args...)
	cmd.Dir, cmd.Env = s.home, append(cmd.Env, "HOME="+s.home)
	return testbed.StartProcess(s.T, cmd)
}

// get asks Central's page.
func (s site) get(path string) ([]byte, error) {
	answer, err := http.Get("http://" + s.page + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

// fieldsOfCentral holds the table of docs/OPERATIONS.md to what the API answers.
func (s site) fieldsOfCentral() {
	s.T.Helper()
	body, err := s.get("/api/v1/cps")
	if err != nil {
		s.T.Fatal(err)
	}
	text, err := os.ReadFile("docs/OPERATIONS.md")
	if err != nil {
		s.T.Fatal(err)
	}
	page := section(string(text), "## EV_Central")
	given, shown := keysOf(s.T, string(body)), keysOf(s.T, blocks(page, "json")[0])
	if !slices.Equal(given, shown) {
		s.T.Errorf("the API answers with %v, docs/OPERATIONS.md shows %v", given, shown)
	}
	for _, key := range given {
		if !strings.Contains(prose(page), "`"+key+"`") {
			s.T.Errorf("docs/OPERATIONS.md does not explain `%s`", key)
		}
	}
}

func keysOf(t testing.TB, list string) []string {
	t.Helper()
	var all []map[string]any
	if err := json.Unmarshal([]byte(list), &all); err != nil || len(all) != 1 {
		t.Fatalf("%v: %s", err, list)
	}
	var keys []string
	for key := range all[0] {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// TestExamplesOnThePages runs what the pages tell people to type, against what a
// Monitor has really left behind.
func TestExamplesOnThePages(t *testing.T) {
	s := openSite(t)
	t.Run("sqlite3", func(t *testing.T) {
		needs(t, "sqlite3")
		for _, line := range s.lines(t, "sqlite3 ", "docs/OPERATIONS.md") {
			s.hasAnswer(t, line)
		}
	})
	t.Run("kcat", func(t *testing.T) {
		needs(t, "kcat")
		for _, line := range s.lines(t, "kcat ", "README.md", "README.es.md", "docs/EVENTS.md") {
			s.hasAnswer(t, strings.ReplaceAll(line, "localhost:9092", s.BrokerAddr))
		}
	})
	t.Run("kafka-python", func(t *testing.T) {
		python := os.Getenv("EVCP_TEST_PYTHON")
		if python == "" {
			testbed.SkipMissing(t, "Python with kafka-python 2.0.2 (EVCP_TEST_PYTHON)")
		}
		for _, page := range []string{"README.md", "README.es.md", "docs/EVENTS.md"} {
			for _, program := range blocks(readDoc(t, page), "python") {
				file := filepath.Join(t.TempDir(), "reader.py")
				program = strings.ReplaceAll(program, "localhost:9092", s.BrokerAddr)
				if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
					t.Fatal(err)
				}
				s.hasAnswer(t, fmt.Sprintf("%s %s", python, file))
			}
		}
	})
}

func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		testbed.SkipMissing(t, program)
	}
}

// lines are the commands of the pages that begin so, but for a backup's: there is
// nothing to see of it.
func (s site) lines(t *testing.T, begin string, pages ...string) []string {
	t.Helper()
	var all []string
	for _, page := range pages {
		for line := range strings.Lines(strings.Join(blocks(readDoc(t, page), "sh"), "")) {
			if strings.HasPrefix(line, begin) && !strings.Contains(line, ".backup") {
				all = append(all, strings.ReplaceAll(line, "~/", s.home+"/"))
			}
		}
	}
	if len(all) == 0 {
		t.Fatalf("no page has a line with %s", begin)
	}
	return all
}

func (s site) hasAnswer(t *testing.T, line string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", line)
	out, err := cmd.CombinedOutput()
	if err != nil || len(bytes.TrimSpace(out)) == 0 {
		t.Errorf("%s: %v\n%s", line, err, out)
	}
	t.Logf("%s\n%s", strings.TrimSpace(line), out[:min(len(out), 300)])
}
