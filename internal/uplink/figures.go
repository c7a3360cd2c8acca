package uplink

import (
	"sync/atomic"
	"time"

	"evcp"
	"evcp/internal/metrics"
)

// ReportResult is what became of a report that was sent.
type ReportResult uint8

const (
	// ReportReceived: Central sent a receipt.
	ReportReceived ReportResult = iota
	// ReportNotTaken: Central answered, but not with a receipt.
	ReportNotTaken
	// ReportNotRegistered: Central does not know the Monitor; it registers and reports again.
	ReportNotRegistered
	// ReportUnanswered: no reply came in time, or there was no connection.
	ReportUnanswered
)

var resultNames = [...]string{"received", "not_taken", "not_registered", "unanswered"}

// String is the word used in metrics.
func (r ReportResult) String() string { return resultNames[min(int(r), len(resultNames)-1)] }

func resultOf(reply SendResult) ReportResult {
	switch {
	case !reply.Received:
		return ReportUnanswered
	case reply.Verdict == Accepted:
		return ReportReceived
	case reply.Verdict == NotRegistered:
		return ReportNotRegistered
	}
	return ReportNotTaken
}

// Figures are what an Uplink counts of its own work.
type Figures struct {
	Reports  []SentReports        // every pair there is
	Delivery metrics.Distribution // of first reports: from detection to Central's receipt
	Pending  int                  // reports without an answer
	Sessions map[SessionPhase]int // charge points in each phase; all phases
}

// Refused is how many charge points Central refuses.
func (f Figures) Refused() int { return f.Sessions[Refused] }

// SentReports counts reports that were sent, repeats included.
type SentReports struct {
	Recovery bool
	Result   ReportResult
	Count    uint64
}

// meter is what the sessions count and others read.
type meter struct {
	reports  [2][len(resultNames)]atomic.Uint64 // of failures, of recoveries
	delivery *metrics.Histogram
}

func (m *meter) begin() {
	const ms = time.Millisecond
	m.delivery = metrics.NewHistogram(5*ms, 10*ms, 25*ms, 50*ms, 100*ms, 250*ms, 500*ms, 1000*ms, 2500*ms, 5000*ms,
		15*time.Second, time.Minute, 5*time.Minute, time.Hour)
}

// reported counts one report.
func (m *meter) reported(r Report, res ReportResult, now evcp.Stamp) {
	kind := 0
	if r.Recovery {
		kind = 1
	}
	m.reports[kind][res].Add(1)
	if res == ReportReceived && r.Repeat == 0 && r.At != 0 {
		m.delivery.Observe(now.Sub(r.At))
	}
}

// Figures reads the counts. Any goroutine may call at any time.
func (u *Uplink) Figures() Figures {
	f := Figures{
		Delivery: u.meter.delivery.Read(),
		Sessions: map[SessionPhase]int{Connecting: 0, Registered: 0, Refused: 0, Away: 0},
	}
	for kind := range u.meter.reports {
		for res := range resultNames {
			f.Reports = append(f.Reports, SentReports{kind == 1, ReportResult(res), u.meter.reports[kind][res].Load()})
		}
	}
	for _, s := range u.sessions {
		status := s.shown()
		f.Sessions[status.Phase]++
		f.Pending += status.Pending
	}
	return f
}
