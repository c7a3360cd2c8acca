// Package wire turns bytes into messages and messages into bytes, for both links
// of a Monitor: to Central and to the Engine. It holds no socket and no clock.
//
// The first peers of this protocol send raw text without newline or length, so this
// package decides when a message is complete, once for each direction:
//
//   - RequestDecoder cuts what a server receives into messages.
//   - EngineReply and CentralReply collect a reply and report when it is complete.
//
// All of them are values that are fed with bytes. Each holds at most MaxMessage bytes,
// whatever the peer sends. A peer's text leaves this package only through Text: bounded,
// valid UTF-8, control characters escaped.
package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"evcp"
)

// MaxMessage is the most that is read of one message or reply, in bytes.
const MaxMessage = 1024

// Verb is the kind of a message of the Monitor.
type Verb uint8

const (
	// NoVerb is the zero Verb; no message has it.
	NoVerb Verb = iota
	// Registration asks Central to accept the Monitor.
	Registration
	// EngineFailure reports to Central that an incident opened or still lasts.
	EngineFailure
	// EngineRecovered reports to Central that the incident closed.
	EngineRecovered
	// Heartbeat is a sign of life to Central, with the state of the charge point.
	Heartbeat
	// Disconnect announces a clean stop to Central.
	Disconnect
	// MonitorConnection introduces the Monitor to the Engine.
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

// sender is the name of the Monitor; every message begins with it.
const sender = "EV_CP_M "

// Message is one message of the Monitor.
type Message struct {
	CP     evcp.CPID
	Verb   Verb
	Status evcp.Status // of a Heartbeat
}

// Append writes the message as it goes over the wire, without framing.
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

// ErrUnknownMessage is the error of bytes that are no message.
var ErrUnknownMessage = errors.New("unknown message")

// Parse reads one complete message; blanks around it are dropped. Its errors are safe
// to print and wrap ErrUnknownMessage.
func Parse(b []byte) (Message, error) {
	b = bytes.TrimSpace(b)
	m, rest, ok, _ := cutMessage(b)
	if !ok || len(rest) > 0 {
		return Message{}, fmt.Errorf(`%w "%s"`, ErrUnknownMessage, Text(b))
	}
	return m, nil
}

// cutMessage takes the known message that b begins with. No message is the beginning of
// another, so it is complete as soon as its last letter is there. incomplete: further
// bytes could make b a message.
func cutMessage(b []byte) (m Message, rest []byte, ok, incomplete bool) {
	after, found := bytes.CutPrefix(b, []byte(sender))
	if !found {
		return Message{}, b, false, bytes.HasPrefix([]byte(sender), b)
	}
	id, text, found := bytes.Cut(after, []byte(" "))
	cp, err := evcp.ParseCPID(string(id))
	if !found || err != nil {
		return Message{}, b, false, !found && (len(id) == 0 || err == nil)
	}
	for _, k := range knownTexts {
		if rest, ok := bytes.CutPrefix(text, k.text); ok {
			return Message{CP: cp, Verb: k.verb, Status: k.status}, rest, true, false
		}
		incomplete = incomplete || bytes.HasPrefix(k.text, text)
	}
	return Message{}, b, false, incomplete
}

// knownTexts are all texts that can follow an id, byte for byte.
var knownTexts = allTexts()

type knownText struct {
	text   []byte
	verb   Verb
	status evcp.Status
}

func allTexts() []knownText {
	var all []knownText
	for v := Registration; v <= HealthCheck; v++ {
		if v != Heartbeat {
			all = append(all, knownText{text: []byte(verbs[v]), verb: v})
		}
	}
	for _, s := range []evcp.Status{evcp.OK, evcp.KO, evcp.ConnectionError, evcp.Monitoring} {
		all = append(all, knownText{text: []byte(verbs[Heartbeat] + " " + s.String()), verb: Heartbeat, status: s})
	}
	return all
}

// maxText bounds the text of a peer, in characters.
const maxText = 128

// Text makes what a peer sent safe for an event, a log, a terminal or a page: at most 128
// characters, valid UTF-8, no blanks around it. Control characters, also those that change
// the direction of text or are invisible, are shown as \x1b or \u202e. A text that was cut
// ends with an ellipsis. A backslash stays as it is: nobody parses the escapes.
func Text(b []byte) string {
	switch string(b) { // the most frequent replies need no memory
	case "OK":
		return "OK"
	case "KO":
		return "KO"
	}
	s := strings.TrimSpace(string(b))
	if len(s) <= maxText && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return s // the usual case, without work
	}
	var out strings.Builder
	room := maxText
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		shown := visible(r, s[i:i+size])
		i += size
		n := utf8.RuneCountInString(shown)
		if n > room || (n == room && i < len(s)) {
			out.WriteRune('…')
			break
		}
		out.WriteString(shown)
		room -= n
	}
	return out.String()
}

func visible(r rune, raw string) string {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		return fmt.Sprintf(`\x%02x`, raw[0])
	case r == ' ' || unicode.IsGraphic(r) && !unicode.IsSpace(r):
		return raw
	case r < 0x100:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	default:
		return fmt.Sprintf(`\U%08x`, r)
	}
}
