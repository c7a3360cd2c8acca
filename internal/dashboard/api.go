package dashboard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"evcp"

	"evcp/internal/central"
)

// maxLists is how many lists may be sent at once: each holds the whole text until its
// reader has it.
const maxLists = 32

// serveList answers with every charge point.
func (d *Dashboard) serveList(w http.ResponseWriter, _ *http.Request) {
	asked := time.Now()
	if !acquire(d.lists, w, "too many lists are under way") {
		return
	}
	defer func() { <-d.lists }()
	body := d.list.get(asked)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // fails only if the reader has gone
}

// acquire takes a place, or answers that there is none.
func acquire(places chan struct{}, w http.ResponseWriter, full string) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		w.Header().Set("Retry-After", "5")
		http.Error(w, full, http.StatusServiceUnavailable)
		return false
	}
}

// listCache makes the list. Requests that come while one is made share the next, so
// any number of requests at once costs two.
type listCache struct {
	central *central.Central

	mu    sync.Mutex
	began time.Time // when body was begun
	body  []byte
}

// get is the list as it was when it was asked for, or later.
func (l *listCache) get(asked time.Time) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.began.After(asked) {
		l.began = time.Now()
		l.body = append(encode(jsonOfAll(l.central.CPs())), '\n')
	}
	return l.body
}

// encode encodes a value that has nothing JSON lacks, so it can't fail.
func encode(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("dashboard: encode %T: %v", v, err))
	}
	return body
}

// cpJSON is one charge point in the API.
type cpJSON struct {
	CP           evcp.CPID `json:"cp_id"`
	State        string    `json:"state"`          // activated, faulted, disconnected
	Reason       string    `json:"reason"`         // what led there
	Since        seconds   `json:"since"`          // when the state began, as Central saw it
	LastSeen     seconds   `json:"last_seen"`      // its last message of any kind
	Registered   seconds   `json:"registered"`     // its first registration
	Status       *string   `json:"status"`         // of its last heartbeat; null: none, or a later report contradicts it
	LastBeat     seconds   `json:"last_heartbeat"` // null: none since it registered, or since Central restarted
	HeartbeatGap *float64  `json:"heartbeat_gap"`  // usual seconds between heartbeats; null: not known
	Heartbeats   string    `json:"heartbeats"`     // the last of them, newest last: O(K), K(O), C(ONNECTION_ERROR), M(ONITORING)
	Speakers     int       `json:"speakers"`       // live connections that send heartbeats for it; 2 or more is a copy too many
	Peer         string    `json:"peer"`           // the address that sent last; "" since a restart of Central
}

func jsonOf(v central.CPView) cpJSON {
	out := cpJSON{
		CP: v.ID, State: v.State.String(), Reason: v.Reason.String(), Since: secondsOf(v.Since),
		LastSeen: secondsOf(v.LastSeen), Registered: secondsOf(v.Registered), LastBeat: secondsOf(v.LastHeartbeat),
		Heartbeats: v.RecentHeartbeats, Speakers: v.HeartbeatSources, Peer: v.Peer,
	}
	if v.Status != evcp.Unknown {
		name := v.Status.String()
		out.Status = &name
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
			Seq: c.Seq, At: secondsOf(c.At), CP: c.CP, From: c.From.String(), To: c.To.String(),
			Reason: c.Reason.String(), Status: c.Status.String(), Lasted: c.Lasted.Seconds(), Peer: c.Peer,
		}
	}
	return all
}

// seconds is a time in JSON: Unix seconds with three decimals, null for never.
type seconds evcp.Stamp

func secondsOf(t time.Time) seconds { return seconds(evcp.StampOf(t)) }

// MarshalJSON cuts to the millisecond.
func (s seconds) MarshalJSON() ([]byte, error) { return evcp.Stamp(s).AppendSeconds(nil, 3, 3), nil }
