package watch

import (
	"maps"
	"runtime"
	"slices"
	"time"

	"evcp"
	"evcp/internal/metrics"
	"evcp/internal/version"
)

// mostOpen is how many open incidents are named by a metric: a fleet that is down
// must not bring its metrics server down too. The rest is counted.
const mostOpen = 100

// metrics writes everything there is to count. The names are a contract:
// dashboards and alerts are built on them.
func (w *watcher) metrics(m *metrics.Writer) {
	m.Gauge("evcp_build_info", "The build that runs; always 1.").
		Value(1, "version", w.o.Version, "revision", version.Revision(), "goversion", runtime.Version())
	w.chargePoints(m, []evcp.CPID{w.o.CP})
	w.checkMetrics(m)
	w.centralMetrics(m)
	w.outboxMetrics(m)
	m.Counter("evcp_log_dropped_total", "What the log left out because its output stood still: kept events, and notices of Central and Kafka.").
		Value(float64(w.voice.tail.Dropped()), "kind", "event").Value(float64(w.voice.muted.Load()), "kind", "notice")
	m.Gauge("evcp_config_last_reload_successful", "Whether the configuration was read without errors; 1 since the start.").Value(1)
	m.Gauge("evcp_config_last_reload_success_timestamp_seconds", "When the configuration was last read.").Time(w.started)
}

// chargePoints counts charge points by what they are shown as, and names those
// with an open incident.
func (w *watcher) chargePoints(m *metrics.Writer, cps []evcp.CPID) {
	now := evcp.StampOf(time.Now())
	shown := map[evcp.Status]int{}
	var open []evcp.CPID
	for _, cp := range cps {
		s := w.box.State(cp)
		shown[s.Shown(now, w.o.Interval)]++
		if s.Incident.Open {
			open = append(open, cp)
		}
	}
	m.Gauge("evcp_charge_points", "Charge points by the state they are shown as.")
	for _, s := range []evcp.Status{evcp.OK, evcp.KO, evcp.ConnectionError, evcp.Monitoring} {
		m.Value(float64(shown[s]), "state", s.String())
	}
	m.Gauge("evcp_incident_open", "1 for each open incident, at most 100 of them.")
	for _, cp := range open[:min(len(open), mostOpen)] {
		m.Value(1, "cp_id", string(cp), "site", "", "cause", w.box.State(cp).Incident.Cause.String())
	}
	m.Gauge("evcp_incident_open_excess", "Open incidents beyond those that evcp_incident_open names.").
		Value(float64(max(len(open)-mostOpen, 0)))
}

func (w *watcher) checkMetrics(m *metrics.Writer) {
	f := w.monitor.Figures()
	m.Counter("evcp_checks_total", "Checks by outcome and cause.")
	for _, c := range f.Checks {
		m.Value(float64(c.Count), "outcome", c.Status.String(), "cause", c.Cause.String())
	}
	m.Histogram("evcp_check_duration_seconds", "From a check's first system call to its outcome; UNKNOWN left out.", f.Duration)
	m.Histogram("evcp_check_lateness_seconds", "From the moment a check was due to its start.", f.Lateness)
	m.Counter("evcp_checks_missed_total", "Ticks that passed without a check.").Value(float64(f.Missed))
	m.Gauge("evcp_last_check_timestamp_seconds", "When a check was last completed.").Time(f.Last)
	m.Counter("evcp_incidents_total", "Incidents by the cause that opened them.")
	for _, i := range f.Incidents {
		m.Value(float64(i.Count), "cause", i.Cause.String())
	}
	m.Counter("evcp_stalls_total", "How often this Monitor stood still.").Value(float64(f.Stalls))
	m.Counter("evcp_stall_seconds_total", "How long this Monitor stood still in all.").Value(f.StalledFor.Seconds())
}

func (w *watcher) centralMetrics(m *metrics.Writer) {
	f := w.uplink.Figures()
	m.Counter("evcp_reports_total", "Reports sent to Central, repeats included, by what became of them.")
	for _, r := range f.Reports {
		kind := "failure"
		if r.Recovery {
			kind = "recovery"
		}
		m.Value(float64(r.Count), "kind", kind, "result", r.Result.String())
	}
	m.Histogram("evcp_report_delivery_seconds", "From detection to Central's receipt, first reports only.", f.Delivery)
	m.Gauge("evcp_reports_pending", "Reports that Central has not answered yet.").Value(float64(f.Pending))
	m.Gauge("evcp_central_sessions", "Charge points by where they stand with Central.")
	for _, phase := range slices.Sorted(maps.Keys(f.Sessions)) {
		m.Value(float64(f.Sessions[phase]), "state", phase.String())
	}
	m.Gauge("evcp_registration_refused", "Charge points whose registration Central refuses.").Value(float64(f.Refused()))
}

func (w *watcher) outboxMetrics(m *metrics.Writer) {
	s := w.box.Stats()
	m.Gauge("evcp_outbox_bytes", "Bytes in use by kept events, as of the last look.").Value(float64(s.Bytes))
	m.Gauge("evcp_outbox_limit_bytes", "Most bytes that may be in use.").Value(float64(s.Limit))
	names := slices.Sorted(maps.Keys(s.Cursors))
	m.Gauge("evcp_outbox_pending_events", "Kept events that a reader does not have yet.")
	for _, name := range names {
		m.Value(float64(s.Cursors[name].Events), "cursor", name)
	}
	m.Gauge("evcp_outbox_oldest_pending_timestamp_seconds", "When the oldest of them happened; absent when there is none.")
	for _, name := range names {
		if at := s.Cursors[name].Oldest; at != 0 && s.Cursors[name].Events > 0 {
			m.Time(at.Time(), "cursor", name)
		}
	}
	m.Counter("evcp_outbox_dropped_events_total", "Events given up before every reader had them.")
	for _, action := range []evcp.Action{evcp.HealthCheck, evcp.EngineFailed, evcp.EngineRecovered} {
		if _, dropped := s.Dropped[action.String()]; !dropped {
			s.Dropped[action.String()] = 0
		}
	}
	for _, action := range slices.Sorted(maps.Keys(s.Dropped)) {
		m.Value(float64(s.Dropped[action]), "action", action)
	}
}
