package archive

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp"
)

// TestRecentChecks: what is held is what came in the five minutes before the newest check,
// as it came, each once.
func TestRecentChecks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a Archive
		var model []RecentCheck
		at, seq := origin, uint64(rapid.IntRange(0, 5).Draw(t, "first"))
		epoch := rapid.SampledFrom([]int64{0, 7}).Draw(t, "epoch")
		for range rapid.IntRange(1, 100).Draw(t, "checks") {
			at += evcp.Stamp(rapid.SampledFrom([]int{1, 999_000, 1_000_000, 30_000_000, 90_000_000}).Draw(t, "later"))
			seq += uint64(rapid.IntRange(1, 3).Draw(t, "seq"))
			c := RecentCheck{
				ID: evcp.EventID{Epoch: epoch, Seq: seq}, At: at, Status: evcp.Status(rapid.IntRange(0, 3).Draw(t, "status")),
				Cause:   evcp.Cause(rapid.IntRange(0, int(evcp.LastCause)).Draw(t, "cause")),
				Latency: time.Duration(rapid.IntRange(0, 9_000_000).Draw(t, "latency")) * time.Microsecond,
				Reply:   []byte(rapid.SampledFrom([]string{"", "OK", "OK 23.5C", "\x1b[31m"}).Draw(t, "reply")),
			}
			if epoch == 0 {
				c.ID.Seq = 0
			}
			a.recent.add(a.recent.of("CP_001"), c)
			a.recent.add(a.recent.of("CP_001"), c)
			model = append(model, c)
		}
		model = slices.DeleteFunc(model, func(c RecentCheck) bool { return c.At < at.Add(-recentSpan) })
		r, ok := a.Checks("CP_001")
		if !ok || r.To != at || r.From != at.Add(-recentSpan) || len(r.Checks) != len(model) {
			t.Fatalf("%d checks, want %d: %+v", len(r.Checks), len(model), r)
		}
		for i, c := range r.Checks {
			c.Reply, model[i].Reply = append([]byte{}, c.Reply...), append([]byte{}, model[i].Reply...)
			if !reflect.DeepEqual(c, model[i]) {
				t.Fatalf("%+v, want %+v", c, model[i])
			}
		}
	})
}

// TestRecentChecksOfTwo: the checks of two Monitors of one charge point stand together; those
// of a numbering that ended are dropped; a clock that is set back leaves nothing in the future.
func TestRecentChecksOfTwo(t *testing.T) {
	var a Archive
	for s := range 400 {
		at := origin.Add(time.Duration(s) * time.Second)
		a.recent.add(a.recent.of("CP_001"), RecentCheck{ID: evcp.EventID{Epoch: 7, Seq: uint64(s + 1)}, At: at, Status: evcp.OK})
		if s >= 395 {
			a.recent.add(a.recent.of("CP_001"), RecentCheck{ID: evcp.EventID{Epoch: 8, Seq: uint64(s + 1)}, At: at.Add(100 * time.Millisecond), Status: evcp.KO})
		}
	}
	r, _ := a.Checks("CP_001")
	if n := len(r.Checks); n != 305 || r.Checks[n-1].Status != evcp.KO || r.Checks[n-2].Status != evcp.OK || r.Complete != origin {
		t.Errorf("%d checks, complete from %v", n, r.Complete.Time())
	}
	back := origin.Add(-time.Hour)
	a.recent.add(a.recent.of("CP_001"), RecentCheck{ID: evcp.EventID{Epoch: 8, Seq: 500}, At: back, Status: evcp.OK})
	if r, _ := a.Checks("CP_001"); len(r.Checks) != 1 || r.To != back || len(a.recent.cps["CP_001"].rings) != 1 {
		t.Errorf("after the clock was set back: %+v", r)
	}
}

// TestRecentChecksAreBounded: long replies, fast checks and many numberings cost no more than
// is stated, and the answer says from when on it is whole.
func TestRecentChecksAreBounded(t *testing.T) {
	var a Archive
	for i := range 20_000 {
		a.recent.add(a.recent.of("CP_001"), RecentCheck{
			ID: evcp.EventID{Epoch: int64(7 + i/1000), Seq: uint64(i + 1)}, At: origin.Add(time.Duration(i) * time.Millisecond), Status: evcp.KO,
			Reply: []byte(strings.Repeat("x", 2000) + fmt.Sprint(i)),
		})
		held := a.recent.cps["CP_001"]
		if held.bytes > maxRecentOfOne+2*maxReply || len(held.rings) > maxRecentNumberings {
			t.Fatalf("%d bytes, %d rings", held.bytes, len(held.rings))
		}
	}
	r, _ := a.Checks("CP_001")
	if r.Complete <= r.From || len(r.Checks) < 10 || r.Checks[0].At < r.Complete || len(r.Checks[0].Reply) != maxReply {
		t.Errorf("%d checks from %v, complete from %v", len(r.Checks), r.From.Time(), r.Complete.Time())
	}
}

// TestRecentChecksInMemory measures what 200 charge points that are checked once a second
// take: docs/OPERATIONS.md says it.
func TestRecentChecksInMemory(t *testing.T) {
	f := newFleet(200, time.Second)
	a := openArchive(t, t.TempDir())
	defer func() { must(t, a.Close()) }()
	must(t, a.Take(f.second(0)))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 400 {
		must(t, a.Take(f.second(0)))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	perCP := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / 200
	r, _ := a.Checks("CP_00100")
	t.Logf("%d checks take %d bytes, with the minute that goes on", len(r.Checks), perCP)
	if len(r.Checks) != 301 || perCP > 5000 {
		t.Errorf("%d checks take %d bytes", len(r.Checks), perCP)
	}
}
