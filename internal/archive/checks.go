package archive

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"evcp"
	"evcp/internal/history"
)

const (
	// recentSpan is how long the checks are held one by one, back from the newest one of
	// their charge point.
	recentSpan = 5 * time.Minute
	// blockSpan and blockBytes bound a block, which is dropped as a whole.
	blockSpan  = time.Minute
	blockBytes = 480
	// maxRecent bounds the blocks of all charge points, in bytes, and maxRecentOfOne those of
	// one. At a check a second one takes 3 KB.
	maxRecent      = 128 << 20
	maxRecentOfOne = 32 << 10
	// maxRecentNumberings is how many numberings of one charge point are held at once.
	maxRecentNumberings = 4
	// maxReply bounds a reply, in bytes; Monitors write at most 128 characters.
	maxReply = 512
)

// RecentCheck is one check, as its event tells it.
type RecentCheck struct {
	ID      evcp.EventID // zero: the first EV_CP_M did it
	At      evcp.Stamp
	Status  evcp.Status
	Cause   evcp.Cause
	Latency time.Duration
	Reply   []byte // of the Engine, as the event has it
}

// recentChecks holds the checks of the last five minutes of each charge point, in memory
// alone: after a start it has what is read from then on. Any goroutine may use it.
type recentChecks struct {
	mu  sync.Mutex
	cps map[evcp.CPID]*recentCP
}

// recentCP are the checks of one charge point.
type recentCP struct {
	rings    []recentRing
	newest   evcp.Stamp
	complete evcp.Stamp // from it on all that were read are held
	bytes    int        // of the blocks
}

// recentRing are the checks of one numbering, in the order of their seq.
type recentRing struct {
	epoch  int64
	seq    uint64     // of the last
	at     evcp.Stamp // of the last
	blocks []checkBlock
}

// checkBlock is some checks that follow one another. Each is, after the first: the distance
// of seq, less 1, and of time, as varints; a byte of its cause (5 bits), its status (2) and
// whether its reply is that of the check before; the latency in microseconds; and else the
// length and the text of the reply.
type checkBlock struct {
	seq   uint64     // of the check before the first
	first evcp.Stamp // of the first
	last  evcp.Stamp // of the last
	reply [2]int     // where the last reply is in bytes
	bytes []byte
}

const sameReply = 1

// of is where the checks of a charge point are held, until forget.
func (r *recentChecks) of(cp evcp.CPID) *recentCP {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := r.cps[cp]
	if held == nil {
		if r.cps == nil {
			r.cps = map[evcp.CPID]*recentCP{}
		}
		held = &recentCP{}
		r.cps[cp] = held
	}
	return held
}

// forget drops all checks.
func (r *recentChecks) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.cps)
}

// add takes a check. A repetition changes nothing.
func (r *recentChecks) add(held *recentCP, c RecentCheck) {
	r.mu.Lock()
	defer r.mu.Unlock()
	held.add(c, min(maxRecentOfOne, maxRecent/max(len(r.cps), 1)))
}

func (h *recentCP) add(c RecentCheck, most int) {
	i := slices.IndexFunc(h.rings, func(r recentRing) bool { return r.epoch == c.ID.Epoch })
	if i < 0 {
		i = len(h.rings)
		h.rings = append(h.rings, recentRing{epoch: c.ID.Epoch, seq: c.ID.Seq - min(c.ID.Seq, 1)})
	}
	ring := &h.rings[i]
	if c.ID.Seq <= ring.seq && c.ID.Seq > 0 || c.ID.Seq == 0 && c.At <= ring.at {
		return
	}
	h.bytes += ring.append(c)
	if h.newest == 0 || c.At < h.complete {
		h.complete = c.At
	}
	h.newest = c.At
	h.drop(most)
}

// drop drops what is too old, and the oldest of what is too much.
func (h *recentCP) drop(most int) {
	for i := range h.rings {
		ring := &h.rings[i]
		for len(ring.blocks) > 0 && h.isOld(ring.blocks[0]) {
			h.bytes -= ring.dropFirst()
		}
	}
	for h.bytes > most {
		ring := h.oldest()
		if len(ring.blocks) == 1 && len(h.rings) == 1 {
			break
		}
		h.complete = max(h.complete, ring.blocks[0].last+1)
		h.bytes -= ring.dropFirst()
		h.rings = slices.DeleteFunc(h.rings, func(r recentRing) bool { return len(r.blocks) == 0 })
	}
	h.rings = slices.DeleteFunc(h.rings, func(r recentRing) bool { return len(r.blocks) == 0 })
	for len(h.rings) > maxRecentNumberings {
		ring := h.oldest()
		h.complete, h.bytes = max(h.complete, ring.at+1), h.bytes-ring.size()
		h.rings = slices.DeleteFunc(h.rings, func(r recentRing) bool { return r.epoch == ring.epoch })
	}
}

// isOld reports whether a block is over. One of the future is left by a clock that was set back.
func (h *recentCP) isOld(b checkBlock) bool {
	return b.last < h.newest.Add(-recentSpan) || b.first > h.newest.Add(recentSpan)
}

// oldest is the ring with the oldest block.
func (h *recentCP) oldest() *recentRing {
	oldest := &h.rings[0]
	for i := range h.rings {
		if h.rings[i].blocks[0].last < oldest.blocks[0].last {
			oldest = &h.rings[i]
		}
	}
	return oldest
}

func (r *recentRing) size() (n int) {
	for _, b := range r.blocks {
		n += cap(b.bytes)
	}
	return n
}

// dropFirst drops the oldest block, and returns its size.
func (r *recentRing) dropFirst() int {
	n := cap(r.blocks[0].bytes)
	copy(r.blocks, r.blocks[1:])
	r.blocks[len(r.blocks)-1] = checkBlock{}
	r.blocks = r.blocks[:len(r.blocks)-1]
	return n
}

// append adds a check, and returns by how much the ring grew.
func (r *recentRing) append(c RecentCheck) (grown int) {
	c.Reply = c.Reply[:min(len(c.Reply), maxReply)]
	last := len(r.blocks) - 1
	if last < 0 || len(r.blocks[last].bytes) >= blockBytes || c.At.Sub(r.blocks[last].first).Abs() >= blockSpan {
		if last >= 0 {
			grown -= cap(r.blocks[last].bytes)
			r.blocks[last].bytes = slices.Clone(r.blocks[last].bytes) // without the room for more
			grown += cap(r.blocks[last].bytes)
		}
		r.blocks = append(r.blocks, checkBlock{seq: c.ID.Seq - min(c.ID.Seq, 1), first: c.At, last: c.At})
		last++
	}
	grown -= cap(r.blocks[last].bytes)
	r.blocks[last].append(r.seqAfter(last), c)
	r.seq, r.at = c.ID.Seq, c.At
	return grown + cap(r.blocks[last].bytes)
}

// seqAfter is the seq before the next check of a block.
func (r *recentRing) seqAfter(block int) uint64 {
	if len(r.blocks[block].bytes) == 0 {
		return r.blocks[block].seq
	}
	return r.seq
}

func (b *checkBlock) append(seq uint64, c RecentCheck) {
	b.bytes = binary.AppendUvarint(b.bytes, c.ID.Seq-min(c.ID.Seq, seq+1))
	b.bytes = binary.AppendVarint(b.bytes, int64(c.At-b.last))
	b.last = c.At
	code := byte(c.Cause)<<3 | byte(c.Status)<<1
	same := bytes.Equal(c.Reply, b.bytes[b.reply[0]:b.reply[1]])
	if same {
		code |= sameReply
	}
	b.bytes = binary.AppendUvarint(append(b.bytes, code), uint64(c.Latency.Microseconds()))
	if !same {
		b.bytes = binary.AppendUvarint(b.bytes, uint64(len(c.Reply)))
		b.reply[0] = len(b.bytes)
		b.bytes = append(b.bytes, c.Reply...)
		b.reply[1] = len(b.bytes)
	}
}

// checks reads a block.
func (b checkBlock) checks(epoch int64, out []RecentCheck) []RecentCheck {
	rest, c := b.bytes, RecentCheck{ID: evcp.EventID{Epoch: epoch, Seq: b.seq}, At: b.first}
	number := func() uint64 {
		n, size := binary.Uvarint(rest)
		rest = rest[size:]
		return n
	}
	for len(rest) > 0 {
		if skipped := number(); epoch != 0 {
			c.ID.Seq += skipped + 1
		}
		distance, size := binary.Varint(rest)
		rest = rest[size:]
		c.At += evcp.Stamp(distance)
		code := rest[0]
		rest = rest[1:]
		c.Cause, c.Status = evcp.Cause(code>>3), evcp.Status(code>>1&3)
		c.Latency = time.Duration(number()) * time.Microsecond
		if code&sameReply == 0 {
			n := number()
			c.Reply, rest = bytes.Clone(rest[:n]), rest[n:]
		}
		out = append(out, c)
	}
	return out
}

// RecentChecks are the checks of one charge point, by time.
type RecentChecks struct {
	From     evcp.Stamp // five minutes before To
	To       evcp.Stamp // its newest check
	Complete evcp.Stamp // from it on all that were read are here
	Checks   []RecentCheck
}

// Checks are the checks of the last five minutes of a charge point that were read since the
// start, back from its newest one. Any goroutine may call it.
func (a *Archive) Checks(cp evcp.CPID) (r RecentChecks, ok bool) {
	a.recent.mu.Lock()
	defer a.recent.mu.Unlock()
	held := a.recent.cps[cp]
	if held == nil || held.newest == 0 {
		return r, false
	}
	r.From, r.To, r.Complete = held.newest.Add(-recentSpan), held.newest, held.complete
	var all []RecentCheck
	for _, ring := range held.rings {
		for _, b := range ring.blocks {
			all = b.checks(ring.epoch, all)
		}
	}
	r.Checks = slices.DeleteFunc(all, func(c RecentCheck) bool { return c.At < r.From || c.At > r.To })
	slices.SortStableFunc(r.Checks, func(a, b RecentCheck) int { return cmp.Compare(a.At, b.At) })
	return r, true
}

// recentOf is the check that a record tells of; ok is false where it tells of none.
func recentOf(p history.ParsedRecord) (c RecentCheck, ok bool) {
	switch {
	case p.Epoch == 0:
		return RecentCheck{At: p.At, Status: p.Check.Status, Reply: p.Reply}, p.IsCheck
	case p.Status > evcp.ConnectionError:
		return c, false
	}
	return RecentCheck{
		ID: evcp.EventID{Epoch: p.Epoch, Seq: p.Seq}, At: p.At, Status: p.Status, Cause: p.CheckCause, Latency: p.Latency, Reply: p.Reply,
	}, p.IsCheck
}
