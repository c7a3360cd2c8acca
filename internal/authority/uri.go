package authority

import (
	"crypto/x509"
	"encoding/asn1"
	"strconv"

	"evcp"
	"evcp/internal/language"
)

// The URIs by which Central recognises the certificates of Monitors.
const (
	chargePointPrefix = "urn:evcp:cp:"
	fleetPrefix       = "urn:evcp:fleet:"
)

// ChargePointURI is the URI in the certificate of the Monitor of one charge point.
func ChargePointURI(id evcp.CPID) string { return chargePointPrefix + string(id) }

// FleetURI is the URI in the certificate of a Monitor of several charge points.
func FleetURI(name string) string { return fleetPrefix + name }

// ParseFleet checks the name of a fleet. The error names the input and says what is allowed.
func ParseFleet(name string) (string, error) {
	if _, err := evcp.ParseCPID(name); err != nil {
		return "", language.Errorf("%s: a fleet name has 1 to 64 characters of A-Z a-z 0-9 . _ -", strconv.QuoteToASCII(name[:min(len(name), 80)]))
	}
	return name, nil
}

// subjectAltName is the extension, and uriTag the choice GeneralName.
// uniformResourceIdentifier in it: RFC 5280, 4.2.1.6.
var subjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

const uriTag = 6

// URIs are those of a certificate's subject alternative names, byte for byte.
// x509.Certificate.URIs are parsed, and not equal to what was signed: of
// URN:evcp:cp:CP_001# they make urn:evcp:cp:CP_001.
func URIs(c *x509.Certificate) (all []string) {
	for _, e := range c.Extensions {
		if !e.Id.Equal(subjectAltName) {
			continue
		}
		var names []asn1.RawValue
		if rest, err := asn1.Unmarshal(e.Value, &names); err != nil || len(rest) > 0 {
			return nil
		}
		for _, n := range names {
			if n.Class == asn1.ClassContextSpecific && n.Tag == uriTag {
				all = append(all, string(n.Bytes))
			}
		}
	}
	return all
}
