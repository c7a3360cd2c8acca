package logtext

import (
	"cmp"
	"slices"
	"time"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/display"
)

// FleetLog decides the lines of a Monitor of many charge points. What happens to a few of
// them within a second has a line each, as of a lone one; what happens to more is counted,
// by site and cause. Every change has a line, or a line that counts it. One goroutine at a
// time.
//
// A change waits for a second before it is written, for others like it.
type FleetLog struct {
	Formatter *Formatter
	// Singles is up to how many charge points have a line each when the same happens to them
	// within a second; Groups, how many lines there are at most when it happens to more.
	Singles, Groups int
	// WholeSites: a site that has failed as a whole is one line, however small it is.
	WholeSites bool

	sites     siteCounts
	pending   [changes]changeGroups
	stallTold time.Time // when the last line of a stall was made
}

// How long a change waits for others. Checks of one site are spread over an interval, mostly
// of 1 s: a site that fails at once is one line. The start of a fleet, or of its Central,
// may take longer.
const (
	groupTime = 1100 * time.Millisecond
	mostTime  = 10 * time.Second
	// A busy machine stands still every few seconds: after a line of a short stall, the others
	// within stallTime have one line.
	stallTime  = time.Minute
	shortStall = time.Second
)

// changeKind is a kind of change; each is counted by itself.
type changeKind uint8

const (
	accepted      changeKind = iota // by Central; waits until no other comes
	firstOK                         // waits until no other comes
	firstFailed                     // the first check of this process failed
	failed                          // an incident opened
	causeChanged                    // of an open incident
	failureTold                     // Central has answered
	recoveryTold                    // Central has answered
	recovered                       // an incident closed
	refused                         // by Central
	centralAway                     // it can't be reached
	centralBack                     // waits until no other comes
	notTaken                        // Central answered something else
	stalled                         // the Monitor stood still
	clockSet                        // the wall clock was set
	eventsDropped                   // not kept
	other                           // all that is rare
	changes
)

// waits reports whether a change of this kind waits until no other comes.
func (c changeKind) waits() bool { return c == accepted || c == firstOK || c == centralBack }

// ofProcess: the change is the Monitor's own, though each charge point has an event of it.
func (c changeKind) ofProcess() bool { return c == stalled || c == clockSet }

// changeGroups are the changes of one kind that wait.
type changeGroups struct {
	began, last time.Time // when the first and the last of them came
	total       int
	groups      map[groupKey]*changeGroup
}

// groupKey says which changes have one line together.
type groupKey struct {
	site   *site
	cause  evcp.Cause
	reason string
}

// changeGroup is what has one line together.
type changeGroup struct {
	groupKey
	count   int
	lines   []LogLine     // of the first of them, at most FleetLog.Singles
	advice  advice.Advice // of the first, for a failure
	reply   string        // of the first
	at      time.Time     // of the last
	since   evcp.Stamp    // the earliest
	longest time.Duration
	sum     int64 // events given up, reports that wait
	failing int   // charge points of the site that failed for the cause, with the last of these
	of      int   // charge points of the site
}

// occurrence is one change, or several that were counted already.
type occurrence struct {
	kind   changeKind
	others int // charge points that it is of besides one
	key    groupKey
	line   LogLine
	at     time.Time
	since  evcp.Stamp
	span   time.Duration
	amount int64
	advice advice.Advice
	reply  string
}

// Event takes a kept event.
func (l *FleetLog) Event(e evcp.Event, now time.Time) {
	s := l.Formatter.of(e.CP)
	before := *s
	line, ok := l.Formatter.Event(e)
	l.sites.follow(s, before, e)
	defer l.Formatter.share(e.CP)
	o := occurrence{line: line, at: e.At.Time(), reply: e.Response, span: e.Latency}
	switch {
	case e.Action == evcp.MonitorStopped && e.Reason == evcp.ReasonRemoved:
		*l.Formatter.entry(e.CP) = nil
		return // the line of the reload counts it
	case e.Action == evcp.HealthCheck && e.Status.Failed() && !before.checkSeen && !before.open && !s.open && e.Failures < s.fall:
		o.kind, o.advice = firstFailed, l.Formatter.engine(s, e.Cause, e.Response)
		o.line, o.key.cause = l.Formatter.firstFailure(s, e, o.advice), e.Cause
	case !ok || line.Level == Debug:
		return
	default:
		l.classify(&o, s, before, e)
	}
	l.add(o, now)
}

// classify sets what the change is and with which others it is counted.
func (l *FleetLog) classify(o *occurrence, s *logState, before logState, e evcp.Event) {
	switch e.Action {
	case evcp.AuthenticatedWithCentral:
		o.kind = accepted
	case evcp.RegistrationRejected:
		o.kind = refused
	case evcp.EngineFailed:
		o.kind, o.since, o.advice = failed, e.Since, l.Formatter.engine(s, e.Cause, l.Formatter.response)
		o.key = groupKey{site: s.site, cause: e.Cause}
	case evcp.EngineRecovered:
		o.kind, o.span, o.key.site = recovered, e.Span, s.site
	case evcp.ReportEngineFailure:
		o.kind = failureTold
	case evcp.ReportEngineRecovery:
		o.kind = recoveryTold
	case evcp.MonitorStalled:
		o.kind, o.span = stalled, e.Span
	case evcp.ClockStep:
		o.kind, o.key.reason = clockSet, l.Formatter.direction(e.Span)
	case evcp.EventsDropped:
		o.kind, o.amount, o.key.reason = eventsDropped, int64(e.Count), e.Reason
	case evcp.HealthCheck:
		l.classifyCheck(o, s, before, e)
	default:
		o.kind = other
	}
}

func (l *FleetLog) classifyCheck(o *occurrence, s *logState, before logState, e evcp.Event) {
	switch {
	case s.okSeen && !before.okSeen && !before.open:
		o.kind = firstOK
	case o.line.Shape == display.Failed:
		o.kind, o.since, o.advice = causeChanged, s.trouble.cause.since, l.Formatter.engine(s, e.Cause, e.Response)
		o.key = groupKey{site: s.site, cause: e.Cause}
	default:
		o.kind = other
	}
}

// add lets a change wait for others like it.
func (l *FleetLog) add(o occurrence, now time.Time) {
	p := &l.pending[o.kind]
	if p.total == 0 {
		p.began, p.groups = now, map[groupKey]*changeGroup{}
	}
	p.last = now
	p.total += 1 + o.others
	g := p.groups[o.key]
	if g == nil {
		g = &changeGroup{groupKey: o.key, advice: o.advice, reply: o.reply, since: o.since}
		p.groups[o.key] = g
	}
	g.count += 1 + o.others
	g.at, g.longest, g.sum = o.at, max(g.longest, o.span), g.sum+o.amount
	if g.site != nil {
		g.failing, g.of = g.site.failing[g.cause], g.site.cps
	}
	if o.since != 0 && o.since < g.since {
		g.since = o.since
	}
	if len(g.lines) < l.Singles {
		o.line.At = o.at
		g.lines = append(g.lines, o.line)
	}
}

// Next is when Lines has something; the zero time: not before another change.
func (l *FleetLog) Next() (next time.Time) {
	for c := range l.pending {
		if due := l.due(changeKind(c)); !due.IsZero() && (next.IsZero() || due.Before(next)) {
			next = due
		}
	}
	return next
}

func (l *FleetLog) due(c changeKind) time.Time {
	p := &l.pending[c]
	switch {
	case p.total == 0:
		return time.Time{}
	case c.waits() && p.last.Sub(p.began) < mostTime-groupTime:
		return p.last.Add(groupTime)
	case c.waits():
		return p.began.Add(mostTime)
	case c == stalled && p.longest() < shortStall && l.stallTold.Add(stallTime).After(p.began):
		return l.stallTold.Add(stallTime)
	}
	return p.began.Add(groupTime)
}

func (p *changeGroups) longest() (longest time.Duration) {
	for _, g := range p.groups {
		longest = max(longest, g.longest)
	}
	return longest
}

// Lines are the lines of the changes that have waited long enough by now.
func (l *FleetLog) Lines(now time.Time) []LogLine {
	return l.take(func(c changeKind) bool { due := l.due(c); return !due.IsZero() && !due.After(now) })
}

// Rest are the lines of all that waits.
func (l *FleetLog) Rest() []LogLine { return l.take(func(changeKind) bool { return true }) }

func (l *FleetLog) take(ready func(changeKind) bool) (lines []LogLine) {
	for c := range changes {
		if l.pending[c].total > 0 && ready(c) {
			lines = append(lines, l.linesOf(c)...)
			if c == stalled {
				l.stallTold = l.pending[c].last
			}
			l.pending[c] = changeGroups{}
		}
	}
	slices.SortStableFunc(lines, func(a, b LogLine) int { return a.At.Compare(b.At) })
	return lines
}

// linesOf are the lines of the changes of one kind: one for each change if they are few, else
// one for each group, the largest first, and one for the rest.
func (l *FleetLog) linesOf(c changeKind) (lines []LogLine) {
	p := l.pending[c]
	groups := make([]*changeGroup, 0, len(p.groups))
	for _, g := range p.groups {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b *changeGroup) int {
		return cmp.Or(cmp.Compare(b.count, a.count), a.at.Compare(b.at), cmp.Compare(a.siteName(), b.siteName()), cmp.Compare(a.cause, b.cause), cmp.Compare(a.reason, b.reason))
	})
	few, left := p.total <= l.Singles && !c.ofProcess(), p.total
	advised := map[evcp.Cause]bool{}
	for _, g := range groups {
		if !few && len(lines) == l.Groups {
			break
		}
		switch whole := l.WholeSites && c == failed && g.wholeSite(); {
		case few && !whole, g.count == 1 && !whole && c != stalled:
			lines = append(lines, g.lines...)
		default:
			line := l.counted(c, g)
			if g.advice.Phrase != "" && !advised[g.cause] { // once is enough for each cause
				line = line.advised(g.advice)
			}
			lines = append(lines, line)
		}
		advised[g.cause] = true
		left -= g.count
	}
	if left > 0 {
		lines = append(lines, l.more(c, left, p))
	}
	return lines
}

func (g *changeGroup) siteName() string {
	if g.site == nil {
		return ""
	}
	return g.site.name
}

// wholeSite reports whether every charge point of a site fails for this cause.
func (g *changeGroup) wholeSite() bool {
	return g.siteName() != "" && g.failing == g.of
}
