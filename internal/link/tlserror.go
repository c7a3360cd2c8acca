package link

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"evcp"
)

// tlsError is why a handshake failed. Where no error of the network is in it, its cause is
// evcp.TLS or evcp.OwnCertificate.
type tlsError struct{ err error }

func (e *tlsError) Error() string { return "TLS handshake: " + e.err.Error() }
func (e *tlsError) Unwrap() error { return e.err }

// InHandshake reports whether an error ended a TLS handshake.
func InHandshake(err error) bool {
	_, handshake := errors.AsType[*tlsError](err)
	return handshake
}

// Alerts are numbered in RFC 8446, 6.2.
const (
	noAlert          = 255
	handshakeFailure = 40
)

// ownCertificateAlerts are those with which a server refuses the certificate of its client.
// One may come after the handshake, with the first read.
var ownCertificateAlerts = []tls.AlertError{
	42,  // bad_certificate
	43,  // unsupported_certificate
	44,  // certificate_revoked
	45,  // certificate_expired
	46,  // certificate_unknown
	48,  // unknown_ca
	49,  // access_denied
	116, // certificate_required
}

// alertOf is the alert that the other side sent, noAlert for another error. Go's error has
// the text of an alert, and not its number.
func alertOf(err error) tls.AlertError {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return noAlert
	}
	for a := range tls.AlertError(noAlert) {
		if a.Error() == op.Err.Error() {
			return a
		}
	}
	return noAlert
}

// tlsCause is the cause of an error of TLS: evcp.NoCause when err is none. A server's alert
// about a certificate can only mean that of this machine.
func tlsCause(err error) evcp.Cause {
	failed, handshake := errors.AsType[*tlsError](err)
	op, isOp := errors.AsType[*net.OpError](err)
	switch {
	case slices.Contains(ownCertificateAlerts, alertOf(err)):
		return evcp.OwnCertificate
	case isOp && (op.Op == "remote error" || op.Op == "local error"), handshake && networkCause(failed.err) == evcp.Other:
		return evcp.TLS
	default:
		return evcp.NoCause
	}
}

// outsideValidity reports whether a certificate was refused for its dates.
func outsideValidity(err error) bool {
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	return ok && invalid.Reason == x509.Expired
}

// The beginnings of what TLSError says. internal/advice has what to do about each.
const (
	textExpired = "certificate expired on "
	textNotYet  = "certificate is not valid before "
	textName    = "certificate is not for "
	textUnknown = "certificate is of an authority that is not trusted"
	textPlain   = "answers without TLS"
)

// maxNamesShown bounds the names of a certificate in a text.
const maxNamesShown = 3

// TLSError says what is wrong, for an error whose cause is evcp.TLS; "" for any other. It
// holds names out of the peer's certificate, not escaped.
func TLSError(err error) string {
	if CauseOf(err) != evcp.TLS {
		return ""
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		if now := time.Now(); now.Before(invalid.Cert.NotBefore) {
			return textNotYet + invalid.Cert.NotBefore.UTC().Format(time.DateOnly)
		}
		return textExpired + invalid.Cert.NotAfter.UTC().Format(time.DateOnly)
	}
	if name, ok := errors.AsType[x509.HostnameError](err); ok {
		return textName + name.Host + ", but for " + certificateNames(name.Certificate)
	}
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		by := ""
		if unknown.Cert != nil {
			by = ": " + unknown.Cert.Issuer.String()
		}
		return textUnknown + by
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return textPlain
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op + ": " + op.Err.Error()
	}
	if failed, ok := errors.AsType[*tlsError](err); ok {
		return failed.err.Error()
	}
	return err.Error()
}

// certificateNames are the names for which a certificate is valid.
func certificateNames(c *x509.Certificate) string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	switch {
	case len(names) == 0:
		return "no name"
	case len(names) > maxNamesShown:
		names = append(names[:maxNamesShown], "…")
	}
	return strings.Join(names, ", ")
}
