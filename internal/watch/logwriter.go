package watch

import (
	"context"
	"log/slog"
	"time"

	"evcp"
	"evcp/internal/console"
	"evcp/internal/display"
	"evcp/internal/kafka"
	"evcp/internal/logtext"
	"evcp/internal/outbox"
	"evcp/internal/uplink"
)

// Lengths of the queues towards the console. What finds its queue full is dropped and
// counted; a metric and, once the queues are empty again, a log line give the count.
const (
	tailLength   = 1024 // batches of events
	noticeLength = 64   // and two more for each charge point of a fleet
)

// How many charge points to which the same happens within a second have a line each, and how
// many lines there are at most when it happens to more: to a person, and elsewhere. Off a
// terminal that stays below the 10,000 lines in 30 s beyond which journald drops what a
// service logs: docs/decisions/0044.
const (
	personSingles, personGroups   = 3, 5
	machineSingles, machineGroups = 60, 60
)

// logWriter writes the log and the live line. Only its goroutine, run, formats and
// prints; others queue what they have for it and never wait.
type logWriter struct {
	console   *console.Console
	formatter *logtext.Formatter
	fleet     *logtext.FleetLog // nil: each change has a line, at once
	tail      *outbox.Tail
	notices   noticeQueue
	ended     chan struct{} // closed when nothing more can come

	latency time.Duration // of the last check
	kafka   display.Shape // Up or Gone
	rate    checkRate
	// What the log has already said that it left out.
	loggedEvents, loggedNotices uint64
}

// newLogWriter makes the log of a Monitor of so many charge points; lone is one that is no
// fleet. At debug level every change of a fleet has a line.
func newLogWriter(c *console.Console, f logtext.Formatter, tail *outbox.Tail, lone bool, cps int) *logWriter {
	w := &logWriter{console: c, formatter: &f, tail: tail, ended: make(chan struct{}), kafka: display.Gone}
	w.notices = noticeQueue{most: noticeLength, come: make(chan struct{}, 1)}
	f.Fleet, f.NoDebug = !lone, !c.Logger().Enabled(context.Background(), slog.LevelDebug)
	if lone || !f.NoDebug {
		return w
	}
	w.notices.most += 2 * cps
	w.fleet = &logtext.FleetLog{Formatter: &f, Singles: machineSingles, Groups: machineGroups}
	if c.Terminal() {
		w.fleet.Singles, w.fleet.Groups, w.fleet.WholeSites = personSingles, personGroups, true
	}
	return w
}

// restore takes over what is kept of charge points, before their first events come: it returns
// when the goroutine of run has done it.
func (w *logWriter) restore(targets []Target, state func(evcp.CPID) evcp.State) {
	done := make(chan struct{})
	queued := w.notices.add(func() {
		defer close(done)
		for _, t := range targets {
			w.formatter.Restore(t.CP, state(t.CP))
		}
	})
	if queued {
		<-done
	}
}

// run writes until ended is closed, and then what is still queued. events, if set,
// gets all events of the tail; live makes the live line, once a second.
func (w *logWriter) run(live func() []string, events func([]evcp.Event)) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	if !w.console.Terminal() {
		second.Stop()
	}
	counted := time.NewTimer(0) // when lines that count are due
	defer counted.Stop()
	defer w.console.Close()
	for running := true; running || len(w.tail.C) > 0 || w.notices.length() > 0; {
		select {
		case batch := <-w.tail.C:
			w.events(batch, events)
		case <-w.notices.come:
			w.notices.each(func(write func()) { write() })
		case now := <-counted.C:
			w.writeCounted(now)
		case <-second.C:
			w.console.Live(live()...)
		case <-w.ended:
			running = false
		}
		w.wakeWhenCounted(counted)
		w.logDropped()
	}
	w.writeRest()
}

func (w *logWriter) wakeWhenCounted(timer *time.Timer) {
	if w.fleet == nil {
		return
	}
	if next := w.fleet.Next(); !next.IsZero() {
		timer.Reset(time.Until(next))
	}
}

func (w *logWriter) writeCounted(now time.Time) {
	if w.fleet != nil {
		w.writeAll(w.fleet.Lines(now))
	}
}

// writeRest writes what still waits for changes like it.
func (w *logWriter) writeRest() {
	if w.fleet != nil {
		w.writeAll(w.fleet.Rest())
	}
}

// logDropped says what found a queue full, as soon as both queues are empty.
func (w *logWriter) logDropped() {
	if len(w.tail.C) > 0 || w.notices.length() > 0 {
		return
	}
	events, notices := w.tail.Dropped(), w.notices.dropped.Load()
	if events > w.loggedEvents || notices > w.loggedNotices {
		w.write(w.formatter.Dropped(events-w.loggedEvents, notices-w.loggedNotices))
	}
	w.loggedEvents, w.loggedNotices = events, notices
}

func (w *logWriter) events(batch []evcp.Event, events func([]evcp.Event)) {
	if events != nil {
		events(batch)
	}
	now := time.Now()
	for _, e := range batch {
		if w.fleet != nil {
			w.fleet.Event(e, now)
			continue
		}
		if e.Action == evcp.HealthCheck {
			w.latency = e.Latency
		}
		if l, ok := w.formatter.Event(e); ok {
			w.write(l)
		}
	}
}

func (w *logWriter) writeAll(lines []logtext.LogLine) {
	for _, l := range lines {
		w.write(l)
	}
}

func (w *logWriter) write(l logtext.LogLine) {
	h, level := w.console.Logger().Handler(), slog.Level(l.Level)
	if !h.Enabled(context.Background(), level) {
		return
	}
	if l.At.IsZero() {
		l.At = time.Now()
	}
	r := slog.NewRecord(l.At, level, l.Text, 0)
	r.AddAttrs(console.Shape(l.Shape))
	if l.CP != "" {
		r.AddAttrs(console.CP(l.CP))
	}
	for _, f := range l.Fields {
		r.AddAttrs(slog.Any(f.Key, f.Value))
	}
	_ = h.Handle(context.Background(), r) // never fails
}

// onCentral queues a diagnostic of the uplink. Any goroutine may call.
func (w *logWriter) onCentral(d uplink.Diagnostic) {
	w.notices.add(func() {
		if w.fleet != nil {
			w.fleetDiagnostic(d)
			return
		}
		l := w.diagnostic(d)
		if d.Count > 1 {
			l.CP = ""
			l.Fields = append(l.Fields, logtext.Field{Key: "charge_points", Value: d.Count})
		}
		w.write(l)
	})
}

func (w *logWriter) diagnostic(d uplink.Diagnostic) logtext.LogLine {
	switch d.Kind {
	case uplink.OutageBegan:
		return w.formatter.CentralAway(d.CP, d.Cause, d.Reply)
	case uplink.OutageEnded:
		return w.formatter.CentralBack(d.CP, d.Outage, d.Pending)
	case uplink.NotCentral:
		return w.formatter.NotCentral(d.CP, d.Reply)
	default:
		return w.formatter.ReportRejected(d.CP, d.Reply)
	}
}

func (w *logWriter) fleetDiagnostic(d uplink.Diagnostic) {
	now := time.Now()
	switch d.Kind {
	case uplink.OutageBegan:
		w.fleet.CentralAway(d.CP, d.Count-1, d.Cause, d.Reply, now)
	case uplink.OutageEnded:
		w.fleet.CentralBack(d.CP, d.Count-1, d.Outage, d.Pending, now)
	case uplink.NotCentral:
		w.fleet.NotCentral(d.CP, d.Count-1, d.Reply, now)
	default:
		w.fleet.ReportRejected(d.CP, d.Count-1, d.Reply, now)
	}
}

// onKafka queues a change of the connection to Kafka. Any goroutine may call.
// CatchingUp has no line: it comes when the backlog has arrived.
func (w *logWriter) onKafka(s kafka.ConnectionStatus) {
	w.notices.add(func() {
		w.kafka = display.Gone
		if s.Phase == kafka.Connected || s.Phase == kafka.CatchingUp {
			w.kafka = display.Up
		}
		switch {
		case s.Phase == kafka.Away:
			w.write(w.formatter.KafkaAway(logtext.KafkaOutage{
				Cause: s.Cause, Reply: s.ErrorText(), Ever: s.EverConnected, Broker: s.Broker, Answering: s.Answering,
			}))
		case s.Phase == kafka.Connected && s.Outage > 0:
			w.write(w.formatter.KafkaBack(s.Outage, s.Delivered, s.GivenUp))
		case s.Phase == kafka.Connected:
			w.write(w.formatter.KafkaConnected(s.Pending))
		}
	})
}

// onKafkaTrouble queues what hinders a Kafka that takes events. Any goroutine may call.
func (w *logWriter) onKafkaTrouble(err error) {
	w.notices.add(func() { w.write(w.formatter.KafkaTrouble(kafka.ErrorText(err))) })
}
