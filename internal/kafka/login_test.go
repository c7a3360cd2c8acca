package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"

	"evcp"
	"evcp/internal/authority"
	"evcp/internal/link"
)

// secureBroker is a broker that wants TLS and a login, and a dialer that trusts it.
func secureBroker(t *testing.T) (address string, dialer *link.TLSDialer) {
	t.Helper()
	ca, err := authority.New("test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	issued, err := ca.Issue(authority.CertificateRequest{Names: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(issued.CertPEM, issued.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}}), kfake.EnableSASL(),
		kfake.Superuser("PLAIN", "monitor", "right"), kfake.Superuser("SCRAM-SHA-256", "monitor", "right"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	return c.ListenAddrs()[0], &link.TLSDialer{Dialer: link.NewDialer(), Config: func(host string) (*tls.Config, error) {
		return &tls.Config{ServerName: host, RootCAs: roots}, nil
	}}
}

// TestLogin delivers by each mechanism, and after a password that is corrected.
func TestLogin(t *testing.T) {
	address, dialer := secureBroker(t)
	for _, mechanism := range []string{Plain, ScramSHA256} {
		t.Run(mechanism, func(t *testing.T) {
			var password atomic.Pointer[string]
			password.Store(new("wrong"))
			s := newFixture(t, address)
			s.start(func(o *Options) {
				o.Dial, o.Login = dialer.DialContext, &Login{Mechanism: mechanism, Username: "monitor", Password: func() string { return *password.Load() }}
			})
			s.appendChecks(3, 1)
			s.waitUntil("refusal", s.phase(Away))
			if err := s.sender.Status().Err; !errors.Is(err, kerr.SaslAuthenticationFailed) || strings.Contains(err.Error(), "wrong") {
				t.Errorf("away because of %v", err)
			}
			password.Store(new("right"))
			s.waitUntil("delivery", s.delivered)
		})
	}
	t.Run("a mechanism that the broker does not have", func(t *testing.T) {
		s := newFixture(t, address)
		s.start(func(o *Options) {
			o.Dial, o.Login = dialer.DialContext, &Login{Mechanism: ScramSHA512, Username: "monitor", Password: func() string { return "right" }}
		})
		s.appendChecks(1, 1)
		s.waitUntil("refusal", s.phase(Away))
		if err := s.sender.Status().Err; CauseOf(err) != evcp.SaidKO {
			t.Errorf("away because of %v", err)
		}
	})
}

// TestToken: a token is kept until shortly before its end; a new secret is used for the next
// one; a refusal names the status and not the body, and no redirect gets the secret.
func TestToken(t *testing.T) {
	var asked, lifetime atomic.Int64
	lifetime.Store(3600)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		id, secret, _ := r.BasicAuth()
		switch {
		case r.FormValue("scope") == "elsewhere":
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
			return
		case id != "monitor" || secret != "right" || r.FormValue("grant_type") != "client_credentials":
			w.WriteHeader(http.StatusUnauthorized)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_client", "error_description": "secret " + secret})
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "token", "token_type": "Bearer", "expires_in": lifetime.Load()})
	}))
	defer server.Close()
	secret := "wrong"
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	c := &TokenClient{URL: server.URL, ClientID: "monitor", Secret: func() string { return secret }, TLS: func() (*tls.Config, error) {
		return &tls.Config{RootCAs: roots}, nil
	}}
	ask := func(want string, requests int64) error {
		t.Helper()
		asked.Store(0)
		token, err := c.Token(context.Background())
		if token != want || asked.Load() != requests {
			t.Errorf("the token is %q after %d requests, want %q after %d: %v", token, asked.Load(), want, requests, err)
		}
		return err
	}
	if err := ask("", 2); !errors.Is(err, errToken) || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), "secret") {
		t.Errorf("a wrong secret: %v", err)
	}
	secret = "right"
	_ = ask("token", 1)
	_ = ask("token", 0)
	c.token.Expiry = time.Now().Add(tokenMargin - time.Second)
	_ = ask("token", 1)
	c.token.Expiry = time.Now().Add(tokenMargin - time.Second)
	secret = "wrong"
	_ = ask("token", 2) // the old one is still valid
	c.token, c.Scope = nil, "elsewhere"
	if err := ask("", 2); !strings.Contains(err.Error(), "307") {
		t.Errorf("a redirect: %v", err)
	}
}
