//go:build unix

package link_test

import (
	"crypto/tls"
	"testing"

	"evcp"
	"evcp/internal/link"
)

// TestWriteSaysWhy: a server that refuses a client's certificate after the handshake, as TLS
// 1.3 does, and closes: the write that fails for it has that reason, and not that of a broken
// connection.
func TestWriteSaysWhy(t *testing.T) {
	s := newSite(t)
	s.server.ClientAuth = tls.RequireAnyClientCert
	l := link.Link{Address: s.serve(s.handshake), Dialer: s.dialer()}
	defer l.Close()
	if err := l.Dial(t.Context()); err != nil {
		t.Fatal(err)
	}
	var err error
	for until := soon(); err == nil; { // the first writes may leave before the reset is here
		err = l.Write([]byte("EV_CP_M CP_001 health_check"), until)
	}
	if got := link.CauseOf(err); got != evcp.OwnCertificate {
		t.Errorf("%v: the cause is %s %s", err, got, got.Detail())
	}
}
