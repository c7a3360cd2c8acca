package status

import (
	"encoding/json"
	"fmt"
	"net/http"

	"evcp/internal/metrics"
)

// Endpoints is what a process tells. Each function is called at each question, from
// any goroutine, also after the process has stopped its work; none may wait for a
// disk or a network.
type Endpoints struct {
	// Healthy says why the process does not do its work, nil when it does. note is
	// what people should know although nobody should restart it.
	Healthy func() (note string, err error)
	// Ready says why it does not do its work yet.
	Ready   func() error
	Metrics func(*metrics.Writer)
	// Status is anything that encoding/json can write.
	Status func() any
}

// Paths of a face.
const (
	MetricsPath = "/metrics"
	HealthPath  = "/healthz"
	ReadyPath   = "/readyz"
	StatusPath  = "/api/v1/status"
)

// Paths are all of them, for a server that has more to show.
func Paths() []string { return []string{MetricsPath, HealthPath, ReadyPath, StatusPath} }

// Handler answers for the face.
func (f Endpoints) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+MetricsPath, f.metrics)
	mux.HandleFunc("GET "+HealthPath, f.health)
	mux.HandleFunc("GET "+ReadyPath, func(w http.ResponseWriter, _ *http.Request) { answer(w, "ready", f.Ready()) })
	mux.HandleFunc("GET "+StatusPath, f.status)
	mux.HandleFunc("GET /{$}", index)
	return plain(mux)
}

// plain keeps answers out of caches and browsers from guessing what they are.
func plain(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		r.Body = http.NoBody // no question has one; the server drains a bounded part of what came
		next.ServeHTTP(w, r)
	})
}

func index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", textType)
	for _, path := range Paths() {
		fmt.Fprintln(w, path)
	}
}

const (
	textType    = "text/plain; charset=utf-8"
	metricsType = "text/plain; version=0.0.4; charset=utf-8"
)

func (f Endpoints) metrics(w http.ResponseWriter, _ *http.Request) {
	var m metrics.Writer
	f.Metrics(&m)
	w.Header().Set("Content-Type", metricsType)
	_, _ = w.Write(m.Text()) // a collector that has gone needs none
}

func (f Endpoints) health(w http.ResponseWriter, _ *http.Request) {
	note, err := f.Healthy()
	word := "ok"
	if note != "" {
		word = "ok; " + note
	}
	answer(w, word, err)
}

func answer(w http.ResponseWriter, word string, err error) {
	w.Header().Set("Content-Type", textType)
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		word = err.Error()
	}
	fmt.Fprintln(w, word)
}

func (f Endpoints) status(w http.ResponseWriter, _ *http.Request) {
	body, err := json.MarshalIndent(f.Status(), "", "  ")
	if err != nil {
		http.Error(w, "can't write the status", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n')) // a reader that has gone needs none
}
