package watch

import (
	"os"
	"slices"
	"time"

	"evcp"
	"evcp/internal/explain"
	"evcp/internal/kafka"
	"evcp/internal/monitor"
	"evcp/internal/uplink"
	"evcp/internal/wire"
)

// program is the name that the document carries.
const program = "ev-cp-m"

// How much of the past the document tells.
const (
	tellChecks = 20
	tellTold   = 10
)

// document is all that this Monitor tells of itself now.
func (w *watcher) document() explain.MonitorStatus {
	d := explain.MonitorStatus{
		Program: program, Version: w.o.Version, Instance: w.o.Policy.Instance, PID: os.Getpid(),
		Now: explain.MomentOf(time.Now()), Started: explain.MomentOf(w.started), Healthy: true,
		ChargePoints: []explain.ChargePointStatus{w.chargePoint(w.o.CP)}, Outbox: w.outboxPart(), Kafka: w.kafkaPart(),
		Log: explain.LogStatus{Events: w.voice.tail.Dropped(), Notices: w.voice.muted.Load()},
	}
	note, err := w.healthy()
	d.Note = note
	if err != nil {
		d.Healthy, d.Trouble = false, err.Error()
	}
	f := w.monitor.Figures()
	d.Totals.Missed, d.Totals.Last = f.Missed, explain.MomentOf(f.Last)
	d.Totals.Total, d.Totals.Failed = checksOf(f)
	return d
}

// checksOf is how many checks there were in this life, and how many failed.
func checksOf(f monitor.Figures) (total, failed uint64) {
	for _, c := range f.Checks {
		total += c.Count
		if c.Status.Failed() {
			failed += c.Count
		}
	}
	return total, failed
}

func (w *watcher) chargePoint(cp evcp.CPID) explain.ChargePointStatus {
	s := w.box.State(cp)
	shown := s.Shown(evcp.StampOf(time.Now()), w.o.Interval)
	c := explain.ChargePointStatus{
		CP: cp, Engine: w.o.Engine, State: shown.String(), Since: explain.Moment(w.monitor.Since(cp)),
		LastOK: explain.Moment(s.LastOK), Failures: s.Failures, Fall: w.o.Policy.Fall, OKs: s.Oks, Rise: w.o.Policy.Rise,
		TimeoutMS: explain.Millis(w.o.Timeout),
	}
	if shown == evcp.Monitoring {
		c.Since = explain.Moment(s.LastCountable)
	}
	if i := s.Incident; i.Open {
		c.Cause = s.Cause.String()
		c.Incident = &explain.IncidentStatus{
			ID: i.ID.Text(cp), Since: explain.Moment(i.Since), Cause: i.Cause.String(), Reports: i.Reports, ReportedAt: explain.Moment(i.ReportedAt),
		}
	}
	c.Central = w.centralPart(cp)
	c.Checks, c.Central.Answered = w.past(cp)
	c.Next = w.next(cp)
	return c
}

// past is what the newest kept events tell, the oldest first.
func (w *watcher) past(cp evcp.CPID) (checks []explain.CheckStatus, told []explain.MessageStatus) {
	checks, told = []explain.CheckStatus{}, []explain.MessageStatus{}
	for line := range w.box.Latest() {
		check := line.Action() == evcp.HealthCheck
		full := len(checks) == tellChecks
		if full && len(told) == tellTold {
			break
		}
		if string(line.CP()) != string(cp) || check && full || !check && len(told) == tellTold {
			continue
		}
		e, err := evcp.ParseEvent(line)
		if err != nil {
			continue // it came from AppendJSON; a test holds the two together
		}
		if check {
			checks = append(checks, outcome(e))
		} else if what := toldBy(e); what != "" {
			told = append(told, explain.MessageStatus{
				At: explain.Moment(e.At), Message: what, Repeat: e.Repeat, Answered: true, Answer: e.Response, LatencyMS: explain.Millis(e.Latency),
			})
		}
	}
	slices.Reverse(checks)
	slices.Reverse(told)
	return checks, told
}

func outcome(e evcp.Event) explain.CheckStatus {
	return explain.CheckStatus{
		At: explain.Moment(e.At), Status: e.Status.String(), Cause: e.Cause.String(),
		LatencyMS: explain.Millis(e.Latency), Response: e.Response, Failures: e.Failures,
	}
}

// toldBy is what Central was told when it answered with this event; "" for others.
func toldBy(e evcp.Event) string {
	switch e.Action {
	case evcp.AuthenticatedWithCentral, evcp.RegistrationRejected:
		return wire.Registration.String()
	case evcp.ReportEngineFailure:
		return wire.EngineFailure.String()
	case evcp.ReportEngineRecovery:
		return wire.EngineRecovered.String()
	}
	return ""
}

func (w *watcher) centralPart(cp evcp.CPID) explain.CentralStatus {
	s := w.uplink.Status(cp)
	c := explain.CentralStatus{Address: w.o.Central, State: s.Phase.String(), Since: explain.MomentOf(s.Since), Pending: w.uplink.Pending()}
	if s.LastExchange.Message != "" {
		c.Last = exchange(s.LastExchange)
	}
	return c
}

func exchange(s uplink.LastExchange) *explain.MessageStatus {
	a := s.Reply
	x := &explain.MessageStatus{
		At: explain.MomentOf(s.At), Message: s.Message, Repeat: s.Repeat, Answered: a.Received, Answer: a.Text, LatencyMS: explain.Millis(a.Latency),
	}
	if !a.Received {
		x.Cause = a.Cause.String()
	}
	return x
}

// next is what happens by itself, by time.
func (w *watcher) next(cp evcp.CPID) []explain.ScheduleStatus {
	steps := []explain.ScheduleStatus{{At: explain.MomentOf(w.monitor.Figures().Next), To: "engine", What: wire.HealthCheck.String()}}
	if s := w.uplink.Status(cp); s.Next != "" {
		steps = append(steps, explain.ScheduleStatus{At: explain.MomentOf(s.NextAt), To: "central", What: s.Next})
	}
	slices.SortStableFunc(steps, func(a, b explain.ScheduleStatus) int { return int(a.At - b.At) })
	return steps
}

func (w *watcher) kafkaPart() *explain.KafkaStatus {
	if w.kafka == nil {
		return nil
	}
	s := w.kafka.Status()
	return &explain.KafkaStatus{
		Brokers: w.o.Brokers, Topic: w.o.Topic, State: s.Phase.String(), Since: explain.MomentOf(s.Since),
		Cause: causeText(s), Why: s.ErrorText(), Pending: w.waiting(),
	}
}

// causeText is why Kafka is away; "" while it is not.
func causeText(s kafka.ConnectionStatus) string {
	if s.Phase != kafka.Away {
		return ""
	}
	return s.Cause.String()
}

func (w *watcher) outboxPart() explain.OutboxStatus {
	s := w.box.Stats()
	o := explain.OutboxStatus{Folder: w.o.Dir(), Bytes: s.Bytes, Limit: s.Limit, Refused: w.diskTrouble()}
	for _, n := range s.Dropped {
		o.Dropped += n
	}
	return o
}
