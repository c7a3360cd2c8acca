package uplink

import (
	"context"
	"runtime"
	"testing"
	"time"

	"evcp"
	"evcp/internal/outbox"
	"evcp/internal/simnet"
	"evcp/internal/wire"
)

// TestManyUnansweredReports has 100,000 incidents while Central is away. Each takes less than 128
// bytes, none is lost, and when Central answers all are reported in order.
func TestManyUnansweredReports(t *testing.T) {
	const incidents, most = 100_000, 128
	box, err := outbox.Open(t.TempDir(), outbox.Options{Readers: []string{outbox.Central}, Instance: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := box.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	u := New(Options{Central: "central", Codec: TextCodec(wire.Raw), Dialer: &simnet.Net{}, Box: box, ReportEvery: 30 * time.Second})
	u.Adopt("CP_001", time.Second)
	was := allocated()
	var f outbox.Fact
	for n := range 2 * incidents {
		f = nextFact(f, n)
		u.deliver([]outbox.Fact{f}, nil)
	}
	if u.pending != 2*incidents || u.settledUpTo() != 0 {
		t.Fatalf("%d reports are pending, settled is up to %d", u.pending, u.settledUpTo())
	}
	if each := (allocated() - was) / incidents; each > most {
		t.Fatalf("an incident takes %d bytes, more than %d", each, most)
	}
	u.sessions[0].state.Registered = true
	for n := range 2 * incidents {
		sent := Outbound{Operation: ReportFailure, Incident: evcp.EventID{Epoch: 1, Seq: uint64(n/2 + 1)}, At: evcp.Stamp(n + 1)}
		receipt := outbox.Fact{Pos: f.Pos + 1, Incident: sent.Incident, At: f.At + 1, Action: evcp.ReportEngineFailure, Kept: true}
		if n%2 == 1 {
			sent.Operation, receipt.Action = ReportRecovery, evcp.ReportEngineRecovery
		}
		if m, _ := u.message(0, u.now()); m != sent {
			t.Fatalf("report %d is %+v, want %+v", n, m, sent)
		}
		u.apply(0, sent, SendResult{Text: "received", Verdict: Accepted, Received: true, Connected: true}, u.now())
		f = receipt
		u.deliver([]outbox.Fact{f}, nil)
		if n < 2*incidents-1 && u.settledUpTo() != int64(n+1) {
			t.Fatalf("settled up to %d after report %d", u.settledUpTo(), n)
		}
	}
	if s := &u.sessions[0].state; u.pending != 0 || s.Reports != nil || u.settledUpTo() != f.Pos {
		t.Errorf("%d pending, settled up to %d of %d, left %+v", u.pending, u.settledUpTo(), f.Pos, s.Reports)
	}
}

// nextFact is a failure, then its recovery, then the next failure.
func nextFact(f outbox.Fact, n int) outbox.Fact {
	f.Pos, f.At, f.Kept = f.Pos+1, f.At+1, true
	f.Action = evcp.EngineRecovered
	if n%2 == 0 {
		f.Action, f.Incident = evcp.EngineFailed, evcp.EventID{Epoch: 1, Seq: uint64(n/2 + 1)}
	}
	return f
}

func allocated() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // far below 2^63
}
