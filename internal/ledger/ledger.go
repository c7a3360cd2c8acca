package ledger

import (
	"cmp"
	"slices"
	"time"

	"evcp"
	"evcp/internal/history"
)

// Definition is how uptime is counted.
type Definition string

// The definitions.
const (
	// NEVI: 23 CFR 680.116(b), per port, more than 97 % of 525,600 minutes.
	NEVI Definition = "nevi"
	// UK: The Public Charge Point Regulations 2023 (SI 2023/1168), the network, 99 % of a
	// calendar year.
	UK Definition = "uk"
	// Plain: up / (up + down).
	Plain Definition = "plain"
)

// Definitions are all of them.
var Definitions = []Definition{NEVI, UK, Plain}

const (
	// neviYear is the year of NEVI's formula, also in leap years: 525,600 minutes.
	neviYear = 525_600 * int64(time.Minute/time.Microsecond)
	neviMore = 97 // percent
	ukLeast  = 99
	// ukWatts is the least power of a port that the UK's rule is about.
	ukWatts = 50_000
)

// WatchedCP is what is known of one charge point.
type WatchedCP struct {
	Segments []history.CPSegment
	Offline  []history.Element // when Central did not answer its Monitor
}

// Question is what a report is about. It, the ports and their history decide the answer, and
// nothing else.
type Question struct {
	Definition      Definition
	From, To        evcp.Stamp
	Zone            *time.Location
	Exclusions      []Exclusion // those that were not withdrawn
	OfflineIsOutage bool
}

// PortHistory is the history of the charge points that a port was.
type PortHistory map[evcp.CPID]WatchedCP

// piece is a stretch of a port's time in the window.
type piece struct {
	interval
	state    history.SegmentState
	cause    string
	incident string
}

// Offline is the cause of an outage of the link to Central.
const Offline = "offline"

// account is one port's time.
type account struct {
	port     ChargingPort
	pieces   []piece
	offline  []interval
	young    bool
	excluded []interval // union
}

// accountOf lays the segments of a port into the window.
func (q Question) accountOf(p ChargingPort, known PortHistory) account {
	a := account{port: p}
	window := interval{q.From, q.To}
	begin := evcp.Stamp(0)
	for _, l := range p.Lines {
		h := known[l.CP]
		from := l.Commissioned
		if from == 0 && len(h.Segments) > 0 {
			from = h.Segments[0].From
		}
		if from == 0 {
			continue // neither commissioned nor heard
		}
		if begin == 0 || from < begin {
			begin = from
		}
		live := interval{from, q.To}
		if l.Decommissioned != 0 {
			live.to = min(live.to, l.Decommissioned)
		}
		a.add(live.within(window), l.CP, h)
	}
	a.young = begin == 0 || begin > q.From
	a.offline = union(a.offline)
	if q.OfflineIsOutage {
		a.pieces = withOffline(a.pieces, a.offline)
	}
	a.exclude(q, window)
	return a
}

// add adds the time of one charge point; what no segment covers is unwatched.
func (a *account) add(live interval, cp evcp.CPID, h WatchedCP) {
	at := live.from
	gap := func(to evcp.Stamp) {
		if at < to {
			a.pieces = append(a.pieces, piece{interval{at, to}, history.Unwatched, history.NoCheck, ""})
		}
	}
	first, _ := slices.BinarySearchFunc(h.Segments, live.from, func(s history.CPSegment, at evcp.Stamp) int { return cmp.Compare(s.To, at) })
	for _, s := range h.Segments[first:] {
		part := interval{s.From, s.To}.within(live)
		if part.length() == 0 {
			continue
		}
		gap(part.from)
		incident := ""
		if s.State == history.Down {
			incident = s.Incident.Text(cp)
		}
		a.pieces = append(a.pieces, piece{part, s.State, s.Cause, incident})
		at = part.to
	}
	gap(live.to)
	for _, o := range h.Offline {
		a.offline = append(a.offline, interval{o.From, o.To}.within(live))
	}
}

// withOffline makes outages of what was up without Central.
func withOffline(pieces []piece, offline []interval) (out []piece) {
	for _, p := range pieces {
		if p.state != history.Up {
			out = append(out, p)
			continue
		}
		for _, down := range intersect(p.interval, offline) {
			out = append(out, piece{down, history.Down, Offline, ""})
		}
		for _, up := range outside(p.interval, offline) {
			out = append(out, piece{up, history.Up, "", ""})
		}
	}
	slices.SortFunc(out, func(a, b piece) int { return cmp.Compare(a.from, b.from) })
	return out
}

// exclude finds what may be left out. Under the UK's rule it is the time outside the opening
// hours, from both sums; under plain it is nothing.
func (a *account) exclude(q Question, window interval) {
	if q.Definition == Plain {
		return
	}
	all := outside(window, a.port.Hours.open(window, q.Zone))
	if q.Definition == NEVI {
		for _, e := range q.Exclusions {
			if e.of(a.port) && e.counts() {
				all = append(all, interval{e.From, e.To})
			}
		}
	}
	a.excluded = union(all)
}
