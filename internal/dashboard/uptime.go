package dashboard

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"evcp"
	"evcp/internal/archive"
	"evcp/internal/language"
	"evcp/internal/ledger"
	"evcp/internal/report"
	"evcp/internal/status"
	"evcp/internal/version"
)

// serveUptime answers as ev-central report does, with --format json if no other is asked for.
func (d *Dashboard) serveUptime(w http.ResponseWriter, r *http.Request, v *archive.HistoryView) {
	q, ok := status.Query(w, r, "at", "cp_id", "definition", "format", "language", "month", "offline_is_outage", "site", "until", "year", "zone")
	if !ok {
		return
	}
	said, known := language.Parse(cmp.Or(q.Get("language"), "en"))
	if !known {
		status.WriteError(w, http.StatusBadRequest, "language can't be "+strconv.Quote(q.Get("language")), language.Names()...)
		return
	}
	question, ports, only, err := d.question(q)
	document := report.Document{Position: v.Position(), Notice: d.notice}
	if err == nil {
		document.Until, err = cut(&question, q, v.Progress.Newest)
	}
	if err != nil {
		status.WriteError(w, http.StatusBadRequest, err.Error())
		return
	}
	document.Uptime, err = v.Uptime(r.Context(), question, ports, only, version.String())
	if errors.Is(err, archive.ErrNoPort) {
		status.WriteError(w, http.StatusNotFound, "no port is "+strings.TrimSpace(q.Get("cp_id")+" "+q.Get("site")))
		return
	}
	if answered(w, err) {
		writeReport(w, document, cmp.Or(q.Get("format"), "json"), said)
	}
}

// writeReport writes a report as JSON, or as a file: CSV, or HTML with its own style, which this
// server's pages may not have.
func writeReport(w http.ResponseWriter, d report.Document, format string, said language.Language) {
	name := "uptime-" + string(d.Definition) + "-" + d.To[:len("2026-10-31")]
	var body []byte
	var err error
	switch format {
	case "csv":
		asFile(w, "text/csv; charset=utf-8", name+".csv")
		body, err = d.CSV()
	case "html":
		asFile(w, "text/html; charset=utf-8", name+".html")
		body, err = d.HTML(said)
	case "json":
		w.Header().Set("Content-Type", "application/json")
		body, err = d.JSON()
	default:
		status.WriteError(w, http.StatusBadRequest, "format can't be "+strconv.Quote(format), "json", "csv", "html")
		return
	}
	if err != nil {
		panic("dashboard: write a report: " + err.Error()) // into memory
	}
	_, _ = w.Write(body) // fails only if the reader has gone
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
	case a.Definition == ledger.UK && d.history.Ports == nil && len(d.operations.PortLines()) == 0:
		return a, nil, only, errors.New("definition can't be uk here: no ports were entered and this Central runs without --ports, and uk is about public ports of 50 kW and more")
	case q.Has("month"):
		a.From, a.To, err = ledger.MonthWindow(a.Definition, q.Get("month"), a.Zone)
	default:
		a.From, a.To, err = ledger.YearWindow(q.Get("year"), a.Zone)
	}
	if err == nil {
		ports, err = d.ports(a.Zone)
	}
	return a, ports, only, err
}

// ports are those of the file of --ports, else those that people entered; nil: each charge
// point is one.
func (d *Dashboard) ports(zone *time.Location) ([]ledger.ChargingPort, error) {
	if d.history.Ports != nil {
		return d.history.Ports(zone)
	}
	if lines := d.operations.PortLines(); len(lines) > 0 {
		return ledger.PortsOf(lines, zone)
	}
	return nil, nil
}

// cut ends a window that has not ended at until. Whether it has ended is said by the newest
// event; until may be that one.
func cut(a *ledger.Question, q url.Values, newest evcp.Stamp) (is bool, err error) {
	switch text := q.Get("until"); text {
	case "":
	case "newest":
		if newest <= a.From {
			return false, errors.New("the window begins at " + ledger.RFC3339(a.From) + ", and the newest event is of " + ledger.RFC3339(newest))
		}
		is, a.To = newest < a.To, min(a.To, newest)
	default:
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || evcp.StampOf(at) <= a.From {
			return false, errors.New("until can't be " + strconv.Quote(text) + ": newest, or a time in the window, as 2026-10-31T08:00:00Z")
		}
		is, a.To = evcp.StampOf(at) < a.To, min(a.To, evcp.StampOf(at))
	}
	if a.To > newest {
		return false, errors.New("the window ends at " + ledger.RFC3339(a.To) + ", and the newest event is of " + ledger.RFC3339(newest) + ": until is needed, at most that")
	}
	return is, nil
}
