package central

import (
	"container/heap"
	"container/list"
	"math"
	"slices"
	"sync"
	"time"

	"evcp"
	"evcp/internal/central/conngroup"
	"evcp/internal/central/cpstate"
	"evcp/internal/wire"
)

// CPView is one charge point as Central shows it.
type CPView struct {
	cpstate.Condition
	Peer             string // the address that sent last; "" since a restart
	HeartbeatSources int    // connection groups that send heartbeats for it in turns; more than 1 is a copy too many
	RecentHeartbeats string // the newest last: O, K, C or M each
}

// board owns what Central knows of the charge points. Connections write to it,
// readers follow it.
type board struct {
	expected time.Duration // --heartbeat
	limit    int           // most charge points; a registry is a bound of its own

	mu                       sync.Mutex
	cps                      map[evcp.CPID]*boardEntry
	byVersion                *list.List // of *boardEntry, the last change first: a reader looks at what it has not seen alone
	version                  uint64
	changes                  changeLog
	words                    wordLog
	counts                   [cpstate.Disconnected + 1]int // charge points by state
	unverified               int                           // of them
	lastFaulted              int                           // disconnected ones whose fault was never reported as over
	certified                uint64                        // the version at which the Certified of a charge point last changed
	removed                  uint64                        // the version at which a charge point was last removed
	forgotten                []evcp.CPID                   // to delete on disk
	forgets                  uint64                        // how many were forgotten, on disk or not
	doubts                   []doubt                       // for the log
	moreDoubts               int                           // those that are only counted
	lastMessage              time.Time                     // of any charge point
	figures                  Figures
	silence                  deadlineHeap
	recount                  map[*boardEntry]struct{} // whose HeartbeatSources may change
	groups                   conngroup.Groups
	stoodStill               time.Duration // since the last look for silence; 0: it did not
	looked                   time.Time     // when silence was last looked for; zero before Serve
	listening                time.Time     // when Central ran again after it stood still; zero: it never has
	watchers, changeWatchers signals
}

// boardEntry is one charge point on the board.
type boardEntry struct {
	CPView
	version uint64        // of its last change
	place   *list.Element // in board.byVersion
	sources conngroup.CP  // the connections that send for it
	silent  time.Time     // when it will be silent; neverSilent
	last    lastWords
	ended   uint // how many other words there were
	index   int  // in board.silence
}

func newBoard(o Options) *board {
	limit := o.MaxCPs
	if o.Registry != nil {
		limit = math.MaxInt
	}
	return &board{
		expected: o.Heartbeat, limit: limit,
		cps: map[evcp.CPID]*boardEntry{}, byVersion: list.New(),
		figures: Figures{Answers: map[Answer]uint64{}, Refused: map[cpstate.Reply]uint64{}, Incidents: map[cpstate.Reason]uint64{}}, recount: map[*boardEntry]struct{}{}, words: newWordLog(), watchers: signals{}, changeWatchers: signals{},
	}
}

// admission is what the registry and the certificate of a connection say of a message.
type admission uint8

const (
	admitted admission = iota
	// notListed: the registry does not list the charge point.
	notListed
	// otherCertificate: the certificate is not for the charge point.
	otherCertificate
)

// receipt is what a message led to.
type receipt struct {
	reply     cpstate.Reply
	refused   cpstate.Reply // why it was not taken, in the words for a registration; UnknownMessage: none of these reasons
	created   uint64        // the number of the change by which the charge point became known; 0: it was known before, or is not
	certified bool          // from now on the charge point is refused without a certificate
	tried     bool          // it was so until now, by a trial that has ended
}

// refusal is the receipt for a message that is not taken. Only a registration is told why:
// what answers a report must not be taken for a receipt, and each Monitor registers again
// when it is told that it is not registered.
func refusal(m wire.Message, why cpstate.Reply) receipt {
	switch {
	case m.Verb == wire.Registration:
		return receipt{reply: why, refused: why}
	case m.Verb < wire.MonitorConnection:
		return receipt{reply: cpstate.NotRegistered, refused: why}
	}
	return receipt{reply: cpstate.UnknownMessage}
}

// receive decides the reply to one message.
func (b *board) receive(r *connRecord, m wire.Message, a admission, now time.Time) (to receipt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer func() { b.countAnswer(m, to) }()
	p := b.cps[m.CP]
	known := p != nil && p.Known()
	switch {
	case a == notListed:
		return refusal(m, cpstate.Denied)
	case a == otherCertificate:
		return refusal(m, cpstate.OtherCertificate)
	case known && p.Certified && r.Certificate == "":
		return refusal(m, cpstate.CertificateNeeded)
	case !known && m.Verb == wire.Registration:
		switch {
		case p != nil: // it is expected
		case len(b.cps) >= b.limit:
			return refusal(m, cpstate.NoRoom)
		default:
			p = b.add(m.CP, cpstate.Condition{})
		}
	case !known:
		_, to.reply = cpstate.Condition{}.Receive(m, now)
		return to
	}
	before := p.Certified
	to.reply = b.apply(p, r, m, now)
	to.certified, to.tried = p.Certified && !before, before && !p.Certified
	if !known {
		to.created = b.changes.next
	}
	return to
}

// countAnswer counts a message.
func (b *board) countAnswer(m wire.Message, to receipt) {
	b.figures.Answers[Answer{m.Verb, to.reply}]++
	if to.refused == cpstate.OtherCertificate || to.refused == cpstate.CertificateNeeded {
		b.figures.Refused[to.refused]++
	}
}

// apply updates a charge point by one message.
func (b *board) apply(p *boardEntry, r *connRecord, m wire.Message, now time.Time) cpstate.Reply {
	before := p.CPView
	next, reply := p.Receive(m, now)
	if m.Verb == wire.Disconnect && reply.Accepted() {
		next, p.Peer = p.goodbye(r, next, now)
	} else {
		p.Peer = r.Peer
	}
	if reply.Accepted() && p.certifies(r, m) {
		next.Certified = true
	}
	if m.Verb == wire.Heartbeat {
		p.RecentHeartbeats = appendHeartbeat(p.RecentHeartbeats, m.Status)
		p.HeartbeatSources = max(1, p.HeartbeatSources)
	}
	b.heard(r, p, before, m, now)
	if reply != cpstate.UnknownMessage {
		b.lastMessage = now
	}
	b.update(p, next, now)
	return reply
}

// maxRecentHeartbeats is how many heartbeats a page can draw: four minutes of the
// usual five seconds.
const maxRecentHeartbeats = 48

func appendHeartbeat(recent string, s evcp.Status) string {
	recent += s.String()[:1] // OK, KO, CONNECTION_ERROR, MONITORING begin differently
	return recent[max(0, len(recent)-maxRecentHeartbeats):]
}

// add makes an entry; update follows.
func (b *board) add(id evcp.CPID, c cpstate.Condition) *boardEntry {
	p := &boardEntry{CPView: CPView{Condition: c}, sources: conngroup.CP{ID: id}, silent: neverSilent}
	b.cps[id] = p
	p.place = b.byVersion.PushFront(p)
	heap.Push(&b.silence, p)
	b.count(c, 1)
	return p
}

// count adds a condition to the counts, or takes it away.
func (b *board) count(c cpstate.Condition, n int) {
	b.counts[c.State] += n
	if c.Unverified != cpstate.Verified {
		b.unverified += n
	}
	if c.LastKnownFault() != (cpstate.OpenFault{}) {
		b.lastFaulted += n
	}
}

// update stores the next condition of a charge point and notifies the readers.
func (b *board) update(p *boardEntry, next cpstate.Condition, now time.Time) {
	was := p.Condition
	p.Condition = next
	if next.State == cpstate.Disconnected {
		b.groups.Release(&p.sources)
	}
	b.count(was, -1)
	b.count(next, 1)
	b.version++
	p.version = b.version
	b.byVersion.MoveToFront(p.place)
	b.schedule(p, time.Time{})
	changed := was.Certified != next.Certified
	if changed {
		b.certified = b.version
	}
	if was.Fault == (cpstate.OpenFault{}) && next.Fault != was.Fault {
		b.figures.Incidents[next.Fault.Reason]++
	}
	if was.State != next.State || was.Reason != next.Reason {
		change := Change{CP: next.ID, From: was.State, To: next.State, Reason: next.Reason, Status: next.Status, At: now, Peer: p.Peer}
		if was.Known() {
			change.Lasted = now.Sub(was.Since)
		}
		b.changes.add(change, b.changesHeld())
		changed = true
	} else if was.Unverified != next.Unverified {
		b.addDoubt(doubt{cp: next.ID, state: next.State, now: next.Unverified, was: was.Unverified, peer: p.Peer})
	}
	b.notify(changed)
}

// changesHeld is how far behind a reader of the changes may be: all charge points may be
// lost at once, and be back in a moment.
func (b *board) changesHeld() int { return max(minChanges, 2*len(b.cps)) }

// notify raises the signals. changed: a state, or what is certified or known.
func (b *board) notify(changed bool) {
	b.watchers.raise()
	if changed {
		b.changeWatchers.raise()
	}
}

// updateListed applies the registry. Who is not listed any more is disconnected; who is
// listed and never registered is expected: on the board, and not known.
func (b *board) updateListed(now time.Time, listed registryEntries) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, p := range b.cps {
		if _, ok := listed[id]; ok {
			continue
		}
		if next := p.AfterUnlisting(now); next != p.Condition {
			b.update(p, next, now)
		}
		if !p.Known() {
			b.remove(p)
		}
	}
	for id := range listed {
		b.expect(id, now)
	}
}

// expect puts a charge point on the board that is listed and not known.
func (b *board) expect(id evcp.CPID, now time.Time) {
	if b.cps[id] == nil {
		c := cpstate.Condition{ID: id}
		b.update(b.add(id, c), c, now)
	}
}

// remove takes a charge point off the board.
func (b *board) remove(p *boardEntry) {
	b.groups.Forget(&p.sources)
	b.count(p.Condition, -1)
	b.byVersion.Remove(p.place)
	heap.Remove(&b.silence, p.index)
	delete(b.recount, p)
	b.words.forget(p)
	delete(b.cps, p.ID)
	b.version++
	b.removed = b.version
	b.notify(true)
}

// forget removes a charge point that is known, and has the disk forget it. If it is
// listed, it is expected again. number is how many were forgotten so far; 0: it is not known.
func (b *board) forget(id evcp.CPID, listed bool, now time.Time) (number uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.cps[id]
	if p == nil || !p.Known() {
		return 0
	}
	b.forgotten = append(b.forgotten, id)
	b.forgets++
	b.remove(p)
	if listed {
		b.expect(id, now)
	}
	return b.forgets
}

// takeForgotten is what to delete on disk, and how many were forgotten so far; forgetLater
// gives it back.
func (b *board) takeForgotten() (ids []evcp.CPID, count uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ids = b.forgotten
	b.forgotten = nil
	return ids, b.forgets
}

func (b *board) forgetLater(ids []evcp.CPID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forgotten = append(b.forgotten, ids...)
}

// restore puts the charge points of the state file on the board, and counts them.
// One that is there already is newer.
func (b *board) restore(cps []cpstate.Condition, now time.Time) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, cp := range cps {
		p := b.cps[cp.ID]
		if slices.Contains(b.forgotten, cp.ID) {
			continue
		}
		if p != nil && p.Known() {
			b.restoreCertified(p, cp, now)
			continue
		}
		if cp.LastSeen.After(b.lastMessage) {
			b.lastMessage = cp.LastSeen
		}
		if p == nil {
			p = b.add(cp.ID, cp)
		} else { // it was expected
			b.count(p.Condition, -1)
			b.count(cp, 1)
			p.Condition = cp
		}
		b.update(p, cp.AfterRestart(now), now)
		n++
	}
	return n
}

// restoreCertified takes over what the disk knew of a charge point that registered before
// the disk could be read.
func (b *board) restoreCertified(p *boardEntry, cp cpstate.Condition, now time.Time) {
	if next := p.Condition; cp.Certified && !next.Certified {
		next.Certified = true
		b.update(p, next, now)
	}
}
