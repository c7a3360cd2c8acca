package central

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"evcp/internal/authority"
	"evcp/internal/central/cpstate"
	"evcp/internal/wait"
)

// messages are what a Monitor may send, with the answer to a charge point that may.
var messages = []struct{ text, answer string }{
	{"registration request", "Authentication successful"},
	{"heartbeat KO", "OK"},
	{"ENGINE_FAILURE", "Failure report received"},
	{"ENGINE_RECOVERED", "Recovery report received"},
	{"disconnect", "OK"},
}

// TestCertificateSpeaksForItsOwn: each message, for a charge point of the certificate's own
// and for another, over the connection that has registered its own and over a fresh one.
func TestCertificateSpeaksForItsOwn(t *testing.T) {
	s := newTLSSite(t, Options{Registry: registryOf(t, filepath.Join(t.TempDir(), "registry"),
		"CP_001\nCP_002\nCP_003 fleet=NORTH\nCP_004 fleet=NORTH\nCP_005 fleet=SOUTH\n")})
	for _, id := range []string{"CP_002", "CP_005"} { // what foreign certificates must not change
		own := s.dialTLS(s.client("urn:evcp:cp:" + id))
		own.ask("EV_CP_M "+id+" registration request", "Authentication successful")
		own.ask("EV_CP_M "+id+" heartbeat OK", "OK")
	}
	for _, tc := range []struct {
		uri         string
		may, mayNot []string
	}{
		{"urn:evcp:cp:CP_001", []string{"CP_001"}, []string{"CP_002", "CP_005"}},
		{"urn:evcp:fleet:NORTH", []string{"CP_003", "CP_004"}, []string{"CP_002", "CP_005"}},
		{"urn:evcp:fleet:CP_002", nil, []string{"CP_002"}},
		{"urn:evcp:cp:cp_002", nil, []string{"CP_002"}},
		{"urn:evcp:cp:CP_0", nil, []string{"CP_002"}},
		{"urn:evcp:cp:CP_0022", nil, []string{"CP_002"}},
		{"urn:evcp:cp:CP%5F002", nil, []string{"CP_002"}},
		{"CP_002", nil, []string{"CP_002"}},
	} {
		pair := s.client(tc.uri)
		first := s.dialTLS(pair)
		for _, id := range tc.may {
			for _, m := range messages {
				first.ask("EV_CP_M "+id+" "+m.text, m.answer)
			}
			first.ask("EV_CP_M "+id+" registration request", "Authentication successful")
		}
		for _, id := range tc.mayNot {
			before, _ := s.CP("CP_002")
			for _, m := range messages {
				want := "KO not registered"
				if m.text == "registration request" {
					want = "Authentication denied: the certificate is not for charging point " + id
				}
				first.ask("EV_CP_M "+id+" "+m.text, want)
				s.dialTLS(pair).ask("EV_CP_M "+id+" "+m.text, want)
			}
			if after, _ := s.CP("CP_002"); after.Condition != before.Condition || after.Peer != before.Peer {
				t.Errorf("%s changed CP_002 to %+v", tc.uri, after)
			}
		}
		s.logged("denied: the certificate is for "+tc.uri, "certificate="+tc.uri, "serial=", "cp=CP_002", "peer=127.0.0.1")
	}
	if n := s.Figures().Refused[cpstate.OtherCertificate]; n != 100 { // 5 messages, 2 connections, 10 foreign charge points
		t.Errorf("counted %d refused messages", n)
	}
}

// TestFleetFollowsTheRegistry: who is taken out of a fleet is refused with the next message.
func TestFleetFollowsTheRegistry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry")
	s := newTLSSite(t, Options{Registry: registryOf(t, path, "CP_001 fleet=NORTH\nCP_002 fleet=NORTH\n")})
	fleet := s.dialTLS(s.client("urn:evcp:fleet:NORTH"))
	for _, id := range []string{"CP_001", "CP_002"} {
		fleet.ask("EV_CP_M "+id+" registration request", "Authentication successful")
	}
	if err := os.WriteFile(path, []byte("CP_001 fleet=SOUTH\nCP_002 fleet=NORTH # stays\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the registry is read", func() bool { return s.o.Registry.Fleet("CP_001") == "SOUTH" })
	fleet.ask("EV_CP_M CP_001 heartbeat OK", "KO not registered")
	fleet.ask("EV_CP_M CP_002 heartbeat OK", "OK")
}

// TestRefusedHandshakes: what is no valid certificate of a client gets no connection, and
// the log says why, once for each host.
func TestRefusedHandshakes(t *testing.T) {
	s := newTLSSite(t, Options{})
	own := authority.CertificateRequest{URI: "urn:evcp:cp:CP_001"}
	hostile, err := authority.New("evil\n\x1b[2Jauthority", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	expired := own
	expired.Now, expired.Lifetime = time.Now().Add(-48*time.Hour), time.Hour
	revoked := certificate(t, s.ca, own)
	s.write("revoked", []byte(authority.Serial(revoked.Leaf)+"\n"))
	waitFor(t, "the list is read", func() bool { return s.server.Revoked.Has(revoked.Leaf) })
	for _, tc := range []struct {
		name  string
		pairs []tls.Certificate
		why   string
	}{
		{"none", nil, "client didn't provide a certificate"},
		{"of another authority", []tls.Certificate{certificate(t, hostile, own)}, "unknown authority"},
		{"expired", []tls.Certificate{certificate(t, s.ca, expired)}, "expired"},
		{"of a server", []tls.Certificate{certificate(t, s.ca, authority.CertificateRequest{Names: []string{"CP_001"}})}, "incompatible key usage"},
		{"revoked", []tls.Certificate{revoked}, "the certificate is revoked"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for range 2 {
				if _, err := s.connect(tc.pairs...); err == nil {
					t.Error("connected")
				}
			}
			s.logged("no TLS with 127.0.0.1: ", tc.why, "peer=127.0.0.1")
		})
	}
	waitFor(t, "10 failures counted", func() bool { return s.Figures().HandshakesFailed == 10 })
	if n := strings.Count(s.log.text(), "no TLS with 127.0.0.1: client didn't provide"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, s.log.text())
	}
	if strings.Contains(s.log.text(), "\x1b") {
		t.Error("the log holds an escape of a certificate")
	}
	s.dialTLS(certificate(t, s.ca, own)).ask("EV_CP_M CP_001 registration request", "Authentication successful")
}

// TestCutWhileOpen: a certificate that is revoked, and those of an authority that is no
// longer trusted, lose their connections within 5 s; the others keep theirs.
func TestCutWhileOpen(t *testing.T) {
	s := newTLSSite(t, Options{})
	lost, kept := s.client("urn:evcp:cp:CP_001"), s.client("urn:evcp:cp:CP_002")
	stall := longestStall(t)
	cut := func(c *testClient, why string, change func()) {
		t.Helper()
		changed := time.Now()
		change()
		if n, err := c.conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("read %d bytes, %v", n, err)
		}
		if took := time.Since(changed); took > 5*time.Second+2*stall() {
			t.Errorf("cut after %v, the machine stood still for %v", took, stall())
		} else {
			t.Logf("%s: cut after %v", why, took.Round(time.Millisecond))
		}
		s.logged("cut the connection of urn:evcp:cp:", why, "certificate=urn:evcp:cp:")
	}
	first, other := s.dialTLS(lost), s.dialTLS(kept)
	first.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	other.ask("EV_CP_M CP_002 registration request", "Authentication successful")
	cut(first, "revoked", func() { s.write("revoked", []byte(authority.Serial(lost.Leaf)+" # stolen\n")) })
	if _, err := s.connect(lost); err == nil {
		t.Error("a revoked certificate connects again")
	}
	other.ask("EV_CP_M CP_002 heartbeat OK", "OK")
	successor := newAuthority(t)
	both := append(successor.CertPEM(), s.ca.CertPEM()...)
	s.write("ca.pem", both)
	pool := s.server.ClientRoots.Pool()
	waitFor(t, "both authorities are read", func() bool { return s.server.ClientRoots.Pool() != pool })
	other.ask("EV_CP_M CP_002 heartbeat OK", "OK")
	cut(other, "unknown authority", func() { s.write("ca.pem", successor.CertPEM()) })
	if n := s.Figures().ConnectionsCut; n != 2 {
		t.Errorf("counted %d connections", n)
	}
}

// longestStall measures how long this process could not run at all.
func longestStall(t *testing.T) func() time.Duration {
	t.Helper()
	const every = 50 * time.Millisecond
	var longest atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var measuring sync.WaitGroup
	measuring.Go(func() {
		for last := time.Now(); wait.For(ctx, every); last = time.Now() {
			longest.Store(max(longest.Load(), int64(time.Since(last)-every)))
		}
	})
	t.Cleanup(func() { stop(); measuring.Wait() })
	return func() time.Duration { return time.Duration(longest.Load()) }
}

// TestMessagesInParts: a message may come in several TLS records, and what is none is
// answered after a while, on a connection that goes on.
func TestMessagesInParts(t *testing.T) {
	s := newTLSSite(t, Options{})
	p := s.dialTLS(s.client("urn:evcp:cp:CP_001"))
	for _, part := range []string{"EV_CP_M CP_001 regis", "tration req"} {
		if _, err := io.WriteString(p.conn, part); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond) // longer than the quiet that ends unknown text
	}
	p.ask("uest\n", "Authentication successful\n")
	p.ask("nonsense", "KO unknown message")
	p.ask("EV_CP_M CP_001 heartbeat OK", "OK")
	p.ask(strings.Repeat("x", 2000), "KO unknown message")
	p.expectClosed()
}

// TestOneListenerFails: then all end, and the error says why.
func TestOneListenerFails(t *testing.T) {
	s := newTLSSite(t, Options{})
	c, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	var listeners [2]net.Listener
	for i := range listeners {
		if listeners[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Serve(t.Context(), listeners[0], &SecureListener{listeners[1], s.server}) }()
	p := dial(t, listeners[0].Addr().String())
	p.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	listeners[1].Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("ended with %v", err)
	}
	p.expectClosed()
}

// TestNoWayBackWithoutCertificate: a charge point that was heard with a certificate is
// refused without one, across a restart, until it is forgotten.
func TestNoWayBackWithoutCertificate(t *testing.T) {
	o := Options{StateDir: t.TempDir()}
	s := newTLSSite(t, o)
	old := dial(t, s.plain) // one Monitor at a time: both ports serve
	old.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	old.ask("EV_CP_M CP_001 heartbeat OK", "OK")
	dial(t, s.plain).ask("EV_CP_M CP_002 registration request", "Authentication successful")

	pair := s.client("urn:evcp:cp:CP_001")
	trial := s.dialTLS(pair) // as --test
	trial.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	old.ask("EV_CP_M CP_001 heartbeat OK", "OK")
	trial.ask("EV_CP_M CP_001 disconnect", "OK")
	old.ask("EV_CP_M CP_001 heartbeat OK", "OK")
	if v, _ := s.CP("CP_001"); v.Certified {
		t.Fatal("a trial moved the charge point")
	}

	dial(t, s.plain).ask("EV_CP_M CP_003 registration request", "Authentication successful") // as the first Monitors: no heartbeats
	trial = s.dialTLS(s.client("urn:evcp:cp:CP_003"))
	trial.ask("EV_CP_M CP_003 registration request", "Authentication successful")
	dial(t, s.plain).ask("EV_CP_M CP_003 ENGINE_FAILURE", "KO not registered")
	trial.ask("EV_CP_M CP_003 disconnect", "OK")
	dial(t, s.plain).ask("EV_CP_M CP_003 ENGINE_FAILURE", "Failure report received")
	s.logged("was only tried with a certificate", "cp=CP_003")

	moved := s.dialTLS(pair)
	moved.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	moved.ask("EV_CP_M CP_001 heartbeat OK", "OK")
	s.logged("is refused without one from now on", "certificate=urn:evcp:cp:CP_001", "cp=CP_001")
	refused := func() {
		t.Helper()
		p := dial(t, s.plain)
		for _, m := range messages[1:] {
			p.ask("EV_CP_M CP_001 "+m.text, "KO not registered")
		}
		p.ask("EV_CP_M CP_001 registration request", "Authentication denied: TLS with a certificate is required for charging point CP_001")
		dial(t, s.plain).ask("EV_CP_M CP_002 ENGINE_FAILURE", "Failure report received")
	}
	old.ask("EV_CP_M CP_001 heartbeat OK", "KO not registered")
	refused()
	s.stop()
	s.run(o)
	refused()
	if known, err := s.Forget("CP_001"); !known || err != nil {
		t.Fatal(known, err)
	}
	dial(t, s.plain).ask("EV_CP_M CP_001 registration request", "Authentication successful")
}

// TestCertifiedIsKeptAtOnce: also when the state of the charge point does not change, a
// killed Central does not forget what was decided more than a moment ago.
func TestCertifiedIsKeptAtOnce(t *testing.T) {
	o := Options{StateDir: t.TempDir()}
	s := newTLSSite(t, o)
	dial(t, s.plain).ask("EV_CP_M CP_001 registration request", "Authentication successful")
	s.dialTLS(s.client("urn:evcp:cp:CP_001")).ask("EV_CP_M CP_001 registration request", "Authentication successful")
	waitFor(t, "the file holds it", func() bool {
		killed := filepath.Join(t.TempDir(), "killed") // what a Central finds that starts after a kill
		if err := os.CopyFS(killed, os.DirFS(o.StateDir)); err != nil {
			return false // a file was just being replaced
		}
		c, err := New(Options{StateDir: killed})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		v, _ := c.CP("CP_001")
		return v.Certified
	})
}

// TestWrongPort: text on the port for TLS, and TLS on the other, are named at both ends.
func TestWrongPort(t *testing.T) {
	s := newTLSSite(t, Options{})
	for range 3 {
		p := dial(t, s.secure)
		p.ask("EV_CP_M CP_001 registration request", "KO this port takes TLS only\n")
		p.expectClosed()
	}
	s.logged("no TLS with 127.0.0.1: ", "text without TLS on the port for TLS", "peer=127.0.0.1")
	_, err := tls.Dial("tcp", s.plain, &tls.Config{ServerName: "localhost", InsecureSkipVerify: true})
	if _, ok := errors.AsType[tls.RecordHeaderError](err); !ok {
		t.Errorf("TLS on the port without: %v", err)
	}
	s.logged("closed a connection from 127.0.0.1: TLS on the port without TLS", "peer=127.0.0.1")
	for _, text := range []string{"1: text without TLS", "1: TLS on the port without"} {
		if n := strings.Count(s.log.text(), text); n != 1 {
			t.Errorf("%q logged %d times", text, n)
		}
	}
	if !strings.Contains(s.log.text(), "peer") || len(s.CPs()) > 0 {
		t.Error("a charge point is known")
	}
}

// TestStopDoesNotWaitForTLS: neither a handshake that never ends nor an open connection
// delays the end.
func TestStopDoesNotWaitForTLS(t *testing.T) {
	s := newTLSSite(t, Options{})
	dial(t, s.secure) // says nothing
	s.dialTLS(s.client("urn:evcp:cp:CP_001"))
	stall := longestStall(t)
	began := time.Now()
	s.stop()
	if took := time.Since(began); took > 4*time.Second+2*stall() {
		t.Errorf("stopped after %v, the machine stood still for %v", took, stall())
	}
}
