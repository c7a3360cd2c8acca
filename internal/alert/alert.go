// Package alert decides when people are told of charge points that are not well, and in
// which words. Troubles and times go in; messages come out. It opens no socket and reads no
// clock: internal/notify sends the messages.
//
//   - A trouble is one charge point that is faulted, or disconnected. One that is both is
//     faulted: its fault lasts until its Monitor reports otherwise.
//   - People are told when a trouble has lasted for Delays.After. All troubles of the same
//     kind at the same site go into that one message: they are one Incident.
//   - An Incident is over when all its charge points have been well for Delays.After again;
//     one that fails in between goes on. One message says so.
//   - While it lasts and nobody has taken it, the message is repeated.
//   - In maintenance nothing begins and nothing is repeated. A recovery is told all the same
//     where the incident was.
package alert

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"evcp"
	"evcp/internal/display"
)

// Kind is what is wrong with the charge points of an Incident.
type Kind string

const (
	// Faulted: the Monitor reported that the Engine failed, and no recovery since.
	Faulted Kind = "faulted"
	// Disconnected: Central does not hear the Monitor.
	Disconnected Kind = "disconnected"
)

// CPTrouble is one charge point that is not well.
type CPTrouble struct {
	CP    evcp.CPID
	Kind  Kind
	Site  string    // "" is not known
	Since time.Time // when it began, as Central saw it: the delays run from here
	First time.Time // its first failed check, where events tell it; zero: not known
	Cause string    // a name of evcp.Cause where events tell it, else of cpstate.Reason
	Quiet bool      // it is in maintenance
	Owner string    // who has taken it; "" = nobody
}

// Delays say when people are told.
type Delays struct {
	After             time.Duration // how long a fault must last
	DisconnectedAfter time.Duration // how long a disconnection must last
	Repeat            time.Duration // how often people are told again of what nobody has taken
}

// Began is when people are told that it began: the same as on the page and in the history.
func (t CPTrouble) Began() time.Time {
	if t.First.IsZero() {
		return t.Since
	}
	return t.First
}

func (d Delays) after(k Kind) time.Duration {
	if k == Disconnected {
		return d.DisconnectedAfter
	}
	return d.After
}

// AffectedCP is one charge point of an Incident.
type AffectedCP struct {
	CP    evcp.CPID `json:"cp_id"`
	Site  string    `json:"site,omitempty"` // of an incident of many sites; else it is that of the incident
	Since time.Time `json:"since"`
	Cause string    `json:"cause"`
	Ended time.Time `json:"ended,omitzero"` // when it was well again, as Central saw it: the delays run from here
	// Recovered is when it was well by the events, where they tell it: what is told, as on the page
	// and in the history.
	Recovered time.Time `json:"-"`
	last      time.Time // when the newest of its troubles began; zero: with Since
}

// told is the charge point as a message has it.
func (m AffectedCP) told() AffectedCP {
	if !m.Recovered.IsZero() {
		m.Ended = m.Recovered
	}
	return m
}

// SiteIncident is an outage that people were told of: troubles of one kind at one site, or at many
// at once.
type SiteIncident struct {
	ID      int64  // when people were first told, in Unix microseconds; unique
	Site    string // "" is not known, or many
	Kind    Kind
	Since   time.Time // its first trouble
	Again   time.Time // when it is repeated, if nobody has taken it
	Sent    int       // how many messages were made
	Members []AffectedCP
}

// Still is how many charge points are not well yet.
func (i *SiteIncident) Still() int {
	n := 0
	for _, m := range i.Members {
		if m.Ended.IsZero() {
			n++
		}
	}
	return n
}

// MessageKind says why a Message is sent.
type MessageKind string

const (
	// Opened is the first message of an Incident.
	Opened MessageKind = "opened"
	// Repeated: it lasts, and nobody has taken it.
	Repeated MessageKind = "repeated"
	// Recovered is the last message: all its charge points are well.
	Recovered MessageKind = "recovered"
	// Test is a message that somebody asked for, to see whether it arrives.
	Test MessageKind = "test"
)

// IncidentMessage is what people are told.
type IncidentMessage struct {
	ID        string       `json:"id"` // the same at each attempt to send it
	Kind      MessageKind  `json:"kind"`
	Incident  int64        `json:"incident"`
	Trouble   Kind         `json:"trouble"`
	Site      string       `json:"site"`
	SiteTotal int          `json:"site_total,omitempty"` // of an incident of many: the sites told of
	Sites     []SiteCount  `json:"sites,omitempty"`      // those with the most charge points first, at most maxListed
	At        time.Time    `json:"at"`                   // when it was decided
	Since     time.Time    `json:"since"`
	Recovered time.Time    `json:"recovered,omitzero"` // when the last one was well
	Total     int          `json:"total"`              // charge points of the incident
	Still     int          `json:"still"`              // of these, not well
	Causes    []CauseCount `json:"causes"`             // the most frequent first, at most maxCauses
	Members   []AffectedCP `json:"members"`            // by id, at most maxListed
}

// SiteCount is how many charge points of a message stand at one site.
type SiteCount struct {
	Site  string `json:"site"` // "" is not known
	Count int    `json:"count"`
}

// CauseCount is how many charge points have one cause.
type CauseCount struct {
	Cause string `json:"cause"`
	Count int    `json:"count"`
}

const (
	maxListed = 200
	maxCauses = 5
)

// tell is the next message.
func (i *SiteIncident) tell(kind MessageKind, now time.Time) IncidentMessage {
	m := i.message(kind, now)
	i.Sent++
	return m
}

// message says how the incident stands.
func (i *SiteIncident) message(kind MessageKind, now time.Time) IncidentMessage {
	m := IncidentMessage{
		ID: strconv.FormatInt(i.ID, 10) + "-" + strconv.Itoa(i.Sent+1), Kind: kind, Incident: i.ID, Trouble: i.Kind, Site: i.Site,
		At: now, Since: i.Since, Total: len(i.Members), Still: i.Still(),
	}
	counts := map[string]int{}
	for _, member := range i.Members {
		if kind == Recovered || member.Ended.IsZero() {
			counts[member.Cause]++
		}
		if ended := member.told().Ended; kind == Recovered && ended.After(m.Recovered) {
			m.Recovered = ended
		}
	}
	m.Sites = i.sites(kind == Recovered)
	m.SiteTotal = len(m.Sites)
	m.Sites = m.Sites[:min(m.SiteTotal, maxListed)]
	for cause, n := range counts {
		m.Causes = append(m.Causes, CauseCount{cause, n})
	}
	slices.SortFunc(m.Causes, func(a, b CauseCount) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Cause, b.Cause)) })
	m.Causes = m.Causes[:min(len(m.Causes), maxCauses)]
	all := slices.Clone(i.Members)
	slices.SortFunc(all, func(a, b AffectedCP) int {
		return cmp.Or(notWellFirst(a)-notWellFirst(b), display.CompareNatural(string(a.CP), string(b.CP)), cmp.Compare(a.CP, b.CP))
	})
	m.Members = all[:min(len(all), maxListed)]
	for n, member := range m.Members {
		m.Members[n] = member.told()
	}
	return m
}

// sites are those of an incident of many, as far as charge points there are not well, or all.
func (i *SiteIncident) sites(all bool) (list []SiteCount) {
	counts, many := map[string]int{}, false
	for _, m := range i.Members {
		many = many || m.Site != ""
		if all || m.Ended.IsZero() {
			counts[m.Site]++
		}
	}
	if !many {
		return nil
	}
	for site, n := range counts {
		list = append(list, SiteCount{site, n})
	}
	slices.SortFunc(list, func(a, b SiteCount) int {
		return cmp.Or(b.Count-a.Count, display.CompareNatural(a.Site, b.Site), cmp.Compare(a.Site, b.Site))
	})
	return list
}

func notWellFirst(m AffectedCP) int {
	if m.Ended.IsZero() {
		return 0
	}
	return 1
}
