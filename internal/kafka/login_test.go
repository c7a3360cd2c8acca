package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"evcp"
	"evcp/internal/authority"
	"evcp/internal/link"
	"evcp/internal/testbed"
)

// secureBroker is a broker that wants TLS and a login, and a dialer that trusts it. As Apache
// Kafka does, and the library's broker does not, it answers a wrong login before it closes.
func secureBroker(t *testing.T) (c *kfake.Cluster, dialer *link.TLSDialer) {
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
	c, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}}), kfake.EnableSASL(),
		kfake.Superuser("PLAIN", "monitor", "right"), kfake.Superuser("SCRAM-SHA-256", "monitor", "right"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	return c, &link.TLSDialer{Dialer: link.NewDialer(), Config: func(host string) (*tls.Config, error) {
		return &tls.Config{ServerName: host, RootCAs: roots}, nil
	}}
}

// TestLogin delivers by each mechanism, and after a password that is corrected. Whether the
// broker says that the password is wrong or merely closes, the status names the login.
func TestLogin(t *testing.T) {
	for _, mechanism := range []string{Plain, ScramSHA256} {
		for _, answers := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/%t", mechanism, answers), func(t *testing.T) {
				c, dialer := secureBroker(t)
				var password atomic.Pointer[string]
				password.Store(new("wrong"))
				if answers {
					c.ControlKey(int16(kmsg.SASLAuthenticate), func(r kmsg.Request) (kmsg.Response, error, bool) {
						c.KeepControl()
						resp := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
						resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
						return resp, nil, *password.Load() == "wrong"
					})
				}
				s := newFixture(t, c.ListenAddrs()[0])
				s.start(func(o *Options) {
					o.Dial, o.Login = dialer.DialContext, &Login{Mechanism: mechanism, Username: "monitor", Password: func() string { return *password.Load() }}
				})
				s.appendChecks(3, 1)
				s.waitUntil("refusal", s.phase(Away))
				switch st := s.sender.Status(); {
				case answers && (!errors.Is(st.Err, kerr.SaslAuthenticationFailed) || st.Cause != evcp.SaidKO),
					!answers && (st.ErrorText() != endedLogin || st.Cause != evcp.Closed), st.Broker != s.broker:
					t.Errorf("away: %+v", st)
				}
				password.Store(new("right"))
				s.waitUntil("delivery", s.delivered)
			})
		}
	}
}

// TestMechanisms: a broker that does not have the mechanism is asked which it has, for the
// status and for --test.
func TestMechanisms(t *testing.T) {
	c, dialer := secureBroker(t)
	c.ControlKey(int16(kmsg.SASLHandshake), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		resp := r.ResponseKind().(*kmsg.SASLHandshakeResponse)
		resp.ErrorCode, resp.SupportedMechanisms = kerr.UnsupportedSaslMechanism.Code, []string{"PLAIN", "GSSAPI"}
		return resp, nil, true
	})
	s := newFixture(t, c.ListenAddrs()[0])
	o := Options{Brokers: []string{s.broker}, Topic: s.topic, Dial: dialer.DialContext,
		Login: &Login{Mechanism: ScramSHA512, Username: "monitor", Password: func() string { return "right" }}}
	s.start(func(of *Options) { of.Dial, of.Login = o.Dial, o.Login })
	s.appendChecks(1, 1)
	const want = "UNSUPPORTED_SASL_MECHANISM: the broker has PLAIN, GSSAPI"
	s.waitUntil("refusal", func() bool { return strings.HasSuffix(s.sender.Status().ErrorText(), want) })
	if st := s.sender.Status(); st.Cause != evcp.SaidKO || st.Broker != s.broker {
		t.Errorf("away: %+v", st)
	}
	r := Probe(t.Context(), o)
	if len(r.Troubles) != 1 || !strings.HasSuffix(ErrorText(r.Troubles[0]), want) || CauseOf(r.Troubles[0]) != evcp.SaidKO {
		t.Errorf("%+v", r)
	}
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
	if err := ask("", 2); CauseOf(err) != evcp.SaidKO || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), "secret") {
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

// TestStopDuringLogin: a token server that hangs does not hold up the end of the Sender.
func TestStopDuringLogin(t *testing.T) {
	c, dialer := secureBroker(t)
	c.ControlKey(int16(kmsg.SASLHandshake), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		return r.ResponseKind(), nil, true
	})
	asked := make(chan struct{}, 1)
	s := newFixture(t, c.ListenAddrs()[0])
	s.start(func(o *Options) {
		o.Dial, o.Login = dialer.DialContext, &Login{Mechanism: OAuthBearer, Token: func(ctx context.Context) (string, error) {
			offer(asked, struct{}{})
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Second):
			}
			return "", &tokenError{"token server: no answer"}
		}}
	})
	<-asked
	if took := testbed.MeasureStalls(t).Time(s.close); took > 10*time.Second {
		t.Errorf("stopped after %v", took)
	}
}
