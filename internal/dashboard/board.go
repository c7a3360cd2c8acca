package dashboard

import (
	"cmp"
	"slices"
	"time"

	"evcp"
	"evcp/internal/archive"
	"evcp/internal/central"
	"evcp/internal/eventstate"
)

// The page's board joins two sources and mixes them nowhere: what Central was told over TCP,
// and what the events say. Each has its own fields.

// boardPosition is how far the board was read.
type boardPosition struct {
	told    central.Position
	events  archive.EventStatesPosition
	entered uint64 // the version of what people entered
}

// boardDelta is what changed on the board.
type boardDelta struct {
	central.Delta
	Next   boardPosition
	events map[evcp.CPID]eventstate.EventState
	feed   []eventstate.FeedItem
	missed uint64 // feed items
}

// since is what changed since a position: a charge point of which the events say something new
// is in CPs too.
func (f *frameCache) since(at boardPosition) boardDelta {
	return f.join(f.central.Since(at.told), at)
}

// all is what changed since a position, and everything, of one moment.
func (f *frameCache) all(at boardPosition) (changed, all boardDelta) {
	told, allTold := f.central.Snapshot(at.told)
	return f.join(told, at), f.join(allTold, boardPosition{})
}

func (f *frameCache) join(told central.Delta, at boardPosition) boardDelta {
	d := boardDelta{Delta: told, Next: boardPosition{told: told.Next}}
	d.Next.entered = f.withTouched(&d.Delta, at)
	if f.events == nil {
		return d
	}
	states := f.events.EventStates
	news := states.Since(at.events)
	d.Next.events, d.feed, d.missed = news.Next, news.Feed, news.Missed
	d.events = make(map[evcp.CPID]eventstate.EventState, len(news.CPs))
	for _, p := range news.CPs {
		d.events[p.ID] = p
	}
	for _, v := range d.CPs { // the other source has changed
		if _, known := d.events[v.ID]; !known {
			if p, ok := states.CP(v.ID); ok {
				d.events[v.ID] = p
			}
		}
	}
	if at == (boardPosition{}) {
		return d
	}
	there := d.CPs
	for _, p := range news.CPs {
		if _, found := slices.BinarySearchFunc(there, p.ID, func(v central.CPView, id evcp.CPID) int { return cmp.Compare(v.ID, id) }); found {
			continue
		}
		if v, ok := f.central.CP(p.ID); ok {
			d.CPs = append(d.CPs, v)
		}
	}
	return d
}

// boardCPJSON is one charge point in the stream.
type boardCPJSON struct {
	cpJSON
	Events *eventsJSON `json:"events,omitempty"` // absent: no event of it is known
}

// eventsJSON is what the events say of a charge point.
type eventsJSON struct {
	Heard    seconds           `json:"heard"`              // the time of the last event
	LastOK   seconds           `json:"last_ok"`            // null: none since Central started
	Interval float64           `json:"interval,omitempty"` // seconds between checks
	Latency  *float64          `json:"latency_ms,omitempty"`
	Streak   uint32            `json:"streak,omitempty"`  // failed checks in a row
	Checks   string            `json:"checks,omitempty"`  // the last of them, newest last: O(K), K(O), C(ONNECTION_ERROR), U: not judged
	Checked  seconds           `json:"checked,omitempty"` // the last of them
	Open     *openIncidentJSON `json:"open,omitempty"`    // the incident; absent: none
}

// openIncidentJSON is an incident that is not over, as the events tell it.
type openIncidentJSON struct {
	ID        string   `json:"incident_id"`
	Since     seconds  `json:"since"` // its first failed check
	Cause     string   `json:"cause"`
	Reply     string   `json:"engine_response,omitempty"` // to its last failed check
	Failed    uint64   `json:"failed_checks"`
	NotJudged uint64   `json:"not_judged"`
	Told      seconds  `json:"told"` // when Central had answered the report; null: not yet
	Answered  *float64 `json:"answered_ms,omitempty"`
	Before    string   `json:"before,omitempty"`  // the checks before the first failed one; absent: they were not seen
	Opening   string   `json:"opening,omitempty"` // those that opened it
}

// allChecks is how many checks of a charge point are sent while there are few; fewChecks while
// there are many, and only of one that is not well.
const (
	allChecks = 60
	fewChecks = 8
)

func milliseconds(d time.Duration) *float64 {
	ms := float64(d.Microseconds()) / 1000
	return &ms
}

func eventsOf(p eventstate.EventState, few bool) *eventsJSON {
	e := &eventsJSON{Heard: seconds(p.Heard), LastOK: seconds(p.LastOK), Interval: p.Interval.Seconds(), Streak: p.Streak}
	if p.LastOK != 0 {
		e.Latency = milliseconds(p.Latency)
	}
	if few {
		e.Checks, e.Checked = p.Outcomes(allChecks), seconds(p.Checked)
	} else if p.Streak > 0 || p.Open != nil {
		e.Checks = p.Outcomes(fewChecks)
	}
	if o := p.Open; o != nil {
		e.Open = &openIncidentJSON{
			ID: o.ID.Text(p.ID), Since: seconds(o.Since), Cause: o.Cause, Reply: o.Reply, Failed: o.Failed, NotJudged: o.NotJudged,
			Told: seconds(o.Told), Before: o.Before, Opening: o.Opening,
		}
		if o.Told != 0 {
			e.Open.Answered = milliseconds(o.AnsweredIn)
		}
	}
	return e
}

// maxBig is up to how many charge points the page shows every check.
const maxBig = 12

func (f *frameCache) deltaOf(delta boardDelta, now seconds, reading *readingJSON) deltaJSON {
	overlay, few := f.operations.Overlays(f.boardRead), f.few()
	d := deltaJSON{
		Now: now, CPs: make([]boardCPJSON, len(delta.CPs)), Changes: jsonOfChanges(delta.Changes),
		Feed: []feedJSON{}, More: int(min(delta.missed, 1<<30)), Reading: reading,
	}
	for i, v := range delta.CPs {
		d.CPs[i].cpJSON = jsonOf(v).withOverlay(overlay(v.ID))
		if p, known := delta.events[v.ID]; known {
			d.CPs[i].Site, d.CPs[i].Events = cmp.Or(d.CPs[i].Site, p.Site), eventsOf(p, few)
		}
	}
	shown := delta.feed[max(0, len(delta.feed)-maxListed):]
	d.More += len(delta.feed) - len(shown)
	for _, o := range shown {
		d.Feed = append(d.Feed, jsonOfFeedItem(o))
	}
	return d
}

// feedJSON is one line of the feed that an event led to.
type feedJSON struct {
	Kind  eventstate.FeedKind `json:"kind"`
	CP    evcp.CPID           `json:"cp_id"`
	At    seconds             `json:"at"`
	Count uint32              `json:"count,omitempty"` // failed checks in a row
	Cause string              `json:"cause,omitempty"`
	Reply string              `json:"engine_response,omitempty"`
	Since seconds             `json:"since"`
	Span  float64             `json:"span_s,omitempty"` // how long it lasted, or took
}

func jsonOfFeedItem(o eventstate.FeedItem) feedJSON {
	return feedJSON{Kind: o.Kind, CP: o.CP, At: seconds(o.At), Count: o.Count, Cause: o.Cause, Reply: o.Reply, Since: seconds(o.Since), Span: o.Span.Seconds()}
}

// readingJSON is how the events are read.
type readingJSON struct {
	Behind  *float64 `json:"behind"`  // how old the last event was when it came, in seconds; null: none has come
	Arrived seconds  `json:"arrived"` // when it came
	Lag     int64    `json:"lag"`     // records that are known to be still to come
	Records int64    `json:"records"` // that were read
	Error   string   `json:"error,omitempty"`
	Since   seconds  `json:"since"` // of the error
	Rate    []int    `json:"rate"`  // events in each of the last whole seconds, the newest last
}

// wholeRate is for how many seconds a snapshot has the rate.
const wholeRate = 60

// readingOf is how the events are read, with the rate of the last seconds; nil: they are not.
func (f *frameCache) readingOf(now time.Time, secs int) *readingJSON {
	if f.events == nil {
		return nil
	}
	s, a := f.events.Reading(), f.events.EventStates.Arrivals(now)
	r := &readingJSON{Arrived: secondsOf(a.Last), Lag: s.Lag, Records: s.Records, Error: s.Error, Rate: a.Rate[len(a.Rate)-secs:]}
	if s.Error != "" {
		r.Since = secondsOf(s.Since)
	}
	if !a.Last.IsZero() {
		behind := a.Behind.Seconds()
		r.Behind = &behind
	}
	return r
}

// few reports whether the page shows every check.
func (f *frameCache) few() bool {
	n := f.central.Counts()
	return n.Activated+n.Faulted+n.Disconnected+n.Expected <= maxBig
}

// eventsOrNil is h if it tells what the events say now.
func eventsOrNil(h *HistorySource) *HistorySource {
	if h == nil || h.EventStates == nil {
		return nil
	}
	return h
}
