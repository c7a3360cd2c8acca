package dashboard

import (
	"net/http"
	"time"

	"evcp"
	"evcp/internal/central"
	"evcp/internal/history"
	"evcp/internal/language"
	"evcp/internal/ledger"
	"evcp/internal/status"
	"evcp/internal/wire"
)

const wordsPath = onePath + "/words"

// wordsJSON is what was said by the text protocol for one charge point and answered: a message,
// or the same one with the same answer several times.
type wordsJSON struct {
	At     string `json:"at"`    // of the first
	Until  string `json:"until"` // of the last
	Count  uint64 `json:"count"`
	Said   string `json:"said"`
	Answer string `json:"answer"`  // "": it could not be sent
	Took   int64  `json:"took_us"` // from the first message to its answer
	Peer   string `json:"peer"`    // the address that sent the first
}

type wordsPage struct {
	CP    evcp.CPID   `json:"cp_id"`
	From  string      `json:"from"`
	To    string      `json:"to"`
	Words []wordsJSON `json:"words"` // in order
}

func jsonOfWords(w central.Words) wordsJSON {
	return wordsJSON{
		ledger.RFC3339(evcp.StampOf(w.From)), ledger.RFC3339(evcp.StampOf(w.To)), w.Count, w.Said.String(), w.Answered, w.AnsweredIn.Microseconds(), w.Peer,
	}
}

func (d *Dashboard) serveWords(w http.ResponseWriter, r *http.Request) {
	cp, from, to, ok := askedCPWindow(w, r, evcp.StampOf(time.Now())+1, usualWindow, 0)
	if !ok {
		return
	}
	if !acquire(d.histories, w, errBusyHistory) {
		return
	}
	defer func() { <-d.histories }()
	page := wordsPage{cp, ledger.RFC3339(from), ledger.RFC3339(to), []wordsJSON{}}
	reader, err := d.central.OpenWords()
	if !answered(w, err) {
		return
	}
	defer func() { _ = reader.Close() }() // it has only read
	all, err := reader.Of(cp, from.Time(), to.Time())
	if !answered(w, err) {
		return
	}
	if _, known := d.central.CP(cp); !known && len(all) == 0 {
		status.WriteProblem(w, http.StatusNotFound, language.Coded("not_heard", cp))
		return
	}
	for _, one := range all {
		page.Words = append(page.Words, jsonOfWords(one))
	}
	writeTagged(w, r, append(encode(page), '\n'))
}

// tcpReportJSON is a report of an incident by the text protocol, as Central heard it.
type tcpReportJSON struct {
	At     string `json:"at"` // by Central's clock
	Said   string `json:"said"`
	Answer string `json:"answer"`  // "": it could not be sent
	Took   int64  `json:"took_us"` // from the report to the answer
}

func jsonOfReport(r *history.TCPReport) *tcpReportJSON {
	if r == nil {
		return nil
	}
	return &tcpReportJSON{ledger.RFC3339(r.At), r.Said, r.Answered, r.AnsweredIn.Microseconds()}
}

// ReportsOf are the reports of incidents that Central has of a charge point, in order.
func ReportsOf(r *central.WordReader, cp evcp.CPID) (all []history.TCPReport, err error) {
	words, err := r.Of(cp, time.Time{}, time.Time{})
	for _, w := range words {
		if recovery := w.Said.Verb == wire.EngineRecovered; recovery || w.Said.Verb == wire.EngineFailure {
			all = append(all, history.TCPReport{
				At: evcp.StampOf(w.From), Recovery: recovery, Said: w.Said.String(), Answered: w.Answered, AnsweredIn: w.AnsweredIn,
			})
		}
	}
	return all, err
}

// addReports puts beside each incident of a page what was reported by the text protocol.
func (d *Dashboard) addReports(page *incidentsPage) error {
	if len(page.Incidents) == 0 {
		return nil
	}
	reader, err := d.central.OpenWords()
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }() // it has only read
	reports := map[evcp.CPID][]history.TCPReport{}
	for i := range page.Incidents {
		one := &page.Incidents[i]
		all, read := reports[one.CP]
		if !read {
			if all, err = ReportsOf(reader, one.CP); err != nil {
				return err
			}
			reports[one.CP] = all
		}
		failure, recovery := one.detail.Reported(all)
		one.TCPFailure, one.TCPRecovery = jsonOfReport(failure), jsonOfReport(recovery)
	}
	return nil
}

// writeIncidents answers with a page, and what was reported beside it.
func (d *Dashboard) writeIncidents(w http.ResponseWriter, page incidentsPage) {
	if answered(w, d.addReports(&page)) {
		status.WriteJSON(w, page)
	}
}
