package watch

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
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

// Lengths of the queues towards the console, which may stand still while a person
// holds the screen. What finds its queue full is counted, shown as a metric, and
// told in the log as soon as that goes on.
const (
	tailLength   = 1024
	noticeLength = 64
)

// logWriter says what happens. Its goroutine alone tells and prints; what others have
// to say goes through a queue that never waits.
type logWriter struct {
	console *console.Console
	teller  logtext.Formatter
	tail    *outbox.Tail
	notices chan func() (logtext.LogLine, bool)
	muted   atomic.Uint64 // notices that found the queue full
	ended   chan struct{} // closed when nothing more can come

	last    evcp.Event    // the last check
	central display.Shape // how it was when last heard of: up, gone, or failed for refusing
	kafkaUp bool
	// What the log was told that it left out.
	lostEvents, lostNotices uint64
}

func newVoice(c *console.Console, t logtext.Formatter, tail *outbox.Tail) *logWriter {
	return &logWriter{console: c, teller: t, tail: tail, notices: make(chan func() (logtext.LogLine, bool), noticeLength), ended: make(chan struct{}), central: display.Gone}
}

// run speaks until ended is closed, and then says what is left. events, if set,
// is shown all there is.
func (v *logWriter) run(live func() []string, events func([]evcp.Event)) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	if !v.console.Terminal() {
		second.Stop()
	}
	defer v.console.Close()
	for {
		select {
		case batch := <-v.tail.C:
			v.hear(batch, events)
			v.tellLoss()
		case n := <-v.notices:
			v.tellNotice(n)
			v.tellLoss()
		case <-second.C:
			v.console.Live(live()...)
		case <-v.ended:
			v.rest(events)
			return
		}
	}
}

// rest says what is still queued at the end.
func (v *logWriter) rest(events func([]evcp.Event)) {
	for {
		select {
		case batch := <-v.tail.C:
			v.hear(batch, events)
		case n := <-v.notices:
			v.tellNotice(n)
		default:
			v.tellLoss()
			return
		}
	}
}

// tellLoss says what found a queue full, once all that found room is told.
func (v *logWriter) tellLoss() {
	if len(v.tail.C) > 0 || len(v.notices) > 0 {
		return
	}
	events, notices := v.tail.Dropped(), v.muted.Load()
	if events > v.lostEvents || notices > v.lostNotices {
		v.say(v.teller.Dropped(events-v.lostEvents, notices-v.lostNotices))
	}
	v.lostEvents, v.lostNotices = events, notices
}

func (v *logWriter) tellNotice(n func() (logtext.LogLine, bool)) {
	if l, ok := n(); ok {
		v.say(l)
	}
}

func (v *logWriter) hear(batch []evcp.Event, events func([]evcp.Event)) {
	if events != nil {
		events(batch)
	}
	for _, e := range batch {
		switch {
		case e.Action == evcp.HealthCheck:
			v.last = e
		case e.Action == evcp.AuthenticatedWithCentral:
			v.central = display.Up
		case e.Action == evcp.RegistrationRejected:
			v.central = display.Failed
		}
		if l, ok := v.teller.Event(e); ok {
			v.say(l)
		}
	}
}

func (v *logWriter) say(l logtext.LogLine) {
	attrs := []slog.Attr{console.Shape(l.Shape)}
	if l.CP != "" {
		attrs = append(attrs, console.CP(l.CP))
	}
	for _, f := range l.Fields {
		attrs = append(attrs, slog.Any(f.Key, f.Value))
	}
	v.console.Logger().LogAttrs(context.Background(), slog.Level(l.Level), l.Text, attrs...)
}

// queue hands over something to say. It never waits.
func (v *logWriter) queue(n func() (logtext.LogLine, bool)) {
	select {
	case v.notices <- n:
	default:
		v.muted.Add(1)
	}
}

// onCentral is told what changed between the charge point and Central.
func (v *logWriter) onCentral(n uplink.Diagnostic) {
	v.queue(func() (logtext.LogLine, bool) {
		switch n.Kind {
		case uplink.OutageEnded:
			v.central = display.Up
		case uplink.OutageBegan, uplink.NotCentral:
			v.central = display.Gone
		}
		return v.centralLine(n), true
	})
}

func (v *logWriter) centralLine(n uplink.Diagnostic) logtext.LogLine {
	switch n.Kind {
	case uplink.OutageBegan:
		return v.teller.CentralAway(n.CP, n.Cause)
	case uplink.OutageEnded:
		return v.teller.CentralBack(n.CP, n.Outage, n.Pending)
	case uplink.NotCentral:
		return v.teller.NotCentral(n.CP, n.Reply)
	default:
		return v.teller.ReportRejected(n.CP, n.Reply)
	}
}

// onKafka is told each change of how it stands with Kafka.
func (v *logWriter) onKafka(s kafka.ConnectionStatus) {
	v.queue(func() (logtext.LogLine, bool) { return v.tellKafka(s) })
}

func (v *logWriter) tellKafka(s kafka.ConnectionStatus) (logtext.LogLine, bool) {
	v.kafkaUp = s.Phase == kafka.Connected || s.Phase == kafka.CatchingUp
	switch {
	case s.Phase == kafka.Away:
		return v.teller.KafkaAway(s.Cause, s.ErrorText(), s.EverConnected), true
	case s.Phase == kafka.Connected && s.Outage > 0:
		return v.teller.KafkaBack(s.Outage, s.Delivered), true
	case s.Phase == kafka.Connected:
		return v.teller.KafkaConnected(s.Pending), true
	default: // it is told when the backlog has arrived
		return logtext.LogLine{}, false
	}
}

// live is the last line of a terminal: the sign of life. Where that is narrow the
// figures give way, and not what is away.
func (w *watcher) live() []string {
	v := w.voice
	total, failed := checksOf(w.monitor.Figures())
	shown := w.box.State(w.o.CP).Shown(evcp.StampOf(time.Now()), w.o.Interval)
	engine := strings.TrimRight(fmt.Sprintf("%s %s %s %s", w.o.CP, mark(shown), shown, latency(shown, v.last)), " ")
	peers := fmt.Sprintf(english.liveCentral, v.central.Mark())
	if w.kafka != nil {
		peers += " | " + fmt.Sprintf(english.liveKafka, presence(v.kafkaUp))
	}
	return []string{engine + " | " + english.liveChecks.Of(int64(total), failed) + " | " + peers, engine + " | " + peers}
}

func latency(shown evcp.Status, last evcp.Event) string {
	if shown != evcp.OK {
		return ""
	}
	return display.Milliseconds(last.Latency)
}

func mark(s evcp.Status) string {
	switch {
	case s == evcp.OK:
		return display.Up.Mark()
	case s.Failed():
		return display.Failed.Mark()
	default:
		return display.Unknown.Mark()
	}
}

func presence(there bool) string {
	if there {
		return display.Up.Mark()
	}
	return display.Gone.Mark()
}
