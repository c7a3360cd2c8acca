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
	"evcp/internal/operations"
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
		status.WriteProblem(w, http.StatusBadRequest, err)
		return
	}
	document.Uptime, err = v.Uptime(r.Context(), question, ports, only, version.String())
	if errors.Is(err, archive.ErrNoPort) {
		status.WriteProblem(w, http.StatusNotFound, language.Coded("no_such_port", strings.TrimSpace(q.Get("cp_id")+" "+q.Get("site"))))
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
		return a, nil, only, language.Coded("cant_be_as", "definition", strconv.Quote(q.Get("definition")), "nevi, uk, plain")
	}
	if name := q.Get("zone"); name != "" {
		if a.Zone, err = time.LoadLocation(name); err != nil || name == "Local" {
			return a, nil, only, language.Coded("cant_be_as", "zone", strconv.Quote(name), "UTC, Europe/London")
		}
	}
	if id := q.Get("cp_id"); id != "" {
		if only.CP, err = ledger.ParseCP(id); err != nil {
			return a, nil, only, operations.FieldError(operations.Fields.CP, err)
		}
	}
	switch q.Get("offline_is_outage") {
	case "", "false":
	case "true":
		a.OfflineIsOutage = true
	default:
		return a, nil, only, language.Coded("cant_be_as", "offline_is_outage", strconv.Quote(q.Get("offline_is_outage")), "true, false")
	}
	switch {
	case q.Has("month") == q.Has("year"):
		return a, nil, only, language.Coded("month_needed")
	case a.Definition == ledger.UK && d.history.Ports == nil && len(d.operations.PortLines()) == 0:
		return a, nil, only, language.Coded("uk_needs_ports")
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
			return false, language.Coded("window_unseen", ledger.RFC3339(a.From), ledger.RFC3339(newest))
		}
		is, a.To = newest < a.To, min(a.To, newest)
	default:
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || evcp.StampOf(at) <= a.From {
			return false, language.Coded("until_form", strconv.Quote(text))
		}
		is, a.To = evcp.StampOf(at) < a.To, min(a.To, evcp.StampOf(at))
	}
	if a.To > newest {
		return false, language.Coded("until_needed", ledger.RFC3339(a.To), ledger.RFC3339(newest))
	}
	return is, nil
}
