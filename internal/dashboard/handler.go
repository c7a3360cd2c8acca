package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"evcp/internal/central"
	"evcp/internal/status"
)

//go:embed web
var web embed.FS

// Options say what the stream tells about the program.
type Options struct {
	Version string // stands in each snapshot
}

// Dashboard answers HTTP requests for one Central. Serve is the server made for it;
// another one should cancel the requests' context when it stops
// (http.Server.BaseContext), since the streams of the pages end with that alone.
type Dashboard struct {
	central *central.Central
	version string
	frames  *frameCache
	list    *listCache
	streams chan struct{} // a place for each that is open
	lists   chan struct{}
	mux     *http.ServeMux
}

// bodyTimeout is how long the body of a request may take.
const bodyTimeout = 5 * time.Second

// maxStreams is how many pages may be open at once.
const maxStreams = 256

// New makes the handler.
func New(c *central.Central, o Options) *Dashboard {
	d := &Dashboard{
		central: c, version: o.Version, frames: &frameCache{central: c, version: o.Version}, list: &listCache{central: c},
		streams: make(chan struct{}, maxStreams), lists: make(chan struct{}, maxLists), mux: http.NewServeMux(),
	}
	d.mux.HandleFunc("GET /api/v1/cps", d.serveList)
	d.mux.HandleFunc("GET /api/v1/events", d.serveEvents)
	face := d.endpoints().Handler()
	for _, path := range status.Paths() {
		d.mux.Handle("GET "+path, face)
	}
	for name, file := range assets() {
		d.mux.Handle("GET "+name, file)
	}
	return d
}

// policy lets the page load its own files and nothing else: no inline script or
// style, no other origin, no frame around it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ServeHTTP answers one request. Its answer must be read within ten seconds (a
// stream's frames each); a body, which none should have, be sent within five.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(writeTimeout)) // writers without deadlines (tests) just have none
	if r.ContentLength != 0 {
		_ = control.SetReadDeadline(time.Now().Add(bodyTimeout)) // the server reads on, in the hope of another request
	}
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	d.mux.ServeHTTP(w, r)
}

// embeddedFile is one embedded file. It is asked for again each time and answered "not
// modified": after an update of Central no browser shows an old page.
type embeddedFile struct {
	body []byte
	kind string
	etag string
}

func (a embeddedFile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", a.etag)
	if strings.Contains(r.Header.Get("If-None-Match"), a.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", a.kind)
	_, _ = w.Write(a.body) // a browser that has gone needs none
}

// assets are the embedded files by the path that they are asked for with.
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
			at = "/{$}"
		}
		files[at] = embeddedFile{body: body, kind: kindOf(name), etag: `"` + hex.EncodeToString(sum[:8]) + `"`}
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("dashboard: read embedded files: %v", err)) // they are part of the program
	}
	return files
}

// kindOf doesn't ask the machine's own table, which may call JavaScript text.
func kindOf(name string) string {
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
