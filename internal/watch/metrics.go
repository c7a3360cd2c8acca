package watch

import (
	"maps"
	"runtime"
	"slices"

	"evcp"
	"evcp/internal/metrics"
	"evcp/internal/uplink"
	"evcp/internal/version"
)

// maxOpen is how many open incidents a metric names: a fleet that is down must not
// bring its metrics server down too. The rest is counted.
const maxOpen = 100

// metrics writes all metrics. Their names are a contract: dashboards and alerts are
// built on them.
func (r *runner) metrics(m *metrics.Writer) {
	m.Gauge("evcp_build_info", "The build that runs; always 1.").
		Value(1, "version", r.o.Version, "revision", version.Revision(), "goversion", runtime.Version())
	r.chargePointMetrics(m)
	r.o.Files.Metrics(m)
	r.checkMetrics(m)
	r.centralMetrics(m)
	r.outboxMetrics(m)
	m.Counter("evcp_log_dropped_total", "What the log left out: lines that nobody read or that could not be written, and kept events and notices that came faster than they can be logged.").
		Value(float64(r.o.Console.Lost()), "kind", "line").
		Value(float64(r.log.tail.Dropped()), "kind", "event").Value(float64(r.log.notices.dropped.Load()), "kind", "notice")
	failed, last := r.reloads.read()
	successful := 1.0
	if failed {
		successful = 0
	}
	if last.IsZero() {
		last = r.opened
	}
	m.Gauge("evcp_config_last_reload_successful", "Whether the configuration was read without errors when it was last read.").Value(successful)
	m.Gauge("evcp_config_last_reload_success_timestamp_seconds", "When the configuration was last read without errors.").Time(last)
}

// chargePointMetrics counts charge points by the state they are shown in, and names
// those with an open incident.
func (r *runner) chargePointMetrics(m *metrics.Writer) {
	s := r.overview()
	m.Gauge("evcp_charge_points", "Charge points by the state they are shown as.")
	for _, state := range shownStates {
		m.Value(float64(s.states[state]), "state", state.String())
	}
	m.Gauge("evcp_incident_open", "1 for each open incident, at most 100 of them.")
	for _, c := range s.open[:min(len(s.open), maxOpen)] {
		m.Value(1, "cp_id", string(c.cp), "site", c.policy.Site, "cause", r.box.State(c.cp).Incident.Cause.String())
	}
	m.Gauge("evcp_incident_open_excess", "Open incidents beyond those that evcp_incident_open names.").
		Value(float64(max(len(s.open)-maxOpen, 0)))
}

func (r *runner) checkMetrics(m *metrics.Writer) {
	f := r.monitor.Figures()
	m.Counter("evcp_checks_total", "Checks by outcome and cause.")
	for _, c := range f.Checks {
		labels := []string{"outcome", c.Status.String(), "cause", c.Cause.String()}
		if detail := c.Cause.Detail(); detail != "" {
			labels = append(labels, "detail", detail)
		}
		m.Value(float64(c.Count), labels...)
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

func (r *runner) centralMetrics(m *metrics.Writer) {
	f := r.uplink.Figures()
	m.Counter("evcp_reports_total", "Reports sent to Central, repeats included, by what became of them.")
	for _, r := range f.Reports {
		kind := "failure"
		if r.Recovery {
			kind = "recovery"
		}
		m.Value(float64(r.Count), "kind", kind, "result", r.Result)
	}
	m.Histogram("evcp_report_delivery_seconds", "From detection to Central's receipt, first reports only.", f.Delivery)
	m.Gauge("evcp_reports_pending", "Reports that Central has not answered yet.").Value(float64(f.Pending))
	m.Counter("evcp_reports_given_up_total", "Reports given up with their events at the bound of the outbox, before Central answered.").Value(float64(f.GivenUp))
	m.Gauge("evcp_central_sessions", "Charge points by where they stand with Central.")
	for _, phase := range slices.Sorted(maps.Keys(f.Sessions)) {
		m.Value(float64(f.Sessions[phase]), "state", phase.String())
	}
	m.Gauge("evcp_registration_refused", "Charge points whose registration Central refuses.").Value(float64(f.Sessions[uplink.Refused]))
}

func (r *runner) outboxMetrics(m *metrics.Writer) {
	s := r.box.Stats()
	m.Gauge("evcp_outbox_bytes", "Bytes in use by kept events, as of the last look.").Value(float64(s.Bytes))
	m.Gauge("evcp_outbox_wal_bytes", "Bytes of SQLite's write-ahead log beside them.").Value(float64(s.LogBytes))
	m.Gauge("evcp_outbox_limit_bytes", "Most bytes that both together may have.").Value(float64(s.Limit))
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
