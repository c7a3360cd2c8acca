// Package conngroup decides which connections to Central belong to one Monitor, and which
// charge points are lost when connections end. A Monitor of many charge points has several
// connections, and no message says whose they are. What is heard and when goes in; what is
// lost comes out. It opens no socket and reads no clock.
//
// The connections of one Monitor, as far as Central can tell, are a connection group, here a
// group. The rules:
//
//   - A connection is a group of its own at first.
//   - A connection takes over from one that ended when a charge point of that one is heard on
//     it for the first time: at most Grace before the end, or any time after it until the
//     charge point is lost or silent. The two are one group from then on. So the first of
//     the charge points that is heard again speaks for all that shared its connection.
//   - Two connections that are open and speak for a charge point in turns are of two
//     groups: one that changes its connection leaves the old one. Where both speak for several and are
//     of one host, it may come back, a few times in a row.
//   - A charge point whose connection ended is lost when no connection of the group has
//     been open for Grace, and it was not heard since.
//   - A connection takes over from one with the same certificate only. Its address makes no
//     group: two Monitors share one behind a router, and one Monitor may change it.
//   - Where Central stood still, what ended before or meanwhile has Grace, and the usual time
//     between heartbeats, from when it listens again: it says nothing of the Monitor.
//   - Where a connection of several charge points ended and another one of several is open
//     from the same host, it is likely the same Monitor's, which may send its heartbeats all
//     at once: the lost ones have their usual time between heartbeats, and Grace, to be heard.
//
// A peer that opens a connection for each message keeps none, so the end of one means
// nothing.
package conngroup

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"evcp"
)

// Grace is how long another connection may take to speak for charge points whose connection
// ended: a Monitor that reconnects is not lost.
const Grace = time.Second

// Groups are the groups of one Central. The zero value is ready.
type Groups struct {
	ended     []end // whose last connection has ended, and which had charge points, in order
	postponed []end // of those the ones with a sibling, until they are over
	siblings  map[sibling]siblings
}

// end is the end of a group's last connection.
type end struct {
	of   *connectionGroup
	at   time.Time
	with sibling       // zero: the connection was of one charge point
	gap  time.Duration // the shortest usual time between heartbeats of its charge points
}

// sibling is what connections of one Monitor for several charge points have in common.
type sibling struct{ host, certificate string }

// siblings are the connections of several charge points with the same host and certificate.
type siblings struct {
	open  int
	ended time.Time // the last one that did
}

// connectionGroup is what is known of one. After a merge one of the two is kept, and the other points
// to it.
type connectionGroup struct {
	certificate string
	open        int              // connections
	ended       time.Time        // the last connection, if none is open
	orphans     map[*CP]struct{} // charge points whose connection ended, and that were not heard since
	merged      *connectionGroup // what it is part of; nil: it is whole
}

// whole is the group that c is, or is part of.
func (c *connectionGroup) whole() *connectionGroup {
	for c.merged != nil {
		if c.merged.merged != nil {
			c.merged = c.merged.merged // so that chains stay short
		}
		c = c.merged
	}
	return c
}

// merge makes one group of two with the same certificate.
func merge(a, b *connectionGroup) {
	a, b = a.whole(), b.whole()
	if a == b || a.certificate != b.certificate {
		return
	}
	if len(a.orphans) < len(b.orphans) {
		a, b = b, a
	}
	for cp := range b.orphans {
		a.orphans[cp] = struct{}{}
	}
	a.open += b.open
	if b.ended.After(a.ended) {
		a.ended = b.ended
	}
	b.orphans, b.merged = nil, a
}

// Connection is one connection.
type Connection struct {
	Peer        string // its address
	Host        string // of the address
	Certificate string // whom its certificate is for; "" without one. Set before it is heard
	Opened      time.Time

	group   *connectionGroup // nil until it is heard
	cps     map[*CP]struct{}
	several bool // it has spoken for several, and is counted in Groups.siblings
}

func (c *Connection) sibling() sibling { return sibling{c.Host, c.Certificate} }

// countSeveral counts a connection that speaks for several charge points from now on.
func (b *Groups) countSeveral(c *Connection) {
	if c.several || len(c.cps) < 2 {
		return
	}
	c.several = true
	if b.siblings == nil {
		b.siblings = map[sibling]siblings{}
	}
	s := b.siblings[c.sibling()]
	s.open++
	b.siblings[c.sibling()] = s
}

// uncountSeveral is its end. What is known of a host is dropped with the last that waits.
func (b *Groups) uncountSeveral(c *Connection, now time.Time) (with sibling) {
	if !c.several {
		return sibling{}
	}
	with = c.sibling()
	s := b.siblings[with]
	s.open, s.ended = s.open-1, now
	if b.siblings[with] = s; s.open == 0 && len(b.postponed)+len(b.ended) == 0 {
		delete(b.siblings, with)
	}
	return with
}

// part is the connection's group.
func (c *Connection) part() *connectionGroup {
	if c.group == nil {
		c.group = &connectionGroup{certificate: c.Certificate, open: 1}
	}
	return c.group.whole()
}

// CP is which connections speak for one charge point. The zero value is one that none does.
type CP struct {
	ID evcp.CPID

	sent       []sent           // by each open connection; mostly one
	orphan     *connectionGroup // the one of its connection that ended; nil: it was heard since, or lost
	turns      int              // heartbeats in a row, each on another group's connection than the one before
	alternated time.Time
	latest     *Connection // that sent a heartbeat
}

// sent is what one open connection has sent for one charge point.
type sent struct {
	by                         *Connection
	messages, heartbeats       int
	kept                       bool // the connection before it was kept for more than one message
	first, last, lastHeartbeat time.Time
}

func (cp *CP) by(c *Connection) *sent {
	for i := range cp.sent {
		if cp.sent[i].by == c {
			return &cp.sent[i]
		}
	}
	return nil
}

// Heard notes a message for a charge point on a connection that is open.
func (b *Groups) Heard(c *Connection, cp *CP, heartbeat bool, now time.Time) {
	s := cp.by(c)
	if s == nil {
		cp.sent = append(cp.sent, sent{by: c, first: now})
		s = &cp.sent[len(cp.sent)-1]
		if c.cps == nil {
			c.cps = map[*CP]struct{}{}
		}
		c.cps[cp] = struct{}{}
		b.countSeveral(c)
		if cp.orphan != nil {
			s.kept = true
			merge(cp.orphan, c.part())
		}
	}
	b.Release(cp)
	s.messages++
	s.last = now
	if heartbeat {
		cp.heartbeat(s, now)
	}
}

// turnsOfPool is how many turns make two groups where both connections speak for several charge
// points and are of one host: a Monitor whose connections are busy sends where one is free, and may
// come back. Of others one is enough.
const turnsOfPool = 6

// heartbeat notes whether two groups send in turns.
func (cp *CP) heartbeat(s *sent, now time.Time) {
	switch latest := cp.by(cp.latest); {
	case latest == nil || latest.by.part() == s.by.part():
		cp.turns = 0
	case s.heartbeats > 0:
		cp.turns++
		pool := s.by.several && latest.by.several && s.by.sibling() == latest.by.sibling()
		if !pool || cp.turns >= turnsOfPool {
			cp.alternated = now
		}
	}
	s.heartbeats++
	s.lastHeartbeat, cp.latest = now, s.by
}

// Left notes that a connection speaks for a charge point no more: it has said goodbye.
func (b *Groups) Left(c *Connection, cp *CP) {
	cp.sent = slices.DeleteFunc(cp.sent, func(s sent) bool { return s.by == c })
	delete(c.cps, cp)
	if cp.latest == c {
		cp.latest = nil
	}
}

// Release gives up waiting for a charge point whose connection ended: it was heard, or is
// disconnected for another reason.
func (b *Groups) Release(cp *CP) {
	if cp.orphan != nil {
		delete(cp.orphan.whole().orphans, cp)
		cp.orphan = nil
	}
}

// Forget takes a charge point off all connections.
func (b *Groups) Forget(cp *CP) {
	b.Release(cp)
	for len(cp.sent) > 0 {
		b.Left(cp.sent[0].by, cp)
	}
}

// Ended notes the end of a connection. beats is the usual time between the heartbeats of a
// charge point, 0 where it sends none: only those that send some are lost. It returns the
// charge points that the connection spoke for.
func (b *Groups) Ended(c *Connection, beats func(*CP) time.Duration, now time.Time) (cps []*CP) {
	of, e := c.part(), end{at: now, with: b.uncountSeveral(c, now)}
	for cp := range c.cps {
		cps = append(cps, cp)
		s := *cp.by(c)
		b.Left(c, cp)
		gap := beats(cp)
		if e.gap == 0 || gap > 0 && gap < e.gap {
			e.gap = gap
		}
		kept := (s.messages > 1 || s.kept) && (s.heartbeats > 0 || gap > 0)
		if kept && !cp.takenOver(s, now) {
			cp.orphan = of.whole()
			if cp.orphan.orphans == nil {
				cp.orphan.orphans = map[*CP]struct{}{}
			}
			cp.orphan.orphans[cp] = struct{}{}
		}
	}
	of = of.whole()
	of.open--
	if of.open == 0 && len(of.orphans) > 0 {
		of.ended = now
		e.of = of
		b.ended = append(b.ended, e)
	}
	return cps
}

// takenOver reports whether another connection carries the charge point's heartbeats, or has
// sent for it since s ended. One that has begun to within Grace is of the same group.
func (cp *CP) takenOver(s sent, now time.Time) (carried bool) {
	for i := range cp.sent {
		o := &cp.sent[i]
		if o.first.After(s.last) && now.Sub(o.first) <= Grace {
			o.kept = true
			merge(s.by.part(), o.by.part())
		}
		carried = carried || o.heartbeats > 0 || o.last.After(s.last)
	}
	return carried
}

// mayBeHeard reports whether the Monitor of a connection that ended likely has another, on
// which nothing was to be sent yet.
func (b *Groups) mayBeHeard(e end, now time.Time) bool {
	s := b.siblings[e.with]
	return e.with != sibling{} && now.Sub(e.at) < Grace+e.gap && (s.open > 0 || now.Sub(s.ended) < Grace)
}

// Loss is one charge point that is lost.
type Loss struct {
	CP    *CP
	Ended time.Time // the last connection of its group
}

// noticedLate reports whether a connection ended before or while Central stood still, which it
// has listened again since, and the Monitor may be in the pause before its next attempt: nobody
// answered the ones before.
func (e end) noticedLate(listening, now time.Time) bool {
	return e.at.Before(listening.Add(Grace)) && now.Sub(listening) < Grace+e.gap
}

// Lost takes the charge points that are lost by now. listening is since when Central has not
// stood still; zero: it never has.
func (b *Groups) Lost(now, listening time.Time) (all []Loss) {
	for len(b.ended) > 0 && now.Sub(b.ended[0].at) >= Grace {
		b.postponed = append(b.postponed, b.ended[0])
		b.ended = b.ended[1:]
	}
	waiting := b.postponed[:0]
	for _, e := range b.postponed {
		of := e.of.whole()
		if of.open > 0 || of.ended.After(e.at) { // it goes on, or ended later
			continue
		}
		if b.mayBeHeard(e, now) || e.noticedLate(listening, now) {
			waiting = append(waiting, e)
			continue
		}
		for cp := range of.orphans {
			cp.orphan = nil
			all = append(all, Loss{cp, of.ended})
		}
		of.orphans = nil
	}
	clear(b.postponed[len(waiting):])
	b.postponed = waiting
	if len(b.postponed)+len(b.ended) == 0 {
		maps.DeleteFunc(b.siblings, func(_ sibling, s siblings) bool { return s.open == 0 })
	}
	slices.SortFunc(all, func(x, y Loss) int { return cmp.Compare(x.CP.ID, y.CP.ID) })
	return all
}
