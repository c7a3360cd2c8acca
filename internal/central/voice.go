package central

import (
	"maps"
	"slices"
	"time"

	"evcp"
	"evcp/internal/wire"
)

// voice is what one connection has said so far. It is guarded by the board.
type voice struct {
	peer string
	said map[evcp.CPID]tally
}

type tally struct{ words, beats int }

func newVoice(peer string) *voice { return &voice{peer: peer, said: map[evcp.CPID]tally{}} }

func (v *voice) spoke(m wire.Message) {
	t := v.said[m.CP]
	t.words++
	if m.Verb == wire.Heartbeat {
		t.beats++
	}
	v.said[m.CP] = t
}

// hush takes a connection that ended off the board. It returns the charge points
// that may be lost: this connection was kept for them, and nobody else speaks. A
// peer that opens a connection for each message keeps none, so the end of one
// says nothing.
func (b *board) hush(v *voice) []evcp.CPID {
	b.mu.Lock()
	defer b.mu.Unlock()
	var lost []evcp.CPID
	for id, t := range v.said {
		p := b.cps[id]
		delete(p.choir.voices, v)
		kept := t.words > 1 && (t.beats > 0 || p.Habit)
		if kept && len(p.choir.voices) == 0 {
			lost = append(lost, id)
		}
	}
	return lost
}

// choir is the connections that send heartbeats for one charge point. There
// should be one. A Monitor that reconnected leaves an old one behind for a while,
// which says no more; two Monitors take turns.
type choir struct {
	voices map[*voice]time.Time // live connections, with their last heartbeat
	last   *voice
	turn   time.Time // when an old connection last spoke after a newer one had
}

// beat notes a heartbeat.
func (c *choir) beat(v *voice, now time.Time) {
	if c.voices == nil {
		c.voices = map[*voice]time.Time{}
	}
	_, spokeBefore := c.voices[v]
	_, lives := c.voices[c.last]
	if lives && c.last != v && spokeBefore {
		c.turn = now
	}
	c.voices[v], c.last = now, v
}

// speakers counts the connections that take turns.
func (c *choir) speakers(now time.Time, patience time.Duration) int {
	if len(c.voices) < 2 || c.turn.IsZero() || now.Sub(c.turn) > patience {
		return min(1, len(c.voices))
	}
	n := 0
	for _, at := range c.voices {
		if now.Sub(at) <= patience {
			n++
		}
	}
	return max(1, n)
}

// pair names the addresses of the two that spoke last. There are two at least.
func (c *choir) pair() (peer, other string) {
	live := slices.SortedFunc(maps.Keys(c.voices), func(a, b *voice) int { return c.voices[b].Compare(c.voices[a]) })
	return live[0].peer, live[1].peer
}
