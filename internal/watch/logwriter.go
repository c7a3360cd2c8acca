package watch

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
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
	noticeLength = 64
)

// logWriter writes the log and the live line. Only its goroutine, run, formats and
// prints; others queue what they have for it and never wait.
type logWriter struct {
	console   *console.Console
	formatter logtext.Formatter
	tail      *outbox.Tail
	notices   chan func()   // each writes its line
	dropped   atomic.Uint64 // notices that found the queue full
	ended     chan struct{} // closed when nothing more can come

	latency time.Duration               // of the last check
	central map[evcp.CPID]display.Shape // Up, Failed when Central refuses; none is Gone
	kafka   display.Shape               // Up or Gone
	// What the log has already said that it left out.
	loggedEvents, loggedNotices uint64
}

func newLogWriter(c *console.Console, f logtext.Formatter, tail *outbox.Tail) *logWriter {
	return &logWriter{
		console: c, formatter: f, tail: tail, notices: make(chan func(), noticeLength), ended: make(chan struct{}),
		central: map[evcp.CPID]display.Shape{}, kafka: display.Gone,
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
	defer w.console.Close()
	for running := true; running || len(w.tail.C) > 0 || len(w.notices) > 0; {
		select {
		case batch := <-w.tail.C:
			w.events(batch, events)
		case write := <-w.notices:
			write()
		case <-second.C:
			w.console.Live(live()...)
		case <-w.ended:
			running = false
		}
		w.logDropped()
	}
}

// logDropped says what found a queue full, as soon as both queues are empty.
func (w *logWriter) logDropped() {
	if len(w.tail.C) > 0 || len(w.notices) > 0 {
		return
	}
	events, notices := w.tail.Dropped(), w.dropped.Load()
	if events > w.loggedEvents || notices > w.loggedNotices {
		w.write(w.formatter.Dropped(events-w.loggedEvents, notices-w.loggedNotices))
	}
	w.loggedEvents, w.loggedNotices = events, notices
}

func (w *logWriter) events(batch []evcp.Event, events func([]evcp.Event)) {
	if events != nil {
		events(batch)
	}
	for _, e := range batch {
		switch e.Action {
		case evcp.HealthCheck:
			w.latency = e.Latency
		case evcp.AuthenticatedWithCentral:
			w.central[e.CP] = display.Up
		case evcp.RegistrationRejected:
			w.central[e.CP] = display.Failed
		}
		if l, ok := w.formatter.Event(e); ok {
			w.write(l)
		}
	}
}

func (w *logWriter) write(l logtext.LogLine) {
	attrs := []slog.Attr{console.Shape(l.Shape)}
	if l.CP != "" {
		attrs = append(attrs, console.CP(l.CP))
	}
	for _, f := range l.Fields {
		attrs = append(attrs, slog.Any(f.Key, f.Value))
	}
	w.console.Logger().LogAttrs(context.Background(), slog.Level(l.Level), l.Text, attrs...)
}

func (w *logWriter) queue(write func()) {
	select {
	case w.notices <- write:
	default:
		w.dropped.Add(1)
	}
}

// onCentral queues a diagnostic of the uplink. Any goroutine may call.
func (w *logWriter) onCentral(d uplink.Diagnostic) {
	w.queue(func() {
		switch d.Kind {
		case uplink.OutageBegan:
			delete(w.central, d.CP)
			w.write(w.formatter.CentralAway(d.CP, d.Cause, d.Reply))
		case uplink.OutageEnded:
			w.central[d.CP] = display.Up
			w.write(w.formatter.CentralBack(d.CP, d.Outage, d.Pending))
		case uplink.NotCentral:
			delete(w.central, d.CP)
			w.write(w.formatter.NotCentral(d.CP, d.Reply))
		default:
			w.write(w.formatter.ReportRejected(d.CP, d.Reply))
		}
	})
}

// onKafka queues a change of the connection to Kafka. Any goroutine may call.
// CatchingUp has no line: it comes when the backlog has arrived.
func (w *logWriter) onKafka(s kafka.ConnectionStatus) {
	w.queue(func() {
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
	w.queue(func() { w.write(w.formatter.KafkaTrouble(kafka.ErrorText(err))) })
}

// live is the live line of a terminal, the best first: in a narrow one the counts
// are left out, and not what is away. It is called by run alone.
func (r *runner) live() []string {
	total, failed := checksOf(r.monitor.Figures())
	engines := r.liveEngines()
	said := r.o.Console.Language()
	peers := said.Sprintf(english.liveCentral, r.log.centralShape(r.o.cps()).Mark())
	if r.kafka != nil {
		peers += " | " + said.Sprintf(english.liveKafka, r.log.kafka.Mark())
	}
	return []string{engines + " | " + english.liveChecks.In(said).Of(int64(total), failed) + " | " + peers, engines + " | " + peers}
}

// liveEngines is the state of the only charge point and how fast its Engine
// answered, or how many charge points are well, failed and neither.
func (r *runner) liveEngines() string {
	if cp := r.o.lone(); cp != "" {
		status, latency := r.shown(cp), ""
		if status == evcp.OK {
			latency = " " + display.Milliseconds(r.log.latency)
		}
		return fmt.Sprintf("%s %s %s%s", cp, display.ShapeOf(status).Mark(), status, latency)
	}
	counts := map[display.Shape]int{}
	for status, n := range r.countStates() {
		counts[display.ShapeOf(status)] += n
	}
	return fmt.Sprintf("%s %d  %s %d  %s %d", display.Up.Mark(), counts[display.Up], display.Failed.Mark(), counts[display.Failed],
		display.Unknown.Mark(), counts[display.Unknown])
}

// centralShape is how Central treats the charge points: the worst of them.
func (w *logWriter) centralShape(cps []evcp.CPID) display.Shape {
	worst := display.Up
	for _, cp := range cps {
		switch shape, ok := w.central[cp]; {
		case !ok:
			return display.Gone
		case shape == display.Failed:
			worst = shape
		}
	}
	return worst
}
