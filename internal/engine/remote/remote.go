// Package remote sets the behaviour of a simulated Engine over HTTP.
//
//	GET /api/v1/behaviour   {"behaviour": "slow=1.5s", "about": "answers OK, late"}
//	PUT /api/v1/behaviour   the same object, or the name alone: curl -X PUT -d ko
//
// A PUT is answered when the behaviour is in force; it ends a script, as a key does. An
// unknown behaviour is answered with 400 and what is allowed, a body of more than 8 KiB
// with 413. An error is JSON: {"error": …, "allowed": […]}. A page of another site can't send
// a PUT, since no CORS header allows it; nor under a name of its own that leads to this
// machine, since status.ServeUntil refuses such.
package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"evcp/internal/engine"
	"evcp/internal/status"
)

const behaviourPath = "/api/v1/behaviour"

// bodyLimit is more than the longest behaviour needs as a JSON string.
const bodyLimit = 8 << 10

// Control is access to one Engine.
type Control struct {
	Behaviour func() engine.Behaviour
	// Set returns when the behaviour is in force, or with an error when ctx has ended.
	Set func(context.Context, engine.Behaviour) error
}

// behaviourJSON is a behaviour in JSON.
type behaviourJSON struct {
	Behaviour string `json:"behaviour"`
	About     string `json:"about"`
}

// Handler serves the paths above.
func (c Control) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+behaviourPath, func(w http.ResponseWriter, _ *http.Request) { c.show(w) })
	mux.HandleFunc("PUT "+behaviourPath, c.put)
	mux.HandleFunc(behaviourPath, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", "GET, HEAD, PUT")
		status.WriteError(w, http.StatusMethodNotAllowed, r.Method+" is not possible", "GET", "HEAD", "PUT")
	})
	mux.HandleFunc("/", status.NoSuchPath(behaviourPath))
	return mux
}

func (c Control) show(w http.ResponseWriter) {
	b := c.Behaviour()
	body, err := json.Marshal(behaviourJSON{b.String(), b.About()})
	if err != nil {
		status.WriteError(w, http.StatusInternalServerError, "can't write the behaviour")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(append(body, '\n')) // the client has gone
}

func (c Control) put(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		status.WriteError(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("a behaviour has at most %d bytes", bodyLimit))
		return
	}
	if err != nil {
		status.WriteError(w, http.StatusBadRequest, "the body did not arrive")
		return
	}
	b, err := parse(r.Header.Get("Content-Type"), body)
	if err != nil {
		status.WriteError(w, http.StatusBadRequest, err.Error(), engine.Behaviours()...)
		return
	}
	if err := c.Set(r.Context(), b); err != nil {
		status.WriteError(w, http.StatusServiceUnavailable, "the Engine stops")
		return
	}
	c.show(w)
}

// parse reads a body as JSON by its content type or its first byte, else as a name.
func parse(contentType string, body []byte) (engine.Behaviour, error) {
	name := strings.TrimSpace(string(body))
	kind, _, _ := mime.ParseMediaType(contentType)
	if kind == "application/json" || bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		var b behaviourJSON
		if err := json.Unmarshal(body, &b); err != nil {
			return engine.Behaviour{}, errors.New(`the body is no JSON object such as {"behaviour": "ko"}`)
		}
		name = b.Behaviour
	}
	return engine.ParseBehaviour(name)
}
