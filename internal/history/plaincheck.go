package history

import (
	"bytes"
	"time"

	"evcp"
)

// Nearly all records are checks in the form that our Monitors write. They are read here
// without a JSON parser, five times as fast; anything that differs from the form by a byte is
// left to Parse.

// scanner reads a record from left to right. ok is false after the first byte that differs.
type scanner struct {
	rest []byte
	ok   bool
}

// literal skips a text.
func (s *scanner) literal(text string) {
	if !s.ok || !bytes.HasPrefix(s.rest, []byte(text)) {
		s.ok = false
		return
	}
	s.rest = s.rest[len(text):]
}

// quoted reads the rest of a text up to its quotation mark. One with an escape, or with a
// byte that JSON does not allow or that is not ASCII, is left to Parse.
func (s *scanner) quoted() []byte {
	for i, c := range s.rest {
		switch {
		case c == '"' && s.ok:
			text := s.rest[:i]
			s.rest = s.rest[i+1:]
			return text
		case c < ' ' || c >= 0x7f || c == '\\':
			s.ok = false
			return nil
		}
	}
	s.ok = false
	return nil
}

// number reads an integer of at most 16 digits, without a zero before others.
func (s *scanner) number() (n int64) {
	i := 0
	for ; i < len(s.rest) && i <= 16 && '0' <= s.rest[i] && s.rest[i] <= '9'; i++ {
		n = n*10 + int64(s.rest[i]-'0')
	}
	if i == 0 || i > 16 || s.rest[0] == '0' && i > 1 {
		s.ok = false
		return 0
	}
	s.rest = s.rest[i:]
	return n
}

// decimal reads a number with one to six decimals, in millionths.
func (s *scanner) decimal() (n int64) {
	n = s.number()
	s.literal(".")
	if n > int64(latest)/1_000_000 {
		s.ok = false
		return 0
	}
	i := 0
	for ; i < len(s.rest) && '0' <= s.rest[i] && s.rest[i] <= '9'; i++ {
		if i == 6 {
			s.ok = false
			return 0
		}
		n = n*10 + int64(s.rest[i]-'0')
	}
	s.ok = s.ok && i > 0
	s.rest = s.rest[i:]
	for ; i < 6; i++ {
		n *= 10
	}
	return n
}

// parsePlainCheck reads a health_check as evcp.Event.AppendJSON writes it.
func parsePlainCheck(value []byte) (p ParsedRecord, ok bool) {
	s := scanner{value, true}
	s.literal(`{"cp_id":"`)
	cp := s.quoted()
	s.literal(`,"monitor_id":"EV_CP_M","action":"health_check","status":"`)
	status, known := evcp.ParseStatus(string(s.quoted()))
	s.literal(`,"engine_response":"`)
	reply := s.quoted()
	s.literal(`,"consecutive_failures":`)
	failures := s.number()
	s.literal(`,"timestamp":`)
	at := s.decimal()
	s.literal(`,"cause":"`)
	cause, knownCause := evcp.ParseCause(string(s.quoted()), "")
	s.literal(`,"latency_ms":`)
	nanos := s.decimal()
	s.literal(`,"instance":"`)
	s.quoted()
	s.literal(`,"epoch":`)
	epoch := s.number()
	s.literal(`,"seq":`)
	seq := s.number()
	s.literal(`,"event_id":"`)
	s.quoted()
	s.literal(`}`)
	if !s.ok || !known || !knownCause || len(s.rest) > 0 || failures > 1<<31 || epoch == 0 || seq == 0 || nanos%1000 != 0 {
		return p, false
	}
	id, err := evcp.ParseCPID(string(cp))
	stamp := evcp.Stamp(at)
	p = ParsedRecord{CP: id, At: stamp, Epoch: epoch, Record: Record{Seq: uint64(seq), Action: evcp.HealthCheck, At: stamp, Status: status, Failures: uint32(failures), Latency: time.Duration(nanos)}, IsCheck: true, CheckCause: cause, Reply: reply}
	return p, err == nil && p.plausible()
}
