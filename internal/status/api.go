package status

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// ProblemType is the media type of each answer under /api/ that is an error (RFC 9457).
const ProblemType = "application/problem+json"

// problemJSON is the body of such an answer. The code says its type, so that is left out:
// "about:blank".
type problemJSON struct {
	Title   string   `json:"title"` // of the code
	Status  int      `json:"status"`
	Detail  string   `json:"detail"`
	Allowed []string `json:"allowed,omitempty"`
}

// WriteError answers with a code and {"title": …, "status": …, "detail": …, "allowed": […]}.
// detail names the input; allowed is what could be asked for instead; none are left out.
func WriteError(w http.ResponseWriter, code int, detail string, allowed ...string) {
	body, err := json.Marshal(problemJSON{http.StatusText(code), code, detail, allowed})
	if err != nil {
		body = []byte(`{}`) // texts can be encoded
	}
	w.Header().Set("Content-Type", ProblemType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n')) // fails only when the client has closed
}

// Query parses the parameters of a request. One that is not in allowed is answered with
// code 400 and ok is false: a filter that is ignored looks like one that found everything.
func Query(w http.ResponseWriter, r *http.Request, allowed ...string) (q url.Values, ok bool) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		WriteError(w, http.StatusBadRequest, "the query can't be read: "+err.Error(), allowed...)
		return nil, false
	}
	for name := range q {
		if !slices.Contains(allowed, name) {
			message := "unknown parameter " + name
			if len(allowed) == 0 {
				message += "; there are none here"
			}
			WriteError(w, http.StatusBadRequest, message, allowed...)
			return nil, false
		}
	}
	return q, true
}

// How many entries a page of a list has.
const (
	usualPage = 100
	maxPage   = 1000
)

// PageSize is the parameter limit: how many entries a page may have. It answers the request when
// that is no such number.
func PageSize(w http.ResponseWriter, q url.Values) (n int, ok bool) {
	if !q.Has("limit") {
		return usualPage, true
	}
	n, err := strconv.Atoi(q.Get("limit"))
	if err != nil || n < 1 || n > maxPage {
		WriteError(w, http.StatusBadRequest, "limit can't be "+strconv.Quote(q.Get("limit"))+": a number from 1 to "+strconv.Itoa(maxPage))
		return 0, false
	}
	return n, true
}

// NoParameters answers 400 to a request with parameters.
func NoParameters(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, ok := Query(w, r); ok {
			next(w, r)
		}
	}
}

// NoSuchPath answers what no other handler under /api/ does: 405 for a path of the API,
// which is only read, else 404.
func NoSuchPath(paths ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(paths, r.URL.Path) {
			w.Header().Set("Allow", "GET, HEAD")
			WriteError(w, http.StatusMethodNotAllowed, r.Method+" is not possible: it can only be read", "GET", "HEAD")
			return
		}
		WriteError(w, http.StatusNotFound, "there is no "+strings.ToValidUTF8(r.URL.Path, "�"), paths...)
	}
}
