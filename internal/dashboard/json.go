package dashboard

import (
	"time"

	"evcp"
	"evcp/internal/central"
)

// cpJSON is one charge point in the API.
type cpJSON struct {
	CP           evcp.CPID `json:"cp_id"`
	State        string    `json:"state"`          // activated, faulted, disconnected
	Reason       string    `json:"reason"`         // what led there
	Since        seconds   `json:"since"`          // when the state began, as Central saw it
	LastSeen     seconds   `json:"last_seen"`      // its last word of any kind
	Registered   seconds   `json:"registered"`     // its first registration
	Status       *string   `json:"status"`         // what its last heartbeat said; null: none, or a report said otherwise since
	LastBeat     seconds   `json:"last_heartbeat"` // null: none since it registered, or since Central restarted
	HeartbeatGap *float64  `json:"heartbeat_gap"`  // usual seconds between heartbeats; null: not known
	Heartbeats   string    `json:"heartbeats"`     // the last of them, newest last: O(K), K(O), C(ONNECTION_ERROR), M(ONITORING)
	Speakers     int       `json:"speakers"`       // live connections that send heartbeats for it; 2 or more is a copy too many
	Peer         string    `json:"peer"`           // the address that spoke last; "" since a restart of Central
}

func jsonOf(v central.CPView) cpJSON {
	out := cpJSON{
		CP: v.ID, State: v.State.String(), Reason: v.Reason.String(), Since: seconds(v.Since),
		LastSeen: seconds(v.LastSeen), Registered: seconds(v.Registered), LastBeat: seconds(v.LastHeartbeat),
		Heartbeats: v.RecentHeartbeats, Speakers: v.HeartbeatSources, Peer: v.Peer,
	}
	if v.Status != evcp.Unknown {
		word := v.Status.String()
		out.Status = &word
	}
	if gap := v.UsualGap().Seconds(); gap > 0 {
		out.HeartbeatGap = &gap
	}
	return out
}

func jsonOfAll(views []central.CPView) []cpJSON {
	all := make([]cpJSON, len(views)) // an empty list is [], not null
	for i, v := range views {
		all[i] = jsonOf(v)
	}
	return all
}

// changeJSON is one change of state in the stream.
type changeJSON struct {
	Seq    uint64    `json:"seq"`
	At     seconds   `json:"at"`
	CP     evcp.CPID `json:"cp_id"`
	From   string    `json:"from"`
	To     string    `json:"to"`
	Reason string    `json:"reason"`
	Status string    `json:"status"`
	Lasted float64   `json:"lasted"` // seconds that From lasted
	Peer   string    `json:"peer"`
}

func jsonOfChanges(changes []central.Change) []changeJSON {
	all := make([]changeJSON, len(changes))
	for i, c := range changes {
		all[i] = changeJSON{
			Seq: c.Seq, At: seconds(c.At), CP: c.CP, From: c.From.String(), To: c.To.String(),
			Reason: c.Reason.String(), Status: c.Status.String(), Lasted: c.Lasted.Seconds(), Peer: c.Peer,
		}
	}
	return all
}

// seconds is a time as Unix seconds with milliseconds; null for the zero time.
type seconds time.Time

// MarshalJSON writes the number by hand: a float of today's size would lose
// nothing, but print 1767268800.1230001.
func (s seconds) MarshalJSON() ([]byte, error) {
	t := time.Time(s)
	if t.IsZero() {
		return []byte("null"), nil
	}
	return appendMillis(nil, t.UnixMilli()), nil
}
