package dashboard

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"log"
	"maps"
	"mime"
	"net"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"evcp/internal/accounts"
	"evcp/internal/central"
	"evcp/internal/ledger"
	"evcp/internal/metrics"
	"evcp/internal/ocpi"
	"evcp/internal/operations"
	"evcp/internal/status"
)

//go:embed web
var web embed.FS

// Dashboard answers HTTP requests for one Central. Serve is the server made for it.
// Another server should cancel the requests' context when it stops
// (http.Server.BaseContext): nothing else ends the streams.
type Dashboard struct {
	central    *central.Central
	version    string
	notice     string
	history    *HistorySource  // nil: none is kept
	accounts   *accounts.Store // nil: nobody can sign in
	operations *operations.Store
	access     AccessRules
	firstUsed  func()
	portsFile  func() ([]ledger.PortCells, error)
	filesLost  func() error
	more       []func(*metrics.Writer)
	alerts     AlertSource
	frames     *frameCache
	list       *listCache
	day        dayCache
	ocpi       *ocpiListing // nil: not served
	pageURL    string
	provider   *SignInProvider // nil: none
	providers  chan struct{}   // a place for each sign-in that asks it
	streams    chan struct{}   // a place for each open stream
	lists      chan struct{}   // a place for each list that is sent
	histories  chan struct{}   // a place for each answer about the past
	annotating chan struct{}   // the place of the one annotation that is added at a time
	mux        *http.ServeMux
}

const (
	index      = "/{$}"
	listPath   = "/api/v1/cps"
	eventsPath = "/api/v1/events"
	// bodyTimeout is how long the body of a request may take.
	bodyTimeout = 5 * time.Second
	// maxStreams is how many pages may be open at once.
	maxStreams = 256
)

// Options are what New makes a Dashboard of. Central is needed.
type Options struct {
	Central *central.Central
	Version string                  // of the program: it stands in each snapshot
	Notice  string                  // stands on every page and in every file of numbers; "": none
	History *HistorySource          // nil: none is kept
	Metrics []func(*metrics.Writer) // write further metrics of the process
	Alerts  AlertSource

	Accounts   *accounts.Store   // nil: nobody can sign in
	Operations *operations.Store // nil: nothing was entered
	Access     AccessRules
	PortsFile  func() ([]ledger.PortCells, error) // reads the file of --ports; nil: the ports are those that people entered
	FilesLost  func() error                       // of the state folder: one that was removed, so that what comes is not kept; nil: not known
	FirstUsed  func()                             // called when the first token was used; may be nil

	Party    ocpi.Party      // whose charge points partners read by OCPI; zero: none do
	Provider *SignInProvider // nil: none; it needs PageURL

	PageURL string // by which others reach the page, without a / at its end; "": as they asked for it
}

// New makes the handler.
func New(o Options) *Dashboard {
	c, entered := o.Central, cmp.Or(o.Operations, operations.Empty())
	d := &Dashboard{
		central: c, version: o.Version, notice: o.Notice, history: o.History, more: o.Metrics, accounts: o.Accounts, operations: entered, access: o.Access, firstUsed: o.FirstUsed, portsFile: o.PortsFile, filesLost: o.FilesLost, alerts: o.Alerts, pageURL: o.PageURL, provider: o.Provider,
		frames: &frameCache{central: c, operations: entered, version: o.Version, notice: o.Notice, events: eventsOrNil(o.History), alerts: o.Alerts, accounts: o.Accounts != nil}, list: &listCache{central: c, operations: entered},
		streams: make(chan struct{}, maxStreams), lists: make(chan struct{}, maxLists), histories: make(chan struct{}, maxHistories), annotating: make(chan struct{}, 1), providers: make(chan struct{}, maxProviders), mux: http.NewServeMux(),
	}
	for path, handler := range d.api() {
		d.mux.Handle("GET "+path, d.forReaders(handler))
	}
	d.serveOCPI(o.Party)
	for _, o := range d.writes() {
		d.mux.Handle(o.method+" "+o.path, d.forWriters(o.own, o.handle))
	}
	d.mux.Handle("GET "+sessionPath, d.withCaller(status.NoParameters(d.serveSession)))
	d.mux.Handle("POST "+sessionPath, d.withCaller(status.NoParameters(d.signIn)))
	d.mux.HandleFunc("GET "+providerPath, d.forProvider(d.beginProvider))
	d.mux.HandleFunc("GET "+callbackPath, d.forProvider(d.finishProvider))
	d.mux.HandleFunc("/api/", d.notServed)
	health := compressed(d.endpoints().Handler())
	d.mux.Handle("GET "+status.MetricsPath, d.forMetrics(health))
	d.mux.Handle("GET "+status.StatusPath, d.forReaders(health))
	d.mux.Handle("GET "+status.HealthPath, health)
	d.mux.Handle("GET "+status.ReadyPath, health)
	d.mux.Handle("OPTIONS "+status.HealthPath, health)
	d.mux.Handle("OPTIONS "+status.ReadyPath, health)
	files := assets()
	for name, file := range files {
		d.mux.Handle("GET "+name, compressed(file))
	}
	d.mux.Handle("OPTIONS "+index, compressed(files[index])) // HAProxy's check of a page that it is not told the path of
	for _, place := range places {
		d.mux.Handle("GET "+place, compressed(files[index].at(place)))
	}
	return d
}

// places are the paths that the page itself tells apart (js/router.js).
var places = []string{"/cp/{id}", "/incidents", "/uptime", "/table", "/audit", "/signin"}

// notServed answers what no other handler under /api/ does: 405 for a path that is served by
// other methods, else 404 with the paths that there are.
func (d *Dashboard) notServed(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
		other := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := d.mux.Handler(other); pattern != "/api/" && pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if allowed != nil {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		status.WriteError(w, http.StatusMethodNotAllowed, r.Method+" is not possible here", allowed...)
		return
	}
	paths := append(slices.Sorted(maps.Keys(d.api())), sessionPath, status.StatusPath)
	status.WriteError(w, http.StatusNotFound, "there is no "+strings.ToValidUTF8(r.URL.Path, "\uFFFD"), paths...)
}

// api are the paths of the API that are read, beside status.StatusPath and sessionPath, and what
// serves them.
func (d *Dashboard) api() map[string]http.Handler {
	return map[string]http.Handler{
		listPath:         compressed(http.HandlerFunc(d.serveList)),
		onePath:          compressed(http.HandlerFunc(d.serveOne)),
		segmentsPath:     compressed(d.withView(d.serveSegments)),
		oneIncidentsPath: compressed(d.withView(d.serveIncidentsOf)),
		minutesPath:      compressed(d.withView(d.serveMinutes)),
		wordsPath:        compressed(http.HandlerFunc(d.serveWords)),
		checksPath:       compressed(http.HandlerFunc(d.serveChecks)),
		incidentsPath:    compressed(d.withView(d.serveIncidents)),
		uptimePath:       compressed(d.withView(d.serveUptime)),
		dayPath:          compressed(http.HandlerFunc(d.serveDay)),
		eventsPath:       http.HandlerFunc(d.serveEvents),
		changesPath:      http.HandlerFunc(d.serveChanges),
		maintenancePath:  compressed(http.HandlerFunc(d.serveMaintenance)),
		exclusionsPath:   compressed(d.withView(d.serveExclusions)),
		portsPath:        compressed(status.NoParameters(d.servePorts)),
		portsCSVPath:     compressed(status.NoParameters(d.servePorts)),
		usersPath:        status.NoParameters(d.serveUsers),
		auditPath:        compressed(http.HandlerFunc(d.serveAudit)),
	}
}

// policy lets the page load its own files and nothing else: no inline script or
// style, no other origin, no frame around it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ServeHTTP answers one request. The answer must be read within ten seconds, and each
// frame of a stream. A body has five seconds; one that is too long is refused.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(writeTimeout)) // the writers of tests have no deadlines
	if r.ContentLength != 0 {
		_ = control.SetReadDeadline(time.Now().Add(bodyTimeout)) // net/http reads the rest of a body before it takes the next request
	}
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if !tooLong(w, r) {
		d.mux.ServeHTTP(w, r)
	}
}

// embeddedFile is one file of the page. Browsers revalidate it each time (ETag), so
// after an update of Central none shows an old page.
type embeddedFile struct {
	body        []byte
	contentType string
	etag        string // weak: the compressed file has it too
}

func (f embeddedFile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", f.etag)
	if strings.Contains(r.Header.Get("If-None-Match"), f.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", f.contentType)
	_, _ = w.Write(f.body) // fails only if the browser has gone
}

// at is the page as it is served at a place: a place in a folder names the page's files from
// there. They are named relatively, so that a proxy may put the page into a folder of its own.
func (f embeddedFile) at(place string) embeddedFile {
	up := strings.Repeat("../", strings.Count(place, "/")-1)
	for _, folder := range []string{"css/", "fonts/", "js/", "icon.svg", "api/"} {
		f.body = bytes.ReplaceAll(f.body, []byte(`="`+folder), []byte(`="`+up+folder))
	}
	return f
}

// assets are the embedded files by URL path.
func assets() map[string]embeddedFile {
	files := map[string]embeddedFile{}
	err := fs.WalkDir(web, "web", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := web.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		at := strings.TrimPrefix(name, "web")
		if at == "/index.html" {
			at = index
		}
		files[at] = embeddedFile{body: body, contentType: contentType(name), etag: `W/"` + hex.EncodeToString(sum[:8]) + `"`}
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("dashboard: read embedded files: %v", err)) // they are part of the program
	}
	return files
}

// contentType does not depend on the machine's own table, which may call JavaScript text.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".woff2":
		return "font/woff2"
	case ".svg":
		return "image/svg+xml"
	default:
		return mime.TypeByExtension(path.Ext(name))
	}
}

// Bounds of one connection and of all. Monitors need descriptors too, so browsers may
// not take them all.
const (
	headerLimit = 10 * time.Second
	idleLimit   = 2 * time.Minute
	headerSize  = 16 << 10
	maxConns    = 1024
)

// Serve answers browsers with h on ln until ctx ends; then it ends the streams, lets
// answers under way take the time of drain, and closes the rest. It closes ln.
func Serve(ctx context.Context, ln net.Listener, h http.Handler, drain time.Duration) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: headerLimit, IdleTimeout: idleLimit, MaxHeaderBytes: headerSize,
		BaseContext: func(net.Listener) context.Context { return ctx }, // ends the streams
		ErrorLog:    log.New(io.Discard, "", 0),                        // requests that are no HTTP are not logged
	}
	return status.ServeUntil(ctx, server, status.LimitConns(ln, maxConns), drain)
}
