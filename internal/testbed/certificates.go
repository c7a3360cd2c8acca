package testbed

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"evcp/internal/authority"
)

// Certificates is a certificate authority with a folder of PEM files for programs under test.
type Certificates struct {
	Authority *authority.Authority
	CA        string // path of the authority's certificate

	tb  testing.TB
	dir string
}

// NewCertificates makes an authority of its own.
func NewCertificates(tb testing.TB) *Certificates {
	tb.Helper()
	ca, err := authority.New("test authority", time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	c := &Certificates{Authority: ca, tb: tb, dir: tb.TempDir()}
	c.CA = c.write("ca.pem", ca.CertPEM())
	return c
}

// write replaces a file by rename, as careful programs do.
func (c *Certificates) write(name string, content []byte) (path string) {
	c.tb.Helper()
	path = filepath.Join(c.dir, name)
	if err := errors.Join(os.WriteFile(path+".new", content, 0o600), os.Rename(path+".new", path)); err != nil {
		c.tb.Fatal(err)
	}
	return path
}

// Issue writes a certificate and its key as NAME.pem and NAME.key, over those of that name.
func (c *Certificates) Issue(name string, r authority.CertificateRequest) (cert, key string) {
	c.tb.Helper()
	issued, err := c.Authority.Issue(r)
	if err != nil {
		c.tb.Fatal(err)
	}
	key = c.write(name+".key", issued.KeyPEM)
	return c.write(name+".pem", issued.CertPEM), key
}

// Server issues the certificate of a server on loopback.
func (c *Certificates) Server(name string) (cert, key string) {
	c.tb.Helper()
	return c.Issue(name, authority.CertificateRequest{Names: []string{"localhost", "127.0.0.1"}})
}

// Expired issues the certificate of a server on loopback that expired on a day; it says which.
func (c *Certificates) Expired(name string) (cert, key, day string) {
	c.tb.Helper()
	at := time.Now().Add(-24 * time.Hour)
	cert, key = c.Issue(name, authority.CertificateRequest{
		Names: []string{"localhost", "127.0.0.1"}, Now: at.Add(-time.Hour), Lifetime: time.Hour,
	})
	return cert, key, at.UTC().Format(time.DateOnly)
}

// Pair is a certificate with its key, loaded.
func (c *Certificates) Pair(cert, key string) tls.Certificate {
	c.tb.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		c.tb.Fatal(fmt.Errorf("load %s: %w", cert, err))
	}
	return pair
}

// Client is the configuration of a client on loopback that trusts the authority.
func (c *Certificates) Client() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(c.Authority.Certificate)
	return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
}
