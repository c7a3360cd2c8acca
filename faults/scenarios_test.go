package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"evcp/internal/testbed"
)

// TestScenariosAreDocumented: RELIABILITY.md has a row for each.
func TestScenariosAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/RELIABILITY.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios {
		if !strings.Contains(string(doc), "| `"+s.name+"` |") {
			t.Errorf("no row has the scenario %s", s.name)
		}
	}
}

// TestScenarios runs scenarios that a busy machine does not break, all at once and at the real
// pace: each one with a network of its own, and four others; two of them with a fleet, too.
func TestScenarios(t *testing.T) {
	defer goleak.VerifyNone(t)
	if testing.Short() {
		t.Skip("a minute of faults")
	}
	missing := isolationMissing()
	dir := t.TempDir()
	var running sync.WaitGroup
	isolated := 0
	for _, s := range scenarios {
		if s.isolated() {
			isolated++
		}
		if s.isolated() && missing != nil || !s.isolated() && !slices.Contains([]string{"broker", "moved-state", "expiry", "history-kills"}, s.name) {
			continue
		}
		for _, fleet := range []int{0, shortFleetSize} {
			if fleet > 0 && s.name != "moved-state" && s.name != "dns-silent" {
				continue
			}
			running.Go(func() {
				broken, table, err := runForTest(t, dir, s.name, fleet)
				t.Logf("%s", table)
				if err != nil || broken > 0 {
					t.Errorf("%s: %d broken, %v", s.name, broken, err)
				}
			})
		}
	}
	running.Wait()
	if isolated != 8 {
		t.Errorf("%d scenarios have a network of their own, want 8", isolated)
	}
	if missing != nil {
		testbed.SkipMissing(t, missing.Error())
	}
}

// shortKills are those of scenario history-kills here.
const shortKills = 6

// runForTest runs a scenario, with a fleet or without, and returns its table.
func runForTest(t *testing.T, dir, name string, fleet int) (broken int, table string, err error) {
	t.Helper()
	out, err := os.Create(filepath.Join(dir, fmt.Sprintf("%s-%d", name, fleet)))
	if err != nil {
		return 0, "", err
	}
	defer out.Close()
	o := &options{bin: programs, dir: dir, seed: 1, monitors: fleet, fleet: fleet > 0, probe: "auto", kafka: "fake", scenario: name, kills: shortKills, lenient: true, out: out}
	broken, err = o.run(t.Context())
	shown, _ := os.ReadFile(out.Name()) // it is only shown
	return broken, string(shown), err
}

// TestNetworkScenariosAreSkippedLoudly where the machine has no ip(8).
func TestNetworkScenariosAreSkippedLoudly(t *testing.T) {
	t.Setenv("PATH", "")
	_, table, err := runForTest(t, t.TempDir(), "route-gone", 0)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(table, "***** SKIPPED: route-gone: ") {
		t.Errorf("%s", table)
	}
}
