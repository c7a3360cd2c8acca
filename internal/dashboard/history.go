package dashboard

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"evcp"
	"evcp/internal/archive"
	"evcp/internal/central"
	"evcp/internal/history"
	"evcp/internal/language"
	"evcp/internal/ledger"
	"evcp/internal/operations"
	"evcp/internal/status"
)

// HistorySource is where the answers about the past come from.
type HistorySource struct {
	// Open opens the history at a position as its views name it; "" is the newest one.
	Open func(ctx context.Context, position string) (*archive.HistoryView, error)
	// Checks are those of the last five minutes of a charge point.
	Checks func(evcp.CPID) (archive.RecentChecks, bool)
	// Ports reads the file of --ports; nil: the ports are those that people entered, and without
	// any each charge point is a port.
	Ports func(zone *time.Location) ([]ledger.ChargingPort, error)
	// Annotate adds an annotation, and returns its number.
	Annotate func(ctx context.Context, n archive.Annotation) (id int64, err error)
	// EventStates are what the events say now, and Reading is how they are read; nil: not known.
	EventStates *archive.EventStates
	Reading     func() archive.FollowStatus
}

// HistoryOf is the history that a Follower keeps in a file. What it shows was committed at
// most two seconds ago; while the disk takes no writes, earlier.
func HistoryOf(f *archive.Follower, path string) *HistorySource {
	return &HistorySource{EventStates: f.EventStates(), Reading: f.Status, Open: func(ctx context.Context, position string) (*archive.HistoryView, error) {
		err := f.Do(ctx, (*archive.Archive).Refresh)
		if err != nil && ctx.Err() != nil { // the disk may refuse: then what was committed is shown
			return nil, err
		}
		return archive.OpenView(path, position, true)
	}, Checks: f.Checks, Annotate: func(ctx context.Context, n archive.Annotation) (id int64, err error) {
		err = f.Do(ctx, func(a *archive.Archive) (err error) {
			id, err = a.Annotate(n)
			return err
		})
		return id, err
	}}
}

const (
	onePath          = listPath + "/{id}"
	segmentsPath     = onePath + "/segments"
	oneIncidentsPath = onePath + "/incidents"
	incidentsPath    = "/api/v1/incidents"
	uptimePath       = "/api/v1/uptime"
	maxHistories     = 4                // answers about the past at once
	uptimeDeadline   = 60 * time.Second // of a report over all ports
	maxWindow        = 400 * 24 * time.Hour
	usualWindow      = 7 * 24 * time.Hour
	// maxVisited is how many charge points one page of incidents reads.
	maxVisited = 500
)

// Why the history is not asked.
var (
	errBusyHistory = language.Coded("busy_history")
	errNoHistory   = language.Coded("no_history")
)

// withView opens one view of the history for a request.
func (d *Dashboard) withView(serve func(http.ResponseWriter, *http.Request, *archive.HistoryView)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.history == nil {
			status.WriteProblem(w, http.StatusNotFound, errNoHistory)
			return
		}
		if !acquire(d.histories, w, errBusyHistory) {
			return
		}
		defer func() { <-d.histories }()
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(uptimeDeadline)) // the writers of tests have no deadlines
		ctx, cancel := context.WithTimeout(r.Context(), uptimeDeadline-writeTimeout)
		defer cancel()
		at := r.URL.Query().Get("at")
		v, err := d.history.Open(ctx, at)
		if errors.Is(err, archive.ErrNoPosition) {
			status.WriteError(w, http.StatusBadRequest, "at can't be "+strconv.Quote(at)+": "+err.Error())
			return
		} else if err != nil {
			status.WriteProblem(w, http.StatusServiceUnavailable, language.Coded("history_unread", err))
			return
		}
		defer func() { _ = v.Close() }() // it has only read
		serve(w, r.WithContext(ctx), v)
	})
}

// pageQuery is what a page of the past is about.
type pageQuery struct {
	values   url.Values
	from, to evcp.Stamp
	limit    int
}

// askedPage reads the parameters of a page. What it can't understand it answers.
func askedPage(w http.ResponseWriter, r *http.Request, newest evcp.Stamp, more ...string) (p pageQuery, ok bool) {
	if p.values, ok = status.Query(w, r, slices.Sorted(slices.Values(append(more, "at", "cursor", "from", "limit", "to")))...); !ok {
		return p, false
	}
	if p.limit, ok = status.PageSize(w, p.values); !ok {
		return p, false
	}
	p.from, p.to, ok = askedWindow(w, p.values, newest, usualWindow, maxWindow)
	return p, ok
}

// askedCPWindow reads the charge point of a path, and the window of a request that has no other
// parameters: see askedWindow.
func askedCPWindow(w http.ResponseWriter, r *http.Request, newest evcp.Stamp, usual, most time.Duration) (cp evcp.CPID, from, to evcp.Stamp, ok bool) {
	q, ok := status.Query(w, r, "from", "to")
	if !ok {
		return "", 0, 0, false
	}
	if cp, ok = idOf(w, r); !ok {
		return "", 0, 0, false
	}
	from, to, ok = askedWindow(w, q, newest, usual, most)
	return cp, from, to, ok
}

// askedWindow reads from and to. Without to the window ends at the moment newest, and without from
// it is as long as usual. One that is longer than most is answered; 0 is any length.
func askedWindow(w http.ResponseWriter, q url.Values, newest evcp.Stamp, usual, most time.Duration) (from, to evcp.Stamp, ok bool) {
	if to, ok = momentOf(w, q, "to", newest); !ok {
		return 0, 0, false
	}
	if from, ok = momentOf(w, q, "from", to.Add(-usual)); !ok {
		return 0, 0, false
	}
	if from > to || most != 0 && to.Sub(from) > most {
		why := language.Coded("window_turned", ledger.RFC3339(from), ledger.RFC3339(to))
		if most != 0 {
			why = language.Coded("window_long", ledger.RFC3339(from), ledger.RFC3339(to), int(most.Hours()/24))
		}
		status.WriteProblem(w, http.StatusBadRequest, why)
		return 0, 0, false
	}
	return from, to, true
}

func momentOf(w http.ResponseWriter, q url.Values, name string, usual evcp.Stamp) (evcp.Stamp, bool) {
	if !q.Has(name) {
		return usual, true
	}
	at, ok := parseMoment(q.Get(name))
	if !ok {
		status.WriteProblem(w, http.StatusBadRequest, language.Coded("cant_be_as", name, strconv.Quote(q.Get(name)), errMoment))
	}
	return at, ok
}

// errMoment says how a time is written.
var errMoment = language.Coded("moment")

// parseMoment reads a time of RFC 3339, of the years in which charge points are watched.
func parseMoment(text string) (evcp.Stamp, bool) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.Year() < 1971 || at.Year() > 2199 {
		return 0, false
	}
	return evcp.StampOf(at), true
}

// onePageQuery is what a page of the past of one charge point is about.
type onePageQuery struct {
	pageQuery
	cp    evcp.CPID
	after evcp.Stamp // the cursor
}

// askedPageOf reads the parameters of such a page, and what is kept of the charge point.
func askedPageOf(w http.ResponseWriter, r *http.Request, v *archive.HistoryView) (p onePageQuery, kept archive.KeptHistory, ok bool) {
	if p.pageQuery, ok = askedPage(w, r, v.Progress.Newest); !ok {
		return p, kept, false
	}
	if p.cp, kept, ok = keptOf(w, r, v); !ok {
		return p, kept, false
	}
	p.after, ok = momentCursor(w, p.values)
	return p, kept, ok
}

// readJSON says which part of the log an answer was read from.
type readJSON struct {
	Position string `json:"position"`
	Newest   string `json:"newest"`    // time of the newest event
	Lost     int64  `json:"lost"`      // records that the topic did not have any more
	MadeAnew int64  `json:"made_anew"` // how often the topic was deleted and made anew
}

func readOf(v *archive.HistoryView) readJSON {
	return readJSON{v.Position(), ledger.RFC3339(v.Progress.Newest), v.Progress.Lost, v.Progress.MadeAnew}
}

// segmentJSON is one segment. It is whole, also where it begins before the window.
type segmentJSON struct {
	From        string               `json:"from"`
	To          string               `json:"to"`
	Micros      int64                `json:"us"`
	State       history.SegmentState `json:"state"`
	Cause       string               `json:"cause"`
	Incident    *string              `json:"incident_id"`
	First       *string              `json:"first_event"`
	Last        *string              `json:"last_event"`
	Estimated   bool                 `json:"estimated"`    // the interval of the checks is the median of their distances
	NotNumbered bool                 `json:"not_numbered"` // gaps can't be seen
}

// segmentsPage is a page of the segments of one charge point.
type segmentsPage struct {
	CP       evcp.CPID     `json:"cp_id"`
	From     string        `json:"from"`
	To       string        `json:"to"`
	Segments []segmentJSON `json:"segments"`
	Next     *string       `json:"next"`
	readJSON
}

// eventID is null for one that is none.
func eventID(id evcp.EventID, cp evcp.CPID) *string {
	if id == (evcp.EventID{}) {
		return nil
	}
	text := id.Text(cp)
	return &text
}

func (d *Dashboard) serveSegments(w http.ResponseWriter, r *http.Request, v *archive.HistoryView) {
	p, kept, ok := askedPageOf(w, r, v)
	if !ok {
		return
	}
	page := segmentsPage{p.cp, ledger.RFC3339(p.from), ledger.RFC3339(p.to), []segmentJSON{}, nil, readOf(v)}
	for _, s := range kept.Segments() {
		if s.To <= p.from || s.From >= p.to || s.From < p.after {
			continue
		}
		if len(page.Segments) == p.limit {
			page.Next = cursorOf(s.From)
			break
		}
		page.Segments = append(page.Segments, segmentJSON{
			From: ledger.RFC3339(s.From), To: ledger.RFC3339(s.To), Micros: s.To.Sub(s.From).Microseconds(), State: s.State, Cause: s.Cause,
			Incident: eventID(s.Incident, p.cp), First: eventID(s.Evidence.First, p.cp), Last: eventID(s.Evidence.Last, p.cp),
			Estimated: s.Evidence.Estimated, NotNumbered: s.Evidence.NotNumbered,
		})
	}
	status.WriteJSON(w, page)
}

// keptOf reads the charge point of the path, or answers that it has no history.
func keptOf(w http.ResponseWriter, r *http.Request, v *archive.HistoryView) (cp evcp.CPID, kept archive.KeptHistory, ok bool) {
	cp, ok = idOf(w, r)
	if !ok {
		return cp, kept, false
	}
	kept, err := v.CP(cp)
	if err == nil && len(kept.Numberings) == 0 && len(kept.First) == 0 {
		status.WriteProblem(w, http.StatusNotFound, language.Coded("no_events", cp))
		return cp, kept, false
	}
	return cp, kept, answered(w, err)
}

// answered reports whether the history could be read; if not, it says so.
func answered(w http.ResponseWriter, err error) bool {
	if err != nil {
		status.WriteProblem(w, http.StatusServiceUnavailable, language.Coded("history_unread", err))
	}
	return err == nil
}

func idOf(w http.ResponseWriter, r *http.Request) (cp evcp.CPID, ok bool) {
	cp, err := ledger.ParseCP(r.PathValue("id"))
	if err != nil {
		status.WriteProblem(w, http.StatusBadRequest, operations.FieldError(operations.Fields.CP, err))
	}
	return cp, err == nil
}

// cursorOf begins a page at a moment.
func cursorOf(at evcp.Stamp) *string {
	text := strconv.FormatInt(int64(at), 10)
	return &text
}

func momentCursor(w http.ResponseWriter, q url.Values) (evcp.Stamp, bool) {
	if !q.Has("cursor") {
		return 0, true
	}
	at, err := strconv.ParseInt(q.Get("cursor"), 10, 64)
	if err != nil || at < 0 {
		return 0, badCursor(w, q.Get("cursor"))
	}
	return evcp.Stamp(at), true
}

func badCursor(w http.ResponseWriter, given string) bool {
	status.WriteError(w, http.StatusBadRequest, "cursor can't be "+strconv.Quote(given)+": take next of the page before")
	return false
}

// knownJSON is one charge point: what Central hears of it now, and what the events say.
type knownJSON struct {
	CP      evcp.CPID     `json:"cp_id"`
	Present *cpJSON       `json:"present"` // null: Central has never heard it
	History *standingJSON `json:"history"` // null: no event of it is known, or no history is kept
	Unknown []string      `json:"unknown"` // what can't be known here
}

// standingJSON is what the events say of a charge point at their end.
type standingJSON struct {
	Site  string               `json:"site"`
	From  string               `json:"from"`
	To    string               `json:"to"` // the last moment of which something is known
	State history.SegmentState `json:"state"`
	Cause string               `json:"cause"`
	Since string               `json:"since"`
	readJSON
}

func (d *Dashboard) serveOne(w http.ResponseWriter, r *http.Request) {
	if _, ok := status.Query(w, r); !ok {
		return
	}
	cp, ok := idOf(w, r)
	if !ok {
		return
	}
	answer := knownJSON{CP: cp, Unknown: []string{}}
	views := d.central.CPs()
	if i, found := slices.BinarySearchFunc(views, cp, func(v central.CPView, id evcp.CPID) int { return cmp.Compare(v.ID, id) }); found {
		present := jsonOf(views[i]).withOverlay(d.operations.At(cp, time.Now()))
		answer.Present = &present
	}
	if d.history == nil {
		answer.Unknown = append(answer.Unknown, "site, segments, incidents and uptime: "+errNoHistory.Error())
		writeOne(w, answer)
		return
	}
	d.withView(func(w http.ResponseWriter, r *http.Request, v *archive.HistoryView) {
		kept, err := v.CP(cp)
		if !answered(w, err) {
			return
		}
		if all := kept.Segments(); len(all) > 0 {
			last := all[len(all)-1]
			answer.History = &standingJSON{
				Site: history.SiteOf(kept.Numberings), From: ledger.RFC3339(all[0].From), To: ledger.RFC3339(last.To),
				State: last.State, Cause: last.Cause, Since: ledger.RFC3339(last.From), readJSON: readOf(v),
			}
		}
		writeOne(w, answer)
	}).ServeHTTP(w, r)
}

func writeOne(w http.ResponseWriter, answer knownJSON) {
	if answer.Present == nil && answer.History == nil {
		status.WriteProblem(w, http.StatusNotFound, language.Coded("no_cp", answer.CP))
		return
	}
	status.WriteJSON(w, answer)
}

// siteFilter is which charge points are at one of the sites; it answers where that is not known.
func (d *Dashboard) siteFilter(w http.ResponseWriter, r *http.Request, sites string) (fits func(evcp.CPID) bool, ok bool) {
	if d.history == nil {
		status.WriteProblem(w, http.StatusBadRequest, operations.FieldError(operations.Fields.Site, errNoHistory))
		return nil, false
	}
	d.withView(func(w http.ResponseWriter, _ *http.Request, v *archive.HistoryView) {
		named, err := v.Sites()
		if ok = answered(w, err); ok {
			wanted := strings.Split(sites, ",")
			fits = func(cp evcp.CPID) bool { return slices.Contains(wanted, named[cp]) }
		}
	}).ServeHTTP(w, r)
	return fits, ok
}
