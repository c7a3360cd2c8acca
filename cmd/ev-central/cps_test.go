package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"evcp"
	"evcp/internal/central"
	"evcp/internal/central/cpstate"
	"evcp/internal/cli"
	"evcp/internal/operations"
	"evcp/internal/testbed"
)

// TestListOfChargePoints: a row for each, with its shape; filters; what can't be known is said.
func TestListOfChargePoints(t *testing.T) {
	t.Parallel()
	dir, monitors, registry := t.TempDir(), testbed.FreeAddr(t), filepath.Join(t.TempDir(), "ids")
	if err := os.WriteFile(registry, []byte("CP_001\nCP_002\nCP_003\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, "--listen", monitors, "--http", "", "--registry", registry, "--state-dir", dir, "--log-format", "text")
	r.Stderr.Line("· started")
	conn, err := net.Dial("tcp", monitors)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, message := range []string{"CP_001 registration request", "CP_001 heartbeat OK", "CP_002 registration request", "CP_002 ENGINE_FAILURE"} {
		fmt.Fprintf(conn, "EV_CP_M %s\n", message)
		if _, err := conn.Read(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	lasts := regexp.MustCompile(` +[0-9.]+m?s {2}`)
	for want, args := range map[string][]string{
		"● CP_001 activated <t> registered\n▲ CP_002 faulted <t> engine_failure\n· CP_003 expected –\n": {"cps"},
		"▲ CP_002 averiado <t> engine_failure\n":                                                        {"cps", "p_002", "--lang", "es"},
		"▲ CP_002 faulted <t> engine_failure":                                                           {"cps", "--state", "faulted"},
		"cps: there is no such charge point":                                                            {"cps", "CP_9"},
		"cps: this Central keeps no history: it needs --kafka-brokers":                                  {"cps", "--site", "Norte"},
		"--state broken: choose activated, faulted, disconnected or expected":                           {"cps", "--state", "broken"},
	} {
		stdout, stderr, _ := output(t, append(args, "--state-dir", dir)...)
		text := regexp.MustCompile(` +`).ReplaceAllString(lasts.ReplaceAllString(stdout, " <t> "), " ")
		if !strings.Contains(text+unwrapped(stderr), want) {
			t.Errorf("%v: %s%s, want %s", args, text, stderr, want)
		}
	}
	r.Terminate()
	if _, stderr, code := output(t, "cps", "--state-dir", dir); code != cli.ExitFailed || !strings.Contains(unwrapped(stderr), "no Central runs in") {
		t.Errorf("without a Central: %d %s", code, stderr)
	}
}

// TestListSaysWhatPeopleEntered: a charge point in maintenance, or whose incident somebody has
// taken, has that in its row, beside what is true of it.
func TestListSaysWhatPeopleEntered(t *testing.T) {
	until := time.Date(2026, 11, 28, 22, 0, 0, 0, time.UTC)
	entered := func(cp evcp.CPID) (o operations.Overlay) {
		if cp == "CP_001" {
			o.Maintenance = &operations.MaintenanceWindow{To: evcp.StampOf(until)}
			o.Owner = &operations.Owner{Name: "ana"}
		}
		return o
	}
	page := listQuestion{}.page([]central.CPView{{Condition: cpstate.Condition{ID: "CP_001"}}, {Condition: cpstate.Condition{ID: "CP_002"}}}, nil, entered)
	for i, want := range []string{"in maintenance until 2026-11-28 22:00 UTC, ana has it", ""} {
		if got := (historyCommand{}).line(page.ChargePoints[i], until); !strings.HasSuffix(got, want) || want == "" && strings.Contains(got, "maintenance") {
			t.Errorf("%q, want …%q", got, want)
		}
	}
}
