package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

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
		return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
			token, err := l.Token(ctx)
			return oauth.Auth{Token: token}, err
		})
	default:
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			return plain.Auth{User: l.Username, Pass: l.Password()}, nil
		})
	}
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
	// tokenTimeout bounds one request for a token.
	tokenTimeout = 5 * time.Second
	// tokenMargin is how long before its end a token is renewed.
	tokenMargin = 30 * time.Second
)

// errToken is a token that could not be fetched: brokers were not asked.
var errToken = errors.New("token server")

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
		return "", fmt.Errorf("%w: %w", errToken, err)
	}
}

func (c *TokenClient) fetch(ctx context.Context) (*oauth2.Token, error) {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	if c.TLS != nil {
		config, err := c.TLS()
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = config
	}
	client := &http.Client{Transport: transport, Timeout: tokenTimeout, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the secret goes to the configured server only
	}}
	request := clientcredentials.Config{ClientID: c.ClientID, ClientSecret: c.Secret(), TokenURL: c.URL}
	if c.Scope != "" {
		request.Scopes = []string{c.Scope}
	}
	token, err := request.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok { // without its body, which may hold anything
		return nil, fmt.Errorf("%s %s", refused.Response.Status, refused.ErrorCode)
	}
	return token, err
}
