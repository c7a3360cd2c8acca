package kafka

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"evcp"
	"evcp/internal/link"
	"evcp/internal/wire"
)

// noes are the errors by which a broker that is there says no.
var noes = []error{
	errNoTopic, kerr.UnknownTopicOrPartition, kerr.UnknownTopicID,
	kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.SaslAuthenticationFailed,
	kerr.MessageTooLarge, kerr.RecordListTooLarge,
}

// CauseOf sorts an error of the client. SaidKO is a broker that says no: to the
// topic, to this Monitor, or to a record.
func CauseOf(err error) evcp.Cause {
	for _, no := range noes {
		if errors.Is(err, no) {
			return evcp.SaidKO
		}
	}
	switch {
	case errors.Is(err, errNoAck):
		return evcp.Timeout
	case errors.Is(err, kgo.ErrClientClosed):
		return evcp.Closed
	default:
		return link.CauseOf(err)
	}
}

// ErrorText are what went wrong, safe to print; "" when nothing did.
func (s ConnectionStatus) ErrorText() string {
	if s.Err == nil {
		return ""
	}
	return wire.Text([]byte(s.Err.Error()))
}
