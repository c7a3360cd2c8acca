package outbox

import (
	"bytes"
	"iter"
	"strconv"

	"evcp"
)

// Line is one event as Event.AppendJSON wrote it. Its methods cut a field out
// without parsing the rest. That is exact, since a quote inside a JSON string is
// escaped and so no text can look like the name of a field.
type Line []byte

var (
	prefix  = []byte(`{"cp_id":"`)
	plain   = []byte(`","monitor_id":"EV_CP_M","action":"health_check","status":"OK"`)
	quote   = []byte(`"`)
	newline = []byte("\n")

	actionField = []byte(`,"action":"`)
	epochField  = []byte(`,"epoch":`)
	seqField    = []byte(`,"seq":`)
	stampField  = []byte(`,"timestamp":`)
)

// CP is the charge point's id, a part of the line; nil when it has none.
func (l Line) CP() []byte {
	rest, ok := bytes.CutPrefix(l, prefix)
	if !ok {
		return nil
	}
	cp, _, _ := bytes.Cut(rest, quote)
	return cp
}

// Plain reports whether the event is one more OK and no fact.
func (l Line) Plain() bool {
	from := len(prefix) + len(l.CP())
	return from <= len(l) && bytes.HasPrefix(l[from:], plain)
}

// Action is what the event records.
func (l Line) Action() evcp.Action {
	_, rest, _ := bytes.Cut(l, actionField)
	word, _, _ := bytes.Cut(rest, quote)
	action, _ := evcp.ParseAction(string(word))
	return action
}

// ID is the event's number.
func (l Line) ID() evcp.EventID {
	epoch, _ := strconv.ParseInt(string(l.number(epochField)), 10, 64)
	seq, _ := strconv.ParseUint(string(l.number(seqField)), 10, 64)
	return evcp.EventID{Epoch: epoch, Seq: seq}
}

// At is the event's timestamp.
func (l Line) At() evcp.Stamp {
	whole, rest, _ := bytes.Cut(l.number(stampField), []byte("."))
	seconds, _ := strconv.ParseInt(string(whole), 10, 64)
	micros, unit := int64(0), int64(100_000)
	for _, digit := range rest {
		micros += int64(digit-'0') * unit
		unit /= 10
	}
	return evcp.Stamp(seconds*1e6 + micros)
}

func (l Line) number(field []byte) []byte {
	at := bytes.Index(l, field)
	if at < 0 {
		return nil
	}
	rest := l[at+len(field):]
	end := 0
	for end < len(rest) && (rest[end] >= '0' && rest[end] <= '9' || rest[end] == '.') {
		end++
	}
	return rest[:end]
}

// lines walks the lines of a body, without their newlines.
func lines(body []byte) iter.Seq[Line] {
	return func(yield func(Line) bool) {
		for len(body) > 0 {
			var line []byte
			line, body, _ = bytes.Cut(body, newline)
			if len(line) > 0 && !yield(line) {
				return
			}
		}
	}
}
