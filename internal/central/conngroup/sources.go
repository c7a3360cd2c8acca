package conngroup

import (
	"slices"
	"time"
)

// Messages is how many messages the connection has sent for the charge point.
func (cp *CP) Messages(c *Connection) int {
	if s := cp.by(c); s != nil {
		return s.messages
	}
	return 0
}

// LastBy is when the connection last sent for the charge point, or was opened.
func (cp *CP) LastBy(c *Connection) time.Time {
	if s := cp.by(c); s != nil {
		return s.last
	}
	return c.Opened
}

// SentLater reports whether another group has sent for the charge point since c last did: a
// newer Monitor has taken over, and c has no say any more.
func (cp *CP) SentLater(c *Connection) bool {
	last := cp.LastBy(c)
	return slices.ContainsFunc(cp.sent, func(o sent) bool { return o.by != c && o.last.After(last) && o.by.part() != c.part() })
}

// Carried reports whether an open connection has sent heartbeats for the charge point.
func (cp *CP) Carried() bool {
	return slices.ContainsFunc(cp.sent, func(s sent) bool { return s.heartbeats > 0 })
}

// CarriedWithoutCertificate reports whether one without a certificate has.
func (cp *CP) CarriedWithoutCertificate() bool {
	return slices.ContainsFunc(cp.sent, func(s sent) bool { return s.heartbeats > 0 && s.by.Certificate == "" })
}

// Sources is how many groups sent heartbeats in turns within the timeout. There should be
// one. A Monitor that reconnected leaves an old connection behind for a while, which sends no
// more; two Monitors send in turns.
func (cp *CP) Sources(now time.Time, timeout time.Duration) int {
	if !cp.Carried() {
		return 0
	}
	if cp.alternated.IsZero() || now.Sub(cp.alternated) > timeout {
		return 1
	}
	return max(1, len(cp.newest(func(s sent) bool { return now.Sub(s.lastHeartbeat) <= timeout })))
}

// MaySendInTurns reports whether Sources may be or become more than one without another
// connection.
func (cp *CP) MaySendInTurns() bool {
	return len(cp.sent) > 1 && len(cp.newest(func(sent) bool { return true })) > 1
}

// NewestTwo are the addresses of the two groups that sent heartbeats last; "" where there
// are not so many.
func (cp *CP) NewestTwo() (peer, other string) {
	newest := cp.newest(func(sent) bool { return true })
	if len(newest) > 0 {
		peer = newest[0].by.Peer
	}
	if len(newest) > 1 {
		other = newest[1].by.Peer
	}
	return peer, other
}

// newest is the newest connection with heartbeats of each group, the newest first.
func (cp *CP) newest(fits func(sent) bool) (newest []sent) {
	all := slices.Clone(cp.sent)
	slices.SortFunc(all, func(a, b sent) int { return b.lastHeartbeat.Compare(a.lastHeartbeat) })
	for _, s := range all {
		same := func(o sent) bool { return o.by.part() == s.by.part() }
		if s.heartbeats > 0 && fits(s) && !slices.ContainsFunc(newest, same) {
			newest = append(newest, s)
		}
	}
	return newest
}
