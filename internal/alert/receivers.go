package alert

import (
	"cmp"
	"encoding/base64"
	"errors"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"evcp/internal/language"
)

// ReceiverKind is what a line of the alert file sends to.
type ReceiverKind string

// The kinds. The scheme of a line is the kind, "+" and http or https; that of Mail is smtp or
// smtps.
const (
	Webhook      ReceiverKind = "webhook"
	Alertmanager ReceiverKind = "alertmanager"
	Ntfy         ReceiverKind = "ntfy"
	Telegram     ReceiverKind = "telegram"
	Slack        ReceiverKind = "slack"
	Teams        ReceiverKind = "teams"
	Mail         ReceiverKind = "smtp"
)

// Receiver is one line of the alert file. It holds secrets: only Name may be shown.
type Receiver struct {
	Kind ReceiverKind
	URL  *url.URL // where to post, without the fragment
	Key  []byte   // Webhook: what bodies are signed with
	Mail MailSettings

	Scheme, Host string // may be shown
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
	secrets = append(append(secrets, r.Mail.From), r.Mail.To...)
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
	isMail := u.Scheme == "smtp" || u.Scheme == "smtps"
	switch {
	case !isMail && (!slices.Contains(postKinds, r.Kind) || transport != "http" && transport != "https"):
		return r, language.Errorf("%s:// is not known; there are %s", u.Scheme[:min(len(u.Scheme), maxScheme)], schemes)
	case u.Hostname() == "" || !validPort(u.Port()):
		return r, language.Errorf("%s:// needs a host, or HOST:PORT", u.Scheme)
	}
	r.Name, r.Scheme, r.Host, r.URL = u.Scheme+"://"+u.Host, u.Scheme, u.Host, u
	if isMail {
		r.Kind = Mail
		r.Mail, err = mailSettings(u)
		return r, err
	}
	key := u.Fragment
	u.Scheme, u.Fragment, u.RawFragment = transport, "", ""
	if r.Kind == Webhook {
		r.Key, err = webhookKey(key)
		return r, err
	}
	return r, r.check(key)
}

// ParsePing reads the one URL of a dead man's ping. Its error shows nothing of it.
func ParsePing(text string) (r Receiver, err error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || !validPort(u.Port()) || u.Fragment != "" {
		return r, language.New("it needs one URL, http:// or https://, and nothing else")
	}
	return Receiver{URL: u, Name: u.Scheme + "://" + u.Host, Scheme: u.Scheme, Host: u.Host}, nil
}

// check holds the parts of a URL to what its kind needs.
func (r Receiver) check(fragment string) error {
	_, password := r.URL.User.Password()
	last := path.Base(r.URL.Path)
	switch {
	case fragment != "":
		return language.Errorf("%s takes nothing behind a #", r.Name)
	case r.Kind == Ntfy && (last == "/" || last == "."):
		return language.Errorf("%s needs a topic: ntfy+https://TOKEN@HOST/TOPIC", r.Name)
	case r.Kind == Telegram && (last == "/" || last == "." || r.URL.User == nil || !password):
		return language.Errorf("%s needs the bot's token and a chat: telegram+https://TOKEN@api.telegram.org/CHAT", r.Name)
	}
	return nil
}

func validPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil && n > 0
}

// MailSettings are the parts of a line for mail.
type MailSettings struct {
	Server   string // HOST:PORT
	TLS      bool   // from the first byte; else STARTTLS
	Plain    bool   // without TLS
	From     string
	To       []string
	User     string // "" = no login
	Password string
}

const (
	portSMTP  = "587"
	portSMTPS = "465"
	maxMailTo = 50
)

var errMail = language.New("mail needs its addresses: smtp://USER:PASSWORD@HOST/?from=A@B&to=C@D,E@F, with &tls=none where the server has none; smtps:// is TLS from the first byte")

func mailSettings(u *url.URL) (s MailSettings, err error) {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return s, errMail
	}
	for name, values := range q {
		if !slices.Contains([]string{"from", "to", "tls"}, name) || len(values) != 1 {
			return s, errMail
		}
	}
	s.TLS, s.Plain = u.Scheme == "smtps", q.Get("tls") == "none"
	s.Server = hostPort(u.Hostname(), cmp.Or(u.Port(), pickPort(s.TLS)))
	s.From, s.To, s.User = q.Get("from"), strings.Split(q.Get("to"), ","), u.User.Username()
	s.Password, _ = u.User.Password()
	bad := func(address string) bool { return !isAddress(address) }
	if q.Has("tls") && (!s.Plain || s.TLS || s.User != "") || bad(s.From) || len(s.To) > maxMailTo || slices.ContainsFunc(s.To, bad) {
		return s, errMail
	}
	return s, nil
}

func pickPort(tls bool) string {
	if tls {
		return portSMTPS
	}
	return portSMTP
}

// hostPort joins host and port as net.JoinHostPort does.
func hostPort(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

// isAddress reports whether a text is an address as mail servers take it: no name, no
// comment, no blank.
func isAddress(text string) bool {
	local, domain, found := strings.Cut(text, "@")
	return found && local != "" && domain != "" && len(text) <= 254 &&
		!strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`<>()[],;:\"`, r) }) && !strings.Contains(domain, "@")
}

var postKinds = []ReceiverKind{Webhook, Alertmanager, Ntfy, Telegram, Slack, Teams}

const (
	// schemes are what a line may begin with.
	schemes = "webhook+https, alertmanager+https, ntfy+https, telegram+https, slack+https, teams+https, the same with +http, smtp and smtps"
	// maxScheme is how much of a scheme an error shows: url.Parse lets letters, digits, +, - and . through.
	maxScheme = 30
)

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
