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
	"evcp/internal/wire"
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
	d.ChargePoints = []explain.ChargePointStatus{}
	if r.o.lone() == "" {
		d.Fleet = r.fleetStatus()
	} else {
		for c := range r.watched() {
			d.ChargePoints = append(d.ChargePoints, r.chargePointStatus(c, r.past(c.cp)))
		}
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

func (r *runner) chargePointStatus(w cpTarget, past explain.Past) explain.ChargePointStatus {
	cp, s := w.cp, r.box.State(w.cp)
	shown := s.Shown(evcp.StampOf(time.Now()), w.policy.Interval)
	c := explain.ChargePointStatus{
		CP: cp, Site: w.policy.Site, Engine: w.address, State: shown.String(), Since: explain.Moment(r.monitor.Since(cp)),
		LastOK: explain.Moment(s.LastOK), Failures: s.Failures, Fall: w.policy.Fall, OKs: s.Oks, Rise: w.policy.Rise,
		TimeoutMS: explain.Millis(w.policy.Timeout), IntervalMS: explain.Millis(w.policy.Interval),
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
	c.SetPast(past)
	c.Next = r.schedule(cp)
	return c
}

// past is what the newest kept events say of a charge point, as far as the outbox has them in
// memory: of a large fleet that is less than a second.
func (r *runner) past(cp evcp.CPID) (p explain.Past) {
	for line := range r.box.Latest() {
		if string(line.CP()) != string(cp) || !p.Wants(line.Action()) {
			continue
		}
		if e, err := evcp.ParseEvent(line); err == nil { // always: it came from AppendJSON
			p.Add(e)
		}
		if p.Full() {
			break
		}
	}
	return p
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
