//go:build unix

package link_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp"
	"evcp/internal/authority"
	"evcp/internal/link"
	"evcp/internal/testbed"
)

// site has an authority and a server that a test configures.
type site struct {
	*testing.T
	ca     *authority.Authority
	client *tls.Config
	server *tls.Config
	built  time.Time
}

func newSite(t *testing.T) *site {
	t.Helper()
	ca, err := authority.New("site", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s := &site{T: t, ca: ca, client: &tls.Config{RootCAs: x509.NewCertPool()}}
	s.client.RootCAs.AddCert(ca.Certificate)
	s.server = &tls.Config{Certificates: []tls.Certificate{s.issue(authority.CertificateRequest{Names: []string{"127.0.0.1"}})}}
	return s
}

func (s *site) issue(r authority.CertificateRequest) tls.Certificate {
	s.Helper()
	issued, err := s.ca.Issue(r)
	if err != nil {
		s.Fatal(err)
	}
	pair, err := tls.X509KeyPair(issued.CertPEM, issued.KeyPEM)
	if err != nil {
		s.Fatal(err)
	}
	return pair
}

// dialer is the one under test.
func (s *site) dialer() *link.TLSDialer {
	return &link.TLSDialer{Dialer: link.NewDialer(), Built: s.built, Config: func(host string) (*tls.Config, error) {
		c := s.client.Clone()
		c.ServerName = host
		return c, nil
	}}
}

// serve gives each connection to handle, which closes it by returning.
func (s *site) serve(handle func(net.Conn)) string {
	s.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			handle(c)
			c.Close()
		}
	}()
	s.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

// handshake is a server that makes the handshake and reads to the end.
func (s *site) handshake(c net.Conn) {
	_, _ = io.Copy(io.Discard, tls.Server(c, s.server)) // the client's error is judged
}

// TestHandshakeErrors: what the server's side gets wrong is evcp.TLS, and says what; what is
// wrong here is local.
func TestHandshakeErrors(t *testing.T) {
	for name, test := range map[string]struct {
		arrange func(*site)
		serve   func(*site, net.Conn)
		cause   evcp.Cause
		text    string
	}{
		"expired": {arrange: func(s *site) {
			s.server.Certificates[0] = s.issue(authority.CertificateRequest{Names: []string{"127.0.0.1"}, Now: time.Now().Add(-48 * time.Hour), Lifetime: 24 * time.Hour})
		}, cause: evcp.TLS, text: "certificate expired on 20"},
		"not yet valid": {arrange: func(s *site) {
			s.server.Certificates[0] = s.issue(authority.CertificateRequest{Names: []string{"127.0.0.1"}, Now: time.Now().Add(48 * time.Hour)})
		}, cause: evcp.TLS, text: "certificate is not valid before 20"},
		"expired by a wrong clock": {arrange: func(s *site) {
			s.server.Certificates[0] = s.issue(authority.CertificateRequest{Names: []string{"127.0.0.1"}, Now: time.Now().Add(48 * time.Hour)})
			s.built = time.Now().Add(24 * time.Hour)
		}, cause: evcp.WrongClock},
		"another name": {arrange: func(s *site) {
			s.server.Certificates[0] = s.issue(authority.CertificateRequest{Names: []string{"engine.example", "192.0.2.7"}})
		}, cause: evcp.TLS, text: "certificate is not for 127.0.0.1, but for engine.example, 192.0.2.7"},
		"another name by a wrong clock": {arrange: func(s *site) {
			s.server.Certificates[0] = s.issue(authority.CertificateRequest{Names: []string{"engine.example"}})
			s.built = time.Now().Add(24 * time.Hour)
		}, cause: evcp.TLS, text: "certificate is not for 127.0.0.1, but for engine.example"},
		"another authority": {arrange: func(s *site) { s.client.RootCAs = x509.NewCertPool() },
			cause: evcp.TLS, text: "certificate is of an authority that is not trusted: CN=site"},
		"a client's certificate": {arrange: func(s *site) {
			s.server.Certificates[0] = s.issue(authority.CertificateRequest{URI: "urn:evcp:cp:CP_001"})
		}, cause: evcp.TLS, text: "certificate"},
		"no common version": {arrange: func(s *site) {
			s.server.MaxVersion, s.client.MinVersion = tls.VersionTLS12, tls.VersionTLS13
		}, cause: evcp.TLS, text: "remote error: tls: protocol version not supported"},
		"no TLS": {serve: func(_ *site, c net.Conn) { _, _ = io.WriteString(c, "KO, what?") },
			cause: evcp.TLS, text: "answers without TLS"},
		"hangs up": {serve: func(_ *site, c net.Conn) { _, _ = c.Read(make([]byte, 4096)) }, cause: evcp.Closed},
		"silent":   {serve: func(_ *site, c net.Conn) { _, _ = io.Copy(io.Discard, c) }, cause: evcp.Timeout},
		"wants a certificate": {arrange: func(s *site) { s.server.ClientAuth = tls.RequireAnyClientCert },
			cause: evcp.OwnCertificate},
		"wants it in TLS 1.2, too": {arrange: func(s *site) {
			s.server.ClientAuth, s.server.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
		}, cause: evcp.OwnCertificate},
		"wants another certificate": {arrange: func(s *site) {
			s.server.ClientAuth, s.server.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
			s.client.Certificates = []tls.Certificate{s.issue(authority.CertificateRequest{URI: "urn:evcp:cp:CP_001"})}
			s.client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				return &s.client.Certificates[0], nil
			}
		}, cause: evcp.OwnCertificate},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			if test.arrange != nil {
				test.arrange(s)
			}
			serve := s.handshake
			if test.serve != nil {
				serve = func(c net.Conn) { test.serve(s, c) }
			}
			l := link.Link{Address: s.serve(serve), Dialer: s.dialer()}
			defer l.Close()
			limit := testbed.Patience
			if test.cause == evcp.Timeout {
				limit = 200 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			err := l.Dial(ctx)
			if err == nil { // in TLS 1.3 a server refuses a certificate after the handshake
				_, err = l.Read(soon())
			}
			if got, text := link.CauseOf(err), link.TLSError(err); got != test.cause || !strings.Contains(text, test.text) || (text == "") != (test.text == "") {
				t.Errorf("%v: the cause is %s %s with the text %q, want %s with %q", err, got, got.Detail(), text, test.cause, test.text)
			}
		})
	}
}

// TestConfigError: a configuration that can't be made is of this machine's side.
func TestConfigError(t *testing.T) {
	d := &link.TLSDialer{Dialer: link.NewDialer(), Config: func(string) (*tls.Config, error) { return nil, errors.New("no file") }}
	if _, err := d.DialContext(t.Context(), "tcp", "127.0.0.1:1"); link.CauseOf(err) != evcp.OwnCertificate {
		t.Errorf("the cause is %s", link.CauseOf(err))
	}
}

// heldConn is the server's end of a connection below TLS: once hold is set, what is written
// waits until a test lets it pass.
type heldConn struct {
	net.Conn
	hold bool
	held []byte
}

func (c *heldConn) Write(b []byte) (int, error) {
	if c.hold {
		c.held = append(c.held, b...)
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// connect makes a TLS connection of p's link and returns the server's two ends of it.
func (s *site) connect(t require, p *peer, server *tls.Config) (*tls.Conn, *heldConn) {
	p.link.Dialer = &link.TLSDialer{Dialer: p, Config: s.dialer().Config}
	ends := make(chan *heldConn, 1)
	secured := make(chan *tls.Conn, 1)
	go func() {
		c, err := p.l.Accept()
		if err != nil {
			close(secured)
			return
		}
		held := &heldConn{Conn: c}
		secure := tls.Server(held, server)
		_ = secure.Handshake() // the client's dial fails as well
		ends <- held
		secured <- secure
	}()
	if err := p.link.Dial(s.Context()); err != nil {
		t.Fatal(err)
	}
	return <-secured, <-ends
}

// require is what testing.T and rapid.T have in common.
type require interface {
	Fatal(...any)
	Fatalf(string, ...any)
}

// pass sends the first n bytes of what is held, and waits until they have arrived.
func (c *heldConn) pass(t require, p *peer, n int) {
	if _, err := c.Conn.Write(c.held[:n]); err != nil {
		t.Fatal(err)
	}
	c.held = c.held[n:]
	p.await(n)
}

// TestReadyTLS: whatever part of a late reply has arrived, be it half a record, the link is
// not ready. Nothing and session tickets are no late reply.
func TestReadyTLS(t *testing.T) {
	s := newSite(t)
	rapid.Check(t, func(rt *rapid.T) {
		server := s.server.Clone()
		if rapid.Bool().Draw(rt, "TLS 1.2") {
			server.MaxVersion = tls.VersionTLS12
		}
		p := newPeer(t)
		secure, held := s.connect(rt, p, server)
		defer held.Conn.Close()
		if !p.link.Ready() {
			rt.Fatal("not ready after the handshake")
		}
		held.hold = true
		if _, err := io.WriteString(secure, rapid.StringN(0, 40, 60).Draw(rt, "reply")+"."); err != nil {
			rt.Fatal(err)
		}
		n := rapid.IntRange(0, len(held.held)).Draw(rt, "arrived")
		if n > 0 {
			held.pass(rt, p, n)
		}
		if ready := p.link.Ready(); ready != (n == 0) {
			rt.Fatalf("ready is %t after %d bytes of a late reply", ready, n)
		}
		p.link.Close()
		p.l.Close()
	})
}

// TestReadTLS: a reply whose records arrive in two parts is read whole, also when a look at
// the link or a deadline comes between them.
func TestReadTLS(t *testing.T) {
	s := newSite(t)
	rapid.Check(t, func(rt *rapid.T) {
		p := newPeer(t)
		secure, held := s.connect(rt, p, s.server)
		defer held.Conn.Close()
		held.hold = true
		if _, err := io.WriteString(secure, "OK 23.5C"); err != nil {
			rt.Fatal(err)
		}
		n := rapid.IntRange(1, len(held.held)-1).Draw(rt, "first part")
		held.pass(rt, p, n)
		if b, err := p.link.Read(time.Now().Add(time.Millisecond)); link.CauseOf(err) != evcp.Timeout {
			rt.Fatalf("read %q, %v of %d bytes of a record", b, err, n)
		}
		held.pass(rt, p, len(held.held))
		if b, err := p.link.Read(soon()); err != nil || string(b) != "OK 23.5C" {
			rt.Fatalf("read %q, %v", b, err)
		}
		p.link.Close()
		p.l.Close()
	})
}

// TestCloseTLSDoesNotWait for a peer that reads nothing and whose buffers are full.
func TestCloseTLSDoesNotWait(t *testing.T) {
	s, p := newSite(t), newPeer(t)
	_, held := s.connect(t, p, s.server)
	defer held.Conn.Close()
	var full error
	for full == nil {
		full = p.link.Write(make([]byte, 64<<10), time.Now().Add(50*time.Millisecond))
	}
	if took := testbed.MeasureStalls(t).Time(p.link.Close); took > time.Second {
		t.Errorf("Close took %v", took)
	}
}
