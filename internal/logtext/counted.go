package logtext

import (
	"time"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/display"
)

// firstFailure is the line of a first check that failed.
func (f *Formatter) firstFailure(s *logState, e evcp.Event, a advice.Advice) LogLine {
	l := LogLine{CP: e.CP, Shape: display.Failed, Text: f.Language.Sprintf(english.firstFailed, e.Status, a.Phrase, e.Failures, s.fall)}
	if e.Cause == evcp.SaidKO {
		l.Text = f.Language.Sprintf(english.firstFailedKO, e.Status, e.Failures, s.fall)
	}
	return l.with(causeFields(e.Cause)...)
}

// counted is the one line of a group.
func (l *FleetLog) counted(c changeKind, g *changeGroup) LogLine {
	if c == centralAway && l.sites.cps > 0 && g.count > l.sites.cps { // some were away twice within the second
		shown := *g
		shown.count = l.sites.cps
		g = &shown
	}
	line := l.sentence(c, g)
	line.At = g.at
	if g.siteName() != "" {
		line = line.with(Field{"site", g.siteName()})
	}
	line = line.with(Field{"charge_points", g.count})
	if g.cause != evcp.NoCause {
		line = line.with(causeFields(g.cause)...)
	}
	if g.since != 0 {
		line = line.with(Field{"since", g.since.Time()})
	}
	return line
}

// sentence is its shape, level and text.
func (l *FleetLog) sentence(c changeKind, g *changeGroup) LogLine {
	f, said, n := l.Formatter, l.Formatter.Language, int64(g.count)
	longest, took := display.Duration(g.longest), display.Milliseconds(g.longest)
	of := func(shape display.Shape, level Level, p display.Plural, more ...any) LogLine {
		return LogLine{Shape: shape, Level: level, Text: p.In(said).Of(n, more...)}
	}
	switch c {
	case accepted:
		return of(display.Reported, Info, english.manyAccepted, took)
	case firstOK:
		return of(display.Up, Info, english.manyOK)
	case firstFailed:
		return of(display.Failed, Info, english.manyFirstFailed, g.advice.Phrase)
	case failureTold:
		return of(display.Reported, Info, english.failuresTold, took)
	case recoveryTold:
		return of(display.Reported, Info, english.recoveriesTold, took)
	case refused:
		return of(display.Failed, Warn, english.manyRefused, g.reply, display.Duration(f.RefusalRetry))
	case centralAway:
		return of(display.Gone, Warn, g.awaySentence(), l.sites.cps, g.advice.Phrase)
	case centralBack:
		return of(display.Reported, Info, english.backFor, longest, english.reports.In(said).Of(g.sum))
	case notTaken:
		return of(display.Gone, Warn, english.manyNotTaken, g.reply)
	case stalled:
		text := english.stalledAll
		if p := &l.pending[c]; p.last.Sub(p.began) > groupTime {
			text = english.stalledOften
		}
		return LogLine{Shape: display.Unknown, Level: Warn, Text: said.Sprintf(text, longest)}.with(Field{"gap", g.longest})
	case failed, causeChanged, recovered:
		return l.siteSentence(c, g)
	case eventsDropped:
		return LogLine{Shape: display.Gone, Level: Warn, Text: said.Sprintf(english.dropped, english.events.In(said).Of(g.sum), said.Text(g.reason))}
	default: // of the same kind as the first
		first := g.lines[0]
		return LogLine{Shape: first.Shape, Level: first.Level, Text: first.Text}
	}
}

// siteSentence is about the charge points of a site, if it is known.
func (l *FleetLog) siteSentence(c changeKind, g *changeGroup) LogLine {
	f, said, n, name := l.Formatter, l.Formatter.Language, int64(g.count), g.siteName()
	line := LogLine{Shape: display.Failed, Level: Warn}
	switch {
	case c == failed && name != "":
		line.Text = said.Sprintf(english.siteFailed, name, g.failing, g.of, g.advice.Phrase, f.clock(g.since))
	case c == failed:
		line.Text = english.manyFailed.In(said).Of(n, g.advice.Phrase, f.clock(g.since))
	case c == causeChanged && name != "":
		line.Text = said.Sprintf(english.siteCause, name, g.count, f.clock(g.since), g.advice.Phrase)
	case c == causeChanged:
		line.Text = english.manyCause.In(said).Of(n, f.clock(g.since), g.advice.Phrase)
	case name != "":
		line = LogLine{Shape: display.Up, Text: said.Sprintf(english.siteRecovered, name, g.count, display.Duration(g.longest))}
	default:
		line = LogLine{Shape: display.Up, Text: english.manyRecovered.In(said).Of(n, display.Duration(g.longest))}
	}
	return line
}

// more counts the changes of a kind that no other line counts.
func (l *FleetLog) more(c changeKind, n int, p changeGroups) LogLine {
	line, text := LogLine{At: p.last}, english.moreChanges
	switch c {
	case failed, firstFailed:
		line.Shape, line.Level, text = display.Failed, Warn, english.moreFailed
	case recovered:
		line.Shape, text = display.Up, english.moreRecovered
	}
	line.Text = text.In(l.Formatter.Language).Of(int64(n))
	return line.with(Field{"charge_points", n})
}

// CentralAway takes that Central can't be reached for a charge point and so many others, as the
// Formatter has it.
func (l *FleetLog) CentralAway(cp evcp.CPID, others int, cause evcp.Cause, reply string, now time.Time) {
	o := occurrence{kind: centralAway, others: others, key: groupKey{cause: cause}, at: now, advice: l.Formatter.central(cp, cause, reply)}
	if !l.Formatter.of(cp).accepted {
		o.key.reason = neverThere
	}
	o.line = l.Formatter.CentralAway(cp, cause, reply)
	l.add(o, now)
}

// neverThere tells a Central that was not there yet from one that is gone.
const neverThere = "never"

func (g *changeGroup) awaySentence() display.Plural {
	if g.reason == neverThere {
		return english.neverFor
	}
	return english.goneFor
}

// CentralBack takes that Central answers again.
func (l *FleetLog) CentralBack(cp evcp.CPID, others int, outage time.Duration, pending int, now time.Time) {
	l.add(occurrence{kind: centralBack, others: others, line: l.Formatter.CentralBack(cp, outage, pending), at: now, span: outage, amount: int64(pending)}, now)
}

// NotCentral takes that something else than EV_Central answers.
func (l *FleetLog) NotCentral(cp evcp.CPID, others int, reply string, now time.Time) {
	l.add(occurrence{kind: notTaken, others: others, line: l.Formatter.NotCentral(cp, reply), at: now, reply: reply}, now)
}

// ReportRejected takes that Central's answer to a report was no receipt.
func (l *FleetLog) ReportRejected(cp evcp.CPID, others int, reply string, now time.Time) {
	l.add(occurrence{kind: notTaken, others: others, line: l.Formatter.ReportRejected(cp, reply), at: now, reply: reply}, now)
}
