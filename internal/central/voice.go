package central

import (
	"maps"
	"slices"
	"time"

	"evcp"
	"evcp/internal/wire"
)

// source is what one connection has said so far. It is guarded by the board.
type source struct {
	peer string
	sent map[evcp.CPID]messageCounts
}

type messageCounts struct{ all, heartbeats int }

func newSource(peer string) *source { return &source{peer: peer, sent: map[evcp.CPID]messageCounts{}} }

func (v *source) count(m wire.Message) {
	t := v.sent[m.CP]
	t.all++
	if m.Verb == wire.Heartbeat {
		t.heartbeats++
	}
	v.sent[m.CP] = t
}

// drop takes a connection that ended off the board. It returns the charge points
// that may be lost: this connection was kept for them, and nobody else speaks. A
// peer that opens a connection for each message keeps none, so the end of one
// says nothing.
func (b *board) drop(v *source) []evcp.CPID {
	b.mu.Lock()
	defer b.mu.Unlock()
	var lost []evcp.CPID
	for id, t := range v.sent {
		p := b.cps[id]
		delete(p.sources.live, v)
		kept := t.all > 1 && (t.heartbeats > 0 || p.SendsHeartbeats)
		if kept && len(p.sources.live) == 0 {
			lost = append(lost, id)
		}
	}
	return lost
}

// heartbeatSources is the connections that send heartbeats for one charge point. There
// should be one. A Monitor that reconnected leaves an old one behind for a while,
// which says no more; two Monitors take turns.
type heartbeatSources struct {
	live       map[*source]time.Time // live connections, with their last heartbeat
	latest     *source
	alternated time.Time // when an old connection last spoke after a newer one had
}

// record notes a heartbeat.
func (c *heartbeatSources) record(v *source, now time.Time) {
	if c.live == nil {
		c.live = map[*source]time.Time{}
	}
	_, spokeBefore := c.live[v]
	_, lives := c.live[c.latest]
	if lives && c.latest != v && spokeBefore {
		c.alternated = now
	}
	c.live[v], c.latest = now, v
}

// count counts the connections that take turns.
func (c *heartbeatSources) count(now time.Time, patience time.Duration) int {
	if len(c.live) < 2 || c.alternated.IsZero() || now.Sub(c.alternated) > patience {
		return min(1, len(c.live))
	}
	n := 0
	for _, at := range c.live {
		if now.Sub(at) <= patience {
			n++
		}
	}
	return max(1, n)
}

// newestTwo names the addresses of the two that spoke last. There are two at least.
func (c *heartbeatSources) newestTwo() (peer, other string) {
	live := slices.SortedFunc(maps.Keys(c.live), func(a, b *source) int { return c.live[b].Compare(c.live[a]) })
	return live[0].peer, live[1].peer
}
