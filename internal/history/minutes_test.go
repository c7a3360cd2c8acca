package history

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp"
)

// countedMinutes is the dumb way: all checks of a numbering by minute.
func countedMinutes(records []numbered) (all []Minute) {
	latencies := map[evcp.Stamp][]time.Duration{}
	byMinute := map[evcp.Stamp]*Minute{}
	for _, n := range records {
		if n.Action != evcp.HealthCheck {
			continue
		}
		at := n.At / 60_000_000 * 60_000_000
		m := byMinute[at]
		if m == nil {
			m = &Minute{At: at}
			byMinute[at] = m
		}
		switch n.Status {
		case evcp.OK:
			m.OK++
		case evcp.KO:
			m.KO++
		case evcp.ConnectionError:
			m.NoReply++
		default:
			m.Unknown++
		}
		if n.Status == evcp.OK || n.Status == evcp.KO {
			latencies[at] = append(latencies[at], n.Latency)
		}
	}
	for at, m := range byMinute {
		if l := latencies[at]; len(l) > 0 {
			m.Answered, m.Least, m.Most, m.Median = uint64(len(l)), slices.Min(l), slices.Max(l), median(l)
		}
		all = append(all, *m)
	}
	slices.SortFunc(all, func(a, b Minute) int { return int(a.At - b.At) })
	return all
}

// TestMinutes: the minutes of a numbering are those of a simple count, wherever it was saved
// and continued, in whichever order its records came, and however often.
func TestMinutes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := draw(t, origin.Add(59*time.Minute), 7, false)
		for i := range w.records { // all are of one numbering: the last one
			w.records[i].Latency = time.Duration(rapid.IntRange(1, 3_000_000).Draw(t, "latency")) * time.Microsecond
		}
		last := w.records[len(w.records)-1].Epoch
		w.records = slices.DeleteFunc(w.records, func(n numbered) bool { return n.Epoch != last })
		want := countedMinutes(w.records)
		var n Numbering
		var got []Minute
		window := rapid.IntRange(1, 20).Draw(t, "window")
		for part := range slices.Chunk(w.records, window) {
			part = rapid.Permutation(append(part, part[0])).Draw(t, "order")
			for _, r := range part {
				n.Add(r.Record, nil)
			}
			n = saved(t, n, &got)
		}
		rest, err := n.RestMinutes()
		if err != nil {
			t.Fatal(err)
		}
		if got = MergeMinutes(append(got, rest...)); !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v\nwant\n%+v", got, want)
		}
	})
}

// saved is the numbering after a restart; what it has settled is added to all.
func saved(t *rapid.T, n Numbering, all *[]Minute) (next Numbering) {
	for _, p := range n.Minutes.TakeSettled() {
		some, err := UnpackMinutes(p)
		if err != nil {
			t.Fatal(err)
		}
		*all = append(*all, some...)
	}
	text, err1 := json.Marshal(n)
	state, err2 := n.Minutes.MarshalBinary()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if json.Unmarshal(text, &next) != nil || next.Minutes.UnmarshalBinary(state) != nil {
		t.Fatalf("%s %x", text, state)
	}
	return next
}

// TestMergedMinutes: a minute that a clock went through twice, or that two Monitors saw, is one.
func TestMergedMinutes(t *testing.T) {
	small := Minute{At: origin, OK: 2, Unknown: 1, Answered: 2, Least: 5, Median: 6, Most: 9}
	large := Minute{At: origin, OK: 50, KO: 1, Answered: 51, Least: 6, Median: 7, Most: 8}
	down := Minute{At: origin, NoReply: 60}
	want := []Minute{{At: origin, OK: 52, KO: 1, NoReply: 60, Unknown: 1, Answered: 53, Least: 5, Median: 7, Most: 9}}
	for _, order := range [][]Minute{{small, large, down}, {down, large, small}} {
		if got := MergeMinutes(order); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v", got)
		}
	}
}

// TestMinutesAreBounded: neither a flood of checks in one minute nor a clock that goes back
// and forth makes them large.
func TestMinutesAreBounded(t *testing.T) {
	var c MinuteCounter
	for i := range 100_000 {
		c.add(Record{Action: evcp.HealthCheck, Status: evcp.OK, At: origin, Latency: time.Duration(i+1) * time.Microsecond})
	}
	if state, err := c.MarshalBinary(); err != nil || len(state) > 5000 {
		t.Errorf("a flood takes %d bytes, %v", len(state), err)
	}
	if m := c.finished(); m.OK != 100_000 || m.Most != 100*time.Millisecond || m.Median != maxLatencies/2*time.Microsecond {
		t.Errorf("%+v", m)
	}
	for i := range 100_000 {
		c.add(Record{Action: evcp.HealthCheck, Status: evcp.KO, At: origin + evcp.Stamp(i%2)*minute})
		if c.TakeSettled(); len(c.packed.Bytes) > maxPacked+100 {
			t.Fatalf("%d bytes of one hour", len(c.packed.Bytes))
		}
	}
}

// FuzzUnpackMinutes: no bytes break the reader, and what it takes is written as it was read.
func FuzzUnpackMinutes(f *testing.F) {
	f.Add(appendMinute(nil, Minute{At: origin, OK: 60, Answered: 60, Least: 700_000, Median: 812_000, Most: 9_000_000}))
	f.Add(appendMinute(nil, Minute{At: origin, KO: 3, NoReply: 7, Unknown: 1}))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := UnpackMinutes(PackedMinutes{Hour: HourOf(origin), Bytes: b})
		if err == nil {
			var again []byte
			for _, m := range all {
				again = appendMinute(again, m)
			}
			if back, err := UnpackMinutes(PackedMinutes{Hour: HourOf(origin), Bytes: again}); err != nil || !reflect.DeepEqual(back, all) {
				t.Errorf("%+v became %+v, %v", all, back, err)
			}
		}
		var c MinuteCounter
		if c.UnmarshalBinary(b) == nil {
			_, _ = c.rest(nil) // the packed part may be none
		}
	})
}
