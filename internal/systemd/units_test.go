package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"evcp/internal/testbed"
)

const unitFolder = "../../packaging/systemd"

func units(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(unitFolder, "*.service"))
	if err != nil || len(paths) < 3 {
		t.Fatalf("units: %v, %v", paths, err)
	}
	all := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = string(text)
	}
	return all
}

// TestUnitsKeepTheContract holds what the programs and the documents rely on. Without
// GOTRACEBACK=crash a Go program that the watchdog kills ends with 2, and is never
// started again.
func TestUnitsKeepTheContract(t *testing.T) {
	for name, text := range units(t) {
		settings := strings.Split(text, "\n")
		for _, want := range []string{
			"Type=notify", "WatchdogSec=10", "Environment=GOTRACEBACK=crash", "Restart=always", "RestartPreventExitStatus=2", "RestartSec=5", "DynamicUser=yes",
		} {
			if !slices.Contains(settings, want) {
				t.Errorf("%s has no %s", name, want)
			}
		}
		if strings.HasPrefix(name, "ev-cp-m@") {
			for _, want := range []string{"StateDirectory=ev-cp-m/%i", "EnvironmentFile=-/etc/default/ev-cp-m"} {
				if !slices.Contains(settings, want) {
					t.Errorf("%s has no %s", name, want)
				}
			}
		}
		if name == "ev-cp-m-fleet.service" {
			for _, want := range []string{"StateDirectory=ev-cp-m", "ExecReload=/bin/kill -HUP $MAINPID", "ExecStart=/usr/bin/ev-cp-m --fleet /etc/ev-cp-m/fleet.yaml"} {
				if !slices.Contains(settings, want) {
					t.Errorf("%s has no %s", name, want)
				}
			}
		}
		if regexp.MustCompile(`(?m)^[^#]*%I`).MatchString(text) {
			t.Errorf("%s uses %%I: it turns the dashes of an id into slashes", name)
		}
	}
}

// TestSystemdTakesTheUnits lets systemd itself look for mistakes. The programs of
// the units need not be installed: some that exist stand in for them.
func TestSystemdTakesTheUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		testbed.SkipMissing(t, "systemd-analyze (Debian: systemd)")
	}
	dir := t.TempDir()
	var paths []string
	for name, text := range units(t) {
		text = regexp.MustCompile(`(?m)^ExecStart=\S+`).ReplaceAllString(text, "ExecStart=/bin/true")
		name = strings.Replace(name, "@", "@CP_1-a.b", 1)
		paths = append(paths, filepath.Join(dir, name))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), analyze, append([]string{"verify", "--man=no", "--recursive-errors=no"}, paths...)...).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "" {
		t.Errorf("%v\n%s", err, out)
	}
}
