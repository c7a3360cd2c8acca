package central

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"evcp/internal/authority"
	"evcp/internal/credentials"
)

// tlsSite is a Central with a port without TLS and one with, its authority and its files.
type tlsSite struct {
	*testing.T
	*Central
	ca            *authority.Authority
	dir           string
	log           lockedLog
	files         credentials.Store
	server        *credentials.Server
	plain, secure string // addresses
	stop          func()
}

// newTLSSite starts a Central whose clients need certificates.
func newTLSSite(t *testing.T, o Options) *tlsSite {
	t.Helper()
	s := &tlsSite{T: t, ca: newAuthority(t), dir: t.TempDir()}
	issued, err := s.ca.Issue(authority.CertificateRequest{Names: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	s.write("ca.pem", s.ca.CertPEM())
	s.write("cert.pem", issued.CertPEM)
	s.write("key.pem", issued.KeyPEM)
	s.write("revoked", nil)
	s.server = &credentials.Server{}
	var errs [3]error
	s.server.Pair, errs[0] = s.files.KeyPair("tls-cert", s.path("cert.pem"), s.path("key.pem"))
	s.server.ClientRoots, errs[1] = s.files.Roots("tls-client-ca", s.path("ca.pem"))
	s.server.Revoked, errs[2] = s.files.Revoked("tls-revoked", s.path("revoked"))
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	s.run(o)
	return s
}

// run starts Central, and watches the files.
func (s *tlsSite) run(o Options) {
	s.Helper()
	o.Logger = slog.New(slog.NewTextHandler(&s.log, nil))
	var err error
	if s.Central, err = New(o); err != nil {
		s.Fatal(err)
	}
	listeners := make([]net.Listener, 2)
	for i := range listeners {
		if listeners[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			s.Fatal(err)
		}
	}
	s.plain, s.secure = listeners[0].Addr().String(), listeners[1].Addr().String()
	ctx, cancel := context.WithCancel(s.Context())
	var running sync.WaitGroup
	running.Go(func() { s.files.Watch(ctx, func(n credentials.Notice) { s.Logf("notice %+v", n) }) })
	running.Go(func() {
		if err := errors.Join(s.Serve(ctx, listeners[0], &SecureListener{listeners[1], s.server}), s.Close()); err != nil {
			s.Error(err)
		}
	})
	s.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	s.Cleanup(s.stop)
}

func newAuthority(t *testing.T) *authority.Authority {
	t.Helper()
	ca, err := authority.New("test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func (s *tlsSite) path(name string) string { return filepath.Join(s.dir, name) }

func (s *tlsSite) write(name string, content []byte) {
	s.Helper()
	fresh := s.path(name + ".new")
	if err := errors.Join(os.WriteFile(fresh, content, 0o600), os.Rename(fresh, s.path(name))); err != nil {
		s.Fatal(err)
	}
}

// certificate issues one for a client, or for a server if names are given.
func certificate(t *testing.T, ca *authority.Authority, r authority.CertificateRequest) tls.Certificate {
	t.Helper()
	issued, err := ca.Issue(r)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(issued.CertPEM, issued.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func (s *tlsSite) client(uri string) tls.Certificate {
	s.Helper()
	return certificate(s.T, s.ca, authority.CertificateRequest{URI: uri})
}

// connect makes the handshake with a certificate, and an error of it is that of the first
// read: a server of TLS 1.3 refuses a certificate after the client's handshake.
func (s *tlsSite) connect(pair ...tls.Certificate) (*testClient, error) {
	s.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(s.ca.Certificate)
	config := &tls.Config{RootCAs: roots, ServerName: "localhost"}
	if len(pair) > 0 { // whatever authorities the server asks for
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair[0], nil }
	}
	conn, err := tls.Dial("tcp", s.secure, config)
	if err != nil {
		return nil, err
	}
	s.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	c := &testClient{t: s.T, conn: conn}
	if _, err := io.WriteString(conn, "EV_CP_M no health_check"); err != nil {
		return nil, err
	}
	got := make([]byte, len("KO unknown message"))
	_, err = io.ReadFull(conn, got)
	return c, err
}

func (s *tlsSite) dialTLS(pair tls.Certificate) *testClient {
	s.Helper()
	c, err := s.connect(pair)
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// logged waits for a line.
func (s *tlsSite) logged(parts ...string) {
	s.Helper()
	waitFor(s.T, fmt.Sprintf("log %q in\n%s", parts, s.log.text()), func() bool {
		for line := range strings.Lines(s.log.text()) {
			found := 0
			for _, part := range parts {
				if strings.Contains(line, part) {
					found++
				}
			}
			if found == len(parts) {
				return true
			}
		}
		return false
	})
}

func registryOf(t *testing.T, path, text string) *Registry {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := OpenRegistry(path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
