package history

import (
	"cmp"
	"slices"

	"evcp"
)

// SegmentState is what is known of a charge point between two moments.
type SegmentState string

// The states of a CPSegment.
const (
	Up        SegmentState = "up"
	Down      SegmentState = "down"
	Unwatched SegmentState = "unwatched"
)

// The causes of Unwatched.
const (
	NoCheck  = "no_check" // checks were too far apart
	Missed   = "gap"      // records are missing
	Clock    = "clock"    // the clock was set
	Disputed = "disputed" // two Monitors disagree
)

// NotRecorded is the cause of a Down whose engine_failed is missing.
const NotRecorded = "not_recorded"

// CPSegment is a stretch of the history of one charge point.
type CPSegment struct {
	From, To evcp.Stamp
	State    SegmentState
	Cause    string
	Incident evcp.EventID // of a Down; its Epoch is 0: the first EV_CP_M saw it, and its Seq is when it began, in Unix microseconds
	Evidence Proof
}

// Proof is which records say so: from First to Last. Zero epochs: none, or those of the
// first EV_CP_M.
type Proof struct {
	First, Last evcp.EventID
	Estimated   bool // the interval of the checks is not recorded: the median of their distances
	NotNumbered bool // gaps can't be seen
}

// NumberingElements are all Elements of one numbering: those that were settled, and Rest.
type NumberingElements struct {
	Epoch    int64
	Elements []Element
}

// Merge merges the numberings of one charge point, by epoch, and the checks of the first
// EV_CP_M. The segments are gapless from the first record to the last moment of which
// something is known.
func Merge(all []NumberingElements, first []Check) []CPSegment {
	t := newTimeline(all, first)
	if len(t.witnesses) == 0 {
		return nil
	}
	return t.segments()
}

// boundary is where a word begins or ends.
type boundary struct {
	at    evcp.Stamp
	begin bool
	word  *word
}

// segments joins the witnesses: where they agree that, where one watched its word, where
// they disagree, or nobody watched, unwatched.
func (t timeline) segments() (all []CPSegment) {
	words := 0
	for _, w := range t.witnesses {
		words += len(w.words) + len(w.reasons)
	}
	bounds := make([]boundary, 0, 2*words)
	all = make([]CPSegment, 0, words)
	for _, w := range t.witnesses {
		for _, list := range [][]word{w.words, w.reasons} {
			for i := range list {
				bounds = append(bounds, boundary{list[i].from, true, &list[i]}, boundary{list[i].to, false, &list[i]})
			}
		}
	}
	slices.SortStableFunc(bounds, func(a, b boundary) int { return cmp.Compare(a.at, b.at) })
	var open []*word
	at := t.begin
	for _, b := range bounds {
		if b.at > at {
			s := said(open)
			s.From, s.To = at, b.at
			all = appendSegment(all, s)
			at = b.at
		}
		if b.begin {
			open = append(open, b.word)
		} else {
			open = slices.DeleteFunc(open, func(w *word) bool { return w == b.word })
		}
	}
	return all
}

// said is what the words of one moment mean together.
func said(open []*word) CPSegment {
	var up, down, reason *word
	for _, w := range open {
		switch w.says {
		case Up:
			up = older(up, w)
		case Down:
			down = older(down, w)
		case Unwatched:
			reason = older(reason, w)
		}
	}
	switch {
	case up != nil && down != nil:
		return CPSegment{State: Unwatched, Cause: Disputed, Evidence: up.proof.with(down.proof)}
	case up != nil:
		return CPSegment{State: Up, Evidence: up.proof}
	case down != nil:
		return CPSegment{State: Down, Cause: down.cause, Incident: down.incident, Evidence: down.proof}
	case reason != nil:
		return CPSegment{State: Unwatched, Cause: reason.cause, Evidence: reason.proof}
	}
	return CPSegment{State: Unwatched, Cause: NoCheck}
}

// older chooses between two words that say the same: by cause, then the older record.
func older(a, b *word) *word {
	if a == nil || cmp.Or(cmp.Compare(b.cause, a.cause), compareIDs(b.proof.First, a.proof.First), compareIDs(b.proof.Last, a.proof.Last)) < 0 {
		return b
	}
	return a
}

// with is the range of both.
func (p Proof) with(o Proof) Proof {
	none := evcp.EventID{}
	if p.First == none || o.First != none && compareIDs(o.First, p.First) < 0 {
		p.First = o.First
	}
	if compareIDs(o.Last, p.Last) > 0 {
		p.Last = o.Last
	}
	p.Estimated, p.NotNumbered = p.Estimated || o.Estimated, p.NotNumbered || o.NotNumbered
	return p
}

// appendSegment joins a segment to the one before where both say the same.
func appendSegment(all []CPSegment, s CPSegment) []CPSegment {
	if len(all) > 0 {
		last := &all[len(all)-1]
		if last.State == s.State && last.Cause == s.Cause && last.Incident == s.Incident &&
			last.Evidence.Estimated == s.Evidence.Estimated && last.Evidence.NotNumbered == s.Evidence.NotNumbered {
			last.To, last.Evidence = s.To, last.Evidence.with(s.Evidence)
			return all
		}
	}
	return append(all, s)
}
