package notify

import (
	"time"
)

// AlertReport is how telling people goes on.
type AlertReport struct {
	Incidents int // told, and not over
	Receivers []ReceiverReport
	DiskError string // why nothing is kept; "" while it is
}

// ReceiverReport is how one receiver does.
type ReceiverReport struct {
	Name         string // scheme and host
	Waiting      int    // messages
	FailingSince time.Time
	LastError    string
	laneCounts
}

// Report is how telling people goes on. Any goroutine may call it; it waits for nothing.
func (n *Notifier) Report() AlertReport {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.report
}

// publish makes the report.
func (n *Notifier) publish() {
	r := AlertReport{Incidents: len(n.incidents.Open()), DiskError: n.diskError, Receivers: make([]ReceiverReport, len(n.lanes))}
	for i, l := range n.lanes {
		r.Receivers[i] = ReceiverReport{Name: l.Name, Waiting: len(l.queue), FailingSince: l.failing, laneCounts: l.counts}
		if l.err != nil {
			r.Receivers[i].LastError = l.err.Error()
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.report = r
}
