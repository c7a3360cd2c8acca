package credentials

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync/atomic"
)

// Client is how this program makes TLS connections to one kind of server.
type Client struct {
	Roots      *Roots   // nil: the authorities of the system
	Pair       *KeyPair // nil: no certificate of its own
	ServerName string   // expected in the server's certificate; "": the dialled host
	Insecure   bool     // the server's certificate is not verified: for laboratories

	current atomic.Pointer[clientSession]
}

// clientSession is the cache of TLS sessions for one version of the files: a session must
// not outlive the certificates under which it was made.
type clientSession struct {
	pool  *x509.CertPool
	pair  *tls.Certificate
	cache tls.ClientSessionCache
}

// sessionsKept bounds the sessions of one Client: one for each server name.
const sessionsKept = 256

// Config is the configuration for a connection to a host, with the files as they are now.
func (c *Client) Config(host string) (*tls.Config, error) {
	now := clientSession{}
	if c.Roots != nil {
		now.pool = c.Roots.Pool()
	}
	if c.Pair != nil {
		now.pair = c.Pair.Certificate()
	}
	kept := c.current.Load()
	if kept == nil || kept.pool != now.pool || kept.pair != now.pair {
		now.cache = tls.NewLRUClientSessionCache(sessionsKept)
		kept = &now
		c.current.Store(kept)
	}
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: host, RootCAs: kept.pool,
		ClientSessionCache: kept.cache, InsecureSkipVerify: c.Insecure,
	}
	if c.ServerName != "" {
		config.ServerName = c.ServerName
	}
	if kept.pair != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return kept.pair, nil }
	}
	return config, nil
}

// Server is how this program answers TLS connections.
type Server struct {
	Pair        *KeyPair
	ClientRoots *Roots   // nil: clients need no certificate
	Revoked     *Revoked // nil: none is
}

// Config is the configuration of a listener. Each handshake uses the files as they are then.
func (s *Server) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*s.Pair.Certificate()}}
			if s.ClientRoots != nil {
				// A resumed session would keep a client whose certificate was revoked since.
				config.SessionTicketsDisabled = true
				config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, s.ClientRoots.Pool()
				config.VerifyConnection = s.verify
			}
			return config, nil
		},
	}
}

// errRevoked is answered to the client by the alert bad_certificate.
var errRevoked = errors.New("the certificate is revoked")

func (s *Server) verify(state tls.ConnectionState) error {
	for _, c := range state.PeerCertificates {
		if s.Revoked.Has(c) {
			return errRevoked
		}
	}
	return nil
}
