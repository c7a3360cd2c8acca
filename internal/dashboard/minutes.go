package dashboard

import (
	"net/http"
	"time"

	"evcp"
	"evcp/internal/archive"
	"evcp/internal/history"
	"evcp/internal/language"
	"evcp/internal/ledger"
	"evcp/internal/status"
	"evcp/internal/wire"
)

const (
	minutesPath = onePath + "/minutes"
	checksPath  = onePath + "/checks"
	// usualMinuteWindow and maxMinuteWindow are how long a window of minutes is.
	usualMinuteWindow = 24 * time.Hour
	maxMinuteWindow   = 8 * 24 * time.Hour
)

// minuteJSON is what the checks of one minute came to. The latencies are of the checks that
// were answered; null: none was, or the first EV_CP_M did them.
type minuteJSON struct {
	At      string `json:"at"` // its begin
	OK      uint64 `json:"ok"`
	KO      uint64 `json:"ko"`
	NoReply uint64 `json:"connection_error"`
	Unknown uint64 `json:"unknown"`
	Least   *int64 `json:"least_us"`
	Median  *int64 `json:"median_us"`
	Most    *int64 `json:"most_us"`
}

// minutesJSON are the minutes of one charge point in which there was a check.
type minutesJSON struct {
	CP       evcp.CPID    `json:"cp_id"`
	From     string       `json:"from"`
	To       string       `json:"to"`
	KeptFrom *string      `json:"kept_from"` // before it no minutes are kept; null: all are
	Minutes  []minuteJSON `json:"minutes"`
	readJSON
}

func jsonOfMinute(m history.Minute) minuteJSON {
	j := minuteJSON{At: ledger.RFC3339(m.At), OK: m.OK, KO: m.KO, NoReply: m.NoReply, Unknown: m.Unknown}
	if m.Answered > 0 {
		least, median, most := m.Least.Microseconds(), m.Median.Microseconds(), m.Most.Microseconds()
		j.Least, j.Median, j.Most = &least, &median, &most
	}
	return j
}

func (d *Dashboard) serveMinutes(w http.ResponseWriter, r *http.Request, v *archive.HistoryView) {
	cp, from, to, ok := askedCPWindow(w, r, v.Progress.Newest+1, usualMinuteWindow, maxMinuteWindow)
	if !ok {
		return
	}
	if !isKnown(w, v, cp) {
		return
	}
	kept, err := v.Minutes(cp, from, to)
	if !answered(w, err) {
		return
	}
	answer := minutesJSON{cp, ledger.RFC3339(from), ledger.RFC3339(to), momentText(kept.From), []minuteJSON{}, readOf(v)}
	for _, m := range kept.Minutes {
		answer.Minutes = append(answer.Minutes, jsonOfMinute(m))
	}
	writeTagged(w, r, append(encode(answer), '\n'))
}

// isKnown reports whether an event of a charge point was read; if not, it says so.
func isKnown(w http.ResponseWriter, v *archive.HistoryView, cp evcp.CPID) bool {
	known, err := v.Knows(cp)
	if err == nil && !known {
		status.WriteProblem(w, http.StatusNotFound, language.Coded("no_events", cp))
		return false
	}
	return answered(w, err)
}

// checkJSON is one check.
type checkJSON struct {
	Event   *string `json:"event_id"` // null: the first EV_CP_M did it
	At      string  `json:"at"`
	Outcome string  `json:"outcome"`
	Cause   string  `json:"cause"`
	Detail  string  `json:"detail"`
	Latency int64   `json:"latency_us"`
	Reply   string  `json:"reply"` // safe to print
}

// checksJSON are the checks of one charge point in the five minutes before its newest one.
type checksJSON struct {
	CP       evcp.CPID   `json:"cp_id"`
	From     *string     `json:"from"` // null, with the next two: none was read since Central started
	To       *string     `json:"to"`
	Complete *string     `json:"complete_from"` // from then on every check that was read is here
	Checks   []checkJSON `json:"checks"`
}

// serveChecks answers from memory. Of a charge point that is not in it, the history says
// whether there is one.
func (d *Dashboard) serveChecks(w http.ResponseWriter, r *http.Request) {
	if _, ok := status.Query(w, r); !ok {
		return
	}
	cp, ok := idOf(w, r)
	if !ok {
		return
	}
	var recent archive.RecentChecks
	if d.history != nil {
		recent, ok = d.history.Checks(cp)
	}
	answer := checksJSON{cp, momentText(recent.From), momentText(recent.To), momentText(recent.Complete), []checkJSON{}}
	for _, c := range recent.Checks {
		answer.Checks = append(answer.Checks, checkJSON{
			eventID(c.ID, cp), ledger.RFC3339(c.At), c.Status.String(), c.Cause.String(), c.Cause.Detail(), c.Latency.Microseconds(), wire.Text(c.Reply),
		})
	}
	if d.history != nil && ok {
		writeTagged(w, r, append(encode(answer), '\n'))
		return
	}
	d.withView(func(w http.ResponseWriter, r *http.Request, v *archive.HistoryView) {
		if isKnown(w, v, cp) {
			writeTagged(w, r, append(encode(answer), '\n'))
		}
	}).ServeHTTP(w, r)
}
