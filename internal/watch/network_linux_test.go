package watch_test

import (
	"slices"
	"testing"
	"time"

	"evcp/internal/link"
	"evcp/internal/testbed"
	"evcp/internal/watch"
)

// TestAnInterfaceThatIsDownReportsNothing: Central receives no failure of an Engine to which
// the Monitor's own machine had no route for ten checks, and the log says what was missing.
func TestAnInterfaceThatIsDownReportsNothing(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	neighbour := testbed.NewNeighbour(t)
	bed := testbed.New(t)
	bed.EngineAddr = "10.9.0.2:5001"
	var engine *testbed.TextPeer
	if err := neighbour.Enter(func() (err error) {
		engine, err = testbed.ListenText(bed.EngineAddr, true, func(string, time.Time) string { return "OK" })
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Close)
	central := testbed.NewTextPeer(t, bed.CentralAddr, false, seedCentral)
	w := start(t, bed, "CP_001", t.TempDir(), func(o *watch.Options) { o.Dialers = link.OneDialer(link.NewDialer()) })
	bed.Until("checks", func() bool { return len(engine.Received()) > 3 })
	testbed.IP(t, "link set veth0 down")
	time.Sleep(10 * interval)
	bed.Until("the reason in the log", func() bool { return w.logs("not judged: no network, since") })
	testbed.IP(t, "link set veth0 up")
	bed.Until("checks again", func() bool { return w.logs("judged again after") })
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	want := []string{"EV_CP_M CP_001 registration request", "EV_CP_M CP_001 heartbeat", "EV_CP_M CP_001 heartbeat OK", "EV_CP_M CP_001 heartbeat MONITORING", "EV_CP_M CP_001 disconnect"}
	for _, m := range central.Received() {
		if !slices.Contains(want, m) {
			t.Errorf("Central received %q", m)
		}
	}
}
