package status

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"evcp/internal/language"
)

// ProblemType is the media type of each answer under /api/ that is an error (RFC 9457).
const ProblemType = "application/problem+json"

// ProblemPrefix begins the type of a problem that has one; the code of its error follows.
const ProblemPrefix = "urn:evcp:problem:"

// problemJSON is the body of such an answer. Where the code of HTTP alone says its type, that is
// left out: "about:blank".
type problemJSON struct {
	Type    string   `json:"type,omitempty"`
	Title   string   `json:"title"` // of the code
	Status  int      `json:"status"`
	Detail  string   `json:"detail"`
	Args    []any    `json:"args,omitempty"` // what the text of the type names: texts, numbers and other problems
	Allowed []string `json:"allowed,omitempty"`
}

// problemArg is an error that the text of a problem names.
type problemArg struct {
	Type string `json:"type"`
	Args []any  `json:"args,omitempty"`
}

// argsOf are the values that an error names.
func argsOf(e *language.CodedError) (args []any) {
	for _, a := range e.Args {
		switch a := a.(type) {
		case *language.CodedError:
			args = append(args, problemArg{ProblemPrefix + a.Code, argsOf(a)})
		case error:
			args = append(args, a.Error())
		default:
			args = append(args, a)
		}
	}
	return args
}

// WriteProblem is WriteError for an error. Where it has a code, that is the type of the problem: who
// shows it to people says it in words of his own. The detail is English.
func WriteProblem(w http.ResponseWriter, code int, why error, allowed ...string) {
	p := problemJSON{Title: http.StatusText(code), Status: code, Detail: why.Error(), Allowed: allowed}
	if e, ok := language.CodeOf(why); ok {
		p.Type, p.Args = ProblemPrefix+e.Code, argsOf(e)
	}
	writeProblem(w, p)
}

// WriteError answers with a code and {"title": …, "status": …, "detail": …, "allowed": […]}.
// detail names the input; allowed is what could be asked for instead; none are left out.
func WriteError(w http.ResponseWriter, code int, detail string, allowed ...string) {
	writeProblem(w, problemJSON{Title: http.StatusText(code), Status: code, Detail: detail, Allowed: allowed})
}

// maxProblem bounds an answer that is read, in bytes.
const maxProblem = 1 << 20

// ReadProblem is the error that WriteProblem wrote, with its code where it has one; nil for what is
// no such answer.
func ReadProblem(body io.Reader) error {
	var p problemJSON
	decoder := json.NewDecoder(io.LimitReader(body, maxProblem))
	decoder.UseNumber()
	if read := decoder.Decode(&p) == nil; !read || p.Detail == "" {
		return nil
	}
	why := codedOf(p.Type, p.Args)
	switch {
	case why == nil:
		return errors.New(p.Detail)
	case len(p.Allowed) > 0:
		return language.Coded("of_these", why, strings.Join(p.Allowed, ", "))
	}
	return why
}

// codedOf is the error of a type and its values; nil for a type that is not known here.
func codedOf(kind string, args []any) error {
	code, found := strings.CutPrefix(kind, ProblemPrefix)
	if !found || !language.IsCode(code) {
		return nil
	}
	all := make([]any, len(args))
	for i, a := range args {
		all[i] = a
		if inner, ok := a.(map[string]any); ok {
			innerKind, _ := inner["type"].(string)
			innerArgs, _ := inner["args"].([]any)
			if err := codedOf(innerKind, innerArgs); err != nil {
				all[i] = err
			}
		}
	}
	return language.Coded(code, all...)
}

func writeProblem(w http.ResponseWriter, p problemJSON) {
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte(`{}`) // texts can be encoded
	}
	w.Header().Set("Content-Type", ProblemType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.Status)
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
