package uplink

import (
	"testing"

	"pgregory.net/rapid"

	"evcp"
	"evcp/internal/outbox"
)

// settledUpTo stands for the outbox.
type settledUpTo int64

func (s *settledUpTo) Settle(pos int64) { *s = settledUpTo(pos) }

// TestTheOldestOpenFactIsKept adds facts and receipts of any order, of two charge
// points, one of them watched, and compares with a list that is read anew each time.
func TestTheOldestOpenFactIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var far settledUpTo
		tracker := receiptTracker{facts: &far}
		var all []evcp.Event                 // by position, from 1; a zero Action is settled
		recovered := map[evcp.EventID]bool{} // an incident recovers once
		for range rapid.IntRange(1, 40).Draw(t, "facts") {
			e := anyFact(t, all, recovered)
			all = append(all, e)
			recovered[e.Incident] = recovered[e.Incident] || e.Action == evcp.EngineRecovered
			watched := e.CP == "A"
			tracker.add(outbox.Fact{Event: e, Pos: int64(len(all))}, watched)
			settleInList(all, e, watched)
			oldest := 0
			for oldest < len(all) && all[oldest].Action == evcp.NoAction {
				oldest++
			}
			if int(far) != oldest {
				t.Fatalf("settled up to %d, want %d of %+v", far, oldest, all)
			}
			if oldest == len(all) && len(tracker.keys)+len(tracker.open) > 0 {
				t.Fatalf("%d keys and %d facts are kept of settled facts", len(tracker.keys), len(tracker.open))
			}
		}
	})
}

// anyFact is a new failure or recovery, an old one that a refusing disk numbered
// anew, or the receipt of one.
func anyFact(t *rapid.T, all []evcp.Event, recovered map[evcp.EventID]bool) evcp.Event {
	n := uint64(len(all) + 1)
	e := evcp.Event{CP: rapid.SampledFrom([]evcp.CPID{"A", "A", "B"}).Draw(t, "cp"), Action: evcp.EngineFailed, At: evcp.Stamp(n), Epoch: 1, Seq: n}
	e.Incident = e.ID()
	if len(all) == 0 || rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
		return e
	}
	of := rapid.SampledFrom(all).Draw(t, "of")
	again := rapid.SampledFrom([]string{"recovery", "anew", "receipt"}).Draw(t, "again")
	if of.Action == evcp.NoAction || again == "recovery" && recovered[of.Incident] {
		return e
	}
	receipts := map[evcp.Action]evcp.Action{evcp.EngineFailed: evcp.ReportEngineFailure, evcp.EngineRecovered: evcp.ReportEngineRecovery}
	switch again {
	case "recovery":
		e.CP, e.Action, e.Incident = of.CP, evcp.EngineRecovered, of.Incident
	case "anew":
		e.CP, e.Action, e.At = of.CP, of.Action, of.At
	default:
		e.CP, e.Action, e.Incident = of.CP, receipts[of.Action], of.Incident
	}
	return e
}

func settleInList(all []evcp.Event, e evcp.Event, watched bool) {
	receipt := e.Action == evcp.ReportEngineFailure || e.Action == evcp.ReportEngineRecovery
	if receipt || !watched {
		all[len(all)-1].Action = evcp.NoAction
	}
	for i := range all[:len(all)-1] {
		f := &all[i]
		of := f.CP == e.CP && f.Incident == e.Incident &&
			(f.Action == evcp.EngineFailed && e.Action == evcp.ReportEngineFailure || f.Action == evcp.EngineRecovered && e.Action == evcp.ReportEngineRecovery)
		anew := f.CP == e.CP && f.Action == e.Action && f.At == e.At
		if receipt && of || anew {
			f.Action = evcp.NoAction
		}
	}
}
