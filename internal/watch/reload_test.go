package watch_test

import (
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"evcp"
	"evcp/internal/central"
	"evcp/internal/status"
	"evcp/internal/systemd"
	"evcp/internal/testbed"
	"evcp/internal/watch"
)

// TestReload: charge points come, go and change while the others are watched. Those have no
// event of it and keep their connections; what was removed goes on in its numbering when it
// comes again; a bad file changes nothing.
func TestReload(t *testing.T) {
	bed, dir := testbed.New(t), t.TempDir()
	bed.StartCentral(central.Options{})
	bed.StartBroker()
	topic := bed.ReadTopic()
	engine := testbed.NewTextPeer(t, testbed.FreeAddr(t), false, func(string) string { return "OK" })
	target := func(cp evcp.CPID) watch.Target { return watch.Target{CP: cp, Address: engine.Address} }
	registrations := func(n int) { // each that asks is recorded
		t.Helper()
		bed.Until("the registrations", func() bool { return topic.Count(evcp.RegisterToCentral) == n })
	}
	reloads := make(chan watch.Reload)
	all := []watch.Target{target("CP_A"), target("CP_B"), target("CP_C")}
	w := start(t, bed, "", dir, func(o *watch.Options) {
		o.Targets, o.Fleet = all, &watch.Fleet{Name: "fleet", File: "fleet.yaml", Reloads: reloads}
	})
	for _, cp := range []evcp.CPID{"CP_A", "CP_B", "CP_C"} {
		bed.UntilCentralState(cp, "activated")
	}
	registrations(3)

	changed := target("CP_B")
	changed.Policy = &evcp.Policy{Fall: 5, Rise: 1, Instance: "test", Site: "Sur", Interval: 100 * time.Millisecond, Timeout: 90 * time.Millisecond}
	reloads <- watch.Reload{
		Targets: []watch.Target{target("CP_A"), changed, target("CP_D")}, Added: []watch.Target{target("CP_D")},
		Changed: []watch.Target{changed}, Removed: []evcp.CPID{"CP_C"},
	}
	bed.Until("the line of the reload", func() bool { return w.logs("fleet.yaml read again: 1 added, 1 removed, 1 changed") })
	bed.UntilCentralState("CP_C", "disconnected")
	bed.UntilCentralState("CP_D", "activated")
	registrations(4)
	metric := func(line string) bool {
		_, text := getFrom(t, dir+"/fleet", status.MetricsPath)
		return strings.Contains(text, "\n"+line+"\n")
	}
	if !metric("evcp_config_last_reload_successful 1") {
		t.Error("the metric of a good reload")
	}

	reloads <- watch.Reload{Errors: []string{"fleet.yaml:9: cp_id CP_004 stands twice (also line 7)"}}
	bed.Until("the line of the bad file", func() bool {
		return w.count("fleet.yaml:9: cp_id CP_004 stands twice (also line 7); the old fleet goes on") == 1
	})
	if !metric("evcp_config_last_reload_successful 0") {
		t.Error("the metric of a bad file")
	}

	reloads <- watch.Reload{Targets: []watch.Target{target("CP_A"), changed, target("CP_C"), target("CP_D")}, Added: []watch.Target{target("CP_C")}}
	bed.UntilCentralState("CP_C", "activated")
	registrations(5)
	if !metric("evcp_config_last_reload_successful 1") {
		t.Error("the metric after the bad file")
	}
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	bed.Until("the last events", func() bool { return topic.Count(evcp.MonitorStopped) == 5 })
	topic.CheckSequence()
	acts := map[evcp.CPID][]string{}
	epochs := map[evcp.CPID]map[int64]bool{}
	for _, e := range topic.Events() {
		if epochs[e.CP] == nil {
			epochs[e.CP] = map[int64]bool{}
		}
		epochs[e.CP][e.Epoch] = true
		switch e.Action {
		case evcp.MonitorStarted:
			acts[e.CP] = append(acts[e.CP], "started")
		case evcp.SettingsChanged:
			acts[e.CP] = append(acts[e.CP], "changed "+e.Site)
		case evcp.MonitorStopped:
			acts[e.CP] = append(acts[e.CP], e.Reason)
		}
	}
	for cp, want := range map[evcp.CPID][]string{
		"CP_A": {"started", "asked to stop"},
		"CP_B": {"started", "changed Sur", "asked to stop"},
		"CP_C": {"started", "removed", "started", "asked to stop"},
		"CP_D": {"started", "asked to stop"},
	} {
		if !slices.Equal(acts[cp], want) || len(epochs[cp]) != 1 {
			t.Errorf("%s: %q in %d epochs, want %q in one", cp, acts[cp], len(epochs[cp]), want)
		}
	}
}

// TestAReloadGoesOnFromTheState: of a charge point that comes with an open incident of an
// earlier Monitor, the log counts the failed checks of that. The status line for systemd counts it.
func TestAReloadGoesOnFromTheState(t *testing.T) {
	bed, dir := testbed.New(t), t.TempDir()
	bed.StartCentral(central.Options{})
	reply := atomic.Pointer[string]{}
	says := func(text string) { reply.Store(&text) }
	says("KO")
	engine := testbed.NewTextPeer(t, testbed.FreeAddr(t), false, func(string) string { return *reply.Load() })
	target := func(cp evcp.CPID) watch.Target { return watch.Target{CP: cp, Address: engine.Address} }
	both := []watch.Target{target("CP_A"), target("CP_B")}
	fleetOf := func(targets []watch.Target, reloads chan watch.Reload) func(*watch.Options) {
		return func(o *watch.Options) {
			o.Targets, o.Fleet = targets, &watch.Fleet{Name: "fleet", File: "fleet.yaml", Reloads: reloads}
		}
	}
	w := start(t, bed, "", dir, fleetOf(both, nil))
	bed.UntilCentralState("CP_A", "faulted")
	bed.UntilCentralState("CP_B", "faulted")
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	says("OK")
	reloads, receiver := make(chan watch.Reload), testbed.ReceiveNotify(t, "")
	env := map[string]string{"NOTIFY_SOCKET": receiver.Address, "WATCHDOG_USEC": "1000000"}
	w = start(t, bed, "", dir, fleetOf(both[:1], reloads), func(o *watch.Options) {
		o.Notify = systemd.Open(func(name string) string { return env[name] }, slog.Default())
	})
	bed.UntilCentralState("CP_A", "activated")
	reloads <- watch.Reload{Targets: both, Added: both[1:]}
	bed.Until("the lines of the recoveries", func() bool { return w.count("failed checks") == 2 })
	if w.logs("and 0 failed checks") {
		t.Error("the log says that no check failed")
	}
	bed.Until("the status line", func() bool {
		return slices.ContainsFunc(receiver.Received(), func(s string) bool { return strings.HasPrefix(s, "STATUS=2 charge points, 2 OK") })
	})
}
