package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"evcp"
	"evcp/internal/authority"
	"evcp/internal/cli"
	"evcp/internal/fleet"
	"evcp/internal/link"
	"evcp/internal/testbed"
	"evcp/internal/watch"
)

// TestFleet runs the program with a file of charge points. It reads the file again when a
// link leads to another one, as Kubernetes changes it, and when it is told to.
func TestFleet(t *testing.T) {
	t.Parallel()
	g, dir := testbed.Start(t), t.TempDir()
	r := g.ReadTopic()
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, file), []byte(strings.ReplaceAll(text, "ENGINE", g.EngineAddr)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	relink := func(file string) {
		t.Helper()
		if err := os.Symlink(file, filepath.Join(dir, "new")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "fleet.yaml")); err != nil {
			t.Fatal(err)
		}
	}
	write("one", "name: gandia\ncps:\n- {cp_id: 'CP_[001-002]', engine: 'ENGINE'}\n")
	relink("one")
	p := start(t, nil, "--fleet", filepath.Join(dir, "fleet.yaml"), "--central-ip", "127.0.0.1", "--central-port", testbed.Port(g.CentralAddr),
		"--kafka-brokers", g.BrokerAddr, "--state-dir", dir)
	g.UntilCentralState("CP_001", "activated")
	g.UntilCentralState("CP_002", "activated")
	write("two", "name: gandia\nsites:\n- site: Sur\n  cps:\n  - {cp_id: 'CP_[002-003]', engine: 'ENGINE'}\n")
	relink("two")
	g.UntilCentralState("CP_003", "activated")
	g.UntilCentralState("CP_001", "disconnected")
	write("two", "cps: []\n")
	g.Until("the errors", func() bool {
		return strings.Contains(p.Stderr.String(), "no charge point stands in it; the old fleet goes on")
	})
	write("two", "name: gandia\ncps:\n- {cp_id: 'CP_[002-003]', engine: 'ENGINE'}\n")
	p.Signal(syscall.SIGHUP)
	g.Until("the reload", func() bool { return strings.Contains(p.Stderr.String(), "read again: 0 added, 0 removed, 2 changed") })
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(); code != cli.ExitOK {
		t.Errorf("exit code %d, said\n%s", code, p.Stderr.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "gandia", "outbox.db")); err != nil {
		t.Error(err)
	}
	g.Until("the last event of each", func() bool { return r.Count(evcp.MonitorStopped) >= 3 })
	if n := r.Count(evcp.SettingsChanged); n != 3 { // CP_002 came to a site, and both left it
		t.Errorf("%d times settings_changed", n)
	}
	r.CheckSequence()
}

// TestHangup: a lone Monitor goes on when it is told to read its file again: it has none.
func TestHangup(t *testing.T) {
	t.Parallel()
	g, dir := testbed.Start(t), t.TempDir()
	p := start(t, nil, flags(g, dir)...)
	g.UntilCentralState("CP_001", "activated")
	p.Signal(syscall.SIGHUP)
	r := g.ReadTopic()
	before := r.Count(evcp.HealthCheck)
	g.Until("further checks", func() bool { return r.Count(evcp.HealthCheck) > before+2 })
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(); code != cli.ExitOK {
		t.Errorf("exit code %d", code)
	}
}

// TestFleetErrors: what stands in the way of a fleet is said before anything is started.
func TestFleetErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "fleet.yaml")
	if err := os.WriteFile(file, []byte("cps:\n  - cp_id: CP_001\n    engin: h:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"unknown key engin. Did you mean engine?": {"--fleet", file},
		"--cp-id does not go with --fleet":        {"--fleet", file, "--cp-id", "CP_001", "--engine-port", "5001"},
		"--engine-port does not go with --fleet":  {"--fleet", file, "--cp-id", "CP_001", "--engine-port", "5001"},
		"no such file or directory":               {"--fleet", file + ".yaml"},
	} {
		p := start(t, nil, append(args, "--state-dir", dir)...)
		if code := p.Wait(); code != cli.ExitUsage {
			t.Errorf("%v: exit code %d", args, code)
		}
		if said := strings.Join(strings.Fields(p.Stderr.String()), " "); !strings.Contains(said, want) {
			t.Errorf("%v: %s, want %s", args, said, want)
		}
	}
}

// TestTLSOfASite: --test asks by the settings of the site, as the Monitor does, and a file that no
// site names any more is not watched.
func TestTLSOfASite(t *testing.T) {
	dir := t.TempDir()
	ca, err := authority.New("test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pem := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(pem, ca.CertPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	o := &options{tcp: link.NewDialer()}
	o.Fleet = &watch.Fleet{}
	f := &fleetFile{o: o}
	with := fleet.CheckSettings{TLS: fleet.EngineTLS{On: true, CA: pem}}
	for _, tc := range []struct {
		settings fleet.CheckSettings
		fails    bool
		files    int
	}{
		{fleet.CheckSettings{}, false, 0}, {with, false, 1}, {with, false, 1},
		{fleet.CheckSettings{TLS: fleet.EngineTLS{On: true, CA: pem, Cert: pem, Key: "none"}}, true, 1},
		{fleet.CheckSettings{}, false, 0}, {with, false, 1},
	} {
		targets, err := f.targets([]fleet.Member{{CP: "CP_001", Address: "127.0.0.1:1", Settings: &tc.settings}})
		if (err != nil) != tc.fails || len(o.files.Files()) != tc.files {
			t.Errorf("%+v: %v, %d files", tc.settings.TLS, err, len(o.files.Files()))
		}
		if err == nil {
			o.Targets = targets
		}
	}
	if tested := o.engines(); tested[0].Dialer == nil || tested[0].Dialer != o.Targets[0].Dialer {
		t.Errorf("%+v", tested)
	}
}
