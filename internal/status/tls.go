package status

import (
	"crypto/tls"
	"net"
)

// WithTLS is ln for HTTP over TLS. LimitConns counts its connections from before their
// handshake on. HTTP/2 is not offered: all bounds of a connection are those of HTTP/1.1.
func WithTLS(ln net.Listener, config *tls.Config) net.Listener { return &tlsListener{ln, config} }

type tlsListener struct {
	net.Listener
	config *tls.Config
}

// Accept leaves the handshake to the server, which bounds it by the time for headers.
func (t *tlsListener) Accept() (net.Conn, error) {
	c, err := t.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return tls.Server(c, t.config), nil
}

// Scheme is that of the URLs of a listener: "http", or "https" with TLS.
func Scheme(ln net.Listener) string {
	if _, ok := ln.(*tlsListener); ok {
		return "https"
	}
	return "http"
}
