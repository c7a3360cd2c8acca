package dashboard

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"evcp/internal/accounts"
	"evcp/internal/language"
	"evcp/internal/status"
)

// SignInProvider is an OpenID Connect provider: people sign in here who have an account there.
type SignInProvider struct {
	Issuer, ClientID string
	Secret           func() string     // nil: the client is public
	Transport        http.RoundTripper // nil: the usual one
}

const (
	providerPath = sessionPath + "/provider"
	callbackPath = providerPath + "/callback" // a browser comes back to it from the provider
	// The cookie of a sign-in that is under way there: its secret, and where to go on.
	secureFlowCookie = "__Host-evcp_signin"
	plainFlowCookie  = "evcp_signin"
	flowLife         = 600             // seconds
	providerLimit    = 8 * time.Second // of all that the provider is asked for one request
	maxProviders     = 8               // requests at once for which it is asked
	maxReply         = 1 << 20         // bytes of one answer
	maxGoOn          = 500             // bytes
)

var errOtherSignIn = errors.New("the answer belongs to no sign-in of this browser")

// forProvider guards the two paths of a sign-in at the provider. Who signs in is nobody yet.
func (d *Dashboard) forProvider(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case d.provider == nil:
			status.WriteProblem(w, http.StatusNotFound, language.Coded("no_provider"))
		case d.accounts == nil:
			status.WriteProblem(w, http.StatusServiceUnavailable, errNoAccounts)
		case acquire(d.providers, w, language.Coded("busy_sign_ins")):
			defer func() { <-d.providers }()
			next(w, r)
		}
	}
}

// beginProvider sends a browser to the provider. The browser keeps a secret; what the provider gets
// of it is hashed.
func (d *Dashboard) beginProvider(w http.ResponseWriter, r *http.Request) {
	q, ok := status.Query(w, r, "to")
	if !ok {
		return
	}
	to, secret := q.Get("to"), accounts.NewSecret()
	if len(to) > maxGoOn {
		to = ""
	}
	d.askProvider(w, r, func(_ context.Context, _ *oidc.Provider, c *oauth2.Config) (string, error) {
		http.SetCookie(w, flowCookie(r, secret+"."+url.QueryEscape(to), flowLife))
		return c.AuthCodeURL(derived("state", secret), oidc.Nonce(derived("nonce", secret)), oauth2.S256ChallengeOption(derived("verifier", secret))), nil
	})
}

// finishProvider begins the session of who comes back from there. The secret is good once.
func (d *Dashboard) finishProvider(w http.ResponseWriter, r *http.Request) {
	secret, to := "", ""
	flow := flowCookie(r, "", -1)
	http.SetCookie(w, flow)
	if c, err := r.Cookie(flow.Name); err == nil {
		secret, to, _ = strings.Cut(c.Value, ".")
	}
	if to, _ = url.QueryUnescape(to); !strings.HasPrefix(to, "/") {
		to = "/"
	}
	d.askProvider(w, r, func(ctx context.Context, p *oidc.Provider, c *oauth2.Config) (string, error) {
		q := r.URL.Query() // the provider may add parameters of its own
		if secret == "" || !same(q.Get("state"), derived("state", secret)) {
			return "", errOtherSignIn
		}
		tokens, err := c.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(derived("verifier", secret)))
		if err != nil {
			return "", fmt.Errorf("redeem the code: %w", err)
		}
		raw, _ := tokens.Extra("id_token").(string)
		token, err := p.Verifier(&oidc.Config{ClientID: c.ClientID}).Verify(ctx, raw)
		if err != nil {
			return "", fmt.Errorf("check the ID token: %w", err)
		}
		var claims struct {
			Email    string `json:"email"`
			Verified bool   `json:"email_verified"`
		}
		switch err := token.Claims(&claims); {
		case err != nil:
			return "", fmt.Errorf("read the ID token: %w", err)
		case !same(token.Nonce, derived("nonce", secret)):
			return "", errOtherSignIn
		case !claims.Verified || claims.Email == "" || !provedName(claims.Email):
			return "", errors.New("the ID token has no email that the provider has verified")
		}
		session, err := d.accounts.SignInByProvider(claims.Email, peerOf(r))
		if err == nil {
			setCookie(w, r, session.Secret)
		}
		return d.pageURL + to, err // behind the page's own address it leads nowhere else
	})
}

// askProvider sends a browser where use says. What fails is noted with its reason; the browser is
// led back to the page.
func (d *Dashboard) askProvider(w http.ResponseWriter, r *http.Request, use func(context.Context, *oidc.Provider, *oauth2.Config) (string, error)) {
	client := http.Client{Transport: boundedTransport{d.provider.Transport}}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(r.Context(), &client), providerLimit)
	defer cancel()
	p, err := oidc.NewProvider(ctx, d.provider.Issuer) // anew each time: sign-ins are rare, and its keys change
	to := ""
	if err == nil {
		c := oauth2.Config{ClientID: d.provider.ClientID, Endpoint: p.Endpoint(), RedirectURL: d.pageURL + callbackPath, Scopes: []string{oidc.ScopeOpenID, "email"}}
		if d.provider.Secret != nil {
			c.ClientSecret = d.provider.Secret()
		}
		to, err = use(ctx, p, &c)
	}
	if err != nil {
		d.accounts.RefuseProvider(err, peerOf(r))
		to = d.pageURL + "/signin?failed=provider"
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// flowCookie is Lax: the browser comes back with it from another site.
func flowCookie(r *http.Request, value string, life int) *http.Cookie {
	c := &http.Cookie{Name: plainFlowCookie, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: life}
	if r.TLS != nil {
		c.Name, c.Secure = secureFlowCookie, true
	}
	return c
}

// derived is a value that nobody can compute who has not got the secret, nor the secret from it.
func derived(what, secret string) string {
	sum := sha256.Sum256([]byte(what + " " + secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// boundedTransport cuts answers that are too long.
type boundedTransport struct{ http.RoundTripper }

// RoundTrip asks.
func (b boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.RoundTripper == nil {
		b.RoundTripper = http.DefaultTransport
	}
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, maxReply)
	}
	return answer, err
}
