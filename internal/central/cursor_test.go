package central

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"evcp"
	"evcp/internal/central/cpstate"
	"evcp/internal/wire"
)

func testBoard() *board { return newBoard(Options{}.withDefaults()) }

func (b *board) receiveNow(v *source, id evcp.CPID, verb wire.Verb, s evcp.Status) {
	b.receive(v, wire.Message{CP: id, Verb: verb, Status: s}, true, time.Now())
}

func TestSinceGivesWhatChanged(t *testing.T) {
	b, v := testBoard(), newSource("10.0.0.1:1")
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

func TestSlowReaderIsToldWhatItMissed(t *testing.T) {
	b, v := testBoard(), newSource("10.0.0.1:1")
	b.receiveNow(v, "CP_001", wire.Registration, 0)
	at := b.since(Position{}).Next
	for range maxChanges/2 + 5 {
		b.receiveNow(v, "CP_001", wire.EngineFailure, 0)
		b.receiveNow(v, "CP_001", wire.EngineRecovered, 0)
	}
	d := b.since(at)
	if d.Missed != 10 || len(d.Changes) != maxChanges || len(d.CPs) != 1 {
		t.Errorf("missed %d of %d, %d charge points", d.Missed, len(d.Changes), len(d.CPs))
	}
	for i, c := range d.Changes {
		if c.Seq != d.Changes[0].Seq+uint64(i) {
			t.Fatalf("change %d has number %d", i, c.Seq)
		}
	}
}

func TestFollowTellsEachChangeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		v := newSource("10.0.0.1:1")
		c.board.receiveNow(v, "CP_000", wire.Registration, 0) // before Follow: not told
		ctx, cancel := context.WithCancel(t.Context())
		var told []string
		go c.Follow(ctx, func(change Change, _ uint64) { told = append(told, fmt.Sprint(change.CP, " ", change.Text())) })
		synctest.Wait()
		c.board.receiveNow(v, "CP_001", wire.Registration, 0)
		time.Sleep(66 * time.Second)
		c.board.receiveNow(v, "CP_001", wire.EngineFailure, 0)
		time.Sleep(66 * time.Second)
		c.board.receiveNow(v, "CP_001", wire.Heartbeat, evcp.OK)
		c.board.receiveNow(v, "CP_001", wire.Disconnect, 0)
		synctest.Wait()
		cancel()
		want := "[CP_001 activated: registered from 10.0.0.1 CP_001 faulted: ENGINE_FAILURE" +
			" CP_001 activated after 1m6s CP_001 disconnected: its Monitor said goodbye]"
		if got := fmt.Sprint(told); got != want {
			t.Errorf("told %s", got)
		}
	})
}

func TestSilenceInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go c.superviseCPs(ctx)
		v := newSource("10.0.0.1:1")
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
