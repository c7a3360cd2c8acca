package central

import (
	"os"
	"testing"
	"time"

	"evcp"
	"evcp/internal/central/conngroup"
	"evcp/internal/central/cpstate"
)

// --test beside a Monitor: a registration and a goodbye on one connection, three times
// within a heartbeat, change nothing that Central shows.
func TestTrialLeavesWhatIsKnown(t *testing.T) {
	c, addr, _ := start(t, Options{})
	m := dial(t, addr)
	m.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	m.ask("EV_CP_M CP_001 heartbeat KO", "OK")
	was, _ := c.CP("CP_001")
	read := c.Since(Position{}).Next
	for range 3 {
		trial := dial(t, addr)
		trial.ask("EV_CP_M CP_001 registration request", "Authentication successful")
		trial.ask("EV_CP_M CP_001 disconnect", "OK")
		trial.conn.Close()
	}
	if got, _ := c.CP("CP_001"); got.Condition != was.Condition || got.Peer != was.Peer {
		t.Errorf("after three trials\n%+v, it was\n%+v", got, was)
	}
	if changes := c.Since(read).Changes; len(changes) != 0 {
		t.Errorf("three trials made changes: %+v", changes)
	}
}

// What a trial leaves depends on what was known before, and on what came between.
func TestGoodbyeAfterARegistration(t *testing.T) {
	type step struct {
		conn int
		send string
	}
	const reg, bye, fail, ok = "registration request", "disconnect", "ENGINE_FAILURE", "heartbeat OK"
	tests := []struct {
		name   string
		steps  []step
		state  cpstate.Availability
		reason cpstate.Reason
	}{
		{"of one never seen", []step{{0, reg}, {0, bye}}, cpstate.Disconnected, cpstate.SaidGoodbye},
		{"of a fault without heartbeats", []step{{0, reg}, {0, fail}, {1, reg}, {1, bye}}, cpstate.Faulted, cpstate.EngineFailure},
		{"of one that is away", []step{{0, reg}, {0, ok}, {0, bye}, {1, reg}, {1, bye}}, cpstate.Disconnected, cpstate.SaidGoodbye},
		{"a heartbeat between: a Monitor", []step{{0, reg}, {0, ok}, {1, reg}, {1, ok}, {1, bye}}, cpstate.Disconnected, cpstate.SaidGoodbye},
		{"the other reported between", []step{{0, reg}, {0, ok}, {1, reg}, {0, fail}, {1, bye}}, cpstate.Faulted, cpstate.EngineFailure},
		{"of an old Monitor, after the new one has registered", []step{{0, reg}, {0, ok}, {1, reg}, {0, bye}}, cpstate.Activated, cpstate.Registered},
		{"of an old Monitor, after the new one's heartbeat", []step{{0, reg}, {0, ok}, {1, reg}, {1, ok}, {0, bye}}, cpstate.Activated, cpstate.Registered},
		{"on a fresh connection", []step{{0, reg}, {0, ok}, {1, bye}}, cpstate.Disconnected, cpstate.SaidGoodbye},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			c, addr, _ := start(t, Options{})
			conns := map[int]*testClient{}
			for _, s := range tc.steps {
				if conns[s.conn] == nil {
					conns[s.conn] = dial(t, addr)
				}
				conns[s.conn].ask("EV_CP_M CP_001 "+s.send, map[string]string{
					reg: "Authentication successful", fail: "Failure report received", bye: "OK", ok: "OK",
				}[s.send])
			}
			if v, _ := c.CP("CP_001"); v.State != tc.state || v.Reason != tc.reason {
				t.Errorf("%v (%v), want %v (%v)", v.State, v.Reason, tc.state, tc.reason)
			}
		})
	}
}

// The end of an old connection says nothing of a Monitor that has registered since.
func TestEndOfAnOldConnection(t *testing.T) {
	c, addr, _ := start(t, Options{})
	old := dial(t, addr)
	old.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	old.ask("EV_CP_M CP_001 heartbeat OK", "OK")
	dial(t, addr).ask("EV_CP_M CP_001 registration request", "Authentication successful")
	before := time.Now()
	old.conn.Close()
	waitFor(t, "that the end was noticed", func() bool { return c.Figures().Connections == 1 })
	waitFor(t, "that the grace is over", func() bool { return time.Since(before) > conngroup.Grace+200*time.Millisecond })
	if !c.isState("CP_001", cpstate.Activated, cpstate.Registered)() {
		v, _ := c.CP("CP_001")
		t.Errorf("%v (%v) although the new Monitor is connected", v.State, v.Reason)
	}
}

func TestForget(t *testing.T) {
	dir := t.TempDir()
	c, addr, stop := start(t, Options{StateDir: dir})
	p := dial(t, addr)
	for _, id := range []string{"CP_OO1", "CP_002", "CP_003"} {
		p.ask("EV_CP_M "+id+" registration request", "Authentication successful")
	}
	read := c.Since(Position{}).Next
	if known, err := c.Forget("CP_OO1"); !known || err != nil {
		t.Errorf("known %t, %v", known, err)
	}
	if n := countOnDisk(t, dir); n != 2 { // before the answer: a Central that is killed now must not bring it back
		t.Errorf("%d charge points on disk", n)
	}
	for _, id := range []evcp.CPID{"CP_OO1", "CP_999"} {
		if known, err := c.Forget(id); known || err != nil {
			t.Errorf("%s: known %t, %v", id, known, err)
		}
	}
	if _, known := c.CP("CP_OO1"); known || !c.Since(read).Removed || c.Counts().Total() != 2 {
		t.Errorf("still shown, or a reader does not learn of it: %+v", c.Counts())
	}
	p.ask("EV_CP_M CP_OO1 heartbeat OK", "KO not registered")
	if known, err := c.Forget("CP_003"); !known || err != nil {
		t.Errorf("known %t, %v", known, err)
	}
	p.ask("EV_CP_M CP_003 registration request", "Authentication successful") // it was no misspelling after all
	stop()
	if n := countOnDisk(t, dir); n != 2 {
		t.Fatalf("%d charge points on disk, want CP_002 and CP_003", n)
	}
	if known, err := ForgetOnDisk(dir, "CP_003"); !known || err != nil {
		t.Errorf("without a Central: known %t, %v", known, err)
	}
	if known, err := ForgetOnDisk(dir, "CP_003"); known || err != nil || countOnDisk(t, dir) != 1 {
		t.Errorf("a second time: known %t, %v", known, err)
	}
	if _, err := ForgetOnDisk(t.TempDir(), "CP_003"); err == nil {
		t.Error("forgot something in an empty folder")
	}
}

// A charge point of the registry that never registered is on the board, expected, and
// not on disk.
func TestExpected(t *testing.T) {
	path, dir := t.TempDir()+"/ids", t.TempDir()
	writeRegistry(t, path, "CP_001\nCP_002\n")
	registry, err := OpenRegistry(path)
	if err != nil {
		t.Fatal(err)
	}
	c, addr, stop := start(t, Options{Registry: registry, StateDir: dir})
	if n := c.Counts(); n.Expected != 2 || n.Total() != 0 || len(c.CPs()) != 2 {
		t.Fatalf("at the start %+v", n)
	}
	p := dial(t, addr)
	p.ask("EV_CP_M CP_001 heartbeat OK", "KO not registered")
	p.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	if n := c.Counts(); n.Expected != 1 || n.Activated != 1 {
		t.Errorf("after a registration %+v", n)
	}
	writeRegistry(t, path, "CP_001\nCP_003\n")
	waitFor(t, "the new list", func() bool { _, gone := c.CP("CP_002"); v, is := c.CP("CP_003"); return !gone && is && !v.Known() })
	if known, err := c.Forget("CP_001"); !known || err != nil {
		t.Errorf("known %t, %v", known, err)
	}
	if v, is := c.CP(evcp.CPID("CP_001")); !is || v.Known() {
		t.Errorf("forgotten and listed: on the board %t, %+v", is, v)
	}
	stop()
	if n := countOnDisk(t, dir); n != 0 {
		t.Errorf("%d charge points on disk, which never registered", n)
	}
}

func writeRegistry(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
