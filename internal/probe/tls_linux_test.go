package probe_test

import (
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"evcp"
	"evcp/internal/link"
	"evcp/internal/probe"
	"evcp/internal/testbed"
)

// tlsEngine answers OK by TLS and closes after each reply. Each connection gets the
// configuration of that moment.
func tlsEngine(t *testing.T, config *atomic.Pointer[tls.Config], made func(tls.ConnectionState)) (address string) {
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
			s := tls.Server(c, config.Load())
			if s.Handshake() == nil {
				made(s.ConnectionState())
				if _, err := s.Read(make([]byte, 1024)); err == nil {
					_, _ = io.WriteString(s, "OK")
				}
			}
			s.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func realSite(t *testing.T) *site {
	t.Helper()
	s, err := newSite(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSessionsAreResumed: an Engine that closes after each reply costs one handshake with a
// certificate, and resumed ones after it.
func TestSessionsAreResumed(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.3": tls.VersionTLS13, "TLS 1.2": tls.VersionTLS12} {
		t.Run(name, func(t *testing.T) {
			s := realSite(t)
			s.server.MaxVersion = version
			var config atomic.Pointer[tls.Config]
			config.Store(&s.server)
			var full, resumed int
			address := tlsEngine(t, &config, func(c tls.ConnectionState) {
				if c.DidResume {
					resumed++
				} else {
					full++
				}
			})
			fx := realChecks(t, probe.Raw, s.dialer(link.NewDialer()), address)
			for range 5 {
				fx.want(evcp.OK, evcp.NoCause, "OK")
			}
			if fx.repeated == 0 && (full != 1 || resumed != 4) {
				t.Errorf("%d handshakes with a certificate, %d resumed", full, resumed)
			}
		})
	}
}

// TestOurOwnCertificate: an Engine that refuses the Monitor's certificate, or that it has
// none, has not failed. In TLS 1.3 it says so after the handshake, when the question may be on
// its way: whichever of both the Monitor notices first, the check is not judged.
func TestOurOwnCertificate(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.3": tls.VersionTLS13, "TLS 1.2": tls.VersionTLS12} {
		t.Run(name, func(t *testing.T) {
			s := realSite(t)
			var config atomic.Pointer[tls.Config]
			config.Store(&s.server)
			fx := realChecks(t, probe.Raw, s.dialer(link.NewDialer()), tlsEngine(t, &config, func(tls.ConnectionState) {}))
			fx.want(evcp.OK, evcp.NoCause, "OK")
			strict := &tls.Config{Certificates: s.server.Certificates, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: s.roots, MaxVersion: version}
			config.Store(strict)
			for range 50 {
				fx.want(evcp.Unknown, evcp.OwnCertificate, "")
			}
			config.Store(&s.server)
			fx.want(evcp.OK, evcp.NoCause, "OK")
		})
	}
}

// TestAnEngineThatHangsInTheHandshake: its kernel accepts, and nobody answers, as when its
// process is stopped.
func TestAnEngineThatHangsInTheHandshake(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fx := realChecks(t, probe.Raw, realSite(t).dialer(link.NewDialer()), l.Addr().String())
	began := time.Now()
	fx.want(evcp.ConnectionError, evcp.Timeout, "")
	if took := time.Since(began); took < tau {
		t.Errorf("took %s", took)
	}
}

// TestNoNetworkInTheHandshake: the route goes while the Monitor waits for the Engine's
// handshake.
func TestNoNetworkInTheHandshake(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	other := testbed.NewNeighbour(t)
	var l net.Listener
	if err := other.Enter(func() (err error) {
		l, err = net.Listen("tcp", "10.9.0.2:0")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fx := realChecksWithin(t, probe.Raw, realSite(t).dialer(link.NewDialer()), l.Addr().String(), 2*tau) // the link goes slowly on a busy machine
	fx.want(evcp.ConnectionError, evcp.Timeout, "")
	time.AfterFunc(tau/2, func() { testbed.IP(t, "link set veth0 down") })
	fx.want(evcp.Unknown, evcp.NoNetwork, "")
}
