package outbox

import "evcp"

// trimBatch is what a slice of trimming gives up.
type trimBatch struct {
	trimRange
	events      int64
	undelivered dropSet
	rows        []trimmedRun
	dropped     [evcp.EventsDropped + 1]uint64
}

// trimmedRun is how many events of a run are gone.
type trimmedRun struct{ run, events int64 }

// take gives up what it may of one row: all of it, its plain OKs, or nothing.
func (l *trimBatch) take(s *runStore, r trimRow) error {
	done := r.id <= l.delivered && (r.reports == 0 || r.id <= l.settled)
	switch {
	case done || r.facts == 0 || l.factsToo:
		l.note(r, func(Line) bool { return true })
		return s.Exec(`DELETE FROM runs WHERE id=?`, r.id)
	case r.facts < r.count:
		l.note(r, Line.Plain)
		return s.Exec(`UPDATE runs SET body=?, count=facts WHERE id=?`, string(withoutPlain(r.body)), r.id)
	}
	return nil
}

// note counts what goes, and lists what was not delivered.
func (l *trimBatch) note(r trimRow, goes func(Line) bool) {
	n := int64(0)
	for line := range lines(r.body) {
		if !goes(line) {
			continue
		}
		n++
		if r.id > l.delivered {
			l.undelivered.addLine(line, reasonFull)
			l.dropped[line.Action()]++
		}
	}
	l.events += n
	l.rows = append(l.rows, trimmedRun{r.id, n})
}

func withoutPlain(body []byte) (facts []byte) {
	for line := range lines(body) {
		if !line.Plain() {
			facts = append(append(facts, line...), '\n')
		}
	}
	return facts
}

// applyTrim takes the loss into the totals and the positions.
func (o *Outbox) applyTrim(l *trimBatch) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for action, n := range l.dropped {
		o.counts.dropped[action] += n
	}
	for _, c := range o.cursors {
		for _, r := range l.rows {
			c.subtract(r.run, r.events)
		}
	}
}
