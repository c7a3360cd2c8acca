package outbox

import (
	"time"

	"evcp"
)

// Stats is how the outbox is.
type Stats struct {
	Bytes      int64 // in use, as of the last look
	Limit      int64 // of Bytes
	Waiting    int   // encoded bytes that are not kept yet
	LastCommit time.Duration
	LongCommit time.Duration // the longest so far
	Commits    uint64
	Written    int64 // encoded bytes ever kept
	Dropped    map[string]uint64
	// RefusedSince is when the disk refused; zero while all is well.
	RefusedSince time.Time
	RefusedWhy   string
	Cursors      map[string]Pending
}

// Pending is what a reader does not have yet.
type Pending struct {
	Events int64
	Oldest evcp.Stamp
}

// statCounters are guarded by the outbox's lock.
type statCounters struct {
	bytes        int64
	last, long   time.Duration
	commits      uint64
	dropped      [evcp.EventsDropped + 1]uint64
	refusedSince time.Time
	refusedWhy   string
}

func (c *statCounters) commit(took time.Duration) {
	c.last, c.long = took, max(c.long, took)
	c.commits++
}

func (c *statCounters) refuse(why string) { c.refusedSince, c.refusedWhy = time.Now(), why }

// Stats looks at everything at one moment. It reads no file.
func (o *Outbox) Stats() Stats {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := &o.counts
	s := Stats{
		Bytes: c.bytes, Limit: o.limit(), Waiting: o.pending.bytes + o.committing,
		LastCommit: c.last, LongCommit: c.long, Commits: c.commits, Written: o.keptTotal.bytes,
		Dropped: map[string]uint64{}, RefusedSince: c.refusedSince, RefusedWhy: c.refusedWhy,
		Cursors: map[string]Pending{},
	}
	for action, n := range c.dropped {
		if n > 0 {
			s.Dropped[evcp.Action(action).String()] = n
		}
	}
	for name, cursor := range o.cursors {
		events, oldest := cursor.pending()
		s.Cursors[name] = Pending{events, oldest}
	}
	return s
}

// limit is the bound in force. The caller holds the lock.
func (o *Outbox) limit() int64 {
	if o.memoryFrom != 0 {
		return min(memorySize, o.options.MaxSize)
	}
	return o.options.MaxSize
}
