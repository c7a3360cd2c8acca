package credentials

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"sync/atomic"
	"time"

	"evcp/internal/language"
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

func (s *Server) verify(state tls.ConnectionState) error {
	return s.revoked(state.PeerCertificates)
}

// errRevoked is answered to a client in the handshake by the alert bad_certificate.
var errRevoked = language.New("the certificate is revoked")

// revoked is the error of a chain of which a certificate is revoked.
func (s *Server) revoked(chain []*x509.Certificate) error {
	if slices.ContainsFunc(chain, s.Revoked.Has) {
		return errRevoked
	}
	return nil
}

// ClientCertificate is the certificate of a client that a Server verified in a handshake.
// Its methods may be called from several goroutines.
type ClientCertificate struct {
	server   *Server
	chain    []*x509.Certificate // as the client sent it, its own first
	verified atomic.Pointer[verifiedChain]
}

// verifiedChain is the result of verifying a chain.
type verifiedChain struct {
	pool  *x509.CertPool // the authorities that were trusted then
	until time.Time      // when the first certificate of the chain expires
}

// ClientCertificate is the certificate of the client after a handshake; nil where clients
// need none.
func (s *Server) ClientCertificate(state tls.ConnectionState) *ClientCertificate {
	if s.ClientRoots == nil || len(state.PeerCertificates) == 0 {
		return nil
	}
	return &ClientCertificate{server: s, chain: state.PeerCertificates}
}

// Leaf is the client's own certificate.
func (c *ClientCertificate) Leaf() *x509.Certificate { return c.chain[0] }

// Valid returns why a connection with the certificate must end: it is revoked or expired, or
// its authority is not trusted any more. A handshake checks these once, and a connection may
// last for months. Signatures are verified again only when the trusted authorities change.
func (c *ClientCertificate) Valid(now time.Time) error {
	if err := c.server.revoked(c.chain); err != nil {
		return err
	}
	pool := c.server.ClientRoots.Pool()
	v := c.verified.Load()
	if v == nil || v.pool != pool {
		until, err := verifyClient(c.chain, pool, now)
		if err != nil {
			return err
		}
		v = &verifiedChain{pool, until}
		c.verified.Store(v)
	}
	if now.After(v.until) {
		return language.Errorf("the certificate expired at %s", v.until.UTC().Format(time.RFC3339))
	}
	return nil
}

// verifyClient verifies as crypto/tls does, and returns when the chain ends that lasts longest.
func verifyClient(chain []*x509.Certificate, roots *x509.CertPool, now time.Time) (until time.Time, err error) {
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	chains, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	for _, c := range chains {
		first := slices.MinFunc(c, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) }).NotAfter
		if first.After(until) {
			until = first
		}
	}
	return until, err
}
