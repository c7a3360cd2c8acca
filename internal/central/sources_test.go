package central

import (
	"testing"
	"time"

	"evcp"
	"evcp/internal/central/conngroup"
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
	if took := time.Since(began); took < conngroup.Grace {
		t.Errorf("lost after %v; another connection had %v to send", took, conngroup.Grace)
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
				b.drop(old, now)
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

// Two connections of one Monitor for many charge points. One breaks, and one of its charge
// points is heard on the other: nobody is lost. The Monitor is killed: all are.
func TestConnectionsOfAFleet(t *testing.T) {
	c, addr, _ := start(t, Options{})
	p, q := dial(t, addr), dial(t, addr)
	for conn, ids := range map[*testClient][]string{p: {"CP_001", "CP_002", "CP_003"}, q: {"CP_004", "CP_005"}} {
		for _, id := range ids {
			conn.ask("EV_CP_M "+id+" registration request", "Authentication successful")
			conn.ask("EV_CP_M "+id+" heartbeat OK", "OK")
		}
	}
	read := c.Since(Position{}).Next
	broke := time.Now()
	p.conn.Close()
	waitFor(t, "that the end was noticed", func() bool { return c.Figures().Connections == 1 })
	q.ask("EV_CP_M CP_002 heartbeat OK", "OK")
	waitFor(t, "that the grace is over", func() bool { return time.Since(broke) > conngroup.Grace+200*time.Millisecond })
	if changes := c.Since(read).Changes; len(changes) > 0 {
		t.Errorf("one of two connections broke: %+v", changes)
	}
	killed := time.Now()
	q.conn.Close()
	waitFor(t, "that all are lost", func() bool { return c.Counts().Disconnected == 5 })
	if took := time.Since(killed); took < conngroup.Grace {
		t.Errorf("lost after %v; another connection had %v to speak", took, conngroup.Grace)
	}
	for _, change := range c.Since(read).Changes {
		if change.Reason != cpstate.ConnectionLost {
			t.Errorf("%+v", change)
		}
	}
}
