// Package wire turns bytes into messages and messages into bytes, for both links
// of a Monitor: to Central and to the Engine. It holds no socket and no clock.
//
// The first peers of this protocol send raw text without newline or length, so
// the question "is this all of it?" is answered here, once for each direction:
//
//   - Requests cuts what a server receives into messages.
//   - EngineReply and CentralReply collect an answer and say when it is complete.
//
// All of them are values fed with bytes. Each holds at most MaxMessage bytes,
// whatever the peer sends, and what a peer said leaves this package only through
// Text: bounded, valid UTF-8, control characters escaped.
package wire

import (
	"bytes"
	"errors"
	"fmt"

	"evcp"
)

// MaxMessage is the most that is read of one message or answer, in bytes.
const MaxMessage = 1024

// Verb is what a message of the Monitor says.
type Verb uint8

const (
	// NoVerb is the zero Verb; no message has it.
	NoVerb Verb = iota
	// Registration asks Central to accept the Monitor.
	Registration
	// EngineFailure tells Central that an incident opened or still lasts.
	EngineFailure
	// EngineRecovered tells Central that the incident closed.
	EngineRecovered
	// Heartbeat is a sign of life to Central, with the state shown.
	Heartbeat
	// Disconnect tells Central of a clean stop.
	Disconnect
	// MonitorConnection greets the Engine.
	MonitorConnection
	// HealthCheck asks the Engine whether it is well.
	HealthCheck
)

var verbs = [...]string{
	Registration:      "registration request",
	EngineFailure:     "ENGINE_FAILURE",
	EngineRecovered:   "ENGINE_RECOVERED",
	Heartbeat:         "heartbeat",
	Disconnect:        "disconnect",
	MonitorConnection: "monitor connection",
	HealthCheck:       "health_check",
}

// String is the verb as it stands in a message.
func (v Verb) String() string {
	if int(v) < len(verbs) {
		return verbs[v]
	}
	return verbs[NoVerb]
}

// sender opens every message. One id of one program: the Monitor.
const sender = "EV_CP_M "

// Message is one sentence of the Monitor. Status is used by a Heartbeat alone.
type Message struct {
	CP     evcp.CPID
	Verb   Verb
	Status evcp.Status
}

// Append writes the message as it goes over the wire, without any terminator.
func (m Message) Append(dst []byte) []byte {
	dst = append(dst, sender...)
	dst = append(dst, m.CP...)
	dst = append(dst, ' ')
	dst = append(dst, verbs[m.Verb]...)
	if m.Verb == Heartbeat {
		dst = append(dst, ' ')
		dst = append(dst, m.Status.String()...)
	}
	return dst
}

// String is the message as text.
func (m Message) String() string { return string(m.Append(nil)) }

// ErrUnknownMessage is what Parse answers to bytes that are no message.
var ErrUnknownMessage = errors.New("unknown message")

// Parse reads one whole message; blanks around it are dropped. Its errors are
// safe to print and wrap ErrUnknownMessage.
func Parse(b []byte) (Message, error) {
	b = bytes.TrimSpace(b)
	m, rest, ok := cut(b)
	if !ok || len(rest) > 0 {
		return Message{}, fmt.Errorf(`%w "%s"`, ErrUnknownMessage, Text(b))
	}
	return m, nil
}

// cut takes the one known message that b begins with. No verb is the beginning
// of another, so a message is complete as soon as its last letter is there.
func cut(b []byte) (m Message, rest []byte, ok bool) {
	after, found := bytes.CutPrefix(b, []byte(sender))
	if !found {
		return Message{}, b, false
	}
	id, said, found := bytes.Cut(after, []byte(" "))
	if !found {
		return Message{}, b, false
	}
	cp, err := evcp.ParseCPID(string(id))
	if err != nil {
		return Message{}, b, false
	}
	for _, s := range sentences {
		if rest, ok := bytes.CutPrefix(said, s.words); ok {
			return Message{CP: cp, Verb: s.verb, Status: s.status}, rest, true
		}
	}
	return Message{}, b, false
}

// sentences are all that can follow an id, byte for byte.
var sentences = allSentences()

type sentence struct {
	words  []byte
	verb   Verb
	status evcp.Status
}

func allSentences() []sentence {
	var all []sentence
	for v := Registration; v <= HealthCheck; v++ {
		if v != Heartbeat {
			all = append(all, sentence{words: []byte(verbs[v]), verb: v})
		}
	}
	for _, s := range []evcp.Status{evcp.OK, evcp.KO, evcp.ConnectionError, evcp.Monitoring} {
		all = append(all, sentence{words: []byte(verbs[Heartbeat] + " " + s.String()), verb: Heartbeat, status: s})
	}
	return all
}

// unfinished reports whether more bytes could make b a message.
func unfinished(b []byte) bool {
	if len(b) < len(sender) {
		return bytes.HasPrefix([]byte(sender), b)
	}
	after, found := bytes.CutPrefix(b, []byte(sender))
	if !found {
		return false
	}
	id, said, found := bytes.Cut(after, []byte(" "))
	if !found {
		_, err := evcp.ParseCPID(string(id))
		return len(id) == 0 || err == nil
	}
	if _, err := evcp.ParseCPID(string(id)); err != nil {
		return false
	}
	for _, s := range sentences {
		if bytes.HasPrefix(s.words, said) {
			return true
		}
	}
	return false
}
