package selftest

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"
	"time"

	"evcp/internal/authority"
	"evcp/internal/link"
	"evcp/internal/testbed"
)

// TestAdviceOfTLS: the texts that the links make are those for which there is advice, for
// Central and for the Engine.
func TestAdviceOfTLS(t *testing.T) {
	certificates := testbed.NewCertificates(t)
	issue := func(r authority.CertificateRequest) tls.Certificate {
		return certificates.Pair(certificates.Issue("server", r))
	}
	here := []string{"127.0.0.1"}
	trusted := certificates.Client()
	nobody := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
	for want, test := range map[string]struct {
		certificate tls.Certificate
		client      *tls.Config // nil: no TLS
		plain       string      // what the server answers instead of TLS
	}{
		"Renew the certificate of ":              {certificate: issue(authority.CertificateRequest{Names: here, Now: time.Now().Add(-48 * time.Hour), Lifetime: time.Hour}), client: trusted},
		"Compare the clocks of both machines":    {certificate: issue(authority.CertificateRequest{Names: here, Now: time.Now().Add(48 * time.Hour)}), client: trusted},
		"-server-name; else correct the address": {certificate: issue(authority.CertificateRequest{Names: []string{"other.example"}}), client: trusted},
		"Trust that authority with --":           {certificate: issue(authority.CertificateRequest{Names: here}), client: nobody},
		"or switch TLS on there":                 {client: trusted, plain: "KO unknown message\n"},
		"Switch it on here, too: --":             {plain: "\x15\x03\x01\x00\x02\x02\x0a"},
	} {
		address := serveOnce(t, &tls.Config{Certificates: []tls.Certificate{test.certificate}, MinVersion: tls.VersionTLS12}, test.plain)
		var d link.Dialer = link.NewDialer()
		if test.client != nil {
			d = &link.TLSDialer{Dialer: d, Config: func(string) (*tls.Config, error) { return test.client, nil }}
		}
		o := Options{CP: "CP_001", Central: address, Engines: []EngineToTest{{CP: "CP_001", Address: address, Timeout: 5 * time.Second}}, Dialers: link.OneDialer(d), Slept: func() time.Duration { return 0 }}
		for _, r := range []peerResult{o.tryCentral(t.Context()), o.tryEngines(t.Context()).rows[0]} {
			if r.well || !strings.HasPrefix(r.advice.Phrase, "TLS failed: ") || !strings.Contains(r.advice.Do, want) {
				t.Errorf("%s: %+v, want %q", r.peer, r.advice, want)
			}
		}
	}
}

// serveOnce answers each connection by TLS, or with a text after the first read.
func serveOnce(t *testing.T, config *tls.Config, text string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if text == "" {
				_ = tls.Server(c, config).Handshake() // the client's error is judged
			} else if _, err := c.Read(make([]byte, 4096)); err == nil {
				_, _ = c.Write([]byte(text))
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}
