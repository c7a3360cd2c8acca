package central

import (
	"maps"
	"slices"
	"time"

	"evcp"
	"evcp/internal/wire"
)

// connRecord is one connection as the board knows it. It is guarded by the board.
type connRecord struct {
	peer string // address
	sent map[evcp.CPID]messageCounts
}

// messageCounts is how much one connection has sent for one charge point.
type messageCounts struct{ all, heartbeats int }

func newConnRecord(peer string) *connRecord {
	return &connRecord{peer: peer, sent: map[evcp.CPID]messageCounts{}}
}

func (r *connRecord) count(m wire.Message) {
	n := r.sent[m.CP]
	n.all++
	if m.Verb == wire.Heartbeat {
		n.heartbeats++
	}
	r.sent[m.CP] = n
}

// drop takes a connection that ended off the board. It returns the charge points that
// may be lost: the connection was kept for more than one message, the charge point
// sends heartbeats, and no other connection carries them. A peer that opens a
// connection for each message keeps none, so the end of one means nothing.
func (b *board) drop(r *connRecord) (lost []evcp.CPID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, n := range r.sent {
		p := b.cps[id]
		if _, live := p.sources.live[r]; live {
			delete(p.sources.live, r)
			b.recount[p] = struct{}{}
		}
		kept := n.all > 1 && (n.heartbeats > 0 || p.SendsHeartbeats)
		if kept && len(p.sources.live) == 0 {
			lost = append(lost, id)
		}
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
