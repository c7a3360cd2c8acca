package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

// withSAN makes a certificate whose subject alternative names are exactly these bytes.
func withSAN(t *testing.T, der []byte) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), Subject: pkix.Name{CommonName: "urn:evcp:cp:CP_001"},
		ExtraExtensions: []pkix.Extension{{Id: subjectAltName, Value: der}},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func names(t *testing.T, all ...asn1.RawValue) []byte {
	t.Helper()
	for i := range all {
		all[i].Class = asn1.ClassContextSpecific
	}
	der, err := asn1.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestURIsByteForByte: what parses to the URI of a charge point is not that URI, and
// neither is a DNS name nor the common name.
func TestURIsByteForByte(t *testing.T) {
	uri := func(s string) asn1.RawValue { return asn1.RawValue{Tag: uriTag, Bytes: []byte(s)} }
	dns := asn1.RawValue{Tag: 2, Bytes: []byte("localhost")}
	for _, all := range [][]string{
		{"urn:evcp:cp:CP_001"},
		{"urn:evcp:cp:CP_001", "urn:evcp:fleet:NORTH"},
		{"URN:evcp:cp:CP_001"},
		{"urn:evcp:cp:CP_001#"},
		{"urn:evcp:cp:CP%5F001"},
		nil,
	} {
		sent := []asn1.RawValue{dns}
		for _, s := range all {
			sent = append(sent, uri(s))
		}
		if got := URIs(withSAN(t, names(t, sent...))); !slices.Equal(got, all) {
			t.Errorf("read %q, signed %q", got, all)
		}
	}
	issued, err := must(New("test", time.Now())).Issue(CertificateRequest{URI: FleetURI("NORTH")})
	if err != nil || !slices.Equal(URIs(issued.Certificate), []string{"urn:evcp:fleet:NORTH"}) {
		t.Errorf("issued %q, %v", URIs(issued.Certificate), err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestParseFleet(t *testing.T) {
	if name, err := ParseFleet("North-1"); name != "North-1" || err != nil {
		t.Errorf("%q, %v", name, err)
	}
	for _, bad := range []string{"", "a b", "a/b", "\x1b[2J", strings.Repeat("a", 65), strings.Repeat("a", 1000)} {
		if _, err := ParseFleet(bad); err == nil || len(err.Error()) > 200 || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}
