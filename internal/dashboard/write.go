package dashboard

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"evcp"
	"evcp/internal/accounts"
	"evcp/internal/archive"
	"evcp/internal/audit"
	"evcp/internal/language"
	"evcp/internal/ledger"
	"evcp/internal/operations"
	"evcp/internal/status"
)

// write is one way to change something.
type write struct {
	method, path string
	own          bool // for everybody who is signed in
	handle       http.HandlerFunc
}

// writes are all of them, but signing in.
func (d *Dashboard) writes() []write {
	return []write{
		{http.MethodDelete, sessionPath, true, d.signOut},
		{http.MethodPut, ownerPath, false, d.take},
		{http.MethodDelete, ownerPath, false, d.letGo},
		{http.MethodPost, maintenancePath, false, d.maintain},
		{http.MethodDelete, windowPath, false, d.endMaintenance},
		{http.MethodPost, exclusionsPath, false, d.exclude},
		{http.MethodPost, withdrawPath, false, d.withdraw},
		{http.MethodPost, portsPath, false, d.replacePorts},
		{http.MethodPut, portPath, false, d.putPort},
		{http.MethodDelete, portPath, false, d.removePort},
		{http.MethodPost, usersPath, true, d.addUser}, // checks the role itself: Setup may make the first one
		{http.MethodDelete, userPath, false, d.removeUser},
		{http.MethodPut, passwordPath, true, d.setPassword}, // checks the role itself: everybody has one of his own
	}
}

// readBody reads a body of JSON into a value, and returns it as it came. What it can't
// understand it answers.
func readBody(w http.ResponseWriter, r *http.Request, into any) (body []byte, ok bool) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		status.WriteError(w, http.StatusUnsupportedMediaType, "Content-Type can't be "+strconv.Quote(r.Header.Get("Content-Type")), "application/json")
		return nil, false
	}
	body, err := io.ReadAll(r.Body)
	if !bodyRead(w, err) {
		return nil, false
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(into)
	if err == nil && decoder.InputOffset() < int64(len(bytes.TrimRight(body, " \t\r\n"))) {
		err = errors.New("something follows the value")
	}
	if err != nil {
		status.WriteError(w, http.StatusBadRequest, "the body can't be read: "+err.Error())
		return nil, false
	}
	return body, true
}

// bodyRead answers when a body could not be read.
func bodyRead(w http.ResponseWriter, err error) bool {
	if long := (*http.MaxBytesError)(nil); errors.As(err, &long) {
		w.Header().Set("Connection", "close")
		status.WriteProblem(w, http.StatusRequestEntityTooLarge, language.Coded("too_long", long.Limit))
	} else if err != nil {
		status.WriteError(w, http.StatusBadRequest, "the body can't be read: "+err.Error())
	}
	return err == nil
}

// failures are the codes of the errors that a change may have; others are those of the disk.
var failures = []struct {
	err  error
	code int
}{
	{accounts.ErrName, http.StatusBadRequest},
	{accounts.ErrRole, http.StatusBadRequest},
	{accounts.ErrPassword, http.StatusBadRequest},
	{accounts.ErrNotFirst, http.StatusBadRequest},
	{accounts.ErrWrong, http.StatusUnauthorized},
	{accounts.ErrFirstOnly, http.StatusUnauthorized},
	{accounts.ErrWrongPassword, http.StatusForbidden},
	{accounts.ErrTaken, http.StatusConflict},
	{accounts.ErrLast, http.StatusConflict},
	{accounts.ErrTooMany, http.StatusConflict},
	{accounts.ErrNobody, http.StatusNotFound},
	{operations.ErrNoIncident, http.StatusConflict},
	{operations.ErrOver, http.StatusConflict},
	{operations.ErrTooMany, http.StatusConflict},
	{operations.ErrNotTaken, http.StatusNotFound},
	{operations.ErrNoWindow, http.StatusNotFound},
	{operations.ErrNoPort, http.StatusNotFound},
	{operations.ErrPortsFile, http.StatusConflict},
	{archive.ErrNoExclusion, http.StatusNotFound},
	{archive.ErrWithdrawn, http.StatusConflict},
	{archive.ErrTooMany, http.StatusConflict},
	{archive.ErrGone, http.StatusServiceUnavailable},
	{operations.ErrUntil, http.StatusBadRequest},
	{operations.ErrWhat, http.StatusBadRequest},
	{operations.ErrTimes, http.StatusBadRequest},
	{operations.ErrNoFile, http.StatusServiceUnavailable},
	{accounts.ErrSlowDown, http.StatusTooManyRequests},
	{audit.ErrFull, http.StatusServiceUnavailable},
	{audit.ErrGone, http.StatusServiceUnavailable},
	{audit.ErrOtherRequest, http.StatusUnprocessableEntity},
}

// writeFailure answers with an error of a change.
func writeFailure(w http.ResponseWriter, err error) {
	if text := (operations.TextError{}); errors.As(err, &text) {
		status.WriteProblem(w, http.StatusBadRequest, err)
		return
	}
	if unknown := (*UnknownError)(nil); errors.As(err, &unknown) {
		status.WriteProblem(w, http.StatusNotFound, unknown.CodedError, unknown.Sites...)
		return
	}
	for _, f := range failures {
		if errors.Is(err, f.err) {
			refuse(w, f.code, f.err)
			return
		}
	}
	status.WriteProblem(w, http.StatusServiceUnavailable, language.Coded("nothing_changed", err))
}

const (
	keyHeader      = "Idempotency-Key"
	replayedHeader = "Idempotency-Replayed"
	maxKey         = 200
)

// errReplayed ends a change that was made before.
var errReplayed = errors.New("it was answered before")

// keyedRequest is a request that changes something, with its Idempotency-Key.
type keyedRequest struct {
	by   audit.Actor
	key  string // "" = none
	text string // what a request with the same key must be
}

// keyed is the request with its key. A key that can't be one is answered.
func keyed(w http.ResponseWriter, r *http.Request, body []byte) (k keyedRequest, ok bool) {
	k = keyedRequest{by(r).named(), r.Header.Get(keyHeader), r.Method + " " + r.URL.EscapedPath() + "?" + r.URL.RawQuery + "\n" + string(body)}
	if len(k.key) > maxKey || len(r.Header.Values(keyHeader)) > 1 {
		status.WriteError(w, http.StatusBadRequest, keyHeader+": one, of at most "+strconv.Itoa(maxKey)+" bytes")
		return k, false
	}
	return k, true
}

// change makes a change and answers with what it returns.
func (d *Dashboard) change(w http.ResponseWriter, r *http.Request, body []byte, code int, change func(*audit.BoardChange) (any, error)) {
	if answer, ok := d.commit(w, r, body, code, change); ok {
		writeAnswer(w, answer)
	}
}

// commit makes a change, and returns the answer to the request. One with an Idempotency-Key that
// was answered within a day is answered alike, and changes nothing. An error is answered here.
// change holds up everybody who reads or writes board.db: it waits for no other disk.
func (d *Dashboard) commit(w http.ResponseWriter, r *http.Request, body []byte, code int, change func(*audit.BoardChange) (any, error)) (answer audit.KeptAnswer, ok bool) {
	k, ok := keyed(w, r, body)
	if !ok {
		return answer, false
	}
	err := d.accounts.Change(k.by, func(c *audit.BoardChange) error {
		if k.key != "" {
			before, known, err := c.Answered(k.key, k.text)
			if err != nil {
				return err
			}
			if known {
				answer = before
				return errReplayed
			}
		}
		value, err := change(c)
		if err != nil {
			return err
		}
		answer = audit.KeptAnswer{Code: code}
		if value != nil {
			answer.Body = string(encode(value)) + "\n"
		}
		if k.key == "" {
			return nil
		}
		return c.Answer(k.key, k.text, answer)
	})
	if errors.Is(err, errReplayed) {
		w.Header().Set(replayedHeader, "true")
	} else if err != nil {
		writeFailure(w, err)
		return answer, false
	}
	return answer, true
}

func writeAnswer(w http.ResponseWriter, a audit.KeptAnswer) {
	w.Header().Set("Cache-Control", "no-store")
	if a.Body != "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(a.Code)
	_, _ = io.WriteString(w, a.Body) // fails only if the client has gone
}

// rfcTime is a time in a body: RFC 3339, or null.
type rfcTime evcp.Stamp

// UnmarshalJSON reads a time.
func (m *rfcTime) UnmarshalJSON(text []byte) error {
	var value *string
	if err := json.Unmarshal(text, &value); err != nil || value == nil {
		return err
	}
	at, ok := parseMoment(*value)
	if !ok {
		return errors.New(strconv.Quote(*value) + ": " + errMoment.Error())
	}
	*m = rfcTime(at)
	return nil
}

// MarshalJSON writes a time; null for 0.
func (m rfcTime) MarshalJSON() ([]byte, error) {
	if m == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(evcp.Stamp(m).Time().UTC().Format(time.RFC3339Nano))
}

// pathCP is the charge point of a path. One that Central does not know is answered.
func (d *Dashboard) pathCP(w http.ResponseWriter, r *http.Request) (id evcp.CPID, ok bool) {
	id, err := ledger.ParseCP(r.PathValue("id"))
	if err != nil {
		status.WriteProblem(w, http.StatusBadRequest, operations.FieldError(operations.Fields.CP, err))
		return "", false
	}
	if _, ok = d.central.CP(id); !ok {
		status.WriteProblem(w, http.StatusNotFound, language.Coded("no_cp", id))
	}
	return id, ok
}
