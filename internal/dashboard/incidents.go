package dashboard

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"evcp"
	"evcp/internal/archive"
	"evcp/internal/history"
	"evcp/internal/ledger"
	"evcp/internal/status"
	"evcp/internal/version"
)

// incidentJSON is one incident, as the events tell it.
type incidentJSON struct {
	ID          *string   `json:"incident_id"`
	CP          evcp.CPID `json:"cp_id"`
	Cause       string    `json:"cause"`
	FirstFailed *string   `json:"first_failed"`
	Detected    *string   `json:"detected"`    // null: the record is missing
	Told        *string   `json:"told"`        // when Central had answered the report; null: never
	Answered    int64     `json:"answered_us"` // how long that took
	Recovered   *string   `json:"recovered"`   // null: not, or nobody saw it
	EndUnseen   bool      `json:"end_unseen"`  // it is over, and nobody saw when
	Open        bool      `json:"open"`
	Failed      uint64    `json:"failed_checks"`
	NotJudged   uint64    `json:"not_judged"`
}

func momentText(at evcp.Stamp) *string {
	if at == 0 {
		return nil
	}
	text := ledger.RFC3339(at)
	return &text
}

func jsonOfIncident(cp evcp.CPID, d history.IncidentDetail) incidentJSON {
	return incidentJSON{
		ID: eventID(d.ID, cp), CP: cp, Cause: d.Cause, FirstFailed: momentText(d.FirstFailed), Detected: momentText(d.Detected), Told: momentText(d.Told),
		Answered: d.AnsweredIn.Microseconds(), Recovered: momentText(d.Recovered), EndUnseen: d.EndUnseen, Open: isOpen(d), Failed: d.Failed, NotJudged: d.NotJudged,
	}
}

func isOpen(d history.IncidentDetail) bool { return d.Recovered == 0 && !d.EndUnseen }

// touches reports whether an incident was open in the window. Of one whose end nobody saw
// only the begin is known.
func (p pageQuery) touches(d history.IncidentDetail) bool {
	switch {
	case d.FirstFailed >= p.to:
		return false
	case d.EndUnseen:
		return d.FirstFailed >= p.from
	}
	return d.Recovered == 0 || d.Recovered > p.from
}

// incidentsPage is a page of incidents: by charge point, and of each by time.
type incidentsPage struct {
	From      string         `json:"from"`
	To        string         `json:"to"`
	Incidents []incidentJSON `json:"incidents"`
	Next      *string        `json:"next"`
	readJSON
}

func pageOf(p pageQuery, v *archive.HistoryView) incidentsPage {
	return incidentsPage{From: ledger.RFC3339(p.from), To: ledger.RFC3339(p.to), Incidents: []incidentJSON{}, readJSON: readOf(v)}
}

// add adds the incidents of one charge point from a moment on. full is where the next page
// begins; 0: all are in.
func (page *incidentsPage) add(cp evcp.CPID, list []history.IncidentDetail, after evcp.Stamp, fits func(history.IncidentDetail) bool, limit int) (full evcp.Stamp) {
	for _, i := range list {
		if i.FirstFailed < after || !fits(i) {
			continue
		}
		if len(page.Incidents) >= limit {
			return i.FirstFailed
		}
		page.Incidents = append(page.Incidents, jsonOfIncident(cp, i))
	}
	return 0
}

func (d *Dashboard) serveIncidentsOf(w http.ResponseWriter, r *http.Request, v *archive.HistoryView) {
	p, kept, ok := askedPageOf(w, r, v)
	if !ok {
		return
	}
	page := pageOf(p.pageQuery, v)
	if full := page.add(p.cp, kept.Incidents(), p.after, p.touches, p.limit); full != 0 {
		page.Next = cursorOf(full)
	}
	status.WriteJSON(w, page)
}

// serveIncidents answers with the incidents of all charge points, by id. A page reads a
// bounded number of charge points, so it may have few incidents, or none, and a next one.
func (d *Dashboard) serveIncidents(w http.ResponseWriter, r *http.Request, v *archive.HistoryView) {
	p, ok := askedPage(w, r, v.Progress.Newest, "open", "site")
	if !ok {
		return
	}
	open := p.values.Get("open")
	if p.values.Has("open") && open != "true" && open != "false" {
		status.WriteError(w, http.StatusBadRequest, "open can't be "+strconv.Quote(open), "true", "false")
		return
	}
	id, after, ok := idCursor(w, p.values)
	if !ok {
		return
	}
	cps, err := v.CPs()
	if !answered(w, err) {
		return
	}
	var sites map[evcp.CPID]string
	if p.values.Has("site") {
		if sites, err = v.Sites(); !answered(w, err) {
			return
		}
	}
	fits := func(i history.IncidentDetail) bool {
		return p.touches(i) && (open == "" || open == strconv.FormatBool(isOpen(i)))
	}
	page, visited := pageOf(p, v), 0
	begin, _ := slices.BinarySearch(cps, id)
	for _, cp := range cps[begin:] {
		if sites != nil && sites[cp] != p.values.Get("site") {
			continue
		}
		if cp != id {
			after = 0
		}
		if visited == maxVisited || len(page.Incidents) == p.limit {
			next := string(cp) + "/0"
			page.Next = &next
			break
		}
		visited++
		kept, err := v.CP(cp)
		if !answered(w, err) {
			return
		}
		if full := page.add(cp, kept.Incidents(), after, fits, p.limit); full != 0 {
			next := string(cp) + "/" + *cursorOf(full)
			page.Next = &next
			break
		}
	}
	status.WriteJSON(w, page)
}

// idCursor reads a cursor of a charge point and a moment.
func idCursor(w http.ResponseWriter, q url.Values) (id evcp.CPID, after evcp.Stamp, ok bool) {
	if !q.Has("cursor") {
		return "", 0, true
	}
	name, moment, found := strings.Cut(q.Get("cursor"), "/")
	id, err1 := evcp.ParseCPID(name)
	at, err2 := strconv.ParseInt(moment, 10, 64)
	if !found || err1 != nil || err2 != nil || at < 0 {
		return "", 0, badCursor(w, q.Get("cursor"))
	}
	return id, evcp.Stamp(at), true
}

// serveUptime answers as ev-central report does with --format json.
func (d *Dashboard) serveUptime(w http.ResponseWriter, r *http.Request, v *archive.HistoryView) {
	q, ok := status.Query(w, r, "at", "cp_id", "definition", "month", "offline_is_outage", "site", "until", "year", "zone")
	if !ok {
		return
	}
	question, ports, only, err := d.question(q)
	if err == nil {
		err = cut(&question, q, v.Progress.Newest)
	}
	if err != nil {
		status.WriteError(w, http.StatusBadRequest, err.Error())
		return
	}
	u, err := v.Uptime(r.Context(), question, ports, only, version.String())
	if errors.Is(err, archive.ErrNoPort) {
		status.WriteError(w, http.StatusNotFound, "no port is "+strings.TrimSpace(q.Get("cp_id")+" "+q.Get("site")))
		return
	}
	if answered(w, err) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(append(encode(u), '\n')) // fails only if the reader has gone
	}
}

// question reads what a report is about. The error names the parameter and what is allowed.
func (d *Dashboard) question(q url.Values) (a ledger.Question, ports []ledger.ChargingPort, only archive.PortSelection, err error) {
	a = ledger.Question{Definition: ledger.Definition(q.Get("definition")), Zone: time.UTC}
	only.Site = q.Get("site")
	if !slices.Contains(ledger.Definitions, a.Definition) {
		return a, nil, only, errors.New("definition can't be " + strconv.Quote(q.Get("definition")) + ": nevi, uk or plain")
	}
	if name := q.Get("zone"); name != "" {
		if a.Zone, err = time.LoadLocation(name); err != nil || name == "Local" {
			return a, nil, only, errors.New("zone can't be " + strconv.Quote(name) + ": UTC or a name as Europe/London")
		}
	}
	if id := q.Get("cp_id"); id != "" {
		if only.CP, err = evcp.ParseCPID(id); err != nil {
			return a, nil, only, errors.New("cp_id can't be " + strconv.Quote(id) + ": " + err.Error())
		}
	}
	switch q.Get("offline_is_outage") {
	case "", "false":
	case "true":
		a.OfflineIsOutage = true
	default:
		return a, nil, only, errors.New("offline_is_outage can't be " + strconv.Quote(q.Get("offline_is_outage")) + ": true or false")
	}
	switch {
	case q.Has("month") == q.Has("year"):
		return a, nil, only, errors.New("month or year is needed: month=2026-10, or year=2026")
	case a.Definition == ledger.UK && d.history.Ports == nil:
		return a, nil, only, errors.New("definition can't be uk here: this Central runs without --ports, and uk is about public ports of 50 kW and more")
	case q.Has("month"):
		a.From, a.To, err = ledger.MonthWindow(a.Definition, q.Get("month"), a.Zone)
	default:
		a.From, a.To, err = ledger.YearWindow(q.Get("year"), a.Zone)
	}
	if err == nil && d.history.Ports != nil {
		ports, err = d.history.Ports(a.Zone)
	}
	return a, ports, only, err
}

// cut ends a window that has not ended at until. Whether it has ended is said by the newest event.
func cut(a *ledger.Question, q url.Values, newest evcp.Stamp) error {
	if text := q.Get("until"); text != "" {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || evcp.StampOf(at) <= a.From {
			return errors.New("until can't be " + strconv.Quote(text) + ": a time in the window, as 2026-10-31T08:00:00Z")
		}
		a.To = min(a.To, evcp.StampOf(at))
	}
	if a.To > newest {
		return errors.New("the window ends at " + ledger.RFC3339(a.To) + ", and the newest event is of " + ledger.RFC3339(newest) + ": until is needed, at most that")
	}
	return nil
}
