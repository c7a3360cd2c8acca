package uplink

import (
	"slices"
	"time"

	"evcp"
	"evcp/internal/pace"
	"evcp/internal/wire"
)

// Schedule is how Central is spoken to. It decides, and holds nothing.
type Schedule struct {
	Heartbeat    time.Duration // between signs of life; 0 = never
	ReportEvery  time.Duration // an open failure is repeated so often; 0 = never
	RefusalRetry time.Duration // after a refusal
	Backoff      pace.Backoff
}

// Report is one thing that Central must be told.
type Report struct {
	Recovery bool
	Incident evcp.EventID
	Repeat   uint32
	At       evcp.Stamp // when the incident was detected, or its end
}

// SessionState is where one charge point stands with Central: all that the decision
// what to say next depends on.
type SessionState struct {
	CP         evcp.CPID
	Registered bool
	Greeted    bool // was registered before in this life
	Refused    bool // by Central's own word, since the last acceptance
	Away       bool // an outage of Central goes on
	AwaySince  time.Time
	Attempts   int       // failed in a row
	Strange    int       // "not registered" in a row, from a Central that had accepted
	RetryAt    time.Time // not before this

	Queue []Report // not answered yet, in order

	Open   bool // an incident is open and its first report was answered
	Last   Report
	ToldAt time.Time // when Central last answered for it
	// Told are the reports that Central has answered and whose receipts are not kept
	// yet: till then the disk may refuse, and they come again by another name.
	Told []Report

	Beat time.Time // the last sign of life that went out
}

// Learn folds a kept event in. What Central has already answered, in this life
// or an earlier one, leaves the queue.
func (p *SessionState) Learn(e evcp.Event) {
	switch e.Action {
	case evcp.EngineFailed:
		p.queue(Report{Incident: e.ID(), At: e.At})
	case evcp.EngineRecovered:
		p.queue(Report{Recovery: true, Incident: e.Incident, At: e.At})
		if p.Last.Incident == e.Incident {
			p.Open = false
		}
	case evcp.ReportEngineFailure, evcp.ReportEngineRecovery:
		r := Report{Recovery: e.Action == evcp.ReportEngineRecovery, Incident: e.Incident}
		p.Queue, p.Told = without(p.Queue, r), without(p.Told, r)
	}
}

// queue takes in what Central must be told. What was numbered anew, since the disk
// refused it, is known by another name already, and may have been told by that.
func (p *SessionState) queue(r Report) {
	p.Last.rename(r)
	for _, known := range [][]Report{p.Queue, p.Told} {
		for i := range known {
			if known[i].rename(r) {
				return
			}
		}
	}
	p.Queue = append(p.Queue, r)
}

// rename takes over the new name of the same thing, and reports whether it is that.
func (r *Report) rename(again Report) bool {
	if again.At == 0 || r.At != again.At || r.Recovery != again.Recovery {
		return false
	}
	r.Incident = again.Incident
	return true
}

// without is all but what is about the same.
func without(all []Report, r Report) []Report {
	return slices.DeleteFunc(all, func(q Report) bool {
		return q.Recovery == r.Recovery && q.Incident == r.Incident
	})
}

// Next decides what to say at the moment now; NoVerb when there is nothing to
// say before wake. A zero wake means: nothing, until something is learned.
func (m Schedule) Next(p SessionState, now time.Time) (say wire.Verb, r Report, wake time.Time) {
	if !p.Registered {
		if now.Before(p.RetryAt) {
			return wire.NoVerb, Report{}, p.RetryAt
		}
		return wire.Registration, Report{}, time.Time{}
	}
	if r, due := m.report(p); r != (Report{}) {
		if !now.Before(due) {
			return verbOf(r), r, time.Time{}
		}
		wake = due
	}
	if m.Heartbeat > 0 { // also while Central will not take a report: we are alive
		beat := p.Beat.Add(m.Heartbeat)
		if !now.Before(beat) {
			return wire.Heartbeat, Report{}, time.Time{}
		}
		if wake.IsZero() || beat.Before(wake) {
			wake = beat
		}
	}
	return wire.NoVerb, Report{}, wake
}

// report is what Central must be told next, and when; none is the zero Report.
func (m Schedule) report(p SessionState) (r Report, due time.Time) {
	switch {
	case len(p.Queue) > 0:
		return p.Queue[0], p.RetryAt
	case p.Open && m.ReportEvery > 0:
		due = p.ToldAt.Add(m.ReportEvery)
		if due.Before(p.RetryAt) {
			due = p.RetryAt
		}
		r = p.Last
		r.Repeat++
		return r, due
	}
	return Report{}, time.Time{}
}

func verbOf(r Report) wire.Verb {
	if r.Recovery {
		return wire.EngineRecovered
	}
	return wire.EngineFailure
}

// Reply is what came of one message.
type Reply struct {
	Text      string // Central's words, safe to print; "" when none came
	Received  bool
	Malformed bool       // it is no answer of Central's: see wire.CentralReply.Sound
	Connected bool       // there was a connection to ask on
	Cause     evcp.Cause // why nothing came
	Latency   time.Duration
}

// verdict judges the words, if they can be relied on.
func (a Reply) verdict(judge func(string, evcp.CPID) wire.CentralVerdict, cp evcp.CPID) wire.CentralVerdict {
	if a.Malformed {
		return wire.Unclear
	}
	return judge(a.Text, cp)
}

// Heard folds an answer in and reports what it meant.
func (m Schedule) Heard(p *SessionState, say wire.Verb, r Report, a Reply, now time.Time, chance float64) wire.CentralVerdict {
	if say == wire.Heartbeat {
		p.Beat = now
		if a.Connected { // an unanswered heartbeat is no outage
			return m.beaten(p, a)
		}
	}
	if !a.Received {
		m.lost(p, now, chance)
		return wire.Unclear
	}
	if say == wire.Registration {
		return m.registration(p, a, now, chance)
	}
	return m.receipt(p, r, a, now, chance)
}

func (m Schedule) beaten(p *SessionState, a Reply) wire.CentralVerdict {
	v := a.verdict(wire.JudgeHeartbeat, p.CP)
	if v == wire.NotRegistered {
		p.Registered = false
	}
	return v
}

// lost begins an outage, or lets it go on.
func (m Schedule) lost(p *SessionState, now time.Time, chance float64) {
	if !p.Away {
		p.Away, p.AwaySince = true, now
	}
	p.Registered = false
	m.later(p, now, chance)
}

func (m Schedule) later(p *SessionState, now time.Time, chance float64) {
	p.Attempts++
	p.RetryAt = now.Add(m.Backoff.Delay(p.Attempts, chance))
}

func (m Schedule) registration(p *SessionState, a Reply, now time.Time, chance float64) wire.CentralVerdict {
	v := a.verdict(wire.JudgeRegistration, p.CP)
	switch v {
	case wire.Accepted:
		p.Beat = time.Time{} // a Central that just accepted knows no state: tell it at once
		p.Registered, p.Greeted, p.Refused, p.Away, p.Attempts, p.RetryAt = true, true, false, false, 0, time.Time{}
	case wire.Rejected:
		p.Refused, p.Away, p.Attempts = true, false, 0
		p.RetryAt = now.Add(m.RefusalRetry)
	default:
		m.later(p, now, chance)
	}
	return v
}

func (m Schedule) receipt(p *SessionState, r Report, a Reply, now time.Time, chance float64) wire.CentralVerdict {
	v := a.verdict(wire.JudgeReceipt, p.CP)
	switch v {
	case wire.Accepted:
		m.received(p, r, now)
	case wire.NotRegistered:
		p.Registered = false
		p.Strange++
		if p.Strange > 1 { // accepts and then forgets: no hurry with such a Central
			p.RetryAt = now.Add(m.Backoff.Delay(p.Strange, chance))
		}
	default:
		m.later(p, now, chance)
	}
	return v
}

// received settles a report.
func (m Schedule) received(p *SessionState, r Report, now time.Time) {
	if p.Queue = without(p.Queue, r); r.Repeat == 0 {
		p.Told = append(p.Told, r)
	}
	p.Attempts, p.Strange, p.RetryAt = 0, 0, time.Time{}
	if !r.Recovery {
		p.Last, p.ToldAt, p.Open = r, now, !p.recovers(r.Incident)
	}
}

// recovers reports whether the recovery of the incident is waiting already.
func (p *SessionState) recovers(id evcp.EventID) bool {
	for _, q := range p.Queue {
		if q.Recovery && q.Incident == id {
			return true
		}
	}
	return false
}
