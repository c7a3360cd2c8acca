// Package status serves the state of a process over HTTP: to a person, to a metrics
// collector, and to the program that restarts it.
//
//	GET /metrics          Prometheus text format 0.0.4
//	GET /healthz          200 while the process does its work, else 503 and why
//	GET /readyz           200 once it does its work, else 503 and why
//	GET /api/v1/status    everything, as JSON
//
// OPTIONS on /healthz, /readyz and / is answered as GET is.
//
// An error under /api/ is JSON too (RFC 9457): {"title": …, "status": …, "detail": …, "allowed": […]}.
//
// Everything is read when a request comes; without requests it costs nothing. No request
// changes anything and none has a body, so only the process itself must be defended:
// headers are bounded in size and time, an answer must be taken within ten seconds, and at
// most 64 connections are open at once; a further one is closed.
//
// The same handler serves a TCP address that somebody opened (--http), by TLS or not, and a Unix socket
// in the state folder, which is always there and which only the user of the process can
// open (mode 0600). Get reads from that socket.
package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"evcp/internal/metrics"
)

// Endpoints are the functions behind the paths. Each is called for each request, by any
// goroutine, also after the process has stopped its work; none may wait for a disk or a
// network.
type Endpoints struct {
	// Healthy returns an error with the reason when the process does not do its work.
	// note is what people should know although a restart would not help.
	Healthy func() (note string, err error)
	// Ready returns an error with the reason while the process does not do its work yet.
	Ready   func() error
	Metrics func(*metrics.Writer)
	// Status returns a value for encoding/json.
	Status func() any
	// Further are paths of this process alone.
	Further []Route
	// Support returns the same for SupportPath; nil: there is no such path. It is for the
	// socket alone.
	Support func() any
}

// Route is a path under /api/, as http.ServeMux has it, and what serves it. Its handler is
// bound as the functions of Endpoints are.
type Route struct {
	Path   string
	Handle http.HandlerFunc
}

// Paths of the endpoints.
const (
	MetricsPath = "/metrics"
	HealthPath  = "/healthz"
	ReadyPath   = "/readyz"
	StatusPath  = "/api/v1/status"
)

// SupportPath is what only the socket serves: what one attaches to a question.
const SupportPath = "/api/v1/support"

// Paths are all of them, for a server that has further ones.
func Paths() []string { return []string{MetricsPath, HealthPath, ReadyPath, StatusPath} }

// CheckMethods are those of health checks: GET, with HEAD, and OPTIONS, which HAProxy's
// "option httpchk" sends unless a method is given.
func CheckMethods() []string { return []string{http.MethodGet, http.MethodOptions} }

// Handler serves them.
func (e Endpoints) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+MetricsPath, e.metrics)
	ready := func(w http.ResponseWriter, _ *http.Request) { writeCheck(w, "ready", e.Ready()) }
	for _, method := range CheckMethods() {
		mux.HandleFunc(method+" "+HealthPath, e.health)
		mux.HandleFunc(method+" "+ReadyPath, ready)
		mux.HandleFunc(method+" /{$}", index)
	}
	mux.HandleFunc("GET "+StatusPath, NoParameters(func(w http.ResponseWriter, _ *http.Request) { WriteJSON(w, e.Status()) }))
	if e.Support != nil {
		mux.HandleFunc("GET "+SupportPath, NoParameters(func(w http.ResponseWriter, _ *http.Request) { WriteJSON(w, e.Support()) }))
	}
	paths := []string{StatusPath}
	for _, r := range e.Further {
		mux.HandleFunc("GET "+r.Path, r.Handle)
		paths = append(paths, r.Path)
	}
	mux.HandleFunc("/api/", NoSuchPath(paths...))
	return withHeaders(mux)
}

// withHeaders forbids to cache an answer, to guess its type and to run scripts in it.
func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		r.Body = http.NoBody // the server drains a bounded part of what came
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

func (e Endpoints) metrics(w http.ResponseWriter, _ *http.Request) {
	var m metrics.Writer
	e.Metrics(&m)
	m.Process()
	w.Header().Set("Content-Type", metricsType)
	_, _ = w.Write(m.Text()) // fails only when the collector has closed
}

func (e Endpoints) health(w http.ResponseWriter, _ *http.Request) {
	note, err := e.Healthy()
	text := "ok"
	if note != "" {
		text = "ok; " + note
	}
	writeCheck(w, text, err)
}

// writeCheck writes text with code 200, or the error with code 503.
func writeCheck(w http.ResponseWriter, text string, err error) {
	w.Header().Set("Content-Type", textType)
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		text = err.Error()
	}
	fmt.Fprintln(w, text)
}

// WriteJSON answers with a value for encoding/json.
func WriteJSON(w http.ResponseWriter, value any) {
	body, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		http.Error(w, "can't write the status", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n')) // fails only when the client has closed
}

// Bounds of one connection, and of all together.
const (
	headerLimit = 5 * time.Second
	answerLimit = 10 * time.Second
	idleLimit   = 2 * time.Minute // longer than any usual scrape interval
	headerSize  = 16 << 10
	maxConns    = 64
	drainTime   = 250 * time.Millisecond
)

// Serve serves h on ln until ctx ends; then answers under way have 250 ms, and the rest is
// closed. It closes ln.
func Serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: headerLimit, ReadTimeout: headerLimit, WriteTimeout: answerLimit,
		IdleTimeout: idleLimit, MaxHeaderBytes: headerSize,
		ErrorLog: log.New(io.Discard, "", 0), // a client that does not speak HTTP is not logged
	}
	return ServeUntil(ctx, server, LimitConns(ln, maxConns), drainTime)
}

// ServeUntil serves on ln until ctx ends; then answers under way have the time drain, and
// the rest is closed. It closes ln. A server on a loopback address answers only to names of
// this machine, so that no other site can read it through a browser here.
func ServeUntil(ctx context.Context, server *http.Server, ln net.Listener, drain time.Duration) error {
	server.Handler = guardLoopback(ln, server.Handler)
	ended := make(chan struct{})
	release := context.AfterFunc(ctx, func() {
		defer close(ended)
		draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		if server.Shutdown(draining) != nil {
			server.Close()
		}
	})
	err := server.Serve(ln)
	if !release() {
		<-ended
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve %s: %w", ln.Addr(), err)
}

// LimitConns bounds the open connections of ln: one that is accepted beyond most is closed
// at once.
func LimitConns(ln net.Listener, most int) net.Listener {
	if t, ok := ln.(*tlsListener); ok {
		return WithTLS(LimitConns(t.Listener, most), t.config)
	}
	return &limitListener{Listener: ln, free: make(chan struct{}, most)}
}

type limitListener struct {
	net.Listener
	free chan struct{}
}

// Accept waits for a connection within the limit.
func (f *limitListener) Accept() (net.Conn, error) {
	for {
		c, err := f.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case f.free <- struct{}{}:
			return &limitedConn{Conn: c, release: sync.OnceFunc(func() { <-f.free })}, nil
		default:
			c.Close()
		}
	}
}

// limitedConn counts as open until it is closed.
type limitedConn struct {
	net.Conn
	release func()
}

// Close closes the connection.
func (c *limitedConn) Close() error {
	c.release()
	return c.Conn.Close()
}
