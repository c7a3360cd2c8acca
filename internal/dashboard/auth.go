package dashboard

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"evcp/internal/accounts"
	"evcp/internal/audit"
	"evcp/internal/language"
	"evcp/internal/status"
)

// AccessRules say who may read without signing in, and which proxy signs people in.
type AccessRules struct {
	Listens       net.Addr // where the page is served; nil is no loopback address
	PublicBoard   bool     // anybody may read
	PublicMetrics bool     // anybody may read /metrics

	UserHeader string         // in which a proxy names who it has signed in; "" is none
	Proxies    []netip.Prefix // whose header counts
}

// caller is who makes a request, and what he may do.
type caller struct {
	audit.Actor
	role   accounts.Role // "" is nobody
	csrf   string        // what a write must carry; "" for a token: no browser sends one by itself
	cookie string        // the secret of the session
}

// named is who he is in the audit log.
func (c caller) named() audit.Actor {
	if c.Kind == audit.BySetup {
		c.Name = accounts.FirstTokenName
	}
	return c.Actor
}

func (c caller) signedIn() bool { return c.role == accounts.Viewer || c.role == accounts.Operator }

// refusalError is an answer that ends a request.
type refusalError struct {
	code int
	why  error
}

func (e refusalError) Error() string { return e.why.Error() }

// callerOf finds out who makes a request: by its token, by the header of a trusted proxy, or by
// the cookie of a session. A token or a header that can't be right is an error, and nobody.
func (d *Dashboard) callerOf(r *http.Request) (c caller, err error) {
	c.Peer = peerOf(r).String()
	if d.accounts == nil {
		return c, nil
	}
	if r.Header.Values("Authorization") != nil {
		return d.tokenCaller(r, c)
	}
	if name, err := d.proxyUser(r); err != nil {
		return c, err
	} else if name != "" {
		c.Name, c.Kind, c.role, c.csrf = name, audit.ByProxy, accounts.Viewer, d.accounts.CSRFOf(name)
		if u, known := d.accounts.User(name); known {
			c.Name, c.role = u.Name, u.Role
		}
		return c, nil
	}
	for _, name := range []string{secureCookie, plainCookie} {
		cookie, err := r.Cookie(name)
		if err != nil {
			continue
		}
		if in, ok := d.accounts.SessionOf(cookie.Value, time.Now()); ok {
			c.Name, c.Kind, c.role, c.csrf, c.cookie = in.Name, audit.ByUser, in.Role, in.CSRF(), cookie.Value
			switch {
			case in.Role == accounts.Setup:
				c.Kind = audit.BySetup
			case in.Provider:
				c.Kind = audit.ByProvider
			}
			return c, nil
		}
	}
	return c, nil
}

func (d *Dashboard) tokenCaller(r *http.Request, c caller) (caller, error) {
	all := r.Header.Values("Authorization")
	if secret, ok := tokenIn(all); ok {
		t, ok := d.accounts.TokenOf(secret, time.Now())
		if ok {
			c.Name, c.Kind, c.role = t.Name, audit.ByToken, t.Role
			return c, nil
		}
		d.accounts.RefuseToken(t, peerOf(r))
	}
	return c, refusalError{http.StatusUnauthorized, language.Coded("bad_token")}
}

// tokenIn is the token of an Authorization header: as Bearer, or as Token, the way of OCPI, which
// has it in Base64. Many clients of OCPI send it as it is.
func tokenIn(headers []string) (secret string, ok bool) {
	scheme, secret, _ := strings.Cut(headers[0], " ")
	secret = strings.TrimSpace(secret)
	switch {
	case len(headers) > 1:
		return "", false
	case strings.EqualFold(scheme, "Bearer"):
		return secret, true
	case !strings.EqualFold(scheme, "Token"):
		return "", false
	}
	if plain, err := base64.StdEncoding.DecodeString(secret); err == nil {
		return strings.TrimSpace(string(plain)), true
	}
	return secret, true
}

// maxProvedName bounds the name that a proxy or a provider gives, in bytes.
const maxProvedName = 200

// provedName reports whether such a name can be one.
func provedName(name string) bool {
	odd := func(c rune) bool { return !unicode.IsPrint(c) || c == ',' }
	return len(name) <= maxProvedName && utf8.ValidString(name) && !strings.ContainsFunc(name, odd)
}

// proxyUser is whom a trusted proxy has signed in; "" for nobody, and where the header comes from
// anybody else.
func (d *Dashboard) proxyUser(r *http.Request) (string, error) {
	if d.access.UserHeader == "" || !d.trusted(peerOf(r)) {
		return "", nil
	}
	values := r.Header.Values(d.access.UserHeader)
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", refusalError{http.StatusBadRequest, errors.New("the header " + textproto.CanonicalMIMEHeaderKey(d.access.UserHeader) + " stands twice")}
	}
	name := values[0]
	if !provedName(name) {
		return "", refusalError{http.StatusBadRequest, errors.New("the header " + textproto.CanonicalMIMEHeaderKey(d.access.UserHeader) + " holds no name")}
	}
	return name, nil
}

func (d *Dashboard) trusted(peer netip.Addr) bool {
	return slices.ContainsFunc(d.access.Proxies, func(p netip.Prefix) bool { return p.Contains(peer) })
}

// peerOf is the address of the other end of the connection.
func peerOf(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap().WithZone("")
}

// forwardedBy are headers that a proxy adds. On the same machine it makes the whole internet
// look like loopback.
var forwardedBy = []string{"Forwarded", "Via", "X-Real-Ip", "X-Original-Forwarded-For"}

// fromHere reports whether a request comes from this machine, as far as that can be told: the
// page is served on loopback alone, and peer and Host are loopback, and no proxy says that it
// stands between.
func (d *Dashboard) fromHere(r *http.Request) bool {
	listens, ok := d.access.Listens.(*net.TCPAddr)
	if !ok || !listens.IP.IsLoopback() || !peerOf(r).IsLoopback() || !loopbackName(r.Host) {
		return false
	}
	for name := range r.Header {
		if slices.Contains(forwardedBy, name) || strings.HasPrefix(name, "X-Forwarded-") {
			return false
		}
	}
	return true
}

// loopbackName reports whether a Host is this machine's loopback.
func loopbackName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if a, err := netip.ParseAddr(host); err == nil {
		return a.IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// open reports whether reading needs no login.
func (d *Dashboard) open(r *http.Request) bool { return d.access.PublicBoard || d.fromHere(r) }

// mayRead reports whether who asked may read still: a stream ends with its session or its token.
func (d *Dashboard) mayRead(r *http.Request) bool {
	c, err := d.callerOf(r)
	return err == nil && (c.signedIn() || d.open(r))
}

type callerKey struct{}

// by is who makes the request of a handler below withCaller.
func by(r *http.Request) caller {
	c, _ := r.Context().Value(callerKey{}).(caller)
	return c
}

// withCaller lets a handler know who asks. What can't be right is answered.
func (d *Dashboard) withCaller(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := d.callerOf(r)
		if refused := (refusalError{}); errors.As(err, &refused) {
			refuse(w, refused.code, refused.why)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
	})
}

// Why a request is refused, whatever it is about.
var (
	errOtherPage  = language.Coded("other_page")
	errNoAccounts = language.Coded("no_accounts")
)

func operatorNeeded(c caller) error { return language.Coded("operator_needed", string(c.role)) }

// refuse answers a request that is not allowed.
func refuse(w http.ResponseWriter, code int, why error) {
	if code == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	status.WriteProblem(w, code, why)
}

// forReaders guards what is read: who is signed in may, and where reading is open everybody.
func (d *Dashboard) forReaders(next http.Handler) http.Handler {
	return d.withCaller(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !by(r).signedIn() && !d.open(r) {
			refuse(w, http.StatusUnauthorized, language.Coded("sign_in_to_read"))
			return
		}
		next.ServeHTTP(w, r)
	}))
}

// forMetrics guards /metrics.
func (d *Dashboard) forMetrics(next http.Handler) http.Handler {
	readers := d.forReaders(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.access.PublicMetrics {
			next.ServeHTTP(w, r)
			return
		}
		readers.ServeHTTP(w, r)
	})
}

// csrfHeader is where a browser's write carries what only a page of this Central can know.
const csrfHeader = "X-CSRF-Token"

// forWriters guards what changes something: only who is signed in as an operator may, from a
// page of this Central or with a token. own lets everybody who is signed in: it is about himself.
func (d *Dashboard) forWriters(own bool, next http.Handler) http.Handler {
	return d.withCaller(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := by(r)
		if !ownPage(r) {
			refuse(w, http.StatusForbidden, errOtherPage)
			return
		}
		switch {
		case d.accounts == nil:
			refuse(w, http.StatusServiceUnavailable, errNoAccounts)
		case c.role == "":
			refuse(w, http.StatusUnauthorized, language.Coded("sign_in_to_change"))
		case c.csrf != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get(csrfHeader)), []byte(c.csrf)) != 1:
			refuse(w, http.StatusForbidden, language.Coded("other_csrf"))
		case !own && c.role != accounts.Operator:
			refuse(w, http.StatusForbidden, operatorNeeded(c))
		default:
			next.ServeHTTP(w, r)
		}
	}))
}

// ownPage reports whether no page of another site makes the request, as far as the browser says.
func ownPage(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "" || site == "same-origin" || site == "none"
}

// maxBody is how long the body of a request may be, in bytes; that of the ports maxPortsBody.
const (
	maxBody      = 64 << 10
	maxPortsBody = 8 << 20
)

// bodyLimit is how long the body of a request may be.
func bodyLimit(r *http.Request) int64 {
	if r.Method == http.MethodPost && r.URL.Path == portsPath {
		return maxPortsBody
	}
	return maxBody
}

// tooLong refuses a body that is announced to be too long before it is read.
func tooLong(w http.ResponseWriter, r *http.Request) bool {
	limit := bodyLimit(r)
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close")
		status.WriteProblem(w, http.StatusRequestEntityTooLarge, language.Coded("too_long", limit))
		return true
	}
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	return false
}
