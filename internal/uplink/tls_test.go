package uplink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"evcp"
	"evcp/internal/authority"
	"evcp/internal/bubble"
	"evcp/internal/link"
	"evcp/internal/simnet"
	"evcp/internal/wire"
)

// tlsSide is how a scripted peer and its client speak TLS; the zero value: they don't.
type tlsSide struct{ serverConfig, clientConfig *tls.Config }

func noTLS(*testing.T) tlsSide { return tlsSide{} }

// newTLSSide issues the certificate of Central.
func newTLSSide(t *testing.T) tlsSide {
	t.Helper()
	ca, err := authority.New("test authority", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	issued, err := ca.Issue(authority.CertificateRequest{Names: []string{"central"}})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(issued.CertPEM, issued.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	trusted, today := x509.NewCertPool(), time.Now() // virtual time begins in 2000
	trusted.AddCert(ca.Certificate)
	return tlsSide{
		serverConfig: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}},
		clientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted, ServerName: "central", Time: func() time.Time { return today }},
	}
}

// dialer dials a peer.
func (s tlsSide) dialer(n *simnet.Net) link.Dialer {
	if s.clientConfig == nil {
		return n
	}
	return &link.TLSDialer{Dialer: n, Config: func(string) (*tls.Config, error) { return s.clientConfig, nil }}
}

// server is what a peer reads and writes on a connection.
func (s tlsSide) server(c net.Conn) net.Conn {
	if s.serverConfig == nil {
		return c
	}
	return tls.Server(c, s.serverConfig)
}

// cutConn holds back what is written after so many bytes, from hold on, for a time.
type cutConn struct {
	net.Conn
	hold  bool
	after int
	late  time.Duration
	size  int // of what was written
}

func (c *cutConn) Write(b []byte) (int, error) {
	if !c.hold {
		return c.Conn.Write(b)
	}
	c.hold, c.size = false, len(b)
	n, err := c.Conn.Write(b[:min(c.after, len(b))])
	if err != nil || n == len(b) {
		return n, err
	}
	time.Sleep(c.late)
	rest, err := c.Conn.Write(b[n:])
	return n + rest, err
}

// TestRecordsCutAtEveryByte: the reply's TLS record comes in two parts, with time between them.
// If the second part comes in time, the reply is read whole. If it comes too late, there is no
// reply, and the next message is answered on a connection of its own: no part of the late reply
// is read as the next.
func TestRecordsCutAtEveryByte(t *testing.T) {
	side := newTLSSide(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server := side.serverConfig.Clone()
		server.MaxVersion = version
		for _, late := range []time.Duration{time.Second, AnswerLimit + 500*ms} {
			t.Run(fmt.Sprintf("%s/%s", tls.VersionName(version), late), func(t *testing.T) {
				size := 2
				for at := 0; at < size; at++ {
					bubble.Run(t, func(t *testing.T) { size = cutAt(t, tlsSide{server, side.clientConfig}, at, late) })
				}
				if size < 20 {
					t.Errorf("a record of %d bytes", size)
				}
			})
		}
	}
}

// cutAt tries one place, and returns the size of the record.
func cutAt(t *testing.T, side tlsSide, at int, late time.Duration) (size int) {
	var written atomic.Int64
	n := &simnet.Net{}
	l, err := n.Listen("central:1")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conns := 0
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns++
			go answerCut(&cutConn{Conn: c, after: at, late: late}, side, fmt.Sprintf("answer %d\n", conns), &written)
		}
	}()
	c := centralConn{link: link.Link{Address: "central:1", Dialer: side.dialer(n)}, exchanger: newTextExchanger(wire.Line), onFirstByte: func() {}, onDialled: func() {}}
	defer c.link.Close()
	inTime := late < AnswerLimit
	for i, want := range []SendResult{{Text: "answer 1", Received: inTime}, {Text: "answer 2", Received: true}} {
		if i == 1 && inTime {
			want.Text = "answer 1"
		}
		if !want.Received {
			want.Text, want.Cause = "", evcp.Timeout
		}
		got := c.send(context.Background(), Outbound{Operation: ReportFailure, CP: "A"}, AnswerLimit)
		if got.Text != want.Text || got.Received != want.Received || got.Cause != want.Cause {
			t.Errorf("cut at %d, message %d: %+v, want %+v", at, i+1, got, want)
		}
		if took := got.Latency; took > AnswerLimit+ms {
			t.Errorf("cut at %d, message %d: took %s", at, i+1, took)
		}
	}
	time.Sleep(2 * late) // what is late has come
	return int(written.Load())
}

// answerCut answers each message; the record of the first answer of the first connection is cut.
func answerCut(c *cutConn, side tlsSide, reply string, size *atomic.Int64) {
	secured := side.server(c)
	defer secured.Close()
	b := make([]byte, 256)
	for first := true; ; first = false {
		if _, err := secured.Read(b); err != nil {
			return
		}
		c.hold = first && reply == "answer 1\n"
		_, err := io.WriteString(secured, reply)
		if c.size > 0 {
			size.Store(int64(c.size))
		}
		if err != nil {
			return
		}
	}
}
