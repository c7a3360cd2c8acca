package main

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"evcp/internal/authority"
	"evcp/internal/testbed"
)

// checkTLS asks once by TLS.
func checkTLS(t *testing.T, address string, config *tls.Config) (string, *tls.ConnectionState) {
	t.Helper()
	c, err := tls.Dial("tcp", address, config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(soon))
	io.WriteString(c, healthCheck+"\n")
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	state := c.ConnectionState()
	return strings.TrimSpace(string(got)), &state
}

// TestTLS: the Engine speaks TLS, a certificate that is replaced is used for the next
// handshake, and a Monitor that does not trust it is logged once for each reason.
func TestTLS(t *testing.T) {
	certificates := testbed.NewCertificates(t)
	cert, key := certificates.Server("engine")
	p := start(t, "--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, "--close-after-reply",
		"--http", "127.0.0.1:0", "--http-tls-cert", cert, "--http-tls-key", key)
	address := listenAddress(p)
	got, first := checkTLS(t, address, certificates.Client())
	if got != "OK" {
		t.Errorf("replied %q", got)
	}
	for range 2 {
		if _, err := tls.Dial("tcp", address, &tls.Config{ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}); err == nil {
			t.Fatal("the system trusts the test's authority")
		}
	}
	p.Stderr.Line("no TLS with a Monitor: remote error: tls: bad certificate")

	certificates.Server("engine")
	p.Stderr.Line("--tls-cert: the file has changed, and what it holds now is in use")
	if _, second := checkTLS(t, address, certificates.Client()); second.PeerCertificates[0].Equal(first.PeerCertificates[0]) {
		t.Error("the old certificate is still in use")
	}

	_, after, _ := strings.Cut(p.Stderr.String(), "url=")
	url, _, _ := strings.Cut(after, " ")
	client := http.Client{Transport: &http.Transport{TLSClientConfig: certificates.Client(), DisableKeepAlives: true}}
	resp, err := client.Get(url + "api/v1/behaviour")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if n := strings.Count(p.Stderr.String(), "no TLS with a Monitor"); n != 1 || !strings.HasPrefix(url, "https://127.0.0.1:") {
		t.Errorf("%d lines of the same reason; HTTP is at %s", n, url)
	}
}

// TestClientCertificate: with --tls-client-ca a Monitor needs a certificate.
func TestClientCertificate(t *testing.T) {
	certificates := testbed.NewCertificates(t)
	cert, key := certificates.Server("engine")
	p := start(t, "--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, "--tls-client-ca", certificates.CA, "--close-after-reply")
	address, config := listenAddress(p), certificates.Client()
	config.Certificates = []tls.Certificate{certificates.Pair(certificates.Issue("monitor", authority.CertificateRequest{URI: "urn:evcp:cp:CP_001"}))}
	if got, _ := checkTLS(t, address, config); got != "OK" {
		t.Errorf("replied %q", got)
	}
	c, err := tls.Dial("tcp", address, certificates.Client())
	if err == nil { // in TLS 1.3 the refusal comes later
		_, err = c.Read(make([]byte, 1))
		c.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("without a certificate: %v", err)
	}
}

// TestWrongTLS: a file that can't be used, or half of a pair, is wrong usage.
func TestWrongTLS(t *testing.T) {
	certificates := testbed.NewCertificates(t)
	cert, key := certificates.Server("engine")
	_, other := certificates.Server("other")
	for want, args := range map[string][]string{
		"it goes with --tls-key":         {"--tls-cert", cert},
		"it goes with --tls-cert":        {"--tls-key", key},
		"--tls-cert: ":                   {"--tls-cert", cert, "--tls-key", other},
		"no such file":                   {"--tls-cert", cert + "x", "--tls-key", key},
		"--tls-client-ca: ":              {"--tls-cert", cert, "--tls-key", key, "--tls-client-ca", key},
		"it goes with --http":            {"--http-tls-cert", cert, "--http-tls-key", key},
		"it goes with --tls-client-ca":   {"--tls-cert", cert, "--tls-key", key, "--tls-revoked", cert},
		"private key does not match pub": {"--http", "127.0.0.1:0", "--http-tls-cert", cert, "--http-tls-key", other},
	} {
		_, stderr, code := output(t, append(args, "--listen", "127.0.0.1:0")...)
		if code != 2 || !strings.Contains(strings.Join(strings.Fields(stderr), " "), want) {
			t.Errorf("%v: exit %d: %s, want %q", args, code, stderr, want)
		}
	}
}
