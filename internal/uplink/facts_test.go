package uplink

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp"
	"evcp/internal/outbox"
)

// factsModel is a list of what is to be reported, read anew each time.
type factsModel struct {
	u       *Uplink
	t       *rapid.T
	last    int64 // position of the newest fact
	kept    int64 // what is newer may be numbered anew
	reports []modelReport
	newest  [3]evcp.EventID // incidents, by charge point
}

type modelReport struct {
	handle   int32
	failed   bool
	at       evcp.Stamp
	incident evcp.EventID
	pos      int64 // 0: given up, and still to be reported
}

const watchedCPs = 2 // the third one is not watched

// TestTheOldestOpenFactIsKept has failures, recoveries, receipts, disks that refuse and facts that
// are given up, of three charge points, one of them not watched, and compares with a list.
func TestTheOldestOpenFactIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &factsModel{t: t, u: &Uplink{instantClock: newInstantClock(time.Now()), pool: pool{shared: newQueue()}, meter: newMeter()}}
		for i := range int32(watchedCPs) {
			m.u.add(i, evcp.CPID('A'+i), time.Second)
		}
		t.Repeat(map[string]func(*rapid.T){
			"incident": m.incident, "receipt": m.receipt, "refuse": m.refuse, "give up": m.giveUp, "": m.check,
		})
	})
}

func (m *factsModel) deliver(action evcp.Action, r modelReport, kept bool) {
	m.u.deliverOne(outbox.Fact{Pos: m.last, Handle: r.handle, Action: action, At: r.at, Incident: r.incident, Kept: kept}, m.u.now())
}

func (r modelReport) action() evcp.Action {
	if r.failed {
		return evcp.EngineFailed
	}
	return evcp.EngineRecovered
}

// incident is a failure, or the recovery of the newest one.
func (m *factsModel) incident(t *rapid.T) {
	m.last++
	r := modelReport{handle: int32(rapid.IntRange(0, watchedCPs).Draw(t, "cp")), at: evcp.Stamp(m.last), pos: m.last}
	newest := &m.newest[r.handle]
	if *newest == (evcp.EventID{}) {
		r.failed, *newest = true, evcp.EventID{Epoch: 1, Seq: uint64(m.last)}
	}
	r.incident = *newest
	if !r.failed {
		*newest = evcp.EventID{}
	}
	kept := m.kept == m.last-1 && rapid.Bool().Draw(t, "kept")
	if kept {
		m.kept = m.last
	}
	if r.handle < watchedCPs {
		m.reports = append(m.reports, r)
	}
	m.deliver(r.action(), r, kept)
}

// receipt is the kept receipt of any report.
func (m *factsModel) receipt(t *rapid.T) {
	if len(m.reports) == 0 {
		t.Skip("nothing to be reported")
	}
	i := rapid.IntRange(0, len(m.reports)-1).Draw(t, "report")
	r := m.reports[i]
	m.reports = slices.Delete(m.reports, i, i+1)
	m.last++
	m.kept = m.last
	if r.failed {
		m.deliver(evcp.ReportEngineFailure, r, true)
	} else {
		m.deliver(evcp.ReportEngineRecovery, r, true)
	}
}

// refuse is a disk that refuses: what was not kept is numbered anew.
func (m *factsModel) refuse(*rapid.T) {
	end := m.last
	for i := range m.reports {
		r := &m.reports[i]
		if r.pos <= m.kept {
			continue
		}
		m.last++
		if was := r.incident; r.failed {
			r.incident = evcp.EventID{Epoch: 2, Seq: uint64(m.last)}
			m.rename(was, r.incident, end)
		}
		r.pos = m.last
		m.deliver(r.action(), *r, false)
	}
}

// rename gives the recoveries that are not kept the new id of their incident.
func (m *factsModel) rename(was, now evcp.EventID, end int64) {
	for i := range m.reports {
		if r := &m.reports[i]; r.incident == was && r.pos > m.kept && r.pos <= end {
			r.incident = now
		}
	}
	for i := range m.newest {
		if m.newest[i] == was {
			m.newest[i] = now
		}
	}
}

// giveUp gives up the oldest facts that are kept, but of one charge point its newest incident.
func (m *factsModel) giveUp(t *rapid.T) {
	gone := outbox.FactRange{UpTo: int64(rapid.IntRange(0, int(m.kept)).Draw(t, "up to"))}
	for i := range int32(watchedCPs) {
		m.u.change(i, m.u.now(), func(s *SessionState) { s.giveUp(gone, m.newest[i]) })
	}
	m.reports = slices.DeleteFunc(m.reports, func(r modelReport) bool { return (r.pos == 0 || gone.Has(r.pos)) && r.incident != m.newest[r.handle] })
	for i := range m.reports {
		if r := &m.reports[i]; gone.Has(r.pos) {
			r.pos = 0
		}
	}
}

func (m *factsModel) check(t *rapid.T) {
	want, settled := [watchedCPs][]Outbound{}, m.last
	for _, r := range m.reports {
		if r.pos != 0 {
			settled = min(settled, r.pos-1)
		}
		op := ReportRecovery
		if r.failed {
			op = ReportFailure
		}
		want[r.handle] = append(want[r.handle], Outbound{Operation: op, Incident: r.incident, At: r.at})
	}
	if got := m.u.settledUpTo(); got != settled {
		t.Fatalf("settled up to %d, want %d of %+v", got, settled, m.reports)
	}
	for i := range want {
		var got []Outbound
		if r := m.u.sessions[i].state.Reports; r != nil {
			for _, q := range r.Queue {
				got = append(got, q.message())
			}
		}
		if !slices.Equal(got, want[i]) {
			t.Fatalf("to be reported is\n%+v, want\n%+v", got, want[i])
		}
	}
	if m.u.pending != len(m.reports) {
		t.Fatalf("%d pending, want %d", m.u.pending, len(m.reports))
	}
}
