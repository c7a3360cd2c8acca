package kafka

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Cause says why Kafka can't be reached, in the words of a check's cause where
// they fit.
type Cause string

// Causes.
const (
	NoCause     Cause = ""
	Refused     Cause = "refused"     // nothing listens there
	Timeout     Cause = "timeout"     // no word in time
	Reset       Cause = "reset"       // broken off
	Closed      Cause = "closed"      // closed without an answer
	Unreachable Cause = "unreachable" // no route
	DNS         Cause = "dns"         // the name has no address
	Denied      Cause = "denied"      // the broker does not allow it
	NoTopic     Cause = "no_topic"    // the topic is missing and can't be made
	TooLarge    Cause = "too_large"   // the broker takes no record of this size
	Other       Cause = "other"
)

var causeWords = map[Cause]string{
	Refused: "connection refused", Timeout: "no answer", Reset: "connection reset", Closed: "connection closed",
	Unreachable: "no route to the broker", DNS: "the broker's name has no address", Denied: "the broker denies it",
	NoTopic: "the topic is missing and can't be made", TooLarge: "the broker takes no record of this size",
}

// causeOf sorts an error of the client.
func causeOf(err error) Cause {
	for _, c := range []struct {
		is    error
		cause Cause
	}{
		{errNoTopic, NoTopic},
		{errNoAck, Timeout},
		{kerr.UnknownTopicOrPartition, NoTopic},
		{kerr.UnknownTopicID, NoTopic},
		{kerr.TopicAuthorizationFailed, Denied},
		{kerr.ClusterAuthorizationFailed, Denied},
		{kerr.SaslAuthenticationFailed, Denied},
		{kerr.MessageTooLarge, TooLarge},
		{kerr.RecordListTooLarge, TooLarge},
		{syscall.ECONNREFUSED, Refused},
		{syscall.ECONNRESET, Reset},
		{syscall.EPIPE, Reset},
		{syscall.EHOSTUNREACH, Unreachable},
		{syscall.ENETUNREACH, Unreachable},
		{io.EOF, Closed},
		{io.ErrUnexpectedEOF, Closed},
		{net.ErrClosed, Closed},
		{kgo.ErrClientClosed, Closed},
	} {
		if errors.Is(err, c.is) {
			return c.cause
		}
	}
	return causeOfNet(err)
}

func causeOfNet(err error) Cause {
	var name *net.DNSError
	var slow interface{ Timeout() bool }
	switch {
	case err == nil:
		return NoCause
	case errors.As(err, &name):
		return DNS
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return Timeout
	}
	return Other
}

// Words are for people: "connection refused".
func (c Cause) Words(err error) string {
	if w, ok := causeWords[c]; ok {
		return w
	}
	if err == nil {
		return ""
	}
	return err.Error()
}
