package history

import (
	"cmp"
	"slices"
	"time"

	"evcp"
)

// known is what the numberings of one charge point need to know of each other.
type known struct {
	starts    []evcp.Stamp        // of each Watch that has nothing missing before it, sorted
	dropped   map[int64][]Missing // by numbering, sorted
	recovered map[evcp.EventID]Element
	causes    map[evcp.EventID]string
	last      map[int64]uint64       // by numbering: its last known seq
	tornAfter map[int64]evcp.Stamp   // by numbering: records are missing between its last check and this one of the next numbering
	openAtEnd map[int64]evcp.EventID // by numbering: the incident that a numbering after it takes over
	begunIn   map[int64][]Element    // by numbering: incidents that opened in a later one, and began in it
}

func knownOf(all []NumberingElements) known {
	k := known{
		dropped: map[int64][]Missing{}, recovered: map[evcp.EventID]Element{}, causes: map[evcp.EventID]string{},
		last: map[int64]uint64{}, tornAfter: map[int64]evcp.Stamp{}, openAtEnd: map[int64]evcp.EventID{}, begunIn: map[int64][]Element{},
	}
	for _, n := range all {
		var before evcp.EventID
		for _, e := range n.Elements {
			switch e.Kind {
			case Begun:
				before = k.takenOver(e)
			case lastKnown:
				k.last[n.Epoch] = e.ToSeq
			case DroppedOKs:
				k.dropped[e.Of] = append(k.dropped[e.Of], Missing{From: e.FromSeq, To: e.ToSeq})
			case Failed:
				k.causes[e.Incident] = e.Cause
			case Recovered:
				k.recovered[e.Incident] = e
			case stillOpen:
				id := e.Incident
				if id == (evcp.EventID{}) {
					id = before
				}
				k.openAtEnd[n.Epoch] = id
			}
		}
	}
	for _, m := range k.dropped {
		slices.SortFunc(m, func(a, b Missing) int { return cmp.Compare(a.From, b.From) })
	}
	for _, n := range all {
		k.findStarts(n)
	}
	slices.Sort(k.starts)
	k.findEarlyBegins(all)
	return k
}

// findStarts finds the moments at which checks begin with nothing missing before them.
func (k *known) findStarts(n NumberingElements) {
	var before int64 // the numbering before, until the first check
	torn := false
	for _, e := range n.Elements {
		switch e.Kind {
		case Begun:
			before = e.Incident.Epoch
			torn = e.Torn || before != 0 && k.last[before] < e.Incident.Seq &&
				!k.onlyOKs(before, Element{FromSeq: k.last[before] + 1, ToSeq: e.Incident.Seq})
		case Gap:
			torn = torn || !k.onlyOKs(n.Epoch, e)
		case Step:
			torn = true
		case Watch:
			if !torn {
				k.starts = append(k.starts, e.From)
			} else if before != 0 {
				k.tornAfter[before] = e.From
			}
			torn, before = false, 0
		}
	}
}

// findEarlyBegins finds incidents whose first failed checks were in a numbering before.
func (k known) findEarlyBegins(all []NumberingElements) {
	for _, n := range slices.Backward(all) {
		i := slices.IndexFunc(n.Elements, func(e Element) bool { return e.Kind == Begun })
		if i < 0 {
			continue
		}
		begun, stepped := n.Elements[i], time.Duration(0)
		before := begun.Incident.Epoch
		if before == 0 || before >= n.Epoch {
			continue
		}
		early := func(e Element) {
			if e.From <= begun.From {
				k.begunIn[before] = append(k.begunIn[before], e)
			}
		}
		for _, e := range k.begunIn[n.Epoch] {
			early(e)
		}
		for _, e := range n.Elements {
			switch e.Kind {
			case Step:
				stepped += e.Span
			case Failed, Recovered:
				early(Element{Incident: e.Incident, From: e.From.Add(-stepped)})
			}
		}
	}
}

// takenOver is the incident that was open when a numbering began, of its Begun.
func (k known) takenOver(begun Element) evcp.EventID {
	if begun.Incident.Epoch == 0 {
		return evcp.EventID{}
	}
	return k.openAtEnd[begun.Incident.Epoch]
}

// onlyOKs reports whether all that is missing were plain OKs.
func (k known) onlyOKs(epoch int64, e Element) bool {
	next := e.FromSeq
	for _, m := range k.dropped[epoch] {
		if m.From <= next && next <= m.To {
			next = m.To + 1
		}
	}
	return next > e.ToSeq
}
