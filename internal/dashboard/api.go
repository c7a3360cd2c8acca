package dashboard

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"evcp"
	"evcp/internal/central"
	"evcp/internal/central/cpstate"
	"evcp/internal/language"
	"evcp/internal/operations"
	"evcp/internal/status"
)

// maxLists is how many lists may be sent at once: each holds the whole text until its
// reader has it.
const maxLists = 32

// serveList answers with every charge point, or with those that the parameters name.
func (d *Dashboard) serveList(w http.ResponseWriter, r *http.Request) {
	asked := time.Now()
	q, ok := status.Query(w, r, listParameters...)
	if !ok {
		return
	}
	filter, ok := d.listFilter(w, r, q)
	if !ok {
		return
	}
	limit, ok := status.PageSize(w, q)
	if !ok {
		return
	}
	paged, after := q.Has("limit") || q.Has("cursor"), evcp.CPID(q.Get("cursor"))
	if _, err := evcp.ParseCPID(string(after)); q.Has("cursor") && err != nil {
		badCursor(w, string(after))
		return
	}
	if !acquire(d.lists, w, language.Coded("busy_lists")) {
		return
	}
	defer func() { <-d.lists }()
	var body []byte
	if filter == nil && !paged {
		body = d.list.get(asked)
	} else {
		views := slices.DeleteFunc(d.central.CPs(), func(v central.CPView) bool { return filter != nil && !filter(v) || paged && v.ID <= after })
		if paged && len(views) > limit {
			views = views[:limit]
			q.Set("cursor", string(views[limit-1].ID))
			w.Header().Set("Link", "<"+listPath+"?"+q.Encode()+`>; rel="next"`)
		}
		body = append(encode(jsonOfAll(views, d.operations.Overlays(asked))), '\n')
	}
	writeTagged(w, r, body)
}

// writeTagged answers with JSON, or with code 304 when the client has it already.
func writeTagged(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	sum := sha256.Sum256(body)
	etag := `W/"` + hex.EncodeToString(sum[:8]) + `"` // weak: the compressed answer has it too
	w.Header().Set("ETag", etag)
	if strings.Contains(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(body) // fails only if the reader has gone
}

// listParameters are the parameters of the list. limit and cursor make pages of it, text is
// part of the id; the others are values separated by commas, of which one must fit, or true or
// false.
var listParameters = []string{"certified", "cp_id", "cursor", "last_known_fault", "limit", "reason", "site", "state", "text", "unverified"}

// listFilter makes a filter of the parameters; nil without any. What it can't understand
// it answers with code 400, and ok is false.
func (d *Dashboard) listFilter(w http.ResponseWriter, r *http.Request, q url.Values) (filter func(central.CPView) bool, ok bool) {
	wanted := map[string][]string{}
	atSite := func(evcp.CPID) bool { return true }
	if q.Has("site") {
		if atSite, ok = d.siteFilter(w, r, q.Get("site")); !ok {
			return nil, false
		}
	}
	text := strings.ToLower(q.Get("text"))
	for name, values := range q {
		if name == "limit" || name == "cursor" || name == "site" || name == "text" {
			continue
		}
		wanted[name] = strings.Split(strings.Join(values, ","), ",")
		allowed := listValues(name)
		for _, value := range wanted[name] {
			if allowed != nil && !slices.Contains(allowed, value) {
				status.WriteError(w, http.StatusBadRequest, name+" can't be "+strconv.Quote(value), allowed...)
				return nil, false
			}
		}
	}
	if len(wanted) == 0 && text == "" && !q.Has("site") {
		return nil, true
	}
	overlay := d.operations.Overlays(time.Now())
	return func(v central.CPView) bool {
		if !atSite(v.ID) || !strings.Contains(strings.ToLower(string(v.ID)), text) {
			return false
		}
		shown := jsonOf(v).withOverlay(overlay(v.ID))
		for name, value := range map[string]string{
			"cp_id": string(shown.CP), "state": shown.State, "reason": shown.Reason,
			"certified": strconv.FormatBool(shown.Certified), "unverified": strconv.FormatBool(shown.Unverified), "last_known_fault": strconv.FormatBool(shown.LastKnownFault != nil),
		} {
			if fit := wanted[name]; fit != nil && !slices.Contains(fit, value) {
				return false
			}
		}
		return true
	}, true
}

// listValues are the values of a parameter; nil: any.
func listValues(name string) (all []string) {
	switch name {
	case "state":
		return []string{cpstate.Activated.String(), cpstate.Faulted.String(), cpstate.Disconnected.String(), stateExpected, stateMaintenance}
	case "reason":
		for reason := cpstate.Registered; reason <= cpstate.NotListed; reason++ {
			all = append(all, reason.String())
		}
		return append(all, reasonNeverHeard)
	case "certified", "unverified", "last_known_fault":
		return []string{"true", "false"}
	}
	return nil
}

// acquire takes a place, or answers that there is none.
func acquire(places chan struct{}, w http.ResponseWriter, full error) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		w.Header().Set("Retry-After", "5")
		status.WriteProblem(w, http.StatusServiceUnavailable, full)
		return false
	}
}

// listCache makes the list. Requests that come while one is made share the next, so
// any number of requests at once costs two.
type listCache struct {
	central    *central.Central
	operations *operations.Store

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
		l.body = append(encode(jsonOfAll(l.central.CPs(), l.operations.Overlays(l.began))), '\n')
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
	State        string    `json:"state"`          // activated, faulted, disconnected; expected: in the registry, and never registered; maintenance
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
	Certified    bool      `json:"certified"`      // it has sent with a certificate, and is refused without one

	Unverified       bool       `json:"unverified"`        // nothing that Central received supports the state any more
	UnverifiedReason string     `json:"unverified_reason"` // no_message, no_outcome; "" while it is not
	LastKnownFault   *faultJSON `json:"last_known_fault"`  // of a disconnected one: the fault that was never reported as over; null: none

	// What people entered.
	ReportedState string     `json:"reported_state,omitempty"` // what the state would be without the maintenance
	Site          string     `json:"site,omitempty"`           // of its port, else where the events say it is
	Name          string     `json:"name,omitempty"`           // of its port
	Bay           string     `json:"bay,omitempty"`
	PowerKW       float64    `json:"power_kw,omitempty"`
	Owner         *ownerNow  `json:"owner,omitempty"`
	Maintenance   *windowNow `json:"maintenance,omitempty"`
}

// faultJSON is a fault that was open when the charge point was disconnected.
type faultJSON struct {
	Cause string  `json:"cause"`
	Since seconds `json:"since"`
}

// The API's names for a charge point that is in the registry and never registered.
const (
	stateExpected    = "expected"
	reasonNeverHeard = "never_heard"
)

func jsonOf(v central.CPView) cpJSON {
	out := cpJSON{
		CP: v.ID, State: v.State.String(), Reason: v.Reason.String(), Since: secondsOf(v.Since),
		LastSeen: secondsOf(v.LastSeen), Registered: secondsOf(v.Registered), LastBeat: secondsOf(v.LastHeartbeat),
		Heartbeats: v.RecentHeartbeats, Speakers: v.HeartbeatSources, Peer: v.Peer, Certified: v.Certified,
		Unverified: v.Unverified != cpstate.Verified, UnverifiedReason: v.Unverified.String(),
	}
	if !v.Known() {
		out.State, out.Reason = stateExpected, reasonNeverHeard
	}
	if f := v.LastKnownFault(); f != (cpstate.OpenFault{}) {
		out.LastKnownFault = &faultJSON{v.FaultCause().String(), secondsOf(f.Since)}
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

func jsonOfAll(views []central.CPView, overlay func(evcp.CPID) operations.Overlay) []cpJSON {
	all := make([]cpJSON, len(views)) // an empty list is [], not null
	for i, v := range views {
		all[i] = jsonOf(v).withOverlay(overlay(v.ID))
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
