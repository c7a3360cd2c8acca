package alert

import (
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"evcp/internal/language"
)

// ReceiverKind is what a line of the alert file sends to.
type ReceiverKind string

// The kinds. The scheme of a line is the kind, "+" and http or https; mail has one of its own.
const (
	Webhook      ReceiverKind = "webhook"
	Alertmanager ReceiverKind = "alertmanager"
)

// Receiver is one line of the alert file. It holds secrets: only Name may be shown.
type Receiver struct {
	Kind ReceiverKind
	URL  *url.URL // where to post, without the fragment
	Key  []byte   // Webhook: what bodies are signed with
	// Name is scheme and host; where the file has several of one name, " #2" follows. What
	// waits on disk waits for a Name: a new secret at the same host changes nothing.
	Name string
}

// String hides the secrets from logs.
func (r Receiver) String() string { return r.Name }

// GoString hides the secrets from %#v.
func (r Receiver) GoString() string { return r.Name }

// minSecret is the shortest part of a URL, in bytes, that Mask takes for a secret by itself.
const minSecret = 6

// Mask replaces what may be a secret of the receiver in a text by "…".
func (r Receiver) Mask(text string) string {
	secrets := []string{string(r.Key), r.URL.RequestURI(), r.URL.EscapedPath(), r.URL.Path, r.URL.RawQuery}
	secrets = append(secrets, strings.Split(r.URL.Path, "/")...)
	for _, values := range r.URL.Query() {
		secrets = append(secrets, values...)
	}
	if u := r.URL.User; u != nil {
		password, _ := u.Password()
		secrets = append(secrets, u.String(), u.Username(), password)
	}
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, s := range secrets {
		if len(s) >= minSecret {
			text = strings.ReplaceAll(text, s, "…")
		}
	}
	return text
}

const (
	maxReceivers = 32
	// minKey is the shortest key of a webhook, in bytes.
	minKey = 16
)

// ParseReceivers reads an alert file: one URL a line; # begins a line that is a comment. All
// errors are returned at once, each with its line. They show nothing of a line but its
// scheme.
func ParseReceivers(text string) (all []Receiver, err error) {
	var errs []error
	names := map[string]int{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		r, err := parseReceiver(line)
		if err != nil {
			errs = append(errs, language.Errorf("line %d: %w", number, err))
			continue
		}
		names[r.Name]++
		if n := names[r.Name]; n > 1 {
			r.Name += " #" + strconv.Itoa(n)
		}
		all = append(all, r)
	}
	switch {
	case len(errs) > 0:
		return nil, errors.Join(errs...)
	case len(all) == 0:
		return nil, language.New("it names no receiver: one URL a line")
	case len(all) > maxReceivers:
		return nil, language.Errorf("it names %d receivers, more than %d", len(all), maxReceivers)
	}
	return all, nil
}

var (
	errNoURL = language.New("this is no URL, as webhook+https://HOST/PATH#KEY")
	errKey   = language.New("a webhook needs a key of at least 16 bytes behind a #: its bodies are signed with it")
)

func parseReceiver(line string) (r Receiver, err error) {
	u, err := url.Parse(line)
	if err != nil || u.Scheme == "" || u.Opaque != "" { // its text may be a secret
		return r, errNoURL
	}
	kind, transport, _ := strings.Cut(u.Scheme, "+")
	r.Kind = ReceiverKind(kind)
	if !slices.Contains(receiverKinds, r.Kind) || transport != "http" && transport != "https" {
		return r, language.Errorf("%s:// is not known; there are %s", shortened(u.Scheme), schemes)
	}
	if u.Hostname() == "" {
		return r, language.Errorf("%s:// needs a host", u.Scheme)
	}
	r.Name = u.Scheme + "://" + u.Host
	key := u.Fragment
	u.Scheme, u.Fragment, u.RawFragment = transport, "", ""
	r.URL = u
	switch {
	case r.Kind == Webhook:
		if r.Key, err = webhookKey(key); err != nil {
			return r, err
		}
	case key != "":
		return r, language.Errorf("%s takes nothing behind a #", r.Name)
	}
	return r, nil
}

var receiverKinds = []ReceiverKind{Webhook, Alertmanager}

// schemes are what a line may begin with.
const schemes = "webhook+https and alertmanager+https, or the same with +http"

// webhookKey is the key as it stands, or behind whsec_ in base64, as standardwebhooks.com has
// it.
func webhookKey(text string) ([]byte, error) {
	key := []byte(text)
	if encoded, ok := strings.CutPrefix(text, "whsec_"); ok {
		var err error
		if key, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, language.New("what follows whsec_ is no base64")
		}
	}
	if len(key) < minKey {
		return nil, errKey
	}
	return key, nil
}

// shortened is a scheme for an error: url.Parse lets letters, digits, +, - and . through.
func shortened(scheme string) string { return scheme[:min(len(scheme), 30)] }
