package alert

import (
	"cmp"
	"slices"
	"time"

	"evcp"
)

// SiteIncidents decides what is told. It holds the troubles of now, and the incidents that were
// told and are not over. One goroutine at a time may use it.
type SiteIncidents struct {
	delays   Delays
	troubles map[troubleKey]*openTrouble
	told     []*SiteIncident // by ID
	members  map[troubleKey]memberRef
	last     int64     // the last ID
	started  time.Time // nothing is told sooner than its delay after this
}

// troubleKey: a charge point has at most one trouble of a kind.
type troubleKey struct {
	cp   evcp.CPID
	kind Kind
}

type openTrouble struct {
	CPTrouble
	audible time.Time // when it began, or its maintenance ended
	told    bool      // it belongs to an incident
}

// memberRef is the newest incident of a charge point, and its place there.
type memberRef struct {
	incident *SiteIncident
	n        int
}

func (r memberRef) member() *AffectedCP { return &r.incident.Members[r.n] }

// NewSiteIncidents goes on with the incidents that were told before. What is not told yet waits
// for its delay from now: who was heard last before Central stopped may be well since.
func NewSiteIncidents(d Delays, told []SiteIncident, now time.Time) *SiteIncidents {
	all := &SiteIncidents{delays: d, started: now, troubles: map[troubleKey]*openTrouble{}, members: map[troubleKey]memberRef{}}
	for _, i := range told {
		all.told = append(all.told, &i)
	}
	slices.SortFunc(all.told, func(a, b *SiteIncident) int { return cmp.Compare(a.ID, b.ID) })
	for _, i := range all.told {
		all.remember(i)
	}
	return all
}

func (all *SiteIncidents) remember(i *SiteIncident) {
	all.last = i.ID
	for n, m := range i.Members {
		all.members[troubleKey{m.CP, i.Kind}] = memberRef{i, n}
	}
}

// See takes a trouble as it is now. Before the first Next all troubles must have been seen.
func (all *SiteIncidents) See(t CPTrouble, now time.Time) {
	key := troubleKey{t.CP, t.Kind}
	o := all.troubles[key]
	if o == nil {
		o = &openTrouble{audible: later(t.Since, all.started), told: all.rejoin(key, t)}
		all.troubles[key] = o
	} else if !o.Since.Equal(t.Since) { // it was well for a moment
		o.audible = later(t.Since, all.started)
	}
	if t.Quiet || o.Quiet {
		o.audible = now
	}
	o.CPTrouble = t
	if r, ok := all.members[key]; o.told && ok {
		r.incident.date(r.n, t.First)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// rejoin reports whether a charge point still belongs to an incident: it was well for less
// than the delay, or is as it was before a restart.
func (all *SiteIncidents) rejoin(key troubleKey, t CPTrouble) bool {
	r, ok := all.members[key]
	if !ok || !r.member().Ended.IsZero() && t.Since.Sub(r.member().Ended) >= all.delays.After {
		return false
	}
	r.member().Ended, r.member().Recovered = time.Time{}, time.Time{}
	return true
}

// Clear ends the trouble of a charge point, if it had one of the kind.
func (all *SiteIncidents) Clear(cp evcp.CPID, kind Kind, now time.Time) {
	key := troubleKey{cp, kind}
	o := all.troubles[key]
	if o == nil {
		return
	}
	delete(all.troubles, key)
	if r, ok := all.members[key]; o.told && ok {
		r.member().Ended, r.member().last = now, o.Began()
	}
}

// Undated are the charge points of told incidents that are well again, and of which no event has
// said since when; at most so many.
func (all *SiteIncidents) Undated(most int) (cps []evcp.CPID) {
	for _, i := range all.told {
		for n := range i.Members {
			m := &i.Members[n]
			if i.Kind == Faulted && !m.Ended.IsZero() && m.Recovered.IsZero() && len(cps) < most {
				cps = append(cps, m.CP)
			}
		}
	}
	return cps
}

// Date takes from the events when the last incident of a charge point began and ended. One that
// was over before the trouble began is another.
func (all *SiteIncidents) Date(cp evcp.CPID, began, recovered time.Time) {
	r, ok := all.members[troubleKey{cp, Faulted}]
	if !ok || r.member().Ended.IsZero() || !recovered.After(later(r.member().Since, r.member().last)) {
		return
	}
	r.member().Recovered = recovered
	r.incident.date(r.n, began)
}

// date has a charge point begin earlier, as its events say.
func (i *SiteIncident) date(n int, began time.Time) {
	if m := &i.Members[n]; !began.IsZero() && began.Before(m.Since) {
		m.Since = began
	}
	if since := i.Members[n].Since; since.Before(i.Since) {
		i.Since = since
	}
}

// Open are the incidents that were told and are not over.
func (all *SiteIncidents) Open() []SiteIncident {
	open := make([]SiteIncident, len(all.told))
	for n, i := range all.told {
		open[n] = *i
		open[n].Members = slices.Clone(i.Members)
	}
	return open
}

// Next is what to tell now, in the order of its happening. Call it at least once a second.
func (all *SiteIncidents) Next(now time.Time) (messages []IncidentMessage) {
	all.endUnseen(now)
	all.told = slices.DeleteFunc(all.told, func(i *SiteIncident) bool {
		over := all.over(i, now)
		if over {
			all.forget(i)
			messages = append(messages, i.tell(Recovered, now))
		}
		return over
	})
	for _, i := range all.told {
		if !now.Before(i.Again) && all.wanted(i) {
			i.Again = now.Add(all.delays.Repeat)
			messages = append(messages, i.tell(Repeated, now))
		}
	}
	return append(messages, all.open(now)...)
}

// endUnseen ends what is not seen any more: a charge point that was forgotten while no
// Central ran.
func (all *SiteIncidents) endUnseen(now time.Time) {
	for _, i := range all.told {
		for n := range i.Members {
			m := &i.Members[n]
			if m.Ended.IsZero() && all.troubles[troubleKey{m.CP, i.Kind}] == nil {
				m.Ended = now
			}
		}
	}
}

func (all *SiteIncidents) forget(i *SiteIncident) {
	for _, m := range i.Members {
		key := troubleKey{m.CP, i.Kind}
		if all.members[key].incident == i {
			delete(all.members, key)
		}
	}
}

// over reports whether all charge points of an incident have been well for the delay.
func (all *SiteIncidents) over(i *SiteIncident, now time.Time) bool {
	for _, m := range i.Members {
		if m.Ended.IsZero() || now.Sub(m.Ended) < all.delays.After {
			return false
		}
	}
	return true
}

// wanted reports whether an incident is to be told again: of a charge point that is neither
// taken nor in maintenance.
func (all *SiteIncidents) wanted(i *SiteIncident) bool {
	for _, m := range i.Members {
		o := all.troubles[troubleKey{m.CP, i.Kind}]
		if m.Ended.IsZero() && o != nil && o.Owner == "" && !o.Quiet {
			return true
		}
	}
	return false
}

// siteAndKind is what the troubles of one message have in common.
type siteAndKind struct {
	site string
	kind Kind
}

// manySites is at how many sites charge points may fail in the same way before all have lasted
// long enough, and each site has a message. At more it is one message: what they share is broken, such
// as Central's own network.
const manySites = 5

// open makes incidents of the troubles that have lasted long enough, each with all that is
// wrong in the same way at the same site, or at many sites at once.
func (all *SiteIncidents) open(now time.Time) (messages []IncidentMessage) {
	waiting, due := map[siteAndKind][]*openTrouble{}, map[siteAndKind]bool{}
	for _, o := range all.troubles {
		if o.told || o.Quiet {
			continue
		}
		at := siteAndKind{o.Site, o.Kind}
		waiting[at] = append(waiting[at], o)
		due[at] = due[at] || now.Sub(o.audible) >= all.delays.after(o.Kind)
	}
	for _, kind := range []Kind{Faulted, Disconnected} {
		all.joinSites(kind, waiting, due)
	}
	for at := range waiting {
		if !due[at] {
			delete(waiting, at)
		}
	}
	places := make([]siteAndKind, 0, len(waiting))
	for at := range waiting {
		places = append(places, at)
	}
	slices.SortFunc(places, func(a, b siteAndKind) int { return cmp.Or(cmp.Compare(a.site, b.site), cmp.Compare(a.kind, b.kind)) })
	for _, at := range places {
		messages = append(messages, all.begin(at, waiting[at], now))
	}
	return messages
}

// joinSites makes one of the troubles of a kind at many sites, if one of them is due.
func (all *SiteIncidents) joinSites(kind Kind, waiting map[siteAndKind][]*openTrouble, due map[siteAndKind]bool) {
	sites, anyDue := []string{}, false
	for at := range waiting {
		if at.kind == kind {
			sites, anyDue = append(sites, at.site), anyDue || due[at]
		}
	}
	if len(sites) <= manySites || !anyDue {
		return
	}
	together := siteAndKind{"", kind}
	for _, site := range sites {
		if at := (siteAndKind{site, kind}); at != together {
			waiting[together] = append(waiting[together], waiting[at]...)
			delete(waiting, at)
		}
	}
	due[together] = true
}

// begin makes one incident.
func (all *SiteIncidents) begin(at siteAndKind, troubles []*openTrouble, now time.Time) IncidentMessage {
	i := &SiteIncident{ID: max(all.last+1, now.UnixMicro()), Site: at.site, Kind: at.kind, Again: now.Add(all.delays.Repeat)}
	slices.SortFunc(troubles, func(a, b *openTrouble) int { return cmp.Compare(a.CP, b.CP) })
	for _, o := range troubles {
		o.told = true
		m := AffectedCP{CP: o.CP, Since: o.Began(), Cause: o.Cause}
		if o.Site != at.site { // one of many
			m.Site = o.Site
		}
		i.Members = append(i.Members, m)
		if i.Since.IsZero() || o.Began().Before(i.Since) {
			i.Since = o.Began()
		}
	}
	all.told = append(all.told, i)
	all.remember(i)
	return i.tell(Opened, now)
}

// Standing are the open incidents as they are now, for receivers that must hear of them again
// and again.
func (all *SiteIncidents) Standing(now time.Time) []IncidentMessage {
	messages := make([]IncidentMessage, len(all.told))
	for n, i := range all.told {
		messages[n] = i.message(Opened, now)
	}
	return messages
}

// Told is how many incidents were told and are not over.
func (all *SiteIncidents) Told() int { return len(all.told) }

// IsTold reports whether people were told of a trouble.
func (all *SiteIncidents) IsTold(cp evcp.CPID, kind Kind) bool {
	o := all.troubles[troubleKey{cp, kind}]
	return o != nil && o.told
}
