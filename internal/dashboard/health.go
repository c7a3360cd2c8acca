package dashboard

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"time"

	"evcp/internal/central"
	"evcp/internal/central/cpstate"
	"evcp/internal/metrics"
	"evcp/internal/status"
	"evcp/internal/version"
	"evcp/internal/wire"
)

// maxNamedFaults is how many open faults have a metric of their own: when a whole
// network fails, the metrics server must not. The rest is counted.
const maxNamedFaults = 100

// stalledAfter is how old the last check for silence may be. Central checks every
// second; a busy machine is no reason to restart it.
const stalledAfter = 10 * time.Second

// endpoints are Central's health, metrics and status.
func (d *Dashboard) endpoints() status.Endpoints {
	return status.Endpoints{
		Healthy: func() (string, error) { return note(d.central.Figures()), d.healthy(time.Now()) },
		Ready: func() error {
			if !d.central.Serving() {
				return errors.New("not listening to Monitors yet")
			}
			return judges(d.central, time.Now()) // it serves the others where a file is lost
		},
		Metrics: d.metrics,
		Status:  d.status,
	}
}

// healthy is the error that keeps Central from its work; nil if there is none.
func (d *Dashboard) healthy(now time.Time) error {
	if err := judges(d.central, now); err != nil || d.filesLost == nil {
		return err
	}
	return d.filesLost()
}

// judges is the error of a Central that judges no charge point any more.
func judges(c *central.Central, now time.Time) error {
	last := c.Figures().SilenceChecked
	if last.IsZero() {
		last = c.Started()
	}
	if stalled := now.Sub(last); stalled > stalledAfter {
		return fmt.Errorf("stands still: nobody was judged for %s", stalled.Round(time.Second))
	}
	return nil
}

// note is a trouble that a restart would not mend.
func note(f central.Figures) string {
	if f.DiskError == "" {
		return ""
	}
	return "the state folder can't be written: " + f.DiskError
}

// metrics writes all metrics. Their names are a contract: dashboards and alerts are
// built on them.
func (d *Dashboard) metrics(m *metrics.Writer) {
	m.Gauge("evcentral_build_info", "The build that runs; always 1.").
		Value(1, "version", d.version, "revision", version.Revision(), "goversion", runtime.Version())
	d.chargePoints(m)
	f := d.central.Figures()
	m.Counter("evcentral_incidents_total", "Faults that began, by what brought them.")
	for _, reason := range []cpstate.Reason{cpstate.EngineFailure, cpstate.HeartbeatKO, cpstate.HeartbeatConnectionError} {
		m.Value(float64(f.Incidents[reason]), "cause", reason.String())
	}
	m.Counter("evcentral_reports_total", "Reports heard, repeats included, by what was answered.")
	for _, r := range []struct {
		answer       central.Answer
		kind, result string
	}{
		{central.Answer{Verb: wire.EngineFailure, Reply: cpstate.FailureReceived}, "failure", "received"},
		{central.Answer{Verb: wire.EngineFailure, Reply: cpstate.NotRegistered}, "failure", "not_registered"},
		{central.Answer{Verb: wire.EngineRecovered, Reply: cpstate.RecoveryReceived}, "recovery", "received"},
		{central.Answer{Verb: wire.EngineRecovered, Reply: cpstate.NotRegistered}, "recovery", "not_registered"},
	} {
		m.Value(float64(f.Answers[r.answer]), "kind", r.kind, "result", r.result)
	}
	m.Counter("evcentral_messages_total", "Messages understood, by what they say.")
	messages := map[wire.Verb]uint64{}
	for answer, n := range f.Answers {
		messages[answer.Verb] += n
	}
	for _, verb := range slices.Sorted(maps.Keys(verbNames)) {
		m.Value(float64(messages[verb]), "message", verbNames[verb])
	}
	m.Counter("evcentral_registrations_denied_total", "Registrations of charge points that are not in the registry.").
		Value(float64(f.Answers[central.Answer{Verb: wire.Registration, Reply: cpstate.Denied}]))
	m.Counter("evcentral_certificate_refusals_total", "Messages refused for the certificate of their connection.").
		Value(float64(f.Refused[cpstate.OtherCertificate]), "reason", "other_charge_point").
		Value(float64(f.Refused[cpstate.CertificateNeeded]), "reason", "no_certificate")
	m.Counter("evcentral_tls_handshakes_failed_total", "TLS handshakes of Monitors that failed.").Value(float64(f.HandshakesFailed))
	m.Counter("evcentral_tls_connections_cut_total", "Connections closed because their certificate was revoked, expired or no longer trusted.").Value(float64(f.ConnectionsCut))
	m.Counter("evcentral_log_dropped_total", "Log lines that nobody read or that could not be written.").Value(float64(f.LogLost))
	m.Gauge("evcentral_connections", "Connections of Monitors.").Value(float64(f.Connections))
	m.Gauge("evcentral_last_message_timestamp_seconds", "When any charge point was last heard.").Time(d.central.Counts().LastSeen)
	failed := uint64(0)
	if d.accounts != nil {
		failed = d.accounts.FailedSignIns()
	}
	m.Counter("evcentral_sign_ins_failed_total", "Sign-ins with a wrong password or first token, or refused since too many had failed.").Value(float64(failed))
	for _, more := range d.more {
		more(m)
	}
}

// verbNames are the label values of messages: the texts on the wire have blanks and
// capitals.
var verbNames = map[wire.Verb]string{
	wire.Registration: "registration", wire.EngineFailure: "engine_failure", wire.EngineRecovered: "engine_recovered",
	wire.Heartbeat: "heartbeat", wire.Disconnect: "disconnect",
}

func (d *Dashboard) chargePoints(m *metrics.Writer) {
	n := d.central.Counts()
	m.Gauge("evcentral_charge_points", "Charge points by state.").
		Value(float64(n.Activated), "state", cpstate.Activated.String()).
		Value(float64(n.Faulted), "state", cpstate.Faulted.String()).
		Value(float64(n.Disconnected), "state", cpstate.Disconnected.String())
	m.Gauge("evcentral_charge_points_expected", "Charge points of the registry that never registered.").Value(float64(n.Expected))
	m.Gauge("evcentral_charge_points_last_known_faulted", "Disconnected charge points whose fault was never reported as over.").Value(float64(n.LastKnownFaulted))
	m.Gauge("evcentral_charge_points_unverified", "Activated or faulted charge points whose state nothing supports any more.").Value(float64(n.Unverified))
	all := d.central.CPs()
	named(m, "evcentral_incident_open", "1 for each charge point that is faulted, was when it was disconnected, or is disconnected", incidentsOf(all))
	named(m, "evcentral_maintenance", "1 for each charge point in an open maintenance window", d.maintained(all))
	named(m, "evcentral_unverified", "1 for each charge point whose state nothing supports any more", unverifiedOf(all))
}

// named writes a metric with a sample of 1 for each row of labels, and what is beyond
// maxNamedFaults as a number.
func named(m *metrics.Writer, name, help string, rows [][]string) {
	m.Gauge(name, fmt.Sprintf("%s; at most %d.", help, maxNamedFaults))
	for _, labels := range rows[:min(len(rows), maxNamedFaults)] {
		m.Value(1, labels...)
	}
	m.Gauge(name+"_excess", "Those beyond the ones that "+name+" names.").Value(float64(max(len(rows)-maxNamedFaults, 0)))
}

// incidentsOf are the labels of evcentral_incident_open: the faulted charge points, then
// those last known to be faulted, then the other disconnected ones. One that was taken off
// the registry is none of them.
func incidentsOf(all []central.CPView) (rows [][]string) {
	var last, away [][]string
	for _, v := range all {
		labels := func(state string, cause cpstate.Reason) []string {
			return []string{"cp_id", string(v.ID), "site", "", "state", state, "cause", cause.String()}
		}
		switch {
		case v.State == cpstate.Faulted:
			rows = append(rows, labels(v.State.String(), v.FaultCause()))
		case v.LastKnownFault() != (cpstate.OpenFault{}):
			last = append(last, labels("last_known_faulted", v.FaultCause()))
		case v.State == cpstate.Disconnected && v.Reason != cpstate.NotListed:
			away = append(away, labels(v.State.String(), v.Reason))
		}
	}
	return slices.Concat(rows, last, away)
}

// maintained are the labels of evcentral_maintenance.
func (d *Dashboard) maintained(all []central.CPView) (rows [][]string) {
	overlay := d.operations.Overlays(time.Now())
	for _, v := range all {
		if o := overlay(v.ID); o.Maintenance != nil {
			rows = append(rows, []string{"cp_id", string(v.ID), "site", o.Site})
		}
	}
	return rows
}

func unverifiedOf(all []central.CPView) (rows [][]string) {
	for _, v := range all {
		if v.Unverified != cpstate.Verified {
			rows = append(rows, []string{"cp_id", string(v.ID), "site", "", "state", v.State.String(), "cause", v.Unverified.String()})
		}
	}
	return rows
}

// statusJSON is Central's document at /api/v1/status.
type statusJSON struct {
	Program      string         `json:"program"`
	Version      string         `json:"version"`
	PID          int            `json:"pid"`
	Now          seconds        `json:"now"`
	Started      seconds        `json:"started"`
	Healthy      bool           `json:"healthy"`
	Trouble      string         `json:"trouble,omitempty"`
	Note         string         `json:"note,omitempty"`
	Listens      string         `json:"listens"`     // where Monitors connect without TLS; "" = nowhere
	TLSListens   string         `json:"tls_listens"` // and by TLS
	HeartbeatS   float64        `json:"heartbeat_s"`
	ChargePoints map[string]int `json:"charge_points"` // by state
	Unverified   int            `json:"unverified"`
	LastFaulted  int            `json:"last_known_faulted"`
	Maintenance  int            `json:"maintenance"` // in an open window, whatever their state
	Connections  int            `json:"connections"`
	LastSeen     seconds        `json:"last_seen"`
	Alerts       *alertsJSON    `json:"alerts,omitempty"` // left out: nobody is told
}

func (d *Dashboard) status() any {
	n, f, now := d.central.Counts(), d.central.Figures(), time.Now()
	a := statusJSON{
		Program: "ev-central", Version: d.version, PID: os.Getpid(), Now: secondsOf(now), Started: secondsOf(d.central.Started()), Healthy: true,
		HeartbeatS: d.central.Heartbeat().Seconds(), Connections: f.Connections, LastSeen: secondsOf(n.LastSeen), Note: note(f), Listens: addrText(d.central.Addr()), TLSListens: addrText(d.central.TLSAddr()),
		ChargePoints: map[string]int{
			cpstate.Activated.String(): n.Activated, cpstate.Faulted.String(): n.Faulted, cpstate.Disconnected.String(): n.Disconnected,
			stateExpected: n.Expected,
		},
		Unverified: n.Unverified, LastFaulted: n.LastKnownFaulted, Maintenance: len(d.maintained(d.central.CPs())), Alerts: d.alerts.json(),
	}
	if err := d.healthy(now); err != nil {
		a.Healthy, a.Trouble = false, err.Error()
	}
	return a
}
