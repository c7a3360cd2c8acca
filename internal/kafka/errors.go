package kafka

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"evcp"
	"evcp/internal/link"
	"evcp/internal/wire"
)

// notKafka is what the client says of a reply that no broker sends: it has no error values
// for them. A size that can't be is the reply's first four bytes.
var notKafka = []string{
	"invalid large response size", "invalid negative response size", "correlation ID mismatch", "not enough data", "too many tags",
}

// CauseOf classifies an error of the client. SaidKO is a broker that rejects the login, the
// topic, this Monitor or a record, or acknowledges none, and a token server that gives no
// token.
func CauseOf(err error) evcp.Cause {
	var rejected *kerr.Error
	switch {
	case firstBytes(err) == wire.AnswersByTLS:
		return evcp.TLS
	case err != nil && slices.ContainsFunc(notKafka, func(text string) bool { return strings.Contains(err.Error(), text) }):
		return evcp.Protocol
	case errors.Is(err, errOtherCluster):
		return evcp.Protocol
	case errors.As(err, &rejected), errors.As(err, new(*tokenError)), isAny(err, errNoTopic, errNoRight, errOnlyAnswers):
		return evcp.SaidKO
	case errors.Is(err, errNoAck):
		return evcp.Timeout
	case errors.Is(err, kgo.ErrClientClosed):
		return evcp.Closed
	default:
		return link.CauseOf(err)
	}
}

// ErrorText is an error of the client, safe to print; "" when there is none.
func ErrorText(err error) string {
	if err == nil {
		return ""
	}
	text := cmp.Or(firstBytes(err), explained(err), err.Error())
	if errors.Is(err, kerr.SaslAuthenticationFailed) { // the broker's own words follow
		text = strings.Replace(text, kerr.SaslAuthenticationFailed.Description+": ", "", 1)
	}
	return wire.Text([]byte(text))
}

// loginError is an error while this Monitor logs in at a broker.
type loginError struct{ err error }

func (e *loginError) Error() string { return "login: " + e.err.Error() }

func (e *loginError) Unwrap() error { return e.err }

// What the end of a connection means, by when it came. advice.KafkaLinks has a row for each.
const (
	endedHandshake = "ended in the TLS handshake"
	endedAtOnce    = "closed at the first message"
	endedUnknown   = "closed at the first request"
	endedLogin     = "closed during the login"
)

// The client's own words for the first two messages of a connection that got no answer.
const (
	clientMissesTLS   = "is TLS missing?"
	clientMissesLogin = "is SASL missing?"
)

// explained says what an error means that says little itself: a TLS handshake that failed, and
// a broker that closes the connection where it wants something else. "" for any other.
func explained(err error) string {
	if why := link.TLSError(err); why != "" {
		return why
	}
	cause := link.CauseOf(err)
	if cause != evcp.Closed && cause != evcp.Reset {
		return ""
	}
	_, first := errors.AsType[*kgo.ErrFirstReadEOF](err)
	switch {
	case link.InHandshake(err):
		return endedHandshake
	case errors.As(err, new(*loginError)):
		return endedLogin
	case first && strings.Contains(err.Error(), clientMissesTLS):
		return endedAtOnce
	case first && strings.Contains(err.Error(), clientMissesLogin):
		return endedUnknown
	}
	return ""
}

// vague reports whether an error explains nothing: one without a cause of its own, or the mere
// end of a connection.
func vague(err error) bool {
	cause := CauseOf(err)
	return cause == evcp.Other || cause == evcp.Closed && explained(err) == ""
}

// tellingOf is the first error that explains something, else the first of all.
func tellingOf(errs []error) error {
	if i := slices.IndexFunc(errs, func(err error) bool { return !vague(err) }); i >= 0 {
		return errs[i]
	}
	return errs[0]
}

// firstBytes describes a reply by its first four bytes, which the client took for a size; ""
// for any other error.
func firstBytes(err error) string {
	if err == nil {
		return ""
	}
	_, size, found := strings.Cut(err.Error(), notKafka[0])
	if !found {
		return ""
	}
	var n uint32
	if _, err := fmt.Sscan(size, &n); err != nil {
		return strings.TrimSpace(size)
	}
	begin := binary.BigEndian.AppendUint32(nil, n)
	switch {
	case begin[0] == 0x15 && begin[1] == 3: // an alert record of TLS 3.x
		return wire.AnswersByTLS
	case bytes.IndexFunc(begin, func(r rune) bool { return r < ' ' || r > '~' }) < 0:
		return string(begin)
	}
	return fmt.Sprintf("% x", begin)
}
