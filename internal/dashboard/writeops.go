package dashboard

import (
	"encoding/json"
	"net/http"
	"strconv"

	"evcp"
	"evcp/internal/audit"
	"evcp/internal/central"
	"evcp/internal/central/cpstate"
	"evcp/internal/language"
	"evcp/internal/ledger"
	"evcp/internal/operations"
	"evcp/internal/status"
)

const (
	ownerPath       = onePath + "/owner"
	maintenancePath = "/api/v1/maintenance"
	windowPath      = maintenancePath + "/{number}"
	auditPath       = "/api/v1/audit"
)

// ownerJSON is who has taken an incident.
type ownerJSON struct {
	Name  string  `json:"name"`
	Note  string  `json:"note"`
	Until rfcTime `json:"until"`
}

// takeJSON is the body of a Take it.
type takeJSON struct {
	Owner string  `json:"owner,omitempty"` // "" = who asks
	Note  string  `json:"note,omitempty"`
	Until rfcTime `json:"until,omitempty"`
}

// incidentSince is when the open incident of a charge point began, as Central saw it; 0: there
// is none. One that was faulted when it was disconnected has the incident of the fault.
func incidentSince(v central.CPView) evcp.Stamp {
	switch {
	case v.State == cpstate.Faulted:
		return evcp.StampOf(v.Fault.Since)
	case v.LastKnownFault() != (cpstate.OpenFault{}):
		return evcp.StampOf(v.LastKnownFault().Since)
	case v.State == cpstate.Disconnected && v.Reason != cpstate.NotListed:
		return evcp.StampOf(v.Since)
	}
	return 0
}

func (d *Dashboard) take(w http.ResponseWriter, r *http.Request) {
	id, ok := d.pathCP(w, r)
	if !ok {
		return
	}
	var in takeJSON
	body, ok := readBody(w, r, &in)
	if !ok {
		return
	}
	if in.Owner == "" {
		in.Owner = by(r).Name
	}
	d.change(w, r, body, http.StatusOK, func(c *audit.BoardChange) (any, error) {
		v, _ := d.central.CP(id)
		o, err := d.operations.Take(c, id, incidentSince(v), in.Owner, in.Note, evcp.Stamp(in.Until))
		return ownerJSON{o.Name, o.Note, rfcTime(o.Until)}, err
	})
}

func (d *Dashboard) letGo(w http.ResponseWriter, r *http.Request) {
	id, ok := d.pathCP(w, r)
	if !ok {
		return
	}
	d.change(w, r, nil, http.StatusNoContent, func(c *audit.BoardChange) (any, error) { return nil, d.operations.LetGo(c, id) })
}

// windowJSON is a maintenance window.
type windowJSON struct {
	Number int64     `json:"number"`
	CP     evcp.CPID `json:"cp_id,omitempty"`
	Site   string    `json:"site,omitempty"`
	From   rfcTime   `json:"from"`
	To     rfcTime   `json:"to"`
	Reason string    `json:"reason"`
	Who    string    `json:"who"`
	Made   rfcTime   `json:"made"`
	Ended  rfcTime   `json:"ended"` // by somebody, before its time; null = not
}

func jsonOfWindow(w operations.MaintenanceWindow) windowJSON {
	return windowJSON{w.ID, w.CP, w.Site, rfcTime(w.From), rfcTime(w.To), w.Reason, w.Who, rfcTime(w.Made), rfcTime(w.Ended)}
}

// maintainJSON is the body of a new window.
type maintainJSON struct {
	CP     string  `json:"cp_id,omitempty"`
	Site   string  `json:"site,omitempty"`
	From   rfcTime `json:"from,omitempty"` // null = now
	To     rfcTime `json:"to"`
	Reason string  `json:"reason"`
}

func (d *Dashboard) maintain(w http.ResponseWriter, r *http.Request) {
	var in maintainJSON
	body, ok := readBody(w, r, &in)
	if !ok {
		return
	}
	n := operations.MaintenanceWindow{Site: in.Site, From: evcp.Stamp(in.From), To: evcp.Stamp(in.To), Reason: in.Reason}
	if in.CP != "" {
		var err error
		if n.CP, err = ledger.ParseCP(in.CP); err != nil {
			writeFailure(w, operations.FieldError(operations.Fields.CP, err))
			return
		}
	}
	unknown := d.CheckKnown(r.Context(), n.CP, n.Site) // it may wait for the history: no part of the change
	d.change(w, r, body, http.StatusCreated, func(c *audit.BoardChange) (any, error) {
		if unknown != nil {
			return nil, unknown
		}
		made, err := d.operations.Maintain(c, n)
		return jsonOfWindow(made), err
	})
}

func (d *Dashboard) endMaintenance(w http.ResponseWriter, r *http.Request) {
	n, ok := pathNumber(w, r)
	if !ok {
		return
	}
	d.change(w, r, nil, http.StatusOK, func(c *audit.BoardChange) (any, error) {
		ended, err := d.operations.EndMaintenance(c, n)
		return jsonOfWindow(ended), err
	})
}

// pathNumber is the number of a path.
func pathNumber(w http.ResponseWriter, r *http.Request) (n int64, ok bool) {
	n, err := strconv.ParseInt(r.PathValue("number"), 10, 64)
	if err != nil || n < 1 {
		status.WriteProblem(w, http.StatusBadRequest, language.Coded("cant_be", language.Coded("field_number"), strconv.Quote(r.PathValue("number"))))
		return 0, false
	}
	return n, true
}

// windowsPage is a page of the windows, the newest first.
type windowsPage struct {
	Maintenance []windowJSON `json:"maintenance"`
	Next        *string      `json:"next"`
}

func (d *Dashboard) serveMaintenance(w http.ResponseWriter, r *http.Request) {
	limit, below, ok := newestFirst(w, r)
	if !ok {
		return
	}
	all, err := d.operations.Windows(limit+1, below)
	if err != nil {
		writeFailure(w, err)
		return
	}
	page := windowsPage{Maintenance: []windowJSON{}}
	all, page.Next = firstPage(all, limit, func(m operations.MaintenanceWindow) int64 { return m.ID })
	for _, one := range all {
		page.Maintenance = append(page.Maintenance, jsonOfWindow(one))
	}
	status.WriteJSON(w, page)
}

func numberText(n int64) *string {
	text := strconv.FormatInt(n, 10)
	return &text
}

// firstPage are the first of those that were read, of which one more than the limit says that there is
// a next page; next is its cursor.
func firstPage[T any](all []T, limit int, id func(T) int64) (page []T, next *string) {
	if len(all) <= limit {
		return all, nil
	}
	return all[:limit], numberText(id(all[limit-1]))
}

// newestFirst reads the parameters of a page of what is numbered: below is its cursor.
func newestFirst(w http.ResponseWriter, r *http.Request) (limit int, below int64, ok bool) {
	q, ok := status.Query(w, r, "cursor", "limit")
	if !ok {
		return 0, 0, false
	}
	if limit, ok = status.PageSize(w, q); !ok {
		return 0, 0, false
	}
	if q.Has("cursor") {
		n, err := strconv.ParseInt(q.Get("cursor"), 10, 64)
		if err != nil || n < 1 {
			return 0, 0, badCursor(w, q.Get("cursor"))
		}
		below = n
	}
	return limit, below, true
}

// auditLineJSON is one line of the audit log.
type auditLineJSON struct {
	ID     int64           `json:"id"`
	At     rfcTime         `json:"at"`
	Who    string          `json:"who"`
	Kind   string          `json:"kind"` // what proved the name: see audit.ActorKind
	Peer   string          `json:"peer"`
	Action string          `json:"action"`
	Target string          `json:"target"`
	Before json.RawMessage `json:"before"` // null: it was not there
	After  json.RawMessage `json:"after"`  // null: it is not there any more
}

// auditPage is a page of the log, the newest first.
type auditPage struct {
	Lines []auditLineJSON `json:"lines"`
	Next  *string         `json:"next"`
}

func (d *Dashboard) serveAudit(w http.ResponseWriter, r *http.Request) {
	if !by(r).signedIn() {
		refuse(w, http.StatusUnauthorized, language.Coded("sign_in_for_audit"))
		return
	}
	limit, below, ok := newestFirst(w, r)
	if !ok {
		return
	}
	all, err := d.accounts.AuditLines(limit+1, below)
	if err != nil {
		writeFailure(w, err)
		return
	}
	page := auditPage{Lines: []auditLineJSON{}}
	all, page.Next = firstPage(all, limit, func(l audit.ChangeLine) int64 { return l.ID })
	for _, l := range all {
		page.Lines = append(page.Lines, auditLineJSON{l.ID, rfcTime(l.At), l.By.Name, string(l.By.Kind), l.By.Peer, l.Action, l.Target, l.Before, l.After})
	}
	w.Header().Set("Cache-Control", "no-store")
	status.WriteJSON(w, page)
}
