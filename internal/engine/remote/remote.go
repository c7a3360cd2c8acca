// Package remote commands a simulated Engine over HTTP.
//
//	GET /api/v1/behaviour   {"behaviour": "slow=1.5s", "about": "answers OK, late"}
//	PUT /api/v1/behaviour   the same object, or the bare word: curl -X PUT -d ko
//
// A PUT is answered when the behaviour is in force; it ends a script, as a key
// does. What is no behaviour is answered 400 with what is allowed. A body of more
// than 8 KiB is refused. Browsers send no PUT to another site unless that allows
// it, and this one does not.
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
)

// bodyLimit is more than the longest behaviour takes as a JSON string.
const bodyLimit = 8 << 10

// Control is the Engine that is commanded.
type Control struct {
	Behaviour func() engine.Behaviour
	// Set returns when the behaviour is in force, or ctx has ended.
	Set func(context.Context, engine.Behaviour) error
}

// behaviourJSON is one as JSON has it.
type behaviourJSON struct {
	Behaviour string `json:"behaviour"`
	About     string `json:"about"`
}

// Handler answers for the Engine.
func (c Control) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/behaviour", func(w http.ResponseWriter, _ *http.Request) { c.show(w) })
	mux.HandleFunc("PUT /api/v1/behaviour", c.put)
	return mux
}

func (c Control) show(w http.ResponseWriter) {
	b := c.Behaviour()
	body, err := json.Marshal(behaviourJSON{b.String(), b.About()})
	if err != nil {
		http.Error(w, "can't write the behaviour", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(append(body, '\n')) // a reader that has gone needs none
}

func (c Control) put(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		http.Error(w, fmt.Sprintf("a behaviour has at most %d bytes", bodyLimit), http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "the body did not arrive", http.StatusBadRequest)
		return
	}
	b, err := parse(r.Header.Get("Content-Type"), body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := c.Set(r.Context(), b); err != nil {
		http.Error(w, "the Engine stops", http.StatusServiceUnavailable)
		return
	}
	c.show(w)
}

// parse reads a body as JSON when it says so or looks so, else as the bare word.
func parse(contentType string, body []byte) (engine.Behaviour, error) {
	word := strings.TrimSpace(string(body))
	kind, _, _ := mime.ParseMediaType(contentType)
	if kind == "application/json" || bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		var b behaviourJSON
		if err := json.Unmarshal(body, &b); err != nil {
			return engine.Behaviour{}, errors.New(`the body is no JSON object such as {"behaviour": "ko"}`)
		}
		word = b.Behaviour
	}
	return engine.ParseBehaviour(word)
}
