package dashboard

import (
	"cmp"
	"context"
	"encoding/csv"
	"net/http"
	"slices"
	"strconv"

	"evcp"
	"evcp/internal/archive"
	"evcp/internal/history"
	"evcp/internal/language"
	"evcp/internal/report"
	"evcp/internal/status"
)

// maxIncidentRows is how many incidents one file has at most.
const maxIncidentRows = 100_000

// ofCP is one incident, and whose it is.
type ofCP struct {
	cp evcp.CPID
	history.IncidentDetail
}

// compareNewest puts the newest incident first; of one moment, by id.
func compareNewest(a, b ofCP) int {
	return cmp.Or(cmp.Compare(b.FirstFailed, a.FirstFailed), cmp.Compare(a.cp, b.cp))
}

// newestIncidents are the n newest incidents that come after one of them. It reads every
// charge point that may have some, and holds at most twice as many as it returns.
func newestIncidents(ctx context.Context, v *archive.HistoryView, p incidentsQuery, after ofCP, n int) (all []ofCP, err error) {
	cps, err := v.Troubled(p.from)
	if err != nil {
		return nil, err
	}
	keep := func() {
		slices.SortFunc(all, compareNewest)
		all = all[:min(len(all), n)]
	}
	for _, cp := range cps {
		if !p.at(cp) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		kept, err := v.CP(cp)
		if err != nil {
			return nil, err
		}
		for _, i := range kept.Incidents() {
			if one := (ofCP{cp, i}); p.fits(i) && (after.cp == "" || compareNewest(one, after) > 0) {
				all = append(all, one)
			}
		}
		if len(all) >= 2*n {
			keep()
		}
	}
	keep()
	return all, nil
}

// serveNewestIncidents answers with the newest incidents first. The cursor is the last one of
// the page before.
func (d *Dashboard) serveNewestIncidents(w http.ResponseWriter, r *http.Request, v *archive.HistoryView, p incidentsQuery) {
	id, at, ok := idCursor(w, p.values)
	if !ok {
		return
	}
	all, err := newestIncidents(r.Context(), v, p, ofCP{id, history.IncidentDetail{FirstFailed: at}}, p.limit+1)
	if !answered(w, err) {
		return
	}
	page := pageOf(p.pageQuery, v)
	for i, one := range all {
		if i == p.limit {
			last := all[i-1]
			next := string(last.cp) + "/" + *cursorOf(last.FirstFailed)
			page.Next = &next
			break
		}
		page.Incidents = append(page.Incidents, jsonOfIncident(one.cp, p.sites[one.cp], one.IncidentDetail))
	}
	d.writeIncidents(w, page)
}

// serveIncidentsCSV answers with all incidents of the window as a file, the newest one first.
func (d *Dashboard) serveIncidentsCSV(w http.ResponseWriter, r *http.Request, v *archive.HistoryView, p incidentsQuery) {
	all, err := newestIncidents(r.Context(), v, p, ofCP{}, maxIncidentRows+1)
	if !answered(w, err) {
		return
	}
	if len(all) > maxIncidentRows {
		status.WriteProblem(w, http.StatusBadRequest, language.Coded("incidents_many", maxIncidentRows))
		return
	}
	asFile(w, "text/csv; charset=utf-8", "incidents.csv")
	out := csv.NewWriter(w)
	out.UseCRLF = true // RFC 4180
	rows := [][]string{{"cp_id", "site", "cause", "first_failed", "detected", "told", "answered_ms", "recovered", "end_unseen", "open", "failed_checks", "not_judged", "incident_id"}}
	for _, one := range all {
		i := jsonOfIncident(one.cp, p.sites[one.cp], one.IncidentDetail)
		row := []string{
			string(i.CP), i.Site, i.Cause, deref(i.FirstFailed), deref(i.Detected), deref(i.Told), millis(i), deref(i.Recovered), strconv.FormatBool(i.EndUnseen),
			strconv.FormatBool(i.Open), strconv.FormatUint(i.Failed, 10), strconv.FormatUint(i.NotJudged, 10), deref(i.ID),
		}
		for n := range row {
			row[n] = report.Cell(row[n])
		}
		rows = append(rows, row)
	}
	report.AddNotice(rows, d.notice)
	_ = out.WriteAll(rows) // fails only if the reader has gone
}

// asFile says that the answer is a file to keep, and nothing to be shown as a page of this server.
func asFile(w http.ResponseWriter, kind, name string) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	w.Header().Set("Cache-Control", "no-store")
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// millis is how long Central's answer took, in milliseconds; "" while it was not told.
func millis(i incidentJSON) string {
	if i.Told == nil {
		return ""
	}
	return strconv.FormatFloat(float64(i.Answered)/1000, 'f', 1, 64)
}
