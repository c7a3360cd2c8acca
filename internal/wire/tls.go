package wire

import "bytes"

// TLSAlert is the answer of a server that expects TLS to a client that sends none: the alert
// unexpected_message (RFC 8446, 6.2). Go's own TLS closes the connection without a word.
const TLSAlert = "\x15\x03\x01\x00\x02\x02\x0a"

// AnswersByTLS is what an answer means that is an alert of TLS.
const AnswersByTLS = "answers by TLS"

// isTLSAlert reports whether b begins as an alert of any version of TLS does.
func isTLSAlert(b []byte) bool {
	return len(b) > 2 && bytes.HasPrefix(b, []byte("\x15\x03")) && b[2] <= 4
}
