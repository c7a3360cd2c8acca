package oracle

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp"
)

// TestSpans compares with a calendar in which every moment is marked by hand.
func TestSpans(t *testing.T) {
	const last = 40
	rapid.Check(t, func(t *rapid.T) {
		anySpan := rapid.Custom(func(t *rapid.T) span {
			from := rapid.IntRange(1, last).Draw(t, "from")
			return span{evcp.Stamp(from), evcp.Stamp(rapid.IntRange(from, min(from+8, last)).Draw(t, "to"))}
		})
		all := rapid.SliceOfN(anySpan, 0, 8).Draw(t, "spans")
		var marked [last + 2]bool
		for _, s := range all {
			for at := s.from; at <= s.to; at++ {
				marked[at] = true
			}
		}
		u := union(all)
		for i, s := range u {
			if i > 0 && s.from <= u[i-1].to {
				t.Fatalf("%v: %v and %v meet", all, u[i-1], s)
			}
		}
		s := anySpan.Draw(t, "span")
		meets, covered := false, time.Duration(0)
		for at := s.from; at <= s.to; at++ {
			meets = meets || marked[at]
			if u.meet(span{at, at}) != marked[at] {
				t.Fatalf("%v: %d is covered: %t", all, at, !marked[at])
			}
		}
		for _, o := range u {
			covered += max(0, min(o.to, s.to).Sub(max(o.from, s.from)))
		}
		if u.meet(s) != meets || u.within(s) != covered {
			t.Fatalf("%v cover %s of %v, want %s", all, u.within(s), s, covered)
		}
	})
}
