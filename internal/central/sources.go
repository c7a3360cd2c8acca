package central

import (
	"maps"
	"slices"
	"time"

	"evcp"
	"evcp/internal/central/cpstate"
	"evcp/internal/wire"
)

// connRecord is one connection as the board knows it. It is guarded by the board.
type connRecord struct {
	peer      string // address
	certified bool   // it has a certificate
	opened    time.Time
	sent      map[evcp.CPID]messageCounts
}

// messageCounts is how much one connection has sent for one charge point.
type messageCounts struct {
	all, heartbeats int
	last            time.Time // when it last sent
	trial           *CPView   // before a registration that is its only message so far; nil = none, or there was nothing before
}

func newConnRecord(peer string, opened time.Time) *connRecord {
	return &connRecord{peer: peer, opened: opened, sent: map[evcp.CPID]messageCounts{}}
}

// count notes a message for p, which was as before until then.
func (r *connRecord) count(p *boardEntry, before CPView, m wire.Message, now time.Time) {
	n := r.sent[m.CP]
	if n.all == 0 {
		p.conns = append(p.conns, r)
	}
	n.all++
	if m.Verb == wire.Heartbeat {
		n.heartbeats++
	}
	n.last, n.trial = now, nil
	if n.all == 1 && m.Verb == wire.Registration && before.Known() {
		n.trial = &before
	}
	r.sent[m.CP] = n
}

// lastSent is when the connection last sent for the charge point, or was opened.
func (r *connRecord) lastSent(id evcp.CPID) time.Time {
	if n, ok := r.sent[id]; ok {
		return n.last
	}
	return r.opened
}

// sentLater reports whether another open connection has sent for the charge point since
// r last did: a newer Monitor has taken over, and r has no say any more.
func (p *boardEntry) sentLater(r *connRecord) bool {
	last := r.lastSent(p.ID)
	return slices.ContainsFunc(p.conns, func(o *connRecord) bool { return o != r && o.sent[p.ID].last.After(last) })
}

// maxTrial is how long after its registration a connection may say goodbye and count as
// a trial, as --test makes it. A Monitor that stays longer has watched.
const maxTrial = 10 * time.Second

// goodbye is what a disconnect message leads to, where next is what it means by itself.
// It says nothing of a connection that sent later. After a registration and nothing else
// it leaves what was known before.
func (p *boardEntry) goodbye(r *connRecord, next cpstate.Condition, now time.Time) (after cpstate.Condition, peer string) {
	n := r.sent[p.ID]
	trial := n.trial != nil && now.Sub(n.last) <= maxTrial
	switch {
	case p.sentLater(r), trial && p.LastSeen.After(n.last): // somebody else has reported since
		return p.Condition, p.Peer
	case trial:
		return n.trial.Condition, n.trial.Peer
	}
	return next, r.peer
}

// certifies reports whether a message that was taken makes the charge point Certified. With
// a certificate any message does but the last; and but a registration, as --test makes it,
// while a connection without one carries its heartbeats: a trial must not end what runs.
func (p *boardEntry) certifies(r *connRecord, m wire.Message) bool {
	switch {
	case !r.certified || m.Verb == wire.Disconnect:
		return false
	case m.Verb != wire.Registration:
		return true
	}
	for o := range p.sources.live {
		if !o.certified {
			return false
		}
	}
	return true
}

// drop takes a connection that ended off the board. It returns the charge points that
// may be lost: the connection was kept for more than one message, the charge point
// sends heartbeats, and no other connection carries them or has sent later. A peer that
// opens a connection for each message keeps none, so the end of one means nothing.
func (b *board) drop(r *connRecord) (lost []evcp.CPID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, n := range r.sent {
		p := b.cps[id]
		if p == nil {
			continue // it was forgotten
		}
		if _, live := p.sources.live[r]; live {
			delete(p.sources.live, r)
			b.recount[p] = struct{}{}
		}
		kept := n.all > 1 && (n.heartbeats > 0 || p.SendsHeartbeats)
		if kept && len(p.sources.live) == 0 && !p.sentLater(r) {
			lost = append(lost, id)
		}
		p.conns = slices.DeleteFunc(p.conns, func(o *connRecord) bool { return o == r })
	}
	return lost
}

// heartbeatSources are the connections that send heartbeats for one charge point.
// There should be one. A Monitor that reconnected leaves an old connection behind for
// a while, which sends no more; two Monitors send in turns.
type heartbeatSources struct {
	live       map[*connRecord]time.Time // open connections, with their last heartbeat
	latest     *connRecord
	alternated time.Time // when an older connection last sent after a newer one had
}

// add notes a heartbeat.
func (h *heartbeatSources) add(r *connRecord, now time.Time) {
	if h.live == nil {
		h.live = map[*connRecord]time.Time{}
	}
	_, sentBefore := h.live[r]
	_, latestLives := h.live[h.latest]
	if latestLives && h.latest != r && sentBefore {
		h.alternated = now
	}
	h.live[r], h.latest = now, r
}

// count is how many connections sent in turns within the timeout.
func (h *heartbeatSources) count(now time.Time, timeout time.Duration) int {
	if len(h.live) < 2 || h.alternated.IsZero() || now.Sub(h.alternated) > timeout {
		return min(1, len(h.live))
	}
	n := 0
	for _, at := range h.live {
		if now.Sub(at) <= timeout {
			n++
		}
	}
	return max(1, n)
}

// newestTwo are the addresses that sent last. There are two connections at least.
func (h *heartbeatSources) newestTwo() (peer, other string) {
	live := slices.SortedFunc(maps.Keys(h.live), func(a, b *connRecord) int { return h.live[b].Compare(h.live[a]) })
	return live[0].peer, live[1].peer
}

// duplicate is a charge point for which a second connection began to send.
type duplicate struct {
	cp          evcp.CPID
	peer, other string
}

// countSources sets HeartbeatSources where it may have changed. This is not done at
// each heartbeat: the last message of a connection and its end may come together.
func (b *board) countSources(now time.Time) (begun []duplicate) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for p := range b.recount {
		was := p.HeartbeatSources
		p.HeartbeatSources = p.sources.count(now, p.SilenceTimeout(b.expected))
		if len(p.sources.live) < 2 { // one cannot become two without a heartbeat
			delete(b.recount, p)
		}
		if p.HeartbeatSources == was {
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
