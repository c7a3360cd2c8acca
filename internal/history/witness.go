package history

import (
	"cmp"
	"slices"
	"sort"

	"evcp"
)

// timeline is what the numberings of one charge point say.
type timeline struct {
	witnesses []witness
	begin     evcp.Stamp
}

// witness is what one numbering says: stretches in which it watched, each up or down, and
// why it did not watch in others.
type witness struct {
	words   []word
	reasons []word
}

// word is one stretch of a witness. Before the incidents are cut out, Up means watched.
type word struct {
	from, to evcp.Stamp
	says     SegmentState
	cause    string
	incident evcp.EventID
	proof    Proof
}

func newTimeline(all []NumberingElements, first []Check) timeline {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b NumberingElements) int { return cmp.Compare(a.Epoch, b.Epoch) })
	if legacy := unnumbered(first); len(legacy) > 0 {
		all = append([]NumberingElements{{Elements: legacy}}, all...)
	}
	k := knownOf(all)
	var t timeline
	for _, n := range all {
		begun := slices.IndexFunc(n.Elements, func(e Element) bool { return e.Kind == Begun })
		if begun < 0 {
			continue
		}
		if at := n.Elements[begun].From; t.begin == 0 || at < t.begin {
			t.begin = at
		}
		w := k.witness(n)
		for _, s := range w.words { // a clock that was set back may begin before the first record
			t.begin = min(t.begin, s.from)
		}
		t.witnesses = append(t.witnesses, w)
	}
	return t
}

// witness is what one numbering says.
func (k known) witness(n NumberingElements) witness {
	down := k.incidents(n)
	watched, reasons := k.watched(n, down)
	var w witness
	w.reasons = reasons
	w.words = make([]word, 0, len(watched)+2*len(down))
	for _, s := range watched {
		w.words = paint(w.words, s, down)
	}
	return w
}

// watched are the stretches in which the numbering watched, and the reasons why it did not
// in others.
func (k known) watched(n NumberingElements, down []word) (watched, reasons []word) {
	var between []Element // the Gaps and Steps since the last Watch
	begun := latest
	var end Element // the last Watch
	for _, e := range n.Elements {
		switch e.Kind {
		case Begun:
			begun = e.From
		case Gap, Step:
			between = append(between, e)
		case Watch:
			w, r := k.torn(n.Epoch, begun, between, down)
			watched, reasons = append(watched, w...), append(reasons, r...)
			watched = append(watched, word{from: e.From, to: k.end(e), says: Up, proof: proofOf(n.Epoch, e)})
			between, begun, end = nil, min(begun, e.From), e
		}
	}
	if next, torn := k.tornAfter[n.Epoch]; torn && len(watched) > 0 && end.To > 0 {
		watched[len(watched)-1].to = end.To
		reasons = append(reasons, word{from: end.To, to: max(next, end.To), says: Unwatched, cause: Missed, proof: Proof{
			First: evcp.EventID{Epoch: n.Epoch, Seq: end.ToSeq}, Last: evcp.EventID{Epoch: n.Epoch, Seq: max(k.last[n.Epoch], end.ToSeq)},
		}})
	}
	for _, r := range reasons {
		if r.cause == Clock {
			watched = without(watched, r)
		}
	}
	return watched, reasons
}

func proofOf(epoch int64, e Element) Proof {
	return Proof{
		First: evcp.EventID{Epoch: epoch, Seq: e.FromSeq}, Last: evcp.EventID{Epoch: epoch, Seq: e.ToSeq},
		Estimated: e.Estimated, NotNumbered: epoch == 0,
	}
}

// torn judges what lies between two checks: records that are missing, and a clock that was
// set. The numbering did not watch before begun.
func (k known) torn(epoch int64, begun evcp.Stamp, between []Element, down []word) (watched, reasons []word) {
	for _, e := range between {
		switch {
		case e.From == 0: // there is no check before
		case e.Kind == Step:
			reasons = append(reasons, stepped(e, begun, proofOf(epoch, e), down)...)
		case e.From < e.To && k.onlyOKs(epoch, e):
			watched = append(watched, word{from: e.From, to: e.To, says: Up, proof: proofOf(epoch, e)})
		case e.From < e.To:
			reasons = append(reasons, word{from: e.From, to: e.To, says: Unwatched, cause: Missed, proof: proofOf(epoch, e)})
		}
	}
	if len(reasons) > 0 {
		return nil, reasons
	}
	return watched[:min(len(watched), 1)], nil
}

// end is how long the state of the last check of a Watch lasts.
func (k known) end(e Element) evcp.Stamp {
	if e.Torn {
		return e.To
	}
	if i := sort.Search(len(k.starts), func(i int) bool { return k.starts[i] > e.To }); i < len(k.starts) && k.starts[i].Sub(e.To) <= e.limit() {
		return k.starts[i]
	}
	return e.To.Add(e.Interval)
}

// stepped is what a set clock overlaps or tears: what lies between the checks around it, and
// where the open incident was before it was moved.
func stepped(e Element, begun evcp.Stamp, proof Proof, down []word) []word {
	if e.From == 0 {
		return nil
	}
	all := []word{{from: max(min(e.From, e.To), begun), to: max(e.From, e.To), says: Unwatched, cause: Clock, proof: proof}}
	if e.Since > 0 && e.Since < e.From {
		moved := []word{{from: e.Since, to: e.From, says: Unwatched, cause: Clock, proof: proof}}
		for _, d := range down {
			if d.incident == e.Incident {
				moved = without(moved, d)
			}
		}
		all = append(all, moved...)
	}
	return all
}

// incidents are the stretches in which the numbering says that an incident was open, whether
// it watched or not, by time and without overlap.
func (k known) incidents(n NumberingElements) (down []word) {
	since := map[evcp.EventID]evcp.Stamp{}
	var before evcp.EventID // open when the numbering began
	var begun evcp.Stamp
	add := func(id, last evcp.EventID, from, to evcp.Stamp) {
		if from < to && id != (evcp.EventID{}) {
			down = append(down, word{from: from, to: to, says: Down, cause: cmp.Or(k.causes[id], NotRecorded), incident: id,
				proof: Proof{First: id, Last: last, NotNumbered: n.Epoch == 0}})
		}
	}
	for _, e := range k.begunIn[n.Epoch] {
		add(e.Incident, e.Incident, e.From, k.until(e.Incident, e.From, Element{Kind: stillOpen}))
	}
	for _, e := range n.Elements {
		id := e.Incident
		if id == (evcp.EventID{}) {
			id = before
		}
		switch e.Kind {
		case Begun:
			before, begun = k.takenOver(e), e.From
		case Failed:
			since[id] = e.From
		case Step:
			if _, opened := since[e.Incident]; opened {
				since[e.Incident] = since[e.Incident].Add(e.Span)
			}
		case Recovered:
			add(id, evcp.EventID{Epoch: n.Epoch, Seq: e.ToSeq}, e.From, e.To)
		case EndUnseen, stillOpen:
			from, opened := since[id]
			if !opened {
				from = begun
			}
			add(id, id, from, k.until(id, from, e))
		}
	}
	return disjoint(down)
}

// until is how long an incident lasts whose end the numbering has not seen.
func (k known) until(id evcp.EventID, from evcp.Stamp, e Element) evcp.Stamp {
	if r, ok := k.recovered[id]; ok && r.To > from && (e.Kind == stillOpen || e.From > 0) {
		return r.To
	}
	if e.Kind == stillOpen {
		return latest
	}
	return e.From
}

// disjoint sorts stretches by time; of two that overlap the earlier one lasts.
func disjoint(all []word) []word {
	slices.SortFunc(all, func(a, b word) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to), compareIDs(a.incident, b.incident))
	})
	kept := all[:0]
	var end evcp.Stamp
	for _, w := range all {
		if w.from = max(w.from, end); w.from < w.to {
			kept, end = append(kept, w), w.to
		}
	}
	return kept
}

func compareIDs(a, b evcp.EventID) int {
	return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Seq, b.Seq))
}

// paint cuts what was watched into up and down, and appends it. down is disjoint.
func paint(words []word, s word, down []word) []word {
	i := sort.Search(len(down), func(i int) bool { return down[i].to > s.from })
	for ; i < len(down) && down[i].from < s.to; i++ {
		d := down[i]
		d.from, d.to = max(d.from, s.from), min(d.to, s.to)
		d.proof.Estimated = s.proof.Estimated
		if s.from < d.from {
			up := s
			up.to = d.from
			words = append(words, up)
		}
		words = append(words, d)
		s.from = d.to
	}
	if s.from < s.to {
		words = append(words, s)
	}
	return words
}

// without is what is left of stretches outside of others.
func without(all []word, others ...word) []word {
	for _, o := range others {
		var left []word
		for _, s := range all {
			if o.to <= s.from || s.to <= o.from {
				left = append(left, s)
				continue
			}
			if s.from < o.from {
				before := s
				before.to = o.from
				left = append(left, before)
			}
			if o.to < s.to {
				after := s
				after.from = o.to
				left = append(left, after)
			}
		}
		all = left
	}
	return all
}
