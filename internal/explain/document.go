// Package explain is a running Monitor's status: the document behind
// GET /api/v1/status, and its text for a person (ev-cp-m status and explain).
//
// It decides: the Monitor fills the document in, and the command that reads it makes the
// lines, perhaps in another version of the program. So fields are only added, and
// what is not known is null or absent. Texts of peers in it are safe to print, and
// are made safe again where they are printed.
package explain

import (
	"strconv"
	"time"

	"evcp"
)

// MonitorStatus is the document: the status of one process. Times are Unix seconds as a number,
// durations say their unit.
type MonitorStatus struct {
	Program      string              `json:"program"`
	Version      string              `json:"version"`
	Instance     string              `json:"instance"`
	PID          int                 `json:"pid"`
	Now          Moment              `json:"now"`
	Started      Moment              `json:"started"`
	Healthy      bool                `json:"healthy"`
	Trouble      string              `json:"trouble,omitempty"` // why it is not healthy
	Note         string              `json:"note,omitempty"`    // what people should know although it is healthy
	ChargePoints []ChargePointStatus `json:"charge_points"`     // of a fleet none: see Fleet
	Fleet        *FleetStatus        `json:"fleet,omitempty"`
	Totals       TotalsStatus        `json:"checks"`
	Kafka        *KafkaStatus        `json:"kafka"` // null without brokers
	Outbox       OutboxStatus        `json:"outbox"`
	Log          LogStatus           `json:"log"`
	Files        []FileStatus        `json:"files,omitempty"` // certificates, keys and passwords
}

// FileStatus is what one setting names: a file, or a certificate and its key.
type FileStatus struct {
	Use      string `json:"use"` // its setting: "central-cert"
	Path     string `json:"path"`
	Expires  Moment `json:"expires"`            // of the certificate in use; null: there is none
	Rejected string `json:"rejected,omitempty"` // why its newest content is not used
	// Unverified: there is no file, since any certificate is accepted.
	Unverified bool `json:"unverified,omitempty"`
}

// ChargePointStatus is one charge point and its Engine.
type ChargePointStatus struct {
	CP       evcp.CPID        `json:"cp_id"`
	Site     string           `json:"site,omitempty"`
	Engine   string           `json:"engine"` // HOST:PORT
	State    string           `json:"state"`  // OK, KO, CONNECTION_ERROR or MONITORING
	Since    Moment           `json:"since"`
	Cause    string           `json:"cause,omitempty"`
	LastOK   Moment           `json:"last_ok"`
	Failures uint32           `json:"consecutive_failures"`
	Fall     uint32           `json:"fall"` // failures in a row that open an incident
	OKs      uint32           `json:"consecutive_oks,omitempty"`
	Rise     uint32           `json:"rise"` // OKs in a row that close it
	Incident *IncidentStatus  `json:"incident"`
	Checks   []CheckStatus    `json:"last_checks"` // the oldest first
	Central  CentralStatus    `json:"central"`
	Next     []ScheduleStatus `json:"next"` // by time
	// TimeoutMS is the longest wait for an answer of the Engine.
	TimeoutMS  float64 `json:"timeout_ms"`
	IntervalMS float64 `json:"interval_ms"` // from check to check
}

// IncidentStatus is the open incident.
type IncidentStatus struct {
	ID         string `json:"incident_id"`
	Since      Moment `json:"since"`
	Cause      string `json:"cause"`
	Reports    uint32 `json:"reports_answered"`
	ReportedAt Moment `json:"last_report_answered"`
}

// CheckStatus is one check.
type CheckStatus struct {
	At        Moment  `json:"at"`
	Status    string  `json:"status"`
	Cause     string  `json:"cause,omitempty"`
	Detail    string  `json:"detail,omitempty"` // of the cause local
	LatencyMS float64 `json:"latency_ms"`
	Response  string  `json:"engine_response"`
	Failures  uint32  `json:"consecutive_failures"`
}

// CentralStatus is the session with Central.
type CentralStatus struct {
	Address  string          `json:"address"`
	State    string          `json:"state"` // connecting, registered, refused or away
	Since    Moment          `json:"since"`
	Pending  int             `json:"reports_waiting"` // without a receipt
	Last     *MessageStatus  `json:"last"`            // heartbeats included
	Answered []MessageStatus `json:"told"`            // registrations and reports that were answered; the oldest first
}

// MessageStatus is one message to Central and its answer.
type MessageStatus struct {
	At        Moment  `json:"at"`
	Message   string  `json:"told"`
	Repeat    uint32  `json:"repeat,omitempty"`
	Answered  bool    `json:"answered"`
	Answer    string  `json:"answer"`
	Cause     string  `json:"cause,omitempty"`  // why there was no answer
	Detail    string  `json:"detail,omitempty"` // of the cause local
	Why       string  `json:"why,omitempty"`    // with the cause tls: what is wrong
	LatencyMS float64 `json:"latency_ms"`
}

// ScheduleStatus is a message that is due at a time, unless an event comes first.
type ScheduleStatus struct {
	At   Moment `json:"at"`
	To   string `json:"to"`   // engine or central
	What string `json:"what"` // as it goes over the wire: health_check, heartbeat
}

// TotalsStatus counts the checks of this process.
type TotalsStatus struct {
	Total  uint64 `json:"total"`
	Failed uint64 `json:"failed"`
	Missed uint64 `json:"missed"` // ticks without a check
	Last   Moment `json:"last"`
}

// KafkaStatus is the connection to Kafka.
type KafkaStatus struct {
	Brokers []string `json:"brokers"`
	Topic   string   `json:"topic"`
	State   string   `json:"state"` // connecting, connected, away or catching_up
	Since   Moment   `json:"since"`
	Cause   string   `json:"cause,omitempty"`  // away
	Detail  string   `json:"detail,omitempty"` // of the cause local
	Why     string   `json:"why,omitempty"`    // away: the error itself
	// Away: the broker that can't be reached, and another one that answers meanwhile.
	Broker    string `json:"broker,omitempty"`
	Answering string `json:"answering,omitempty"`
	Pending   int64  `json:"events_waiting"`
}

// OutboxStatus is the disk.
type OutboxStatus struct {
	Folder  string `json:"folder"`
	Bytes   int64  `json:"bytes"`
	Limit   int64  `json:"limit_bytes"`
	Dropped uint64 `json:"events_dropped"`
	Refused string `json:"disk_refused,omitempty"` // why the disk refuses
}

// LogStatus counts what has no log line because the log's output stood still.
type LogStatus struct {
	Events  uint64 `json:"events_left_out"`
	Notices uint64 `json:"notices_left_out"` // of Central and Kafka
}

// Moment is a Stamp as JSON has it: seconds since 1970, null for never.
type Moment evcp.Stamp

// MomentOf is the moment t; the zero time is never.
func MomentOf(t time.Time) Moment { return Moment(evcp.StampOf(t)) }

// MarshalJSON writes as many decimals as are needed, at most six.
func (m Moment) MarshalJSON() ([]byte, error) { return m.Stamp().AppendSeconds(nil, 0, 6), nil }

// UnmarshalJSON reads what MarshalJSON wrote.
func (m *Moment) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*m = 0
		return nil
	}
	seconds, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return err
	}
	if seconds < -farthest || seconds > farthest {
		return strconv.ErrRange
	}
	*m = Moment(seconds*1e6 + 0.5)
	return nil
}

// farthest keeps a moment within what a time of day can show: the year 9999.
const farthest = 253_402_300_799

// Stamp is the moment as the domain has it.
func (m Moment) Stamp() evcp.Stamp { return evcp.Stamp(m) }

// Millis is a duration as the document has it.
func Millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

func duration(ms float64) time.Duration { return time.Duration(ms*1e3) * time.Microsecond }
