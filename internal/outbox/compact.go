package outbox

import (
	"bytes"
	"strconv"
	"time"

	"evcp"
)

// Nearly every event is one more OK. In the body of a row, in memory and in the file, it is an
// array of what differs, so that a commit touches fewer pages of the disk:
//
//	["CP_001","site-7",1640000007340032,0,812,5]
//	[137,794]
//
// These are the charge point, the instance, the epoch, how much later it is than the first
// event of the row and one second for each line between, the latency, both in microseconds,
// and the seq. An array has only the time and the latency if the first line of its row is an
// array of the same numbering, and its seq is that of the first line and its place in the
// row. Every other event, and every row of an older version, is the line that goes to Kafka.
// The view "events" of the schema does the same as LineReader, for people.

// What the lines of plain OKs have in common.
const (
	okPrefix   = `{"cp_id":"`
	okStatus   = `","monitor_id":"EV_CP_M","action":"health_check","status":"OK","engine_response":"OK","consecutive_failures":0,"timestamp":`
	okLatency  = `,"cause":"","latency_ms":`
	okInstance = `,"instance":`
	okEpoch    = `,"epoch":`
	okSeq      = `,"seq":`
	okEventID  = `,"event_id":"`
	okEnd      = `"}`

	okSize = len(okPrefix) + len(okStatus) + len(okLatency) + len(okInstance) + len(okEpoch) + len(okSeq) + len(okEventID) + len("--") + len(okEnd) + len("\n")
)

// plainOK reports whether an event is written as an array: its line has the form that
// arrayLine.append writes.
func plainOK(e *evcp.Event) bool {
	return e.Action == evcp.HealthCheck && e.Status == evcp.OK && e.Response == "OK" && e.Cause == evcp.NoCause &&
		e.Failures == 0 && e.PrevEpoch == 0 && e.At > 0 && e.Latency >= time.Microsecond
}

// rowEncoder appends events to the body of a row.
type rowEncoder struct {
	at    evcp.Stamp // of the first event
	lines int64      // so far
	size  int        // of all lines as they go to Kafka, with their newlines
	// The numbering of the first line, if that is an array; else the zero EventID.
	cp           evcp.CPID
	instance     string
	instanceSize int // as JSON, in quotes
	first        evcp.EventID
}

// append appends one event and a newline.
func (r *rowEncoder) append(dst []byte, e *evcp.Event) []byte {
	if r.lines == 0 {
		r.at = e.At
	}
	was := len(dst)
	if plainOK(e) {
		dst = r.appendArray(dst, e)
	} else {
		dst = append(e.AppendJSON(dst), '\n')
		r.size += len(dst) - was
	}
	r.lines++
	return dst
}

func (r *rowEncoder) appendArray(dst []byte, e *evcp.Event) []byte {
	latency, instanceSize := int64(e.Latency/time.Microsecond), r.instanceSize
	later := int64(e.At - nominal(r.at, r.lines))
	if r.follows(e) {
		dst = strconv.AppendInt(append(dst, '['), later, 10)
		dst = strconv.AppendInt(append(dst, ','), latency, 10)
	} else {
		dst = append(append(append(dst, `["`...), e.CP...), `",`...)
		was := len(dst)
		dst = evcp.AppendJSONString(dst, e.Instance)
		instanceSize = len(dst) - was
		dst = strconv.AppendInt(append(dst, ','), e.Epoch, 10)
		dst = strconv.AppendInt(append(dst, ','), later, 10)
		dst = strconv.AppendInt(append(dst, ','), latency, 10)
		dst = strconv.AppendUint(append(dst, ','), e.Seq, 10)
	}
	if r.lines == 0 {
		r.cp, r.instance, r.instanceSize, r.first = e.CP, e.Instance, instanceSize, e.ID()
	}
	r.size += okSize + 2*len(e.CP) + instanceSize + 2*digits(uint64(e.Epoch)) + 2*digits(e.Seq) +
		decimalSize(int64(e.At), 1_000_000) + decimalSize(latency, 1_000)
	return append(dst, ']', '\n')
}

// follows reports whether an event has the numbering and the number that follow from the
// first line.
func (r *rowEncoder) follows(e *evcp.Event) bool {
	return r.lines > 0 && r.first.Epoch == e.Epoch && r.first.Seq+uint64(r.lines) == e.Seq && r.cp == e.CP && r.instance == e.Instance
}

// nominal is when the line at a place of a row happened, if each did a second after the one before.
func nominal(first evcp.Stamp, place int64) evcp.Stamp { return first + evcp.Stamp(place)*1_000_000 }

// digits is how many digits a number has.
func digits(v uint64) int {
	n := 1
	for ; v >= 10; v /= 10 {
		n++
	}
	return n
}

// decimalSize is how long v/unit is, with at least one decimal and no more than it needs.
func decimalSize(v, unit int64) int {
	n := digits(uint64(v/unit)) + len(".0")
	for rest := v % unit * 10 % unit; rest != 0; rest = rest * 10 % unit {
		n++
	}
	return n
}

// LineReader reads the events of a run one by one, as they go to Kafka. A copy of it goes on from
// the same event. What is no array of the form above stays as it is.
type LineReader struct {
	rest  []byte
	at    evcp.Stamp // of the first event
	place int64      // of the next line
	first arrayLine  // the first line, if that is an array; else without a charge point
}

// Next appends the next event, without a newline, to dst; false: there is none.
func (r *LineReader) Next(dst []byte) ([]byte, bool) {
	for len(r.rest) > 0 {
		var line []byte
		if line, r.rest, _ = bytes.Cut(r.rest, newline); len(line) == 0 {
			continue
		}
		a, ok := r.parse(line)
		if ok {
			dst = a.append(dst)
		} else {
			dst = append(dst, line...)
		}
		if r.place == 0 {
			r.first = a
		}
		r.place++
		return dst, true
	}
	return dst, false
}

// arrayLine is what an array says, in parts of the body.
type arrayLine struct {
	cp, instance, epoch []byte // the instance is in quotes
	at                  evcp.Stamp
	latency             int64 // µs
	seq                 uint64
}

// parse reads the next line if that is an array; else it returns the zero arrayLine.
func (r *LineReader) parse(line []byte) (a arrayLine, ok bool) {
	if line[0] != '[' {
		return a, false
	}
	s := splitter{line[1:], true}
	if bytes.HasPrefix(s.rest, quote) {
		s.until(quote)
		a.cp = s.until(quote)
		s.until(comma)
		a.instance = s.text()
		s.until(comma)
		a.epoch = s.until(comma)
		a.at = nominal(r.at, r.place) + evcp.Stamp(s.signed(comma))
		a.latency = s.signed(comma)
		a.seq = s.unsigned(closing)
	} else {
		a = r.first
		a.seq += uint64(r.place)
		a.at = nominal(r.at, r.place) + evcp.Stamp(s.signed(comma))
		a.latency = s.signed(closing)
	}
	if !s.ok || len(s.rest) > 0 || a.cp == nil {
		return arrayLine{}, false
	}
	return a, true
}

// append appends the line.
func (a arrayLine) append(dst []byte) []byte {
	dst = append(append(append(dst, okPrefix...), a.cp...), okStatus...)
	dst = a.at.AppendSeconds(dst, 1, 6)
	dst = evcp.Stamp(1000*a.latency).AppendSeconds(append(dst, okLatency...), 1, 3)
	dst = append(append(dst, okInstance...), a.instance...)
	dst = append(append(dst, okEpoch...), a.epoch...)
	dst = strconv.AppendUint(append(dst, okSeq...), a.seq, 10)
	dst = append(append(append(dst, okEventID...), a.cp...), '-')
	dst = append(append(dst, a.epoch...), '-')
	return append(strconv.AppendUint(dst, a.seq, 10), okEnd...)
}

var (
	comma   = []byte(",")
	closing = []byte("]")
)

// splitter takes a line apart, front to back.
type splitter struct {
	rest []byte
	ok   bool // everything was found, and was a number where it must be
}

// until takes what comes before the next sep, and sep with it.
func (s *splitter) until(sep []byte) []byte {
	part, rest, ok := bytes.Cut(s.rest, sep)
	s.rest, s.ok = rest, s.ok && ok
	return part
}

func (s *splitter) signed(sep []byte) int64 {
	n, err := strconv.ParseInt(string(s.until(sep)), 10, 64)
	s.ok = s.ok && err == nil
	return n
}

func (s *splitter) unsigned(sep []byte) uint64 {
	n, err := strconv.ParseUint(string(s.until(sep)), 10, 64)
	s.ok = s.ok && err == nil
	return n
}

// text takes a JSON string with its quotes.
func (s *splitter) text() []byte {
	for i := 1; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '\\':
			i++
		case '"':
			part := s.rest[:i+1]
			s.rest = s.rest[i+1:]
			return part
		}
	}
	s.ok = false
	return nil
}
