package status_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"evcp/internal/status"
	"evcp/internal/testbed"
)

// onTLS serves f by TLS and returns its address and a client's configuration.
func onTLS(t *testing.T, f status.Endpoints) (address string, client *tls.Config) {
	t.Helper()
	certificates := testbed.NewCertificates(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &tls.Config{Certificates: []tls.Certificate{certificates.Pair(certificates.Server("page"))}, MinVersion: tls.VersionTLS12}
	serve(t, status.WithTLS(ln, server), f)
	return ln.Addr().String(), certificates.Client()
}

// TestEndpointsOverTLS: HTTP/1.1 over TLS, also for a client that prefers HTTP/2. One that
// speaks no TLS is told so.
func TestEndpointsOverTLS(t *testing.T) {
	address, config := onTLS(t, healthy())
	client := http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
	resp, err := client.Get("https://" + address + status.HealthPath)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(body) != "ok\n" || resp.ProtoMajor != 1 {
		t.Errorf("%s %q, %v", resp.Proto, body, err)
	}
	if code, _, body := get(t, address, status.HealthPath); code != http.StatusBadRequest || !strings.Contains(body, "HTTPS server") {
		t.Errorf("without TLS: %d %q", code, body)
	}
}

// TestConnectionsCountBeforeTheirHandshake: clients that never make it take no more
// connections than others.
func TestConnectionsCountBeforeTheirHandshake(t *testing.T) {
	address, config := onTLS(t, healthy())
	var last net.Conn
	for range 65 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		last = c
	}
	endsAtOnce(t, last)
	// The handshakes run out of time, and then there is room again.
	deadline := time.Now().Add(30 * time.Second)
	for {
		c, err := tls.Dial("tcp", address, config)
		if err == nil {
			t.Cleanup(func() { c.Close() })
			_ = c.SetDeadline(deadline)
			io.WriteString(c, "GET /readyz HTTP/1.0\r\n\r\n")
			if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
				t.Errorf("%q, %v", line, err)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("there is no room again: ", err)
		}
	}
}
