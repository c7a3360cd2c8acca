package engine

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"evcp/internal/authority"
)

// certificates are the configurations of an Engine and of a client that trusts it.
func certificates(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	ca, err := authority.New("engine test", time.Now())
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
	client = &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
	client.RootCAs.AddCert(ca.Certificate)
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, client
}

// TestBehavioursOverTLS: what a behaviour does to a connection it does to the one below TLS.
func TestBehavioursOverTLS(t *testing.T) {
	config, client := certificates(t)
	for behaviour, test := range map[string]struct {
		reply string
		end   error
	}{
		"ok": {"OK\n", nil}, "ko": {"KO\n", nil}, "split": {"KO\n", nil}, "say=BROKEN": {"BROKEN\n", nil},
		"close": {"", io.EOF}, "reset": {"", syscall.ECONNRESET},
	} {
		t.Run(behaviour, func(t *testing.T) {
			r := start(t, behaviour, func(o *Options) { o.TLS = config })
			c := tls.Client(r.dial(t), client)
			if _, err := io.WriteString(c, check+"\n"); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, max(len(test.reply), 1))
			n, err := io.ReadFull(c, got)
			if string(got[:n]) != test.reply || !errors.Is(err, test.end) {
				t.Errorf("%q, %v; want %q, %v", got[:n], err, test.reply, test.end)
			}
		})
	}
}

// TestPlainTextOnTLS is answered by the alert of TLS that other servers send, and logged once.
func TestPlainTextOnTLS(t *testing.T) {
	config, _ := certificates(t)
	log := make(logLines, 10)
	r := start(t, "ok", func(o *Options) { o.TLS, o.Log = config, slog.New(slog.NewTextHandler(log, nil)) })
	for range 3 {
		c := r.dial(t)
		c.send(t, check)
		c.SetReadDeadline(time.Now().Add(soon))
		got, _ := io.ReadAll(c) // the end may be a reset, since the text was not read whole
		if string(got) != "\x15\x03\x01\x00\x02\x02\x0a" {
			t.Errorf("answered %q", got)
		}
	}
	if first := <-log; !strings.Contains(first, "no TLS with a Monitor") || len(log) > 0 {
		t.Errorf("logged %s and %d more", first, len(log))
	}
}

// logLines collects what is logged.
type logLines chan string

func (l logLines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}
