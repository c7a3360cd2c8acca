package ledger

import (
	"cmp"
	"slices"

	"evcp"
)

// interval is from one moment to another, without the second.
type interval struct{ from, to evcp.Stamp }

func (i interval) length() int64 { return int64(max(i.to-i.from, 0)) }

// within is the part of i that is in o.
func (i interval) within(o interval) interval {
	return interval{max(i.from, o.from), min(i.to, o.to)}
}

// union sorts intervals and joins those that overlap or touch: what is in several counts
// once.
func union(all []interval) (joined []interval) {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b interval) int { return cmp.Compare(a.from, b.from) })
	for _, i := range all {
		switch last := len(joined) - 1; {
		case i.to <= i.from:
		case last >= 0 && i.from <= joined[last].to:
			joined[last].to = max(joined[last].to, i.to)
		default:
			joined = append(joined, i)
		}
	}
	return joined
}

// intersect is what is in i and in one of the joined intervals.
func intersect(i interval, joined []interval) (parts []interval) {
	first, _ := slices.BinarySearchFunc(joined, i.from, func(j interval, at evcp.Stamp) int { return cmp.Compare(j.to, at) })
	for _, j := range joined[first:] {
		if j.from >= i.to {
			break
		}
		if part := i.within(j); part.length() > 0 {
			parts = append(parts, part)
		}
	}
	return parts
}

// overlap is how much of i is in the joined intervals.
func overlap(i interval, joined []interval) (sum int64) {
	for _, part := range intersect(i, joined) {
		sum += part.length()
	}
	return sum
}

// outside is what is in i and in none of the joined intervals.
func outside(i interval, joined []interval) (parts []interval) {
	at := i.from
	for _, part := range intersect(i, joined) {
		if at < part.from {
			parts = append(parts, interval{at, part.from})
		}
		at = part.to
	}
	if at < i.to {
		parts = append(parts, interval{at, i.to})
	}
	return parts
}
