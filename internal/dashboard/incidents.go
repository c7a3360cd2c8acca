package dashboard

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"evcp"
	"evcp/internal/archive"
	"evcp/internal/history"
	"evcp/internal/language"
	"evcp/internal/ledger"
	"evcp/internal/status"
)

// incidentJSON is one incident, as the events tell it.
type incidentJSON struct {
	ID          *string   `json:"incident_id"`
	CP          evcp.CPID `json:"cp_id"`
	Site        string    `json:"site"` // where the events last said it is; "" is not known
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

	// What was reported by the text protocol, which the events know nothing of; null: Central
	// has no such report.
	TCPFailure  *tcpReportJSON `json:"tcp_failure"`
	TCPRecovery *tcpReportJSON `json:"tcp_recovery"`

	detail history.IncidentDetail
}

func momentText(at evcp.Stamp) *string {
	if at == 0 {
		return nil
	}
	text := ledger.RFC3339(at)
	return &text
}

func jsonOfIncident(cp evcp.CPID, site string, d history.IncidentDetail) incidentJSON {
	return incidentJSON{
		ID: eventID(d.ID, cp), CP: cp, Site: site, Cause: d.Cause, FirstFailed: momentText(d.FirstFailed), Detected: momentText(d.Detected), Told: momentText(d.Told),
		Answered: d.AnsweredIn.Microseconds(), Recovered: momentText(d.Recovered), EndUnseen: d.EndUnseen, Open: isOpen(d), Failed: d.Failed, NotJudged: d.NotJudged, detail: d,
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

// incidentsPage is a page of incidents: by charge point, and of each by time; or the newest
// first.
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
func (page *incidentsPage) add(cp evcp.CPID, site string, list []history.IncidentDetail, after evcp.Stamp, fits func(history.IncidentDetail) bool, limit int) (full evcp.Stamp) {
	for _, i := range list {
		if i.FirstFailed < after || !fits(i) {
			continue
		}
		if len(page.Incidents) >= limit {
			return i.FirstFailed
		}
		page.Incidents = append(page.Incidents, jsonOfIncident(cp, site, i))
	}
	return 0
}

func (d *Dashboard) serveIncidentsOf(w http.ResponseWriter, r *http.Request, v *archive.HistoryView) {
	p, kept, ok := askedPageOf(w, r, v)
	if !ok {
		return
	}
	page := pageOf(p.pageQuery, v)
	if full := page.add(p.cp, history.SiteOf(kept.Numberings), kept.Incidents(), p.after, p.touches, p.limit); full != 0 {
		page.Next = cursorOf(full)
	}
	d.writeIncidents(w, page)
}

// incidentsQuery is which incidents of all charge points are asked for.
type incidentsQuery struct {
	pageQuery
	newest bool // first; else by charge point
	csv    bool
	sites  map[evcp.CPID]string
}

// askedIncidents reads the parameters of a list of the incidents of all.
func askedIncidents(w http.ResponseWriter, r *http.Request, v *archive.HistoryView) (p incidentsQuery, ok bool) {
	if p.pageQuery, ok = askedPage(w, r, v.Progress.Newest, "cause", "format", "open", "order", "site"); !ok {
		return p, false
	}
	for name, allowed := range map[string][]string{"open": {"true", "false"}, "order": {"cp_id", "newest"}, "format": {"json", "csv"}} {
		if p.values.Has(name) && !slices.Contains(allowed, p.values.Get(name)) {
			status.WriteProblem(w, http.StatusBadRequest, language.Coded("cant_be", name, strconv.Quote(p.values.Get(name))), allowed...)
			return p, false
		}
	}
	p.csv = p.values.Get("format") == "csv"
	p.newest = p.csv || p.values.Get("order") == "newest"
	var err error
	p.sites, err = v.Sites()
	return p, answered(w, err)
}

// at reports whether the charge point is at one of the sites that are asked for.
func (p incidentsQuery) at(cp evcp.CPID) bool {
	return !p.values.Has("site") || slices.Contains(strings.Split(p.values.Get("site"), ","), p.sites[cp])
}

func (p incidentsQuery) fits(i history.IncidentDetail) bool {
	open := p.values.Get("open")
	return p.touches(i) && (open == "" || open == strconv.FormatBool(isOpen(i))) &&
		(!p.values.Has("cause") || slices.Contains(strings.Split(p.values.Get("cause"), ","), i.Cause))
}

// serveIncidents answers with the incidents of all charge points.
func (d *Dashboard) serveIncidents(w http.ResponseWriter, r *http.Request, v *archive.HistoryView) {
	p, ok := askedIncidents(w, r, v)
	switch {
	case !ok:
	case p.csv:
		d.serveIncidentsCSV(w, r, v, p)
	case p.newest:
		d.serveNewestIncidents(w, r, v, p)
	default:
		d.serveIncidentsByCP(w, v, p)
	}
}

// serveIncidentsByCP answers by id. A page reads a bounded number of charge points, so it may
// have few incidents, or none, and a next one.
func (d *Dashboard) serveIncidentsByCP(w http.ResponseWriter, v *archive.HistoryView, p incidentsQuery) {
	id, after, ok := idCursor(w, p.values)
	if !ok {
		return
	}
	cps, err := v.CPs()
	if !answered(w, err) {
		return
	}
	page, visited := pageOf(p.pageQuery, v), 0
	begin, _ := slices.BinarySearch(cps, id)
	for _, cp := range cps[begin:] {
		if !p.at(cp) {
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
		if full := page.add(cp, p.sites[cp], kept.Incidents(), after, p.fits, p.limit); full != 0 {
			next := string(cp) + "/" + *cursorOf(full)
			page.Next = &next
			break
		}
	}
	d.writeIncidents(w, page)
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
