package probe_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp"
	"evcp/internal/authority"
	"evcp/internal/bubble"
	"evcp/internal/link"
	"evcp/internal/probe"
	"evcp/internal/simnet"
)

// site is an authority and the certificate of an Engine. virtualSite is valid under synctest,
// whose clock begins in 2000.
type site struct {
	server tls.Config
	roots  *x509.CertPool
}

func newSite(now time.Time) (*site, error) {
	ca, err := authority.New("site", now)
	if err != nil {
		return nil, err
	}
	issued, err := ca.Issue(authority.CertificateRequest{Names: []string{"engine", "127.0.0.1"}, Now: now})
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(issued.CertPEM, issued.KeyPEM)
	if err != nil {
		return nil, err
	}
	s := &site{roots: x509.NewCertPool()}
	s.roots.AddCert(ca.Certificate)
	s.server.Certificates = []tls.Certificate{pair}
	return s, nil
}

var virtualSite = sync.OnceValues(func() (*site, error) { return newSite(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) })

// dialer makes TLS connections that trust the authority; sessions are resumed.
func (s *site) dialer(d link.Dialer) link.Dialer {
	cache := tls.NewLRUClientSessionCache(1)
	return &link.TLSDialer{Dialer: d, Config: func(string) (*tls.Config, error) {
		return &tls.Config{RootCAs: s.roots, ServerName: "engine", ClientSessionCache: cache, MinVersion: tls.VersionTLS12}, nil
	}}
}

// secured has an Engine speak TLS, and the probe too.
func secured(t require, engine func(net.Conn)) (overTLS func(net.Conn), change func(*probe.Target)) {
	s, err := virtualSite()
	if err != nil {
		t.Fatal(err)
	}
	overTLS = func(c net.Conn) { engine(tls.Server(c, &s.server)) }
	if engine == nil {
		overTLS = nil
	}
	return overTLS, func(o *probe.Target) { o.Dialer = s.dialer(o.Dialer) }
}

// require is what testing.T and rapid.T have in common.
type require interface{ Fatal(...any) }

// reset resets the connection, or the one below TLS.
func reset(c net.Conn) {
	if s, ok := c.(*tls.Conn); ok {
		c = s.NetConn()
	}
	c.(*simnet.Conn).Reset()
}

// cutConn is the Engine's end of a connection: of what is written, the first bytes arrive at
// once and the others after a pause.
type cutConn struct {
	net.Conn
	first int
	pause time.Duration
}

func (c *cutConn) Write(b []byte) (int, error) {
	n := min(c.first, len(b))
	if n > 0 {
		if _, err := c.Conn.Write(b[:n]); err != nil {
			return 0, err
		}
	}
	if c.first -= n; n < len(b) {
		if c.first == 0 {
			c.first = 1 << 30
			time.Sleep(c.pause)
		}
		_, err := c.Conn.Write(b[n:])
		return len(b), err
	}
	return n, nil
}

// TestRecordsCutAnywhere: a pause after any byte of the handshake or of the reply fails a
// check only if it is too long, then as a timeout, within the bounds of a check without TLS;
// and the next check is judged by itself.
func TestRecordsCutAnywhere(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		first := rapid.IntRange(0, 1500).Draw(rt, "bytes at once") // the handshake has some 900
		pause := time.Duration(rapid.IntRange(0, 3000).Draw(rt, "pause in ms")) * time.Millisecond
		engine := replies("OK")
		var once sync.Once
		_, change := secured(rt, engine)
		s, _ := virtualSite()
		cut := func(c net.Conn) {
			below := c
			once.Do(func() { below = &cutConn{c, first, pause} })
			engine(tls.Server(below, &s.server))
		}
		bubble.Run(t, func(t *testing.T) {
			fx := &fixture{t: t, net: &simnet.Net{}}
			defer time.Sleep(time.Minute)
			defer fx.engine(cut)()
			target := probe.Target{
				CP: "CP_001", Address: "engine:1", Dialer: fx.net,
				Rules: evcp.EvidenceRules{Timeout: tau, Grace: grace},
			}
			change(&target)
			fx.adopt(target)
			defer fx.probe.Close()
			began := time.Now()
			r := fx.check()
			took := time.Since(began)
			well := r.outcome.Status == evcp.OK && r.outcome.Response == "OK"
			late := r.outcome.Status == evcp.ConnectionError && r.outcome.Cause == evcp.Timeout
			if !well && !late || well && took > tau+grace || late && pause < tau || took > tau+2*grace {
				t.Errorf("%d bytes at once, then a pause of %s: %+v after %s", first, pause, r.outcome, took)
			}
			if pause > tau+2*grace && first < 600 && well {
				t.Errorf("%d bytes at once, then a pause of %s: %+v", first, pause, r.outcome)
			}
			time.Sleep(time.Second)
			fx.want(evcp.OK, evcp.NoCause, "OK")
		})
	})
}

// TestHandshakeDripsForEver: an Engine that sends a byte of its handshake now and then is
// silent, within the bounds of one that sends nothing.
func TestHandshakeDripsForEver(t *testing.T) {
	drip := func(c net.Conn) {
		if _, ok := read(c); !ok {
			return
		}
		header := []byte("\x16\x03\x03\x40\x00") // a record of 16 KiB
		for i := range 1000 {
			b := byte(0)
			if i < len(header) {
				b = header[i]
			}
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	_, change := secured(t, nil)
	for name, engine := range map[string]func(net.Conn){"drip": drip, "silent": mute} {
		t.Run(name, func(t *testing.T) {
			withEngineAndOptions(t, func(o *probe.Target) { change(o); o.Greet = false }, engine, func(fx *fixture) {
				began := time.Now()
				fx.want(evcp.ConnectionError, evcp.Timeout, "")
				if took := time.Since(began); took > tau+2*grace {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}

// TestOneSideSpeaksTLS: the check fails, and says which.
func TestOneSideSpeaksTLS(t *testing.T) {
	_, change := secured(t, nil)
	plain := func(c net.Conn) { read(c); c.Write([]byte("KO unknown message")) }
	withEngineAndOptions(t, change, plain, func(fx *fixture) { fx.want(evcp.ConnectionError, evcp.TLS, "answers without TLS") })
	alert := func(c net.Conn) { read(c); c.Write([]byte("\x15\x03\x01\x00\x02\x02\x0a")) } // as OpenSSL does
	withEngine(t, alert, func(fx *fixture) { fx.want(evcp.ConnectionError, evcp.TLS, "answers by TLS") })
}

// TestAKeptConnectionThatFailsInTLS: an Engine that was restarted with a certificate for
// another name is a failure of TLS, and not a break.
func TestAKeptConnectionThatFailsInTLS(t *testing.T) {
	connections := 0
	s, err := virtualSite()
	if err != nil {
		t.Fatal(err)
	}
	engine := func(c net.Conn) {
		if connections++; connections > 1 {
			read(c)
			c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			return
		}
		replies("OK")(&lastConn{Conn: tls.Server(c, &s.server), left: 2})
	}
	_, change := secured(t, nil)
	withEngineAndOptions(t, func(o *probe.Target) { change(o); o.Greet = false }, engine, func(fx *fixture) {
		fx.want(evcp.OK, evcp.NoCause, "OK")
		fx.want(evcp.ConnectionError, evcp.TLS, "answers without TLS")
	})
}

// lastConn reports the end after so many reads, the last of which took a message.
type lastConn struct {
	net.Conn
	left int
}

func (c *lastConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.left--; c.left == 0 {
		return 0, net.ErrClosed
	}
	return n, err
}
