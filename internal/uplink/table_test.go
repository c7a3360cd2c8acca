package uplink

import (
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"

	"evcp"
)

// TestASessionIsSmall, since there may be ten thousand.
func TestASessionIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(session{}); size > 152 {
		t.Errorf("a session takes %d bytes", size)
	}
}

// TestDueAndLists moves sessions between due and a queue at random, and compares with a plain
// record of where each is.
func TestDueAndLists(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tb := table{}
		q := newQueue()
		const many = 8
		order := []int32{} // of the queue, the oldest first
		at := map[int32]Instant{}
		for n := range int32(many) {
			tb.add(n, evcp.CPID('A'+n), time.Second)
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			i := int32(rapid.IntRange(0, many-1).Draw(t, "session"))
			tb.unrest(i)
			delete(at, i)
			for n, o := range order {
				if o == i {
					tb.pull(&q, i)
					order = append(order[:n:n], order[n+1:]...)
					break
				}
			}
			if rapid.Bool().Draw(t, "queue") {
				tb.sessions[i].class = class(rapid.IntRange(0, int(classes)-1).Draw(t, "class"))
				tb.push(&q, i)
				order = append(order, i)
			} else {
				at[i] = Instant(rapid.IntRange(1, 100).Draw(t, "at"))
				tb.rest(i, at[i])
			}
			checkTable(t, &tb, &q, order, at)
		}
	})
}

func checkTable(t *rapid.T, tb *table, q *queue, order []int32, at map[int32]Instant) {
	for c := range classes {
		next := q[c].first
		for _, i := range order {
			if tb.sessions[i].class != c {
				continue
			}
			if next != i {
				t.Fatalf("%d comes where %d is next", next, i)
			}
			next = tb.sessions[i].next
		}
		if next != none {
			t.Fatalf("%d is still in the list", next)
		}
	}
	if q.empty() != (len(order) == 0) || len(tb.due) != len(at) {
		t.Fatalf("empty %t with %d; %d due, want %d", q.empty(), len(order), len(tb.due), len(at))
	}
	for _, i := range tb.due {
		if tb.sessions[i].at != at[i] || tb.sessions[i].at < tb.sessions[tb.due[0]].at {
			t.Fatalf("%d is due at %d, the first at %d", i, tb.sessions[i].at, tb.sessions[tb.due[0]].at)
		}
	}
}

// TestDiagnosticsOfAFleetAreFolded: an outage of Central is told once for all, and so is its
// end; what is of a few is folded within a second.
func TestDiagnosticsOfAFleetAreFolded(t *testing.T) {
	var f diagnosticFolder
	now := Instant(longAgo)
	fleet := fleetView{all: 1000, down: true}
	began := func(n int) {
		for range n {
			fleet.away++
			f.add(Diagnostic{CP: "A", Kind: OutageBegan, Cause: evcp.Refused}, now)
		}
	}
	ended := func(n int) {
		for range n {
			fleet.away--
			f.add(Diagnostic{CP: "B", Kind: OutageEnded, Outage: time.Minute, Pending: 2}, now)
		}
	}
	expect := func(after time.Duration, want ...Diagnostic) {
		t.Helper()
		now = now.add(after)
		got := f.take(fleet, now)
		if len(got) != len(want) {
			t.Fatalf("told %+v, want %+v", got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("told %+v, want %+v", got[i], want[i])
			}
		}
	}
	began(300)
	expect(foldFor / 2)
	expect(foldFor, Diagnostic{CP: "A", Count: 1000, Kind: OutageBegan, Cause: evcp.Refused})
	began(700)
	expect(2 * foldFor)
	fleet.down = false
	ended(10)
	expect(2*foldFor, Diagnostic{CP: "B", Count: 10, Kind: OutageEnded, Outage: time.Minute, Pending: 20})
	ended(990)
	expect(2 * foldFor)
	began(3)
	expect(2*foldFor, Diagnostic{CP: "A", Count: 3, Kind: OutageBegan, Cause: evcp.Refused})
	ended(3)
	expect(2*foldFor, Diagnostic{CP: "B", Count: 3, Kind: OutageEnded, Outage: time.Minute, Pending: 6})
	began(5)
	expect(2*foldFor, Diagnostic{CP: "A", Count: 5, Kind: OutageBegan, Cause: evcp.Refused})
	began(995)
	fleet.down = true
	expect(2*foldFor, Diagnostic{CP: "A", Count: 995, Kind: OutageBegan, Cause: evcp.Refused})
	fleet.down = false
	ended(1000)
	expect(2*foldFor, Diagnostic{CP: "B", Count: 1000, Kind: OutageEnded, Outage: time.Minute, Pending: 2000})
	began(2)
	ended(2)
	expect(2*foldFor, Diagnostic{CP: "A", Count: 2, Kind: OutageBegan, Cause: evcp.Refused},
		Diagnostic{CP: "B", Count: 2, Kind: OutageEnded, Outage: time.Minute, Pending: 4})

	lone := fleetView{all: 1, away: 1, down: true}
	f.add(Diagnostic{CP: "A", Kind: OutageBegan}, now)
	if got := f.take(lone, now); len(got) != 1 || got[0].Count != 1 {
		t.Errorf("of a lone charge point: %+v", got)
	}
}
