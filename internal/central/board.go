package central

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"

	"evcp"
	"evcp/internal/central/cpstate"
	"evcp/internal/wire"
)

// CPView is one charge point as Central shows it.
type CPView struct {
	cpstate.Condition
	Peer             string // the address that spoke last; "" since a restart
	HeartbeatSources int    // connections that send heartbeats for it in turns; more than 1 is a copy too many
	RecentHeartbeats string // its last heartbeats, the newest last: O, K, C or M each
}

// board owns what Central believes. Sessions write to it, readers follow it.
type board struct {
	expected time.Duration // --heartbeat
	limit    int           // most charge points; a registry is a bound of its own

	mu          sync.Mutex
	cps         map[evcp.CPID]*boardEntry
	version     uint64
	changes     changeRing
	faultsBegun map[cpstate.Reason]uint64 // begun since the start
	watchers    map[chan struct{}]struct{}
}

// boardEntry is one charge point on the board.
type boardEntry struct {
	CPView
	version uint64
	sources heartbeatSources
}

func newBoard(o Options) *board {
	room := o.MaxCPs
	if o.Registry != nil {
		room = math.MaxInt
	}
	return &board{
		expected: o.Heartbeat, limit: room,
		cps: map[evcp.CPID]*boardEntry{}, faultsBegun: map[cpstate.Reason]uint64{}, watchers: map[chan struct{}]struct{}{},
	}
}

// heard is what follows from one message.
type heard struct {
	reply string
	born  uint64 // the number of the change by which it became known; 0: it was, or is not
}

// noRoom is the answer to a registration beyond MaxCPs.
const noRoom = "Authentication denied: Central has no room for another charging point"

// receive gives the answer to one message. listed says whether the registry has the
// charge point.
func (b *board) receive(v *source, m wire.Message, listed bool, now time.Time) heard {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, known := b.cps[m.CP]
	switch {
	case !listed && m.Verb == wire.Registration:
		return heard{reply: cpstate.Denied(m.CP)}
	case !listed && m.Verb < wire.MonitorConnection:
		return heard{reply: cpstate.NotRegistered}
	case !known && m.Verb == wire.Registration:
		if len(b.cps) >= b.limit {
			return heard{reply: noRoom}
		}
		p = &boardEntry{}
		b.cps[m.CP] = p
	case !known:
		_, reply := cpstate.Condition{}.Receive(m, now)
		return heard{reply: reply}
	}
	h := heard{reply: b.apply(p, v, m, now)}
	if !known {
		h.born = b.changes.next
	}
	return h
}

// apply lets a charge point hear one message, and gives its answer.
func (b *board) apply(p *boardEntry, v *source, m wire.Message, now time.Time) (reply string) {
	next, reply := p.Receive(m, now)
	p.Peer = v.peer
	if m.Verb == wire.Heartbeat {
		p.RecentHeartbeats = appendHeartbeat(p.RecentHeartbeats, m.Status)
		p.sources.record(v, now)
		p.HeartbeatSources = max(1, p.HeartbeatSources)
	}
	v.count(m)
	b.update(p, next, now)
	return reply
}

// maxRecentHeartbeats is how many heartbeats a page can draw: four minutes of the usual five seconds.
const maxRecentHeartbeats = 48

func appendHeartbeat(recent string, s evcp.Status) string {
	recent += s.String()[:1] // OK, KO, CONNECTION_ERROR, MONITORING begin differently
	return recent[max(0, len(recent)-maxRecentHeartbeats):]
}

// update stores the next standing of a charge point and tells who watches.
func (b *board) update(p *boardEntry, next cpstate.Condition, now time.Time) {
	was := p.Condition
	p.Condition = next
	b.version++
	p.version = b.version
	if was.Fault == (cpstate.OpenFault{}) && next.Fault != was.Fault {
		b.faultsBegun[next.Fault.Reason]++
	}
	if was.State != next.State || was.Reason != next.Reason {
		b.changes.add(Change{
			CP: next.ID, From: was.State, To: next.State, Reason: next.Reason, Status: next.Status,
			At: now, Lasted: lasted(was, now), Peer: p.Peer,
		})
	}
	for w := range b.watchers {
		select {
		case w <- struct{}{}:
		default: // it has yet to look
		}
	}
}

func lasted(was cpstate.Condition, now time.Time) time.Duration {
	if !was.Known() {
		return 0
	}
	return now.Sub(was.Since)
}

// updateAll applies one verdict to every charge point: silence, or a new registry.
func (b *board) updateAll(now time.Time, verdict func(cpstate.Condition) cpstate.Condition) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.cps {
		if next := verdict(p.Condition); next != p.Condition {
			b.update(p, next, now)
		}
	}
}

// duplicate is a charge point for which two addresses have begun to speak.
type duplicate struct {
	cp          evcp.CPID
	peer, other string
}

// countSources finds out how many speak for each charge point. It is not done while they
// speak: the last word of a connection and its end may come together.
func (b *board) countSources(now time.Time) (begun []duplicate) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.cps {
		was := p.HeartbeatSources
		if p.HeartbeatSources = p.sources.count(now, p.SilenceTimeout(b.expected)); p.HeartbeatSources == was {
			continue
		}
		if was < 2 && p.HeartbeatSources > 1 {
			peer, other := p.sources.newestTwo()
			begun = append(begun, duplicate{p.ID, peer, other})
		}
		b.update(p, p.Condition, now)
	}
	return begun
}

// connectionEnded judges one charge point whose connection ended, unless another connection
// speaks for it.
func (b *board) connectionEnded(id evcp.CPID, ended, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.cps[id]
	if p == nil || len(p.sources.live) > 0 {
		return
	}
	if next := p.AfterConnectionEnd(ended); next != p.Condition {
		b.update(p, next, now)
	}
}

// restore puts what the disk remembers on the board, and counts it. What is there
// already is newer.
func (b *board) restore(cps []cpstate.Condition, now time.Time) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, cp := range cps {
		if b.cps[cp.ID] != nil {
			continue
		}
		p := &boardEntry{CPView: CPView{Condition: cp}}
		b.cps[cp.ID] = p
		b.update(p, cp.AfterRestart(now), now)
		n++
	}
	return n
}

// Delta is what changed on the board since a Cursor.
type Delta struct {
	CPs     []CPView // the charge points that changed, by id; all of them for the zero Cursor
	Changes []Change // changes of state, in order
	Missed  uint64   // changes that were already forgotten
	Next    Position
}

// Position is how far one reader has come. The zero Cursor has seen nothing.
type Position struct{ version, seq uint64 }

func (b *board) since(c Position) Delta {
	b.mu.Lock()
	d := b.collect(c)
	b.mu.Unlock()
	d.sort()
	return d
}

// picture is what changed since the cursor, and everything, of one moment.
func (b *board) picture(c Position) (news, all Delta) {
	b.mu.Lock()
	news, all = b.collect(c), b.collect(Position{})
	b.mu.Unlock()
	news.sort()
	all.sort()
	return news, all
}

// collect copies what changed. Whoever calls holds the board.
func (b *board) collect(c Position) Delta {
	d := Delta{Next: Position{version: b.version, seq: b.changes.next}}
	d.Changes, d.Missed = b.changes.after(c.seq)
	if c.version == b.version {
		return d
	}
	for _, p := range b.cps {
		if p.version > c.version {
			d.CPs = append(d.CPs, p.CPView)
		}
	}
	return d
}

// sort is done when the board is free again: it takes longer than the copying.
func (d *Delta) sort() {
	slices.SortFunc(d.CPs, func(x, y CPView) int { return cmp.Compare(x.ID, y.ID) })
}

// watch gives a signal that stays raised until it is looked at. It is raised at
// first: what happened between a reader's cursor and its watch is waiting too.
func (b *board) watch() (signal <-chan struct{}, stop func()) {
	w := make(chan struct{}, 1)
	w <- struct{}{}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watchers[w] = struct{}{}
	return w, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watchers, w)
	}
}

// changesSince is since for a reader of the changes alone.
func (b *board) changesSince(c Position) (changes []Change, missed uint64, next Position) {
	b.mu.Lock()
	defer b.mu.Unlock()
	changes, missed = b.changes.after(c.seq)
	return changes, missed, Position{version: b.version, seq: b.changes.next}
}

// StateCounts are how many charge points are in each state.
type StateCounts struct {
	Activated, Faulted, Disconnected int
	LastSeen                         time.Time // the newest word of any
}

// Total is how many charge points are known.
func (n StateCounts) Total() int { return n.Activated + n.Faulted + n.Disconnected }

func (b *board) counts() StateCounts {
	b.mu.Lock()
	defer b.mu.Unlock()
	var n StateCounts
	for _, p := range b.cps {
		switch p.State {
		case cpstate.Activated:
			n.Activated++
		case cpstate.Faulted:
			n.Faulted++
		case cpstate.Disconnected:
			n.Disconnected++
		}
		if p.LastSeen.After(n.LastSeen) {
			n.LastSeen = p.LastSeen
		}
	}
	return n
}
