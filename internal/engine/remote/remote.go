// Package remote sets the behaviour of a simulated Engine over HTTP.
//
//	GET /api/v1/behaviour   {"behaviour": "slow=1.5s", "about": "answers OK, late"}
//	PUT /api/v1/behaviour   the same object, or the name alone: curl -X PUT -d ko
//
// An Engine that is many charge points answers with how many have which:
//
//	{"charge_points": 10000, "behaviours": [{"behaviour": "ok", "about": …, "charge_points": 9900}, …]}
//
// and a PUT may say of which: {"behaviour": "ko", "of": "CP_00*"}, or curl -X PUT -d "CP_00* ko".
//
// A PUT is answered when the behaviour is in force; it ends a script, as a key does. An
// unknown behaviour is answered with 400 and what is allowed, a body of more than 8 KiB
// with 413. An error is JSON: {"detail": …, "allowed": […]}. A page of another site can't send
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
	Engine *engine.Engine
	// Assign returns when the behaviour is in force, with the error of ctx when that has ended, or
	// with why it is not possible.
	Assign func(context.Context, engine.Assignment) error
}

// behaviourJSON is a behaviour in JSON.
type behaviourJSON struct {
	Behaviour string `json:"behaviour"`
	About     string `json:"about"`
	CPs       int    `json:"charge_points,omitempty"` // that have it; only of many
	Of        string `json:"of,omitempty"`            // which shall have it, in a PUT
}

// sharesJSON are the behaviours of an Engine that is many charge points.
type sharesJSON struct {
	CPs        int             `json:"charge_points"`
	Behaviours []behaviourJSON `json:"behaviours"`
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
	body, err := json.Marshal(c.shown())
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

func (c Control) shown() any {
	if c.Engine.CPs() == 0 {
		b := c.Engine.Behaviour()
		return behaviourJSON{Behaviour: b.String(), About: b.About()}
	}
	all := sharesJSON{CPs: c.Engine.CPs()}
	for _, s := range c.Engine.Shares() {
		all.Behaviours = append(all.Behaviours, behaviourJSON{Behaviour: s.Behaviour.String(), About: s.Behaviour.About(), CPs: s.CPs})
	}
	return all
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
	a, err := parse(r.Header.Get("Content-Type"), body)
	if err != nil {
		status.WriteError(w, http.StatusBadRequest, err.Error(), engine.Behaviours()...)
		return
	}
	switch err := c.Assign(r.Context(), a); {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		status.WriteError(w, http.StatusServiceUnavailable, "the Engine stops")
	case err != nil:
		status.WriteError(w, http.StatusBadRequest, err.Error())
	default:
		c.show(w)
	}
}

// parse reads a body as JSON by its content type or its first byte, else as text.
func parse(contentType string, body []byte) (a engine.Assignment, err error) {
	kind, _, _ := mime.ParseMediaType(contentType)
	if kind != "application/json" && !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		return engine.ParseAssignment(strings.TrimSpace(string(body)))
	}
	var b behaviourJSON
	if err := json.Unmarshal(body, &b); err != nil {
		return a, errors.New(`the body is no JSON object such as {"behaviour": "ko"}`)
	}
	if b.Of != "" {
		if a.Of, err = engine.ParseSelection(b.Of); err != nil {
			return a, err
		}
	}
	a.Behaviour, err = engine.ParseBehaviour(b.Behaviour)
	return a, err
}
