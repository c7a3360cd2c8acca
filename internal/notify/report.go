package notify

import (
	"strconv"
	"time"

	"evcp/internal/metrics"
)

// AlertReport is how telling people goes on.
type AlertReport struct {
	Incidents int // told, and not over
	Receivers []ReceiverReport
	DiskError string // why nothing is kept; "" while it is
}

// ReceiverReport is how one receiver does.
type ReceiverReport struct {
	Scheme, Host string
	Waiting      int       // messages
	FailingSince time.Time // zero: it does not fail
	LastError    string    // of the last attempt, safe to show; "": it worked
	sendCounts
}

// Report is how telling people goes on. Any goroutine may call it; it waits for nothing.
func (n *Notifier) Report() AlertReport {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.report
}

// publish makes the report. It is not changed afterwards.
func (n *Notifier) publish() {
	r := AlertReport{Incidents: n.incidents.Told(), DiskError: n.diskError, Receivers: make([]ReceiverReport, len(n.queues))}
	for i, l := range n.queues {
		r.Receivers[i] = ReceiverReport{Scheme: l.Scheme, Host: l.Host, Waiting: len(l.queue), FailingSince: l.failing, LastError: textOf(l.err), sendCounts: l.counts}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.report = r
}

// Metrics writes how telling people goes on.
func (n *Notifier) Metrics(m *metrics.Writer) {
	r := n.Report()
	each := func(value func(ReceiverReport) float64) {
		for i, receiver := range r.Receivers {
			m.Value(value(receiver), "receiver", strconv.Itoa(i+1), "scheme", receiver.Scheme, "host", receiver.Host)
		}
	}
	m.Gauge("evcentral_alerts_incidents", "Incidents that people were told of, and that are not over.").Value(float64(r.Incidents))
	m.Gauge("evcentral_alerts_waiting", "Messages that wait for a receiver.")
	each(func(r ReceiverReport) float64 { return float64(r.Waiting) })
	m.Gauge("evcentral_alerts_failing", "1 while the last attempt to reach a receiver failed.")
	each(func(r ReceiverReport) float64 {
		if r.FailingSince.IsZero() {
			return 0
		}
		return 1
	})
	m.Counter("evcentral_alerts_sent_total", "Messages that a receiver took.")
	each(func(r ReceiverReport) float64 { return float64(r.Sent) })
	m.Counter("evcentral_alerts_attempts_failed_total", "Attempts to reach a receiver that failed.")
	each(func(r ReceiverReport) float64 { return float64(r.Failed) })
	m.Counter("evcentral_alerts_dropped_total", "Messages given up: more than 1,000 waited, or the receiver refuses one and takes others.")
	each(func(r ReceiverReport) float64 { return float64(r.Dropped) })
}

// Metrics writes how the Deadman does.
func (d *Deadman) Metrics(m *metrics.Writer) {
	m.Gauge("evcentral_alerts_deadman_ping_timestamp_seconds", "When the dead man's ping was last answered.").Time(d.Report().Pinged)
}
