package evcp_test

import (
	"bytes"
	"encoding/hex"
	"math"
	"testing"
	"time"

	"evcp"
)

// saved is savedState as version 2 encodes it.
const saved = "0280c0f0f9ba5f2a8080f496c8e4e9058280f496c8e4e9058480f496c8e4e905fafff396c8e4e9058880f496c8e4e9058a80f496c8e4e905" +
	"03020780c0f0f9ba5f2980e8cbc285070201040307"

// savedByVersion1 is the same without StreakPause.
const savedByVersion1 = "0180c0f0f9ba5f2a8080f496c8e4e9058280f496c8e4e9058480f496c8e4e905fafff396c8e4e9058880f496c8e4e9058a80f496c8e4e905" +
	"03020780c0f0f9ba5f290201040307"

var savedState = evcp.State{
	Epoch: 1640000000000, Seq: 42, At: seedTime, Failures: 3, Oks: 2,
	FirstFailed: seedTime + 1, LastCountable: seedTime + 2, LastOK: seedTime - 3, Status: evcp.KO, Cause: evcp.SaidKO,
	Incident: evcp.Incident{
		ID: evcp.EventID{Epoch: 1640000000000, Seq: 41}, Since: seedTime + 4, Cause: evcp.Timeout,
		Open: true, Reports: 7, ReportedAt: seedTime + 5, RecoveryReported: true,
	},
	Central: evcp.Rejected, EverAccepted: true, StreakPause: 121 * time.Second,
}

func TestSavedState(t *testing.T) {
	b, err := savedState.AppendBinary(nil)
	if err != nil || hex.EncodeToString(b) != saved {
		t.Fatalf("%v: saved as %x, want %s", err, b, saved)
	}
	var s evcp.State
	if err := s.UnmarshalBinary(b); err != nil || s != savedState {
		t.Errorf("%v: read %+v", err, s)
	}
	other := append([]byte{b[0] + 1}, b[1:]...)
	endless := append([]byte{b[0]}, bytes.Repeat([]byte{0xff}, 100)...)
	for _, broken := range [][]byte{other, append(b[:len(b):len(b)], 0), endless} {
		if s.UnmarshalBinary(broken) == nil {
			t.Errorf("%x was read", broken)
		}
	}
	for n := range b {
		if s.UnmarshalBinary(b[:n]) == nil || s != savedState {
			t.Errorf("the first %d bytes were read as %+v", n, s)
		}
	}
}

// TestStateOfVersion1 reads what an earlier version saved.
func TestStateOfVersion1(t *testing.T) {
	b, err := hex.DecodeString(savedByVersion1)
	if err != nil {
		t.Fatal(err)
	}
	want := savedState
	want.StreakPause = 0
	var s evcp.State
	if err := s.UnmarshalBinary(b); err != nil || s != want {
		t.Errorf("%v: read %+v", err, s)
	}
}

// TestTheLargestState fits into what MaxSnapshot promises.
func TestTheLargestState(t *testing.T) {
	const most, never = math.MaxUint32, math.MinInt64
	s := evcp.State{
		Epoch: never, Seq: math.MaxUint64, At: never, Failures: most, Oks: most, FirstFailed: never, LastCountable: never, LastOK: never,
		Incident:    evcp.Incident{ID: evcp.EventID{Epoch: never, Seq: math.MaxUint64}, Since: never, Reports: most, ReportedAt: never},
		StreakPause: math.MinInt64,
	}
	if b, err := s.AppendBinary(nil); err != nil || len(b) > evcp.MaxSnapshot {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}
