package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"evcp/internal/alert"
	"evcp/internal/display"
	"evcp/internal/version"
)

const (
	// sendTimeout bounds one request, from the name server to the last byte of the answer.
	sendTimeout = 10 * time.Second
	// maxAnswer is how much of an answer is read, and maxShown how much of it is shown.
	maxAnswer = 4 << 10
	maxShown  = 200
)

var errNoAnswer = fmt.Errorf("no answer in %s", sendTimeout)

// errRefused: the receiver works, and does not take this message.
var errRefused = errors.New("refused")

// httpSender sends requests. It may be used from several goroutines.
type httpSender struct {
	client *http.Client
	dial   dialFunc
}

// newSender dials by dial. A redirection is no answer: it might take the secret to somebody
// else. Connections are not kept: hours may pass between two messages.
func newSender(dial dialFunc) httpSender {
	return httpSender{dial: dial, client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dial, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10,
		},
	}}
}

// message sends one message to one receiver that takes messages one by one.
func (s httpSender) message(ctx context.Context, r alert.Receiver, m alert.IncidentMessage, in alert.Locale) error {
	if r.Kind == alert.Mail {
		return sendMail(ctx, s.dial, r, m, in)
	}
	return s.post(ctx, r, r.Post(m, in, time.Now()))
}

// alerts posts to the API v2 of Alertmanager. The URL is the one of its page.
func (s httpSender) alerts(ctx context.Context, r alert.Receiver, body []byte) error {
	u := r.URL
	if !strings.HasSuffix(u.Path, alertsPath) {
		u = u.JoinPath(alertsPath)
	}
	return s.post(ctx, r, alert.HTTPPost{URL: u, Body: body, Header: map[string]string{"Content-Type": "application/json"}})
}

const alertsPath = "/api/v2/alerts"

// post sends a message. Its error holds none of the receiver's secrets.
func (s httpSender) post(ctx context.Context, r alert.Receiver, p alert.HTTPPost) error {
	return s.do(ctx, r, http.MethodPost, p)
}

func (s httpSender) do(ctx context.Context, r alert.Receiver, method string, p alert.HTTPPost) error {
	req, err := http.NewRequestWithContext(ctx, method, p.URL.String(), bytes.NewReader(p.Body))
	if err != nil {
		return errors.New("the URL can't be used")
	}
	for name, value := range p.Header {
		req.Header.Set(name, value)
	}
	req.Header.Set("User-Agent", "ev-central/"+version.String())
	resp, err := s.client.Do(req)
	if err != nil {
		return withoutURL(r, err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // the code decides
	return judge(r, resp.StatusCode, answer)
}

// judge is what an answer means. What is wrong with the message will not pass; all else may.
func judge(r alert.Receiver, code int, answer []byte) error {
	if code/100 == 2 {
		return nil
	}
	text := strconv.Itoa(code) + " " + http.StatusText(code)
	if said := shown(r, string(answer)); said != "" {
		text += ": " + said
	}
	switch code {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusUnsupportedMediaType:
		return fmt.Errorf("%w: %s", errRefused, text)
	}
	return errors.New(text)
}

// withoutURL is an error of http.Client without the URL, which holds secrets.
func withoutURL(r alert.Receiver, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errNoAnswer
	}
	if e := (*url.Error)(nil); errors.As(err, &e) {
		err = e.Err
	}
	return errors.New(shown(r, err.Error()))
}

// shown is a text of a peer for log and page: bounded, escaped, in one line, without the
// receiver's secrets. Some servers answer with the path that was asked for.
func shown(r alert.Receiver, text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(r.Mask(text), "?")), " ")
	return display.Safe(display.Cut(text, maxShown, "…"))
}
