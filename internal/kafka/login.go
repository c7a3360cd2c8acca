package kafka

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// The mechanisms of a Login, as SASL names them in small letters.
const (
	Plain       = "plain"
	ScramSHA256 = "scram-sha-256"
	ScramSHA512 = "scram-sha-512"
	OAuthBearer = "oauthbearer"
)

// Login proves to brokers who this Monitor is, by SASL. Password and Token are asked at each
// new connection, so that a changed one is used from then on.
type Login struct {
	Mechanism string
	Username  string
	Password  func() string
	Token     func(context.Context) (string, error) // OAuthBearer
	Refused   func()                                // OAuthBearer: a broker does not take the token
}

// loginHook sees a login that a broker refuses.
func (l *Login) loginHook() connectHook {
	return func(err error) {
		if errors.Is(err, kerr.SaslAuthenticationFailed) {
			l.refused()
		}
	}
}

func (l *Login) refused() {
	if l.Refused != nil {
		l.Refused()
	}
}

// mechanism is the client's form of a Login.
func (l *Login) mechanism() sasl.Mechanism {
	scramAuth := func(context.Context) (scram.Auth, error) {
		return scram.Auth{User: l.Username, Pass: l.Password()}, nil
	}
	switch l.Mechanism {
	case ScramSHA256:
		return scram.Sha256(scramAuth)
	case ScramSHA512:
		return scram.Sha512(scramAuth)
	case OAuthBearer:
		return bearer{l, oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
			token, err := l.Token(ctx)
			return oauth.Auth{Token: token}, err
		})}
	default:
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			return plain.Auth{User: l.Username, Pass: l.Password()}, nil
		})
	}
}

// mechanismError is a broker that does not have the mechanism.
type mechanismError struct{ offered []string }

func (e *mechanismError) Error() string {
	return fmt.Sprintf("%s: the broker has %s", kerr.UnsupportedSaslMechanism.Message, strings.Join(e.offered, ", "))
}

func (e *mechanismError) Unwrap() error { return kerr.UnsupportedSaslMechanism }

// bearer is the client's OAUTHBEARER, and says why a broker refuses a token (RFC 7628, 3.2.2).
type bearer struct {
	login *Login
	sasl.Mechanism
}

// Authenticate implements sasl.Mechanism.
func (b bearer) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	session, first, err := b.Mechanism.Authenticate(ctx, host)
	return bearerSession{b.login, session}, first, err
}

type bearerSession struct {
	login *Login
	sasl.Session
}

// Challenge implements sasl.Session. A broker that accepts the token has nothing to say.
func (b bearerSession) Challenge(said []byte) (done bool, answer []byte, err error) {
	if len(said) == 0 {
		return b.Session.Challenge(said)
	}
	var reason struct {
		Status string `json:"status"`
	}
	text := "the broker refuses the token"
	if json.Unmarshal(said, &reason) == nil && reason.Status != "" && len(reason.Status) <= maxErrorCode {
		text += ": " + reason.Status
	}
	b.login.refused()
	return false, nil, &tokenError{text}
}

// lacksMechanism reports whether an error is of a broker that does not have the mechanism, and
// does not say yet which it has.
func lacksMechanism(err error) bool {
	return errors.Is(err, kerr.UnsupportedSaslMechanism) && BrokerOf(err) != "" && !errors.As(err, new(*mechanismError))
}

// withMechanisms adds to such an error those that the broker has: the client keeps them to
// itself. The error is returned as it is if the broker does not say.
func (o Options) withMechanisms(ctx context.Context, err error) error {
	address, asked := BrokerOf(err), o.Login.mechanism().Name()
	o.Brokers, o.Login = []string{address}, nil
	cl, failed := o.newClient(kgo.RequestRetries(0))
	if failed != nil {
		return err
	}
	defer closeClient(cl)
	ctx, cancel := context.WithTimeout(ctx, overhead)
	defer cancel()
	req := kmsg.NewPtrSASLHandshakeRequest()
	req.Mechanism = asked
	answer, failed := req.RequestWith(ctx, cl.SeedBrokers()[0])
	if failed != nil || len(answer.SupportedMechanisms) == 0 {
		return err
	}
	return &brokerError{address, &mechanismError{answer.SupportedMechanisms}}
}

// TokenClient fetches bearer tokens by the OAuth 2 client credentials grant (RFC 6749, 4.4).
type TokenClient struct {
	URL      string // https
	ClientID string
	Secret   func() string
	Scope    string                      // "" = none
	TLS      func() (*tls.Config, error) // nil = the authorities of the system

	mu    sync.Mutex
	token *oauth2.Token // the last one
}

const (
	// tokenTimeout bounds the fetch of a token, which is a part of opening a connection.
	tokenTimeout = dialTimeout
	// tokenMargin is how long before its end a token is renewed.
	tokenMargin = 30 * time.Second
	// maxErrorCode bounds the error code of a token server, in bytes.
	maxErrorCode = 64
)

// tokenError is a token that could not be fetched, or that a broker refuses. It hides the error itself from the client,
// which would take one of the network for the broker's.
type tokenError struct{ text string }

func (e *tokenError) Error() string { return e.text }

// Token is a token that is valid for tokenMargin at least, or the newest that there is.
func (c *TokenClient) Token(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != nil && time.Until(c.token.Expiry) > tokenMargin { // one without an end is fetched each time
		return c.token.AccessToken, nil
	}
	fresh, err := c.fetch(ctx)
	switch {
	case err == nil:
		c.token = fresh
		return fresh.AccessToken, nil
	case c.token != nil && c.token.Valid():
		return c.token.AccessToken, nil
	default:
		return "", err
	}
}

// Forget drops the last token: a broker does not take it.
func (c *TokenClient) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = nil
}

func (c *TokenClient) fetch(ctx context.Context) (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	if c.TLS != nil {
		config, err := c.TLS()
		if err != nil {
			return nil, &tokenError{"token server: " + err.Error()}
		}
		transport.TLSClientConfig = config
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the secret goes to the configured server only
	}}
	request := clientcredentials.Config{ClientID: c.ClientID, ClientSecret: c.Secret(), TokenURL: c.URL}
	if c.Scope != "" {
		request.Scopes = []string{c.Scope}
	}
	token, err := request.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
	if err != nil {
		return nil, &tokenError{tokenErrorText(err)}
	}
	return token, nil
}

// tokenErrorText says why there is no token, without what the server wrote but for its error
// code: that may hold anything.
func tokenErrorText(err error) string {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		status := refused.Response.StatusCode
		text := fmt.Sprintf("token server refuses: %d %s", status, http.StatusText(status))
		if code := refused.ErrorCode; code != "" && len(code) <= maxErrorCode {
			text += ", " + code
		}
		return text
	}
	if request, ok := errors.AsType[*url.Error](err); ok {
		err = request.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("token server: no answer in %v", tokenTimeout)
	}
	return "token server: " + err.Error()
}
