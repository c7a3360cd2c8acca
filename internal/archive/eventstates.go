package archive

import (
	"container/list"
	"encoding/json"
	"sync"
	"time"

	"evcp"
	"evcp/internal/eventstate"
	"evcp/internal/history"
	"evcp/internal/sqlite"
)

const (
	// detailed is up to how many charge points each check is a change.
	detailed = 12
	// maxFeedItems is how many feed items are held; who reads more slowly is told how many
	// it has missed.
	maxFeedItems = 1024
	// oldFeedItem is how old an event may be to be a feed item: while a backlog is read, a
	// feed is no place for it.
	oldFeedItem = 10 * time.Minute
	// rateSeconds is for how long events are counted by the second.
	rateSeconds = 60
)

// EventStates are what the events say of all charge points now, in memory alone. The Follower
// writes; any goroutine may read.
type EventStates struct {
	mu        sync.Mutex
	cps       map[evcp.CPID]*eventStateEntry
	byVersion *list.List // of *eventStateEntry, the last change first
	version   uint64
	feed      []eventstate.FeedItem // the last has the number happened
	happened  uint64
	arrived   time.Time // when the last event came; zero: none has
	behind    time.Duration
	second    int64 // Unix time of the last in rate
	rate      [rateSeconds]int
	watchers  map[chan struct{}]struct{}
}

type eventStateEntry struct {
	eventstate.EventState
	version uint64
	place   *list.Element
}

func newEventStates() *EventStates {
	return &EventStates{cps: map[evcp.CPID]*eventStateEntry{}, byVersion: list.New(), watchers: map[chan struct{}]struct{}{}}
}

// EventStatesPosition is how far one reader has come; the zero value has read nothing.
type EventStatesPosition struct{ version, happened uint64 }

// EventStatesDelta is what changed since a position.
type EventStatesDelta struct {
	CPs    []eventstate.EventState // all of them for the zero position
	Feed   []eventstate.FeedItem
	Missed uint64 // feed items that were no longer held
	Next   EventStatesPosition
}

// Since is what changed since the position.
func (p *EventStates) Since(at EventStatesPosition) EventStatesDelta {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := EventStatesDelta{Next: EventStatesPosition{p.version, p.happened}}
	for place := p.byVersion.Front(); place != nil; place = place.Next() {
		e, _ := place.Value.(*eventStateEntry)
		if e.version <= at.version {
			break
		}
		d.CPs = append(d.CPs, e.EventState)
	}
	held := uint64(len(p.feed))
	behind := p.happened - at.happened
	if behind > held {
		d.Missed, behind = behind-held, held
	}
	d.Feed = append(d.Feed, p.feed[held-behind:]...)
	return d
}

// CP is one charge point.
func (p *EventStates) CP(id evcp.CPID) (eventstate.EventState, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.cps[id]
	if e == nil {
		return eventstate.EventState{}, false
	}
	return e.EventState, true
}

// Arrivals is how events arrive.
type Arrivals struct {
	Last   time.Time        // when the last came; zero: none has
	Behind time.Duration    // how old the last was then
	Rate   [rateSeconds]int // how many came in each of the last whole seconds, the newest last
}

// Arrivals is how events arrive, at a moment.
func (p *EventStates) Arrivals(now time.Time) Arrivals {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := Arrivals{Last: p.arrived, Behind: p.behind}
	for i := range a.Rate {
		if s := now.Unix() - rateSeconds + int64(i); s <= p.second && s > p.second-rateSeconds {
			a.Rate[i] = p.rate[s%rateSeconds]
		}
	}
	return a
}

// Watch gives a signal that is raised at every change, and a func that ends it.
func (p *EventStates) Watch() (signal <-chan struct{}, stop func()) {
	w := make(chan struct{}, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watchers[w] = struct{}{}
	return w, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.watchers, w)
	}
}

// take takes one event.
func (p *EventStates) take(r history.ParsedRecord, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count(r.At, now)
	if r.Epoch == 0 {
		return // the first EV_CP_M: its checks alone tell of no incident
	}
	e := p.cps[r.CP]
	if e == nil && len(p.cps) >= maxFolds {
		return // whoever may write to the topic can't fill the memory
	} else if e == nil {
		e = &eventStateEntry{EventState: eventstate.EventState{ID: r.CP}}
		p.add(e)
	}
	what, changed := e.Take(r)
	if what.Kind != "" && now.Sub(what.At.Time()) < oldFeedItem {
		what.CP = r.CP
		p.addFeedItem(what)
	}
	if changed || len(p.cps) <= detailed {
		p.changed(e)
	}
}

func (p *EventStates) add(e *eventStateEntry) {
	p.cps[e.ID] = e
	e.place = p.byVersion.PushFront(e)
}

func (p *EventStates) changed(e *eventStateEntry) {
	p.version++
	e.version = p.version
	p.byVersion.MoveToFront(e.place)
	for w := range p.watchers {
		select {
		case w <- struct{}{}:
		default: // it is still raised
		}
	}
}

func (p *EventStates) addFeedItem(what eventstate.FeedItem) {
	p.happened++
	if len(p.feed) >= 2*maxFeedItems {
		p.feed = append(p.feed[:0], p.feed[maxFeedItems:]...)
	}
	p.feed = append(p.feed, what)
}

// count counts an event in its second. One from the future is not behind.
func (p *EventStates) count(at evcp.Stamp, now time.Time) {
	p.arrived, p.behind = now, max(now.Sub(at.Time()), 0)
	second := now.Unix()
	for p.second = max(p.second, second-rateSeconds); p.second < second; {
		p.second++
		p.rate[p.second%rateSeconds] = 0
	}
	p.rate[second%rateSeconds]++
}

// resumeEventStates begins where the file has the charge points.
func (a *Archive) resumeEventStates() error {
	newest := map[evcp.CPID]foldKey{}
	folds := map[evcp.CPID]history.Fold{}
	err := a.db.Query(`SELECT cp_id, epoch, state FROM folds ORDER BY cp_id, epoch, serial`, func(row *sqlite.Stmt) error {
		var n history.Numbering
		if err := json.Unmarshal(row.ColumnRawText(2), &n); err != nil {
			return err
		}
		key := foldKey{evcp.CPID(row.ColumnText(0)), row.ColumnInt64(1)}
		newest[key.cp], folds[key.cp] = key, n.Fold
		return nil
	})
	if err != nil {
		return err
	}
	for cp, key := range newest {
		incident, err := a.incidentElements(key, folds[cp].Open.ID)
		if err != nil {
			return err
		}
		e := &eventStateEntry{EventState: eventstate.Resume(cp, key.epoch, folds[cp], incident)}
		a.eventStates.add(e)
		a.eventStates.changed(e)
	}
	return nil
}

// incidentElements are what the file has of an incident, in brief.
func (a *Archive) incidentElements(key foldKey, id evcp.EventID) (all []history.Element, err error) {
	if id == (evcp.EventID{}) {
		return nil, nil
	}
	const incident = `SELECT kind, to_at, cause, span_us FROM elements WHERE cp_id = ? AND incident_epoch = ? AND incident_seq = ? AND kind IN ('failed', 'told')`
	err = a.db.Query(incident, func(row *sqlite.Stmt) error {
		all = append(all, history.Element{Kind: history.ElementKind(row.ColumnText(0)), To: evcp.Stamp(row.ColumnInt64(1)), Cause: row.ColumnText(2), Span: micros(row.ColumnInt64(3))})
		return nil
	}, string(key.cp), id.Epoch, int64(id.Seq))
	return all, err
}

// EventStates are what the events say of all charge points now.
func (a *Archive) EventStates() *EventStates { return a.eventStates }

// EventStates are those of the Archive. Any goroutine may use them.
func (f *Follower) EventStates() *EventStates { return f.archive.eventStates }
