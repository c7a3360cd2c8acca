package faultproxy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"evcp/internal/authority"
)

// tlsSite is a server with TLS behind a proxy with TLS, and the configuration of clients.
type tlsSite struct {
	*Proxy
	client  *tls.Config
	sockets chan net.Conn // of the server
}

// openTLS is open with TLS on both sides.
func openTLS(t *testing.T) tlsSite {
	t.Helper()
	ca, err := authority.New("test authority", time.Now())
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
	trusted := x509.NewCertPool()
	trusted.AddCert(ca.Certificate)
	server := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	s := tlsSite{client: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted, ServerName: "127.0.0.1"}, sockets: make(chan net.Conn, 8)}
	target := s.echo(t, server)
	s.Proxy, err = OpenWith(Options{TLS: &TLS{Server: server, Client: func() (*tls.Config, error) { return s.client, nil }}}, "127.0.0.1:0", target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Proxy.Close)
	return s
}

// echo is echo by TLS.
func (s tlsSite) echo(t *testing.T, config *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.sockets <- c
			serving.Go(func() {
				secured := tls.Server(c, config)
				defer secured.Close()
				io.Copy(secured, secured)
			})
		}
	})
	t.Cleanup(serving.Wait)
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// dial connects without a handshake, which is made by the first send.
func (s tlsSite) dial(t *testing.T) client {
	t.Helper()
	plain := dial(t, s.Proxy)
	return client{t, tls.Client(plain.Conn, s.client)}
}

// TestTLSRecordsWhatIsInside, of both directions, and passes an orderly end.
func TestTLSRecordsWhatIsInside(t *testing.T) {
	s := openTLS(t)
	c := s.dial(t)
	c.send("heartbeat OK")
	c.expect("heartbeat OK")
	chunks, _ := s.Traffic()
	if len(chunks) != 2 || string(chunks[0].Data) != "heartbeat OK" || !chunks[0].Up || chunks[1].Up {
		t.Errorf("%+v", chunks)
	}
	if err := c.Conn.(*tls.Conn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.receive(patience); !errors.Is(err, io.EOF) {
		t.Errorf("%v, want the end in order", err)
	}
}

// TestTLSHandshakeIsImpaired: whatever direction is held, no handshake ends before the
// impairment does.
func TestTLSHandshakeIsImpaired(t *testing.T) {
	for _, kind := range []ImpairmentKind{BlackHole, HalfOpenUp, HalfOpenDown} {
		t.Run(kind.String(), func(t *testing.T) {
			s := openTLS(t)
			set(t, s.Proxy, Impairment{Kind: kind})
			c := s.dial(t)
			done := make(chan error, 1)
			go func() { done <- c.Conn.(*tls.Conn).Handshake() }()
			select {
			case err := <-done:
				t.Fatalf("the handshake ended: %v", err)
			case <-time.After(moment):
			}
			set(t, s.Proxy, Impairment{})
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			c.send("x")
			c.expect("x")
		})
	}
}

// TestTLSSlowHandshake has the delay once for each flight: the client's and the server's.
func TestTLSSlowHandshake(t *testing.T) {
	s := openTLS(t)
	const delay = 40 * time.Millisecond
	set(t, s.Proxy, Impairment{Kind: Slow, Delay: delay})
	c := s.dial(t)
	began := time.Now()
	c.send("x")
	c.expect("x")
	if took := time.Since(began); took < 4*delay {
		t.Errorf("a handshake and an echo took %s", took)
	}
}

// TestTLSTargetIsKilled: its socket closes without the last record of TLS. The client's
// connection ends, too.
func TestTLSTargetIsKilled(t *testing.T) {
	s := openTLS(t)
	c := s.dial(t)
	c.send("x")
	c.expect("x")
	if err := (<-s.sockets).(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.receive(patience); !errors.Is(err, io.EOF) {
		t.Errorf("%v, want the end", err)
	}
}

// TestTLSTargetDoesNotAnswer: then no client's handshake ends, and Close ends them all.
func TestTLSTargetDoesNotAnswer(t *testing.T) {
	s := openTLS(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	p, err := OpenWith(Options{TLS: s.tls}, "127.0.0.1:0", silent.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	plain := dial(t, p)
	done := make(chan error, 1)
	go func() { done <- tls.Client(plain.Conn, s.client).Handshake() }()
	select {
	case err := <-done:
		t.Errorf("the handshake ended: %v", err)
	case <-time.After(moment):
	}
	p.Close()
	if err := <-done; err == nil {
		t.Error("a handshake with nobody succeeded")
	}
}
