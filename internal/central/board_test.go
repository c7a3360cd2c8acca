package central

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp"
	"evcp/internal/bubble"
	"evcp/internal/central/conngroup"
	"evcp/internal/central/cpstate"
	"evcp/internal/wire"
)

func testBoard() *board { return newBoard(Options{}.withDefaults()) }

func (b *board) receiveNow(v *connRecord, id evcp.CPID, verb wire.Verb, s evcp.Status) {
	b.receive(v, wire.Message{CP: id, Verb: verb, Status: s}, admitted, time.Now())
}

func TestSinceGivesWhatChanged(t *testing.T) {
	b, v := testBoard(), newConnRecord("10.0.0.1:1", time.Now())
	b.receiveNow(v, "CP_002", wire.Registration, 0)
	b.receiveNow(v, "CP_001", wire.Registration, 0)
	all := b.since(Position{})
	if len(all.CPs) != 2 || all.CPs[0].ID != "CP_001" || len(all.Changes) != 2 {
		t.Fatalf("all: %d charge points, %d changes", len(all.CPs), len(all.Changes))
	}
	if none := b.since(all.Next); len(none.CPs)+len(none.Changes) != 0 {
		t.Errorf("nothing happened, but %+v", none)
	}
	b.receiveNow(v, "CP_002", wire.Heartbeat, evcp.OK)
	beat := b.since(all.Next)
	if len(beat.CPs) != 1 || beat.CPs[0].RecentHeartbeats != "O" || len(beat.Changes) != 0 {
		t.Errorf("a heartbeat: %+v", beat)
	}
	b.receiveNow(v, "CP_002", wire.EngineFailure, 0)
	fault := b.since(beat.Next)
	if len(fault.Changes) != 1 || fault.Changes[0].To != cpstate.Faulted || fault.Changes[0].Seq != 3 {
		t.Errorf("a fault: %+v", fault.Changes)
	}
}

func TestMissedChangesAreCounted(t *testing.T) {
	b, v := testBoard(), newConnRecord("10.0.0.1:1", time.Now())
	b.receiveNow(v, "CP_001", wire.Registration, 0)
	at := b.since(Position{}).Next
	const made = 2*minChanges + 10
	for range made / 2 {
		b.receiveNow(v, "CP_001", wire.EngineFailure, 0)
		b.receiveNow(v, "CP_001", wire.EngineRecovered, 0)
	}
	d := b.since(at)
	if d.Missed == 0 || len(d.Changes) < minChanges || len(d.Changes) > 2*minChanges || int(d.Missed)+len(d.Changes) != made || len(d.CPs) != 1 {
		t.Errorf("missed %d of %d, %d charge points", d.Missed, len(d.Changes), len(d.CPs))
	}
	for i, c := range d.Changes {
		if c.Seq != d.Changes[0].Seq+uint64(i) {
			t.Fatalf("change %d has number %d", i, c.Seq)
		}
	}
}

// All charge points may be lost and be back before a reader of the changes looks: none of
// the changes is missed.
func TestNoChangeIsMissedWhenAllVanish(t *testing.T) {
	b := testBoard()
	const cps = 3 * minChanges
	v := newConnRecord("10.0.0.1:1", time.Now())
	for n := range cps {
		b.receiveNow(v, evcp.CPID(fmt.Sprint("CP_", n)), wire.Registration, 0)
	}
	at := b.since(Position{}).Next
	for n := range cps {
		b.receiveNow(v, evcp.CPID(fmt.Sprint("CP_", n)), wire.Heartbeat, evcp.KO)
	}
	b.drop(v, time.Now())
	b.expireConnections(time.Now().Add(conngroup.Grace))
	if d := b.since(at); d.Missed > 0 || len(d.Changes) != 2*cps {
		t.Errorf("%d changes, %d missed", len(d.Changes), d.Missed)
	}
}

// TestStandstillBlamesNoMonitor: a connection that ended before or while Central stood still says
// nothing of its Monitor. One that is heard again after a pause was never lost; one that is not
// is, later than usual.
func TestStandstillBlamesNoMonitor(t *testing.T) {
	b, now := testBoard(), time.Now()
	conns := map[evcp.CPID]*connRecord{}
	say := func(id evcp.CPID, verb wire.Verb) {
		b.receive(conns[id], wire.Message{CP: id, Verb: verb, Status: evcp.KO}, admitted, now)
	}
	state := func(id evcp.CPID) cpstate.Availability { return b.cps[id].State }
	b.look(now)
	for _, id := range []evcp.CPID{"BACK", "GONE"} {
		conns[id] = newConnRecord("10.0.0.1:1", now)
		say(id, wire.Registration)
		say(id, wire.Heartbeat)
	}
	b.drop(conns["BACK"], now) // the timer of its grace is the first that runs after the standstill
	now = now.Add(30 * time.Second)
	b.expireConnections(now)
	b.drop(conns["GONE"], now) // its end waited in the socket
	if b.look(now.Add(time.Millisecond)) < 30*time.Second {
		t.Error("the standstill was not noticed")
	}
	for range 3 {
		now = now.Add(time.Second)
		if b.look(now) > 0 {
			t.Error("it stood still once")
		}
		b.expireConnections(now)
	}
	if state("BACK") != cpstate.Faulted || state("GONE") != cpstate.Faulted {
		t.Errorf("3 s after the standstill: %s and %s", state("BACK"), state("GONE"))
	}
	conns["BACK"] = newConnRecord("10.0.0.1:2", now)
	say("BACK", wire.Heartbeat)
	for range 60 {
		now = now.Add(time.Second)
		b.look(now)
		b.expireConnections(now)
	}
	if state("BACK") != cpstate.Faulted || state("GONE") != cpstate.Disconnected {
		t.Errorf("in the end: %s and %s", state("BACK"), state("GONE"))
	}
}

func TestSilenceInTime(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		c, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go c.superviseCPs(ctx)
		v := newConnRecord("10.0.0.1:1", time.Now())
		c.board.receiveNow(v, "CP_001", wire.Registration, 0)
		c.board.receiveNow(v, "CP_QUIET", wire.Registration, 0)
		for range 4 {
			time.Sleep(5 * time.Second)
			c.board.receiveNow(v, "CP_001", wire.Heartbeat, evcp.OK)
		}
		time.Sleep(14900 * time.Millisecond)
		if !c.isState("CP_001", cpstate.Activated, cpstate.Registered)() {
			t.Error("silent before three gaps were over")
		}
		time.Sleep(silenceCheckInterval + 200*time.Millisecond)
		if !c.isState("CP_001", cpstate.Disconnected, cpstate.Silent)() {
			t.Error("not silent after three gaps")
		}
		time.Sleep(24 * time.Hour)
		if !c.isState("CP_QUIET", cpstate.Activated, cpstate.Registered)() {
			t.Error("a charge point without heartbeats did not keep its state")
		}
	})
}

// The board looks at those charge points alone that may have changed. A walk over all
// of them, after any messages at any times, finds the same.
func TestBoardEqualsAWalkOverAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, now := testBoard(), time.Now()
		listening := now
		conns := []*connRecord{newConnRecord("10.0.0.1:1", time.Now()), newConnRecord("10.0.0.2:1", time.Now()), newConnRecord("10.0.0.3:1", time.Now())}
		var read Position
		for n := range 8 {
			b.receive(conns[0], wire.Message{CP: evcp.CPID(fmt.Sprint("CP_", n+1)), Verb: wire.Registration}, admitted, now)
		}
		for range rapid.IntRange(20, 200).Draw(t, "steps") {
			now = now.Add(rapid.SampledFrom([]time.Duration{time.Second, 4 * time.Second, 0, 16 * time.Second, 61 * time.Second}).Draw(t, "later"))
			n := rapid.IntRange(0, len(conns)-1).Draw(t, "connection")
			switch rapid.IntRange(0, 11).Draw(t, "step") {
			case 7:
				expireSilentEqualsWalk(t, b, now, listening)
			case 8:
				countSourcesEqualsWalk(t, b, now)
			case 9:
				b.drop(conns[n], now)
				conns[n] = newConnRecord(conns[n].Peer, now)
			case 10:
				listening = now
			case 11:
				read = sinceEqualsWalk(t, b, read)
			default: // the most: many charge points that send heartbeats
				id := evcp.CPID(fmt.Sprint("CP_", rapid.IntRange(1, 8).Draw(t, "cp")))
				verb := rapid.SampledFrom([]wire.Verb{wire.Heartbeat, wire.Heartbeat, wire.Heartbeat, wire.EngineFailure, wire.Registration, wire.Disconnect}).Draw(t, "verb")
				b.receive(conns[n], wire.Message{CP: id, Verb: verb, Status: evcp.OK}, admitted, now)
			}
		}
	})
}

func expireSilentEqualsWalk(t *rapid.T, b *board, now, listening time.Time) {
	want := map[evcp.CPID]cpstate.Condition{}
	for id, p := range b.cps {
		want[id] = p.AfterSilence(now, listening, b.expected)
	}
	b.expireSilent(now, listening)
	for id, p := range b.cps {
		if p.Condition != want[id] {
			t.Fatalf("%s is %v (%v), want %v (%v)", id, p.State, p.Reason, want[id].State, want[id].Reason)
		}
	}
}

func countSourcesEqualsWalk(t *rapid.T, b *board, now time.Time) {
	b.countSources(now)
	for id, p := range b.cps {
		if want := p.sources.Sources(now, p.SilenceTimeout(b.expected)); p.HeartbeatSources != want {
			t.Fatalf("%s has %d heartbeat sources, want %d", id, p.HeartbeatSources, want)
		}
	}
}

func sinceEqualsWalk(t *rapid.T, b *board, read Position) Position {
	changed, counts := map[evcp.CPID]bool{}, map[cpstate.Availability]int{}
	for id, p := range b.cps {
		counts[p.State]++
		if p.version > read.version {
			changed[id] = true
		}
	}
	d := b.since(read)
	for _, v := range d.CPs {
		if !changed[v.ID] || v != b.cps[v.ID].CPView {
			t.Fatalf("since gives %+v", v)
		}
	}
	if len(d.CPs) != len(changed) {
		t.Fatalf("since gives %d charge points, want %d", len(d.CPs), len(changed))
	}
	for state, n := range b.counts {
		if counts[cpstate.Availability(state)] != n {
			t.Fatalf("%d charge points are %v, want %d", n, cpstate.Availability(state), counts[cpstate.Availability(state)])
		}
	}
	return d.Next
}
