package watch

import (
	"cmp"
	"os"
	"runtime"
	"slices"
	"time"

	"evcp"
	"evcp/internal/explain"
	"evcp/internal/kafka"
	"evcp/internal/monitor"
	"evcp/internal/outbox"
	"evcp/internal/probe"
	"evcp/internal/wire"
)

// How much of each charge point's past the status document has.
const (
	recentChecks   = 20
	recentMessages = 10
)

// status is the document behind GET /api/v1/status.
func (r *runner) status() explain.MonitorStatus {
	d := explain.MonitorStatus{
		Program: "ev-cp-m", Version: r.o.Version, Instance: r.o.Policy.Instance, PID: os.Getpid(),
		Now: explain.MomentOf(time.Now()), Started: explain.MomentOf(r.opened), Healthy: true,
		Outbox: r.outboxStatus(), Kafka: r.kafkaStatus(),
		Log: explain.LogStatus{Events: r.log.tail.Dropped(), Notices: r.log.notices.dropped.Load()},
	}
	for _, f := range r.o.Files.Files() {
		file := explain.FileStatus{Use: f.Use, Path: f.Path, Expires: explain.MomentOf(f.Expires), Unverified: f.Unverified}
		if f.Err != nil {
			file.Rejected = wire.Text([]byte(f.Err.Error()))
		}
		d.Files = append(d.Files, file)
	}
	past := r.past()
	for _, t := range r.o.Targets {
		d.ChargePoints = append(d.ChargePoints, r.chargePointStatus(t, past[t.CP]))
	}
	note, err := r.healthy()
	d.Note = note
	if err != nil {
		d.Healthy, d.Trouble = false, err.Error()
	}
	f := r.monitor.Figures()
	d.Totals.Missed, d.Totals.Last = f.Missed, explain.MomentOf(f.Last)
	d.Totals.Total, d.Totals.Failed = checksOf(f)
	return d
}

// checksOf is how many checks this process has completed, and how many failed.
func checksOf(f monitor.Figures) (total, failed uint64) {
	for _, c := range f.Checks {
		total += c.Count
		if c.Status.Failed() {
			failed += c.Count
		}
	}
	return total, failed
}

func (r *runner) chargePointStatus(t probe.Target, past *recentEvents) explain.ChargePointStatus {
	cp, s := t.CP, r.box.State(t.CP)
	shown := s.Shown(evcp.StampOf(time.Now()), r.o.Interval)
	c := explain.ChargePointStatus{
		CP: cp, Engine: t.Address, State: shown.String(), Since: explain.Moment(r.monitor.Since(cp)),
		LastOK: explain.Moment(s.LastOK), Failures: s.Failures, Fall: r.o.Policy.Fall, OKs: s.Oks, Rise: r.o.Policy.Rise,
		TimeoutMS: explain.Millis(r.o.Timeout),
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
	c.Central = r.centralStatus(cp)
	c.Checks, c.Central.Answered = past.checks, past.answered
	c.Next = r.schedule(cp)
	return c
}

// recentEvents are what the newest kept events say of one charge point.
type recentEvents struct {
	checks   []explain.CheckStatus
	answered []explain.MessageStatus
}

func (p *recentEvents) full() bool {
	return len(p.checks) == recentChecks && len(p.answered) == recentMessages
}

// past is what the newest kept events say of each charge point, oldest first.
func (r *runner) past() map[evcp.CPID]*recentEvents {
	past := map[evcp.CPID]*recentEvents{}
	for _, cp := range r.o.cps() {
		past[cp] = &recentEvents{checks: []explain.CheckStatus{}, answered: []explain.MessageStatus{}}
	}
	unfilled := len(past)
	for line := range r.box.Latest() {
		if unfilled == 0 {
			break
		}
		if p := past[evcp.CPID(line.CP())]; p != nil && p.add(line) && p.full() {
			unfilled--
		}
	}
	for _, p := range past {
		slices.Reverse(p.checks)
		slices.Reverse(p.answered)
	}
	return past
}

// add takes an event over if it is wanted and there is room, and reports whether
// it did.
func (p *recentEvents) add(line outbox.Line) bool {
	check := line.Action() == evcp.HealthCheck
	if check && len(p.checks) == recentChecks || !check && len(p.answered) == recentMessages {
		return false
	}
	e, err := evcp.ParseEvent(line)
	if err != nil {
		return false // can't be: it came from AppendJSON
	}
	message := answeredMessage(e)
	switch {
	case check:
		p.checks = append(p.checks, explain.CheckStatus{
			At: explain.Moment(e.At), Status: e.Status.String(), Cause: e.Cause.String(), Detail: e.Cause.Detail(),
			LatencyMS: explain.Millis(e.Latency), Response: e.Response, Failures: e.Failures,
		})
	case message != "":
		p.answered = append(p.answered, explain.MessageStatus{
			At: explain.Moment(e.At), Message: message, Repeat: e.Repeat, Answered: true, Answer: e.Response, LatencyMS: explain.Millis(e.Latency),
		})
	}
	return check || message != ""
}

// answeredMessage is the message to which Central's answer is this event; "" for
// other events.
func answeredMessage(e evcp.Event) string {
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

func (r *runner) centralStatus(cp evcp.CPID) explain.CentralStatus {
	s := r.uplink.Status(cp)
	c := explain.CentralStatus{Address: r.o.Central, State: s.Phase.String(), Since: explain.MomentOf(s.Since), Pending: s.Pending}
	if last := s.LastExchange; last.Message != "" {
		c.Last = &explain.MessageStatus{
			At: explain.MomentOf(last.At), Message: last.Message, Repeat: last.Repeat,
			Answered: last.Reply.Received, Answer: last.Reply.Text, LatencyMS: explain.Millis(last.Reply.Latency),
		}
		if !last.Reply.Received {
			c.Last.Cause, c.Last.Detail, c.Last.Why = last.Reply.Cause.String(), last.Reply.Cause.Detail(), last.Reply.Why
		}
	}
	return c
}

// schedule is what happens next by the clock alone, in order of time.
func (r *runner) schedule(cp evcp.CPID) []explain.ScheduleStatus {
	steps := []explain.ScheduleStatus{{At: explain.MomentOf(r.monitor.NextCheck(cp)), To: "engine", What: wire.HealthCheck.String()}}
	if s := r.uplink.Status(cp); s.Next != "" {
		steps = append(steps, explain.ScheduleStatus{At: explain.MomentOf(s.NextAt), To: "central", What: s.Next})
	}
	slices.SortStableFunc(steps, func(a, b explain.ScheduleStatus) int { return cmp.Compare(a.At, b.At) })
	return steps
}

func (r *runner) kafkaStatus() *explain.KafkaStatus {
	if r.kafka == nil {
		return nil
	}
	s := r.kafka.Status()
	k := &explain.KafkaStatus{
		Brokers: r.o.Brokers, Topic: r.o.Topic, State: s.Phase.String(), Since: explain.MomentOf(s.Since),
		Why: s.ErrorText(), Pending: r.pending(),
	}
	if s.Phase == kafka.Away {
		k.Cause, k.Detail = s.Cause.String(), s.Cause.Detail()
		k.Broker, k.Answering = s.Broker, s.Answering
	}
	return k
}

func (r *runner) outboxStatus() explain.OutboxStatus {
	s := r.box.Stats()
	o := explain.OutboxStatus{Folder: r.o.Dir(), Bytes: s.Bytes, Limit: s.Limit, Refused: r.diskTrouble()}
	for _, n := range s.Dropped {
		o.Dropped += n
	}
	return o
}

// support is the document behind GET /api/v1/support, on the socket alone.
func (r *runner) support() explain.Support {
	return explain.Support{
		Settings: r.o.Settings, Log: r.o.Console.Recent(),
		Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH, Threads: runtime.GOMAXPROCS(0),
	}
}
