package dashboard

import (
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"evcp/internal/status"
)

// compressed compresses the answers of next for readers that accept gzip: JSON and text,
// and neither fonts nor an answer without a body. Streams do not go through it: each frame
// is to leave at once.
func compressed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !acceptsGzip(r.Header) {
			next.ServeHTTP(w, r)
			return
		}
		z := &gzipResponse{ResponseWriter: w}
		next.ServeHTTP(z, r)
		z.end()
	})
}

// acceptsGzip reports whether Accept-Encoding lists gzip, and not with q=0.
func acceptsGzip(h http.Header) bool {
	return slices.ContainsFunc(strings.Split(strings.Join(h.Values("Accept-Encoding"), ","), ","), func(one string) bool {
		coding, weight, weighted := strings.Cut(strings.ReplaceAll(one, " ", ""), ";q=")
		never := weighted && strings.Trim(weight, "0.") == ""
		return (coding == "gzip" || coding == "*") && !never
	})
}

// gzipWriters are used again: each holds some 800 KB.
var gzipWriters = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		panic("dashboard: " + err.Error()) // the level is a constant that exists
	}
	return z
}}

// gzipResponse compresses from the first byte of the body, if its type is worth it.
type gzipResponse struct {
	http.ResponseWriter
	begun bool
	z     *gzip.Writer // nil = as it is
}

// Unwrap is for http.ResponseController.
func (g *gzipResponse) Unwrap() http.ResponseWriter { return g.ResponseWriter }

// WriteHeader decides whether the body is compressed.
func (g *gzipResponse) WriteHeader(code int) {
	if !g.begun {
		g.begun = true
		if code != http.StatusNotModified && code != http.StatusNoContent && worthCompressing(g.Header().Get("Content-Type")) {
			g.Header().Set("Content-Encoding", "gzip")
			g.Header().Del("Content-Length")
			g.z, _ = gzipWriters.Get().(*gzip.Writer)
			g.z.Reset(g.ResponseWriter)
		}
	}
	g.ResponseWriter.WriteHeader(code)
}

func worthCompressing(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	return strings.HasPrefix(kind, "text/") || kind == "application/json" || kind == status.ProblemType || kind == "image/svg+xml"
}

// Write writes a part of the body.
func (g *gzipResponse) Write(b []byte) (int, error) {
	if !g.begun {
		g.WriteHeader(http.StatusOK)
	}
	if g.z == nil {
		return g.ResponseWriter.Write(b)
	}
	return g.z.Write(b)
}

// end writes the rest.
func (g *gzipResponse) end() {
	if g.z == nil {
		return
	}
	_ = g.z.Close() // fails only if the reader has gone
	g.z.Reset(io.Discard)
	gzipWriters.Put(g.z)
}
