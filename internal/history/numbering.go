package history

import (
	"cmp"
	"slices"
	"time"

	"evcp"
)

const (
	// Window is how many later records of its numbering may come before a record. Then it
	// counts as missing.
	Window = 256
	// sample is of how many checks the interval is estimated where no event says it.
	sample = 101
)

// Numbering is the fold of the events of one charge point in one epoch. The zero Numbering
// has seen none. It can be saved as JSON and continued.
type Numbering struct {
	Fold    Fold     `json:"fold"`
	Waiting []Record `json:"waiting,omitempty"` // by seq: something before them is missing, or the interval is not known

	Minutes MinuteCounter `json:"-"` // of what was applied; it is saved by itself
}

// apply takes the next record.
func (n *Numbering) apply(r Record, out []Element) []Element {
	n.Minutes.add(r)
	return n.Fold.apply(r, out)
}

// Add takes one record, and appends to out what is settled by it. A repetition changes
// nothing.
func (n *Numbering) Add(r Record, out []Element) []Element {
	if r.Seq <= n.Fold.Last {
		return out
	}
	if len(n.Waiting) == 0 && r.Seq == n.Fold.Last+1 && (n.Fold.known() || r.Interval > 0) {
		return n.apply(r, out)
	}
	i, known := slices.BinarySearchFunc(n.Waiting, r.Seq, func(w Record, seq uint64) int { return cmp.Compare(w.Seq, seq) })
	if known {
		return out
	}
	n.Waiting = slices.Insert(n.Waiting, i, r)
	return n.advance(out)
}

// advance applies what need not wait any longer.
func (n *Numbering) advance(out []Element) []Element {
	for len(n.Waiting) > 0 {
		full := len(n.Waiting) > Window
		if n.Waiting[0].Seq != n.Fold.Last+1 && !full {
			break
		}
		if !n.Fold.known() && !n.estimate(sample, full) {
			if !full {
				break
			}
			n.estimate(n.countable(), true) // few checks, or none, among many records
		}
		out = n.apply(n.Waiting[0], out)
		n.Waiting = slices.Delete(n.Waiting, 0, 1)
	}
	if len(n.Waiting) == 0 {
		n.Waiting = nil
	}
	return out
}

// estimate gives the fold the interval of the first checks that wait: the median of their
// distances. It reports whether the first record can be applied: enough checks wait, or a
// record that says the interval comes before them. Only with final it looks beyond what is
// missing.
func (n *Numbering) estimate(enough int, final bool) bool {
	var distances []time.Duration
	var last evcp.Stamp
	checks, next := 0, n.Waiting[0].Seq
	for _, w := range n.Waiting {
		if w.Seq != next {
			last = 0
			if !final {
				return false
			}
		}
		next = w.Seq + 1
		switch {
		case w.Interval > 0 && checks == 0:
			return true
		case w.Interval > 0:
			enough = checks
		case w.Action == evcp.ClockStep:
			last = 0
		case w.Action == evcp.HealthCheck && w.Status.Countable():
			checks++
			if last > 0 && w.At > last {
				distances = append(distances, w.At.Sub(last))
			}
			last = w.At
		}
		if checks > 0 && checks >= enough {
			n.Fold.setEstimate(median(distances))
			return true
		}
	}
	return false
}

// median is the lower one of two; 0 of nothing.
func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[(len(all)-1)/2]
}

// Rest are the Elements as they would follow if no record came any more.
func (n Numbering) Rest() []Element {
	f := n.Fold
	f.Gaps, f.Steps = slices.Clone(f.Gaps), slices.Clone(f.Steps)
	if rest := (Numbering{Fold: f, Waiting: n.Waiting}); !f.known() && len(n.Waiting) > 0 {
		if !rest.estimate(sample, true) {
			rest.estimate(rest.countable(), true)
		}
		f = rest.Fold
	}
	var out []Element
	for _, w := range n.Waiting {
		out = f.apply(w, out)
	}
	return f.closed(out)
}

// countable counts the checks that wait and prove anything.
func (n Numbering) countable() (checks int) {
	for _, w := range n.Waiting {
		if w.Action == evcp.HealthCheck && w.Status.Countable() {
			checks++
		}
	}
	return max(checks, 1)
}
