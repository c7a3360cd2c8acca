package oracle

import (
	"cmp"
	"slices"
	"time"

	"evcp"
)

// span is a time, both ends included.
type span struct{ from, to evcp.Stamp }

func (s span) length() time.Duration { return s.to.Sub(s.from) }

func (s span) meets(o span) bool { return s.from <= o.to && o.from <= s.to }

func (s span) wider(by time.Duration) span { return span{s.from.Add(-by), s.to.Add(by)} }

// spans are times in order that do not meet.
type spans []span

// union joins what meets.
func union(all []span) spans {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var u spans
	for _, s := range all {
		if n := len(u); n > 0 && s.from <= u[n-1].to {
			u[n-1].to = max(u[n-1].to, s.to)
			continue
		}
		u = append(u, s)
	}
	return u
}

// meet reports whether any of them meets s.
func (all spans) meet(s span) bool {
	for _, o := range all {
		if o.meets(s) {
			return true
		}
	}
	return false
}

// within is how much of s they cover.
func (all spans) within(s span) time.Duration {
	covered := time.Duration(0)
	for _, o := range all {
		if o.meets(s) {
			covered += min(o.to, s.to).Sub(max(o.from, s.from))
		}
	}
	return covered
}

// of are the windows of these kinds, those of everybody included.
func (j *verifier) of(kinds ...WindowKind) spans {
	var all []span
	for _, list := range [][]Window{j.cp.Windows, j.record.Shared} {
		for _, w := range list {
			if slices.Contains(kinds, w.Kind) {
				all = append(all, span{w.From, w.To})
			}
		}
	}
	return union(all)
}
