package credentials

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"evcp/internal/language"
)

// Secret is a password or a client secret: the one line of a file.
type Secret struct{ text atomic.Pointer[string] }

// maxSecret bounds a secret, in bytes.
const maxSecret = 4096

// Secret opens the file of a secret. use is the setting that names it.
func (s *Store) Secret(use, path string) (*Secret, error) {
	v := &Secret{}
	return v, s.add(&file{use: use, paths: []string{path}, secret: true, parse: func(contents [][]byte) error {
		text := strings.TrimRight(string(contents[0]), "\r\n")
		switch {
		case text == "":
			return language.Errorf("%s is empty", path)
		case len(text) > maxSecret || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
			return language.Errorf("%s must hold the secret alone, in one line of at most %d bytes of UTF-8", path, maxSecret)
		}
		v.text.Store(&text)
		return nil
	}})
}

// Text is the secret as the file has it now.
func (v *Secret) Text() string { return *v.text.Load() }

// String hides the secret from logs.
func (v *Secret) String() string { return "(secret)" }

// GoString hides the secret from %#v.
func (v *Secret) GoString() string { return v.String() }

// Private opens a file that holds several secrets, which no other user of the machine may
// read: parse takes its text over, or leaves the old one. use is the setting that names it.
func (s *Store) Private(use, path string, parse func(text string) error) error {
	return s.add(&file{use: use, paths: []string{path}, private: true, parse: func(contents [][]byte) error {
		if !utf8.Valid(contents[0]) {
			return language.Errorf("%s is no text in UTF-8", path)
		}
		if err := parse(string(contents[0])); err != nil {
			return language.Errorf("%s: %w", path, err)
		}
		return nil
	}})
}

// KeyPair is a certificate, with those of the authorities between it and the root, and its
// private key.
type KeyPair struct {
	pair atomic.Pointer[tls.Certificate]
}

// KeyPair opens a certificate and its key, both PEM. use is the setting that names the
// certificate.
func (s *Store) KeyPair(use, certPath, keyPath string) (*KeyPair, error) {
	v := &KeyPair{}
	return v, s.add(&file{use: use, paths: []string{certPath, keyPath}, secret: true, until: v.expires, parse: func(contents [][]byte) error {
		pair, err := tls.X509KeyPair(contents[0], contents[1])
		if err != nil {
			return language.Errorf("%s with key %s: %w", certPath, keyPath, withoutPrefix(err))
		}
		v.pair.Store(&pair)
		return nil
	}})
}

// Certificate is the pair that is in use now. It must not be modified.
func (v *KeyPair) Certificate() *tls.Certificate { return v.pair.Load() }

func (v *KeyPair) expires() time.Time { return v.Certificate().Leaf.NotAfter }

func withoutPrefix(err error) error { return errors.New(strings.TrimPrefix(err.Error(), "tls: ")) }

// Roots are the certificates of the authorities that are trusted.
type Roots struct{ set atomic.Pointer[rootSet] }

type rootSet struct {
	pool    *x509.CertPool
	expires time.Time // of the last to expire: one that overlaps may be old
}

// Roots opens a file of one or more certificates, PEM. use is the setting that names it.
func (s *Store) Roots(use, path string) (*Roots, error) {
	v := &Roots{}
	return v, s.add(&file{use: use, paths: []string{path}, until: func() time.Time { return v.set.Load().expires }, parse: func(contents [][]byte) error {
		set := &rootSet{pool: x509.NewCertPool()}
		for block, rest := pem.Decode(contents[0]); block != nil; block, rest = pem.Decode(rest) {
			if block.Type != "CERTIFICATE" {
				continue
			}
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return language.Errorf("%s: %w", path, err)
			}
			set.pool.AddCert(c)
			if c.NotAfter.After(set.expires) {
				set.expires = c.NotAfter
			}
		}
		if set.expires.IsZero() {
			return language.Errorf("%s holds no certificate in PEM form", path)
		}
		v.set.Store(set)
		return nil
	}})
}

// Pool is the set of certificates that is trusted now.
func (v *Roots) Pool() *x509.CertPool { return v.set.Load().pool }

// Revoked are the serial numbers of certificates that are no longer accepted.
type Revoked struct {
	serials atomic.Pointer[map[string]bool]
}

// Revoked opens a file of serial numbers: one a line, hexadecimal, with or without colons;
// # begins a comment. use is the setting that names it.
func (s *Store) Revoked(use, path string) (*Revoked, error) {
	v := &Revoked{}
	return v, s.add(&file{use: use, paths: []string{path}, parse: func(contents [][]byte) error {
		serials, err := parseSerials(contents[0])
		if err != nil {
			return language.Errorf("%s: %w", path, err)
		}
		v.serials.Store(&serials)
		return nil
	}})
}

func parseSerials(content []byte) (map[string]bool, error) {
	serials, number := map[string]bool{}, 0
	for line := range bytes.Lines(content) {
		number++
		text, _, _ := strings.Cut(string(line), "#")
		serial := strings.TrimLeft(strings.ToLower(strings.ReplaceAll(strings.TrimSpace(text), ":", "")), "0")
		if strings.TrimSpace(text) == "" {
			continue
		}
		if serial == "" || len(serial) > 40 || strings.Trim(serial, "0123456789abcdef") != "" {
			return nil, language.Errorf("line %d: a serial number is 1 to 40 hexadecimal digits", number)
		}
		serials[serial] = true
	}
	return serials, nil
}

// Has reports whether a certificate is revoked.
func (v *Revoked) Has(c *x509.Certificate) bool {
	if v == nil {
		return false
	}
	serials := *v.serials.Load()
	return len(serials) > 0 && serials[fmt.Sprintf("%x", c.SerialNumber)]
}
