package central

import (
	"time"

	"evcp"
	"evcp/internal/central/conngroup"
	"evcp/internal/central/cpstate"
	"evcp/internal/wire"
)

// connRecord is one connection as the board knows it. It is guarded by the board.
type connRecord struct {
	conngroup.Connection
	trials map[evcp.CPID]*CPView // as it was before a registration that is the connection's only message for the charge point so far
}

func newConnRecord(peer string, opened time.Time) *connRecord {
	return &connRecord{Connection: conngroup.Connection{Peer: peer, Host: host(peer), Opened: opened}}
}

// heard notes a message for p, which was as before until then.
func (b *board) heard(r *connRecord, p *boardEntry, before CPView, m wire.Message, now time.Time) {
	delete(r.trials, m.CP)
	if m.Verb == wire.Disconnect {
		b.groups.Left(&r.Connection, &p.sources)
		if p.HeartbeatSources > 0 {
			b.recount[p] = struct{}{}
		}
		return
	}
	b.groups.Heard(&r.Connection, &p.sources, m.Verb == wire.Heartbeat, now)
	if m.Verb == wire.Registration && before.Known() && p.sources.Messages(&r.Connection) == 1 {
		if r.trials == nil {
			r.trials = map[evcp.CPID]*CPView{}
		}
		saved := before
		r.trials[m.CP] = &saved
	}
	if m.Verb == wire.Heartbeat && p.sources.MaySendInTurns() {
		b.recount[p] = struct{}{}
	}
}

// maxTrial is how long after its registration a connection may say goodbye and count as
// a trial, as --test makes it. A Monitor that stays longer has watched.
const maxTrial = 10 * time.Second

// goodbye is what a disconnect message leads to, where next is what it means by itself.
// It says nothing of a group that sent later. After a registration and nothing else
// it leaves what was known before.
func (p *boardEntry) goodbye(r *connRecord, next cpstate.Condition, now time.Time) (after cpstate.Condition, peer string) {
	before, last := r.trials[p.ID], p.sources.LastBy(&r.Connection)
	trial := before != nil && now.Sub(last) <= maxTrial
	switch {
	case p.sources.SentLater(&r.Connection), trial && p.LastSeen.After(last): // somebody else has reported since
		return p.Condition, p.Peer
	case trial:
		return before.Condition, before.Peer
	}
	return next, r.Peer
}

// certifies reports whether a message that was taken makes the charge point Certified. With
// a certificate any message does but the last; and but a registration, as --test makes it,
// while a connection without one carries its heartbeats: a trial must not end what runs.
func (p *boardEntry) certifies(r *connRecord, m wire.Message) bool {
	switch {
	case r.Certificate == "" || m.Verb == wire.Disconnect:
		return false
	case m.Verb != wire.Registration:
		return true
	}
	return !p.sources.CarriedWithoutCertificate()
}

// drop takes a connection that ended off the board.
func (b *board) drop(r *connRecord, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	beats := func(cp *conngroup.CP) time.Duration {
		p := b.cps[cp.ID]
		if !p.SendsHeartbeats {
			return 0
		}
		return min(max(p.UsualGap(), b.expected), 3*b.expected)
	}
	for _, cp := range b.groups.Ended(&r.Connection, beats, now) {
		if p := b.cps[cp.ID]; p.HeartbeatSources > 0 {
			b.recount[p] = struct{}{}
		}
	}
}

// noteStandstill notes when Central runs again after it stood still, which it finds out by the
// look for silence that is late. The caller holds the lock.
func (b *board) noteStandstill(now time.Time) {
	if !b.looked.IsZero() && now.Sub(b.looked) > silenceCheckInterval+sleepThreshold {
		b.listening, b.looked, b.stoodStill = now, now, now.Sub(b.looked)
	}
}

// look notes that silence is looked for now, and reports for how long Central stood still since the
// look before, 0 if it did not: heartbeats, and ends of connections, may still wait in the sockets.
func (b *board) look(now time.Time) (stood time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.noteStandstill(now)
	stood, b.stoodStill, b.looked = b.stoodStill, 0, now
	return stood
}

// expireConnections disconnects the charge points that are lost by now: no connection of
// their group has been open for conngroup.Grace. After a standstill they have more time.
func (b *board) expireConnections(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.noteStandstill(now) // a timer may be the first that runs
	for _, loss := range b.groups.Lost(now, b.listening) {
		p := b.cps[loss.CP.ID]
		if next := p.AfterConnectionEnd(loss.Ended); next != p.Condition {
			b.update(p, next, now)
		}
	}
}

// duplicate is a charge point for which a second Monitor began to send.
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
		p.HeartbeatSources = p.sources.Sources(now, p.SilenceTimeout(b.expected))
		if !p.sources.MaySendInTurns() { // one cannot become two without a heartbeat
			delete(b.recount, p)
		}
		if p.HeartbeatSources == was {
			continue
		}
		if was < 2 && p.HeartbeatSources > 1 {
			peer, other := p.sources.NewestTwo()
			begun = append(begun, duplicate{p.ID, peer, other})
		}
		b.update(p, p.Condition, now)
	}
	return begun
}
