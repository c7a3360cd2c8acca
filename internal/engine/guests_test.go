package engine

import (
	"fmt"
	"testing"
	"time"

	"evcp"
)

func TestGuests(t *testing.T) {
	at := func(s float64) time.Time { return time.Unix(1000, 0).Add(time.Duration(s * float64(time.Second))) }
	g := guests{}
	expect := func(s float64, came, left string) {
		t.Helper()
		c, l := g.news(at(s))
		if fmt.Sprint(c) != came || fmt.Sprint(l) != left {
			t.Errorf("after %v s: %v came, %v left; want %s, %s", s, c, l, came, left)
		}
	}
	g.note("B", at(0))
	g.note("A", at(0))
	expect(0, "[A B]", "[]")
	expect(0.1, "[]", "[]")
	g.note("A", at(4))
	expect(5.1, "[]", "[B]")
	expect(15.9, "[]", "[]") // A's own gap was 4 s
	expect(16.1, "[]", "[A]")
	g.note("B", at(20)) // from now on known to be rare
	expect(20, "[B]", "[]")
	expect(79, "[]", "[]")
	g.excuse(at(79))
	expect(138, "[]", "[]")
	expect(140, "[]", "[B]")
}

func TestGuestsAreBounded(t *testing.T) {
	g := guests{}
	for i := range 3 * maxGuests {
		g.note(evcp.CPID(fmt.Sprint("CP_", i)), time.Unix(0, 0))
	}
	if len(g) != maxGuests {
		t.Errorf("%d guests", len(g))
	}
}
