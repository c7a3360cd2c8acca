package dashboard

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"evcp"
	"evcp/internal/ledger"
	"evcp/internal/ocpi"
)

// What partners read by OCPI 2.2.1: the Sender interface of its module locations, and the
// versions by which a client finds it.
const (
	ocpiPath        = "/ocpi/"
	versionsPath    = "/ocpi/versions"
	ocpiDetailsPath = "/ocpi/2.2.1"
	locationsPath   = "/ocpi/2.2.1/locations"
	locationPath    = locationsPath + "/{location_id}"
	evsePath        = locationPath + "/{evse_uid}"
	connectorPath   = evsePath + "/{connector_id}"

	ocpiVersion = "2.2.1"
)

// Codes of OCPI.
const (
	ocpiSuccess     = 1000
	ocpiClientError = 2000
	ocpiParameters  = 2001
	ocpiNoLocation  = 2003
	ocpiServerError = 3000
)

// ocpiAnswer is what an answer of OCPI has around its data.
type ocpiAnswer struct {
	Data      any           `json:"data,omitempty"`
	Code      int           `json:"status_code"`
	Message   string        `json:"status_message,omitempty"`
	Timestamp ocpi.DateTime `json:"timestamp"`
}

// ocpiVersionJSON is a version that is served.
type ocpiVersionJSON struct {
	Version string `json:"version"`
	URL     string `json:"url"`
}

// ocpiDetailsJSON are the modules of one.
type ocpiDetailsJSON struct {
	Version   string             `json:"version"`
	Endpoints []ocpiEndpointJSON `json:"endpoints"`
}

// ocpiEndpointJSON is one of them.
type ocpiEndpointJSON struct {
	Identifier string `json:"identifier"`
	Role       string `json:"role"`
	URL        string `json:"url"`
}

// ocpiListing keeps what partners read. It is made anew when somebody asks; requests that come
// while it is made share the next.
type ocpiListing struct {
	dashboard *Dashboard
	party     ocpi.Party

	mu        sync.Mutex
	began     time.Time // when directory was made
	directory ocpi.Directory
	lacks     map[string][]string
}

// serveOCPI adds what is served by OCPI; of nobody it is said that it is not.
func (d *Dashboard) serveOCPI(party ocpi.Party) {
	d.mux.HandleFunc(ocpiPath, d.notOCPI)
	if party == (ocpi.Party{}) {
		return
	}
	d.ocpi = &ocpiListing{dashboard: d, party: party}
	for path, handle := range d.ocpiPaths() {
		d.mux.Handle("GET "+path, d.forPartners(handle))
	}
	d.mux.Handle("GET "+locationsPath+"/{$}", d.forPartners(d.serveLocations)) // the way some clients write it
}

// ocpiPaths are the paths, and what serves them.
func (d *Dashboard) ocpiPaths() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		versionsPath:    d.serveVersions,
		ocpiDetailsPath: d.serveOCPIDetails,
		locationsPath:   d.serveLocations,
		locationPath:    d.serveLocation,
		evsePath:        d.serveLocation,
		connectorPath:   d.serveLocation,
	}
}

// forPartners guards what is read by OCPI, as forReaders does, with answers in its form.
func (d *Dashboard) forPartners(next http.HandlerFunc) http.Handler {
	return compressed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		withRequestIDs(w, r)
		c, err := d.callerOf(r)
		switch {
		case err == nil && (c.signedIn() || d.open(r)):
		case err != nil:
			refuseOCPI(w, err.Error())
			return
		default:
			refuseOCPI(w, "a token is needed: Authorization: Token, and the token in Base64")
			return
		}
		select {
		case d.lists <- struct{}{}:
		default:
			w.Header().Set("Retry-After", "5")
			writeOCPI(w, http.StatusServiceUnavailable, ocpiAnswer{Code: ocpiServerError, Message: "too many lists are under way"})
			return
		}
		defer func() { <-d.lists }()
		next(w, r)
	}))
}

func refuseOCPI(w http.ResponseWriter, why string) {
	w.Header().Set("WWW-Authenticate", "Token")
	writeOCPI(w, http.StatusUnauthorized, ocpiAnswer{Code: ocpiClientError, Message: why})
}

// notOCPI answers what no other handler under /ocpi/ does.
func (d *Dashboard) notOCPI(w http.ResponseWriter, r *http.Request) {
	withRequestIDs(w, r)
	switch get := (&http.Request{Method: http.MethodGet, URL: r.URL, Host: r.Host}); {
	case d.ocpi == nil:
		writeOCPI(w, http.StatusNotFound, ocpiAnswer{Code: ocpiClientError, Message: "OCPI is not served here: that takes --ocpi-party"})
	case d.serves(get):
		w.Header().Set("Allow", "GET, HEAD")
		writeOCPI(w, http.StatusMethodNotAllowed, ocpiAnswer{Code: ocpiClientError, Message: r.Method + " is not possible here: locations can only be read"})
	default:
		writeOCPI(w, http.StatusNotFound, ocpiAnswer{Code: ocpiClientError, Message: "there is no " + strings.ToValidUTF8(r.URL.Path, "\uFFFD") + "; begin at " + versionsPath})
	}
}

// serves reports whether a handler of its own answers a request.
func (d *Dashboard) serves(r *http.Request) bool {
	_, pattern := d.mux.Handler(r)
	return pattern != ocpiPath && pattern != ""
}

func writeOCPI(w http.ResponseWriter, code int, a ocpiAnswer) {
	a.Timestamp = ocpi.DateTimeOf(time.Now())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(append(encode(a), '\n')) // fails only if the client has gone
}

func writeOCPIData(w http.ResponseWriter, data any) {
	writeOCPI(w, http.StatusOK, ocpiAnswer{Data: data, Code: ocpiSuccess, Message: "Success"})
}

// maxRequestID bounds the ids that an answer repeats, in bytes.
const maxRequestID = 200

// withRequestIDs repeats the ids of a request.
func withRequestIDs(w http.ResponseWriter, r *http.Request) {
	for _, name := range []string{"X-Request-ID", "X-Correlation-ID"} {
		if id := r.Header.Get(name); id != "" && len(id) <= maxRequestID {
			w.Header().Set(name, id)
		}
	}
}

// withRouting says for whom an answer is, and from whom: who asked is told by his own headers.
func (l *ocpiListing) withRouting(w http.ResponseWriter, r *http.Request) {
	for _, part := range []struct{ name, ours string }{{"country-code", l.party.Country}, {"party-id", l.party.ID}} {
		w.Header().Set("OCPI-from-"+part.name, part.ours)
		if theirs := r.Header.Get("OCPI-from-" + part.name); theirs != "" && len(theirs) <= maxRequestID {
			w.Header().Set("OCPI-to-"+part.name, theirs)
		}
	}
}

// base is where the page is, for links.
func (d *Dashboard) base(r *http.Request) string {
	if d.pageURL != "" {
		return d.pageURL
	}
	u := url.URL{Scheme: "http", Host: r.Host}
	if r.TLS != nil {
		u.Scheme = "https"
	}
	return u.String()
}

// ocpiQuery reads the parameters. What it can't understand it answers: by the code of OCPI, as a
// request that was understood this far has no error of HTTP.
func ocpiQuery(w http.ResponseWriter, r *http.Request, allowed ...string) (q url.Values, ok bool) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	why := "the query can't be read"
	if err == nil {
		why = ""
		for name := range q {
			if !slices.Contains(allowed, name) {
				why = "unknown parameter " + strconv.Quote(name) + "; there are none here"
				if allowed != nil {
					why = "unknown parameter " + strconv.Quote(name) + "; there are " + strings.Join(allowed, ", ")
				}
			}
		}
	}
	if why != "" {
		wrongParameter(w, why)
	}
	return q, why == ""
}

func wrongParameter(w http.ResponseWriter, why string) {
	writeOCPI(w, http.StatusOK, ocpiAnswer{Code: ocpiParameters, Message: why})
}

func (d *Dashboard) serveVersions(w http.ResponseWriter, r *http.Request) {
	if _, ok := ocpiQuery(w, r); ok {
		writeOCPIData(w, []ocpiVersionJSON{{ocpiVersion, d.base(r) + ocpiDetailsPath}})
	}
}

func (d *Dashboard) serveOCPIDetails(w http.ResponseWriter, r *http.Request) {
	if _, ok := ocpiQuery(w, r); ok {
		writeOCPIData(w, ocpiDetailsJSON{ocpiVersion, []ocpiEndpointJSON{{"locations", "SENDER", d.base(r) + locationsPath}}})
	}
}

// maxLocations is how many locations a page has at most.
const maxLocations = 100

func (d *Dashboard) serveLocations(w http.ResponseWriter, r *http.Request) {
	asked := time.Now()
	d.ocpi.withRouting(w, r)
	q, ok := ocpiQuery(w, r, "date_from", "date_to", "limit", "offset")
	if !ok {
		return
	}
	var bounds [2]ocpi.DateTime
	for i, name := range []string{"date_from", "date_to"} {
		if bounds[i], ok = ocpi.ParseDateTime(q.Get(name)); !ok && q.Has(name) {
			wrongParameter(w, name+" can't be "+strconv.Quote(q.Get(name))+": a time in UTC, as 2026-10-31T08:00:00Z")
			return
		}
	}
	offset, limit := 0, maxLocations
	for _, n := range []struct {
		name  string
		least int
		into  *int
	}{{"offset", 0, &offset}, {"limit", 1, &limit}} {
		value, err := strconv.Atoi(q.Get(n.name))
		if q.Has(n.name) && (err != nil || value < n.least) {
			wrongParameter(w, n.name+" can't be "+strconv.Quote(q.Get(n.name))+": a number from "+strconv.Itoa(n.least)+" on")
			return
		}
		if q.Has(n.name) {
			*n.into = value
		}
	}
	limit = min(limit, maxLocations)
	var page []ocpi.Location
	var total int
	d.ocpi.read(asked, func(directory *ocpi.Directory) { page, total = directory.Select(bounds[0], bounds[1], offset, limit) })
	w.Header().Set("X-Total-Count", strconv.Itoa(total))
	w.Header().Set("X-Limit", strconv.Itoa(maxLocations))
	if offset < total && len(page) < total-offset {
		q.Set("offset", strconv.Itoa(offset+len(page)))
		q.Set("limit", strconv.Itoa(limit))
		w.Header().Set("Link", "<"+d.base(r)+locationsPath+"?"+q.Encode()+`>; rel="next"`)
	}
	writeOCPIData(w, page)
}

// serveLocation answers with a location, an EVSE of it or a connector of that.
func (d *Dashboard) serveLocation(w http.ResponseWriter, r *http.Request) {
	asked := time.Now()
	d.ocpi.withRouting(w, r)
	if _, ok := ocpiQuery(w, r); !ok {
		return
	}
	var found any
	var ok bool
	d.ocpi.read(asked, func(directory *ocpi.Directory) {
		location, known := directory.Location(r.PathValue("location_id"))
		evse, connector := r.PathValue("evse_uid"), r.PathValue("connector_id")
		found, ok = location, known
		if !known || evse == "" {
			return
		}
		e, known := location.EVSE(evse)
		found, ok = e, known
		if known && connector != "" {
			found, ok = e.Connector(connector)
		}
	})
	if !ok {
		writeOCPI(w, http.StatusNotFound, ocpiAnswer{Code: ocpiNoLocation, Message: "there is no such location, EVSE or connector"})
		return
	}
	writeOCPIData(w, found)
}

// read hands out what there was when it was asked for, or later. What use takes of it does not
// change any more.
func (l *ocpiListing) read(asked time.Time, use func(*ocpi.Directory)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.began.After(asked) {
		l.began = time.Now()
		l.make(l.began)
	}
	use(&l.directory)
}

// lacking are the columns for want of which partners do not see a port, by its name; none where
// nobody reads by OCPI.
func (l *ocpiListing) lacking(asked time.Time) (lacks map[string][]string) {
	if l != nil {
		l.read(asked, func(*ocpi.Directory) { lacks = l.lacks })
	}
	return lacks
}

// make makes it anew. The caller holds the lock.
func (l *ocpiListing) make(at time.Time) {
	d := l.dashboard
	ports, err := ledger.PortsOf(d.operations.PortLines(), time.UTC)
	if err != nil {
		return // those in use were checked
	}
	overlay := d.operations.Overlays(at)
	listing := ocpi.List(l.party, ports, evcp.StampOf(at), func(id evcp.CPID) ocpi.EVSEStatus {
		v, _ := d.central.CP(id)
		return ocpi.StatusOf(v.Condition, overlay(id).Maintenance != nil)
	})
	l.directory.Update(at, listing.Locations)
	l.lacks = listing.Lacks
}
