// Package authority is a small private certificate authority, for a site that has none: it
// issues certificates to Central, to Monitors and to Engines, and says which are revoked.
// Keys are ECDSA on P-256. Whom a certificate is for is read from its subject alternative
// names only (RFC 9525); the common name is for people.
//
// An Authority may be used from several goroutines; a Folder is for one, and one process at a
// time has it.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Lifetimes of certificates.
const (
	AuthorityLifetime   = 10 * 365 * 24 * time.Hour
	CertificateLifetime = 365 * 24 * time.Hour
	// backdated is how long before its issue a certificate is valid: clocks of other
	// machines may be behind.
	backdated = time.Hour
)

// CertificateRequest says what a certificate is for: a server with Names, or a client with a URI.
type CertificateRequest struct {
	Names    []string      // DNS names and IP addresses of a server
	URI      string        // of a client: ChargePointURI or FleetURI
	Lifetime time.Duration // from now; 0 = CertificateLifetime
	Now      time.Time     // zero = time.Now()
}

// Authority is a certificate authority in memory.
type Authority struct {
	Certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// New makes an authority with a key of its own. name is its common name.
func New(name string, now time.Time) (*Authority, error) {
	key, serial, err := newKey()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-backdated), NotAfter: now.Add(AuthorityLifetime),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &Authority{certificate, key}, err
}

func newKey() (*ecdsa.PrivateKey, *big.Int, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	return key, serial, err
}

// Issued is a certificate and its key.
type Issued struct {
	Certificate *x509.Certificate
	CertPEM     []byte // the certificate alone: the authority's own is not sent by servers
	KeyPEM      []byte // PKCS #8
}

// Issue makes a certificate for a server or a client, as asked, never for both.
func (a *Authority) Issue(r CertificateRequest) (Issued, error) {
	if r.Now.IsZero() {
		r.Now = time.Now()
	}
	if r.Lifetime == 0 {
		r.Lifetime = CertificateLifetime
	}
	if (len(r.Names) == 0) == (r.URI == "") {
		return Issued{}, errors.New("a certificate is for the names of a server, or for the URI of a client")
	}
	key, serial, err := newKey()
	if err != nil {
		return Issued{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		NotBefore:    r.Now.Add(-backdated), NotAfter: a.notAfter(r.Now.Add(r.Lifetime)),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range r.Names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	if r.URI != "" {
		uri, err := url.Parse(r.URI)
		if err != nil {
			return Issued{}, err
		}
		template.URIs, template.ExtKeyUsage = []*url.URL{uri}, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	template.Subject.CommonName = commonName(append(slices.Clone(r.Names), r.URI)[0])
	der, err := x509.CreateCertificate(rand.Reader, template, a.Certificate, key.Public(), a.key)
	if err != nil {
		return Issued{}, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Issued{}, err
	}
	certificate, err := x509.ParseCertificate(der)
	return Issued{certificate, encode("CERTIFICATE", der), encode("PRIVATE KEY", keyDER)}, err
}

// notAfter is the end of a certificate, which does not outlive its authority.
func (a *Authority) notAfter(end time.Time) time.Time {
	if a.Certificate.NotAfter.Before(end) {
		return a.Certificate.NotAfter
	}
	return end
}

// subject says whom a certificate is for: its URI, or its names with commas between.
func (r CertificateRequest) subject() string {
	if r.URI != "" {
		return r.URI
	}
	return strings.Join(r.Names, ",")
}

// commonName is a name cut to the 64 characters that X.520 allows.
func commonName(name string) string { return name[:min(len(name), 64)] }

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// CertPEM is the authority's certificate, which those who trust it need.
func (a *Authority) CertPEM() []byte { return encode("CERTIFICATE", a.Certificate.Raw) }

// Serial is the number of a certificate as people read and write it: hexadecimal.
func Serial(c *x509.Certificate) string { return fmt.Sprintf("%x", c.SerialNumber) }
