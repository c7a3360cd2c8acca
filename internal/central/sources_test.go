package central

import (
	"testing"
	"time"

	"evcp"
	"evcp/internal/central/cpstate"
	"evcp/internal/wire"
)

func TestConnectionPerMessage(t *testing.T) {
	c, addr, _ := start(t, Options{})
	dial(t, addr).ask("EV_CP_M CP_001 registration request", "Authentication successful")
	for range 3 {
		p := dial(t, addr)
		p.ask("EV_CP_M CP_001 ENGINE_FAILURE", "Failure report received")
		p.conn.Close()
	}
	if !c.isState("CP_001", cpstate.Faulted, cpstate.EngineFailure)() {
		t.Error("the first Monitors open a connection for each message; that is no loss")
	}
}

func TestConnectionLost(t *testing.T) {
	c, addr, _ := start(t, Options{})
	p := dial(t, addr)
	p.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	p.ask("EV_CP_M CP_001 heartbeat OK", "OK")
	began := time.Now()
	p.conn.Close()
	waitFor(t, "connection_lost", c.isState("CP_001", cpstate.Disconnected, cpstate.ConnectionLost))
	if took := time.Since(began); took < reconnectGrace {
		t.Errorf("lost after %v; another connection had %v to send", took, reconnectGrace)
	}
	dial(t, addr).ask("EV_CP_M CP_001 heartbeat OK", "OK")
	if !c.isState("CP_001", cpstate.Activated, cpstate.HeartbeatOK)() {
		t.Error("not activated although it sent again")
	}
}

func TestReconnectingIsNotLosing(t *testing.T) {
	c, addr, _ := start(t, Options{})
	p := dial(t, addr)
	p.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	p.ask("EV_CP_M CP_001 heartbeat OK", "OK")
	p.conn.Close()
	q := dial(t, addr)
	q.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	q.ask("EV_CP_M CP_001 heartbeat OK", "OK")
	other := dial(t, addr) // its loss comes later in the same queue
	other.ask("EV_CP_M CP_002 registration request", "Authentication successful")
	other.ask("EV_CP_M CP_002 heartbeat OK", "OK")
	other.conn.Close()
	waitFor(t, "connection_lost of the other", c.isState("CP_002", cpstate.Disconnected, cpstate.ConnectionLost))
	if v, _ := c.CP("CP_001"); v.State != cpstate.Activated || v.Reason != cpstate.Registered {
		t.Errorf("%v (%v) although a new connection sent at once", v.State, v.Reason)
	}
}

func TestTwoMonitorsOfOneChargePoint(t *testing.T) {
	c, addr, _ := start(t, Options{})
	p, q := dial(t, addr), dial(t, addr)
	p.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	p.ask("EV_CP_M CP_001 heartbeat OK", "OK")
	q.ask("EV_CP_M CP_001 heartbeat OK", "OK")
	if v, _ := c.CP("CP_001"); v.HeartbeatSources != 1 {
		t.Errorf("%d heartbeat sources when an old connection may just not have ended", v.HeartbeatSources)
	}
	p.ask("EV_CP_M CP_001 heartbeat OK", "OK")
	waitFor(t, "two heartbeat sources", func() bool { v, _ := c.CP("CP_001"); return v.HeartbeatSources == 2 })
	q.conn.Close()
	waitFor(t, "one heartbeat source", func() bool { v, _ := c.CP("CP_001"); return v.HeartbeatSources == 1 })
}

// A Central that stood still reads the last message of an old connection, and its end
// right behind, after messages of the present one: that is one Monitor. Two Monitors
// both stay connected.
func TestLateMessageIsNoSecondMonitor(t *testing.T) {
	for name, ends := range map[string]bool{"an old connection": true, "a second Monitor": false} {
		t.Run(name, func(t *testing.T) {
			b, now := newBoard(Options{}.withDefaults()), time.Now()
			old, present := newConnRecord("10.0.0.1:1", time.Now()), newConnRecord("10.0.0.2:2", time.Now())
			for _, sent := range []struct {
				conn *connRecord
				verb wire.Verb
			}{{old, wire.Registration}, {old, wire.Heartbeat}, {present, wire.Heartbeat}, {old, wire.Heartbeat}} {
				b.receive(sent.conn, wire.Message{CP: "CP_001", Verb: sent.verb, Status: evcp.OK}, admitted, now)
			}
			if ends {
				b.drop(old)
			}
			begun := b.countSources(now)
			if ends && len(begun) != 0 || !ends && (len(begun) != 1 || begun[0].cp != "CP_001" || begun[0].peer == begun[0].other) {
				t.Errorf("begun %+v", begun)
			}
			if again := b.countSources(now); len(again) != 0 {
				t.Errorf("begun again: %+v", again)
			}
		})
	}
}

// Two connections count as two while both send in turns, and no longer.
func TestHeartbeatSources(t *testing.T) {
	type beat struct{ conn, second int }
	for name, tc := range map[string]struct {
		beats   []beat
		dropped []int
		now     int
		want    int
	}{
		"none":                                {want: 0},
		"one":                                 {beats: []beat{{0, 0}, {0, 5}}, now: 6, want: 1},
		"a reconnection":                      {beats: []beat{{0, 0}, {0, 5}, {1, 6}, {1, 11}}, now: 12, want: 1},
		"in turns":                            {beats: []beat{{0, 0}, {1, 1}, {0, 5}, {1, 6}}, now: 7, want: 2},
		"in turns, long ago":                  {beats: []beat{{0, 0}, {1, 1}, {0, 5}, {1, 6}, {1, 21}}, now: 22, want: 1},
		"in turns, and one has ended":         {beats: []beat{{0, 0}, {1, 1}, {0, 5}, {1, 6}}, dropped: []int{0}, now: 7, want: 1},
		"in turns, three":                     {beats: []beat{{0, 0}, {1, 1}, {2, 2}, {0, 5}}, now: 6, want: 3},
		"in turns, and a third long ago":      {beats: []beat{{2, 0}, {0, 1}, {1, 2}, {0, 16}, {1, 17}}, now: 18, want: 2},
		"a reconnection, long after a second": {beats: []beat{{0, 0}, {1, 1}, {0, 2}, {0, 20}, {2, 21}}, dropped: []int{1}, now: 22, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			var h heartbeatSources
			conns := []*connRecord{newConnRecord("a", time.Now()), newConnRecord("b", time.Now()), newConnRecord("c", time.Now())}
			began := time.Now()
			at := func(second int) time.Time { return began.Add(time.Duration(second) * time.Second) }
			for _, b := range tc.beats {
				h.add(conns[b.conn], at(b.second))
			}
			for _, n := range tc.dropped {
				delete(h.live, conns[n])
			}
			if got := h.count(at(tc.now), 15*time.Second); got != tc.want {
				t.Errorf("%d sources, want %d", got, tc.want)
			}
		})
	}
}
