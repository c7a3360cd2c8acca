package outbox

import (
	"bytes"
	"strconv"

	"evcp"
)

// Nearly every line is one more OK. In the file such a line is an array of what differs, so
// that a commit touches fewer pages of the disk:
//
//	["CP_001","site-7",1640000007340032,0,812,5]
//	[137,794]
//
// These are the charge point, the instance, the epoch, how much later it is than the first
// event of the row and one second for each line between, the latency, both in microseconds,
// and the seq. A line has only the time and the latency if the first line of its row is such
// an array of the same numbering, and its seq is that of the first line and its place in the
// row. A line is written so only if that gives back its very bytes. Every other line, and
// every row of an older version, is as it goes to Kafka. The view "events" of the schema does
// the same as expandLines, for people.

// What the lines of plain OKs have in common.
var (
	okStatus   = []byte(`","monitor_id":"EV_CP_M","action":"health_check","status":"OK","engine_response":"OK","consecutive_failures":0`)
	okLatency  = []byte(`,"cause":"","latency_ms":`)
	okInstance = []byte(`,"instance":`)
	okEventID  = []byte(`,"event_id":"`)
)

// plainOK is what differs between plain OKs.
type plainOK struct {
	numbered
	at      evcp.Stamp
	latency int64 // µs
	seq     uint64
}

// numbered is whose number a line has, in parts of the line; the instance is in quotes.
type numbered struct{ cp, instance, epoch []byte }

func (n numbered) equal(as numbered) bool {
	return bytes.Equal(n.cp, as.cp) && bytes.Equal(n.instance, as.instance) && bytes.Equal(n.epoch, as.epoch)
}

// compactRow is where the arrays of one row begin to count.
type compactRow struct {
	at    evcp.Stamp // of its first event
	first plainOK    // its first line, if that is an array; else without a charge point
	lines uint64     // so far
}

// compactLines appends the body of a row as it is written to the file.
func compactLines(dst []byte, r Run) []byte {
	row := compactRow{at: r.First}
	var again []byte
	for line := range r.Each() {
		p, ok := splitPlainOK(line)
		if ok {
			again = p.append(again[:0])
			ok = bytes.Equal(again, line)
		}
		if ok {
			dst = row.appendArray(dst, p)
		} else {
			dst, p = append(dst, line...), plainOK{}
		}
		dst = append(dst, '\n')
		row.next(p)
	}
	return dst
}

// expandLines appends the body that compactLines was given; at is the time of its first
// event. What is no such array stays as it is.
func expandLines(dst, body []byte, at evcp.Stamp) []byte {
	if !bytes.HasPrefix(body, []byte("[")) && !bytes.Contains(body, []byte("\n[")) {
		return append(dst, body...)
	}
	row := compactRow{at: at}
	for line := range lines(body) {
		was := len(dst)
		expanded, p, ok := row.expand(dst, line)
		if dst = expanded; !ok {
			dst = append(dst[:was], line...)
		}
		dst = append(dst, '\n')
		row.next(p)
	}
	return dst
}

// next counts a line; p is the zero plainOK if it is no array.
func (r *compactRow) next(p plainOK) {
	if r.lines == 0 {
		r.first = p
	}
	r.lines++
}

// nominal is when the next line happened, if each did a second after the one before.
func (r *compactRow) nominal() evcp.Stamp { return r.at + evcp.Stamp(r.lines)*1_000_000 }

// follows reports whether the next line has the numbering and the number that follow from
// the first line.
func (r *compactRow) follows(p plainOK) bool {
	return r.first.cp != nil && p.equal(r.first.numbered) && p.seq == r.first.seq+r.lines
}

// splitPlainOK finds what differs. A line that has it in another order, or more of it, comes
// out different when it is put together again.
func splitPlainOK(line Line) (plainOK, bool) {
	var p plainOK
	s := splitter{line, true}
	s.skip(prefix)
	p.cp = s.to('"')
	s.skip(okStatus)
	s.skip(stampField)
	p.at = parseSeconds(s.to(','))
	s.skip(okLatency)
	p.latency = int64(parseSeconds(s.to(','))) / 1000
	s.skip(okInstance)
	p.instance = s.text()
	s.skip(epochField)
	p.epoch = s.to(',')
	s.skip(seqField)
	n, err := strconv.ParseUint(string(s.to(',')), 10, 64)
	p.seq = n
	return p, s.ok && err == nil && bytes.HasPrefix(s.rest, okEventID)
}

// append appends the line.
func (p plainOK) append(dst []byte) []byte {
	dst = append(append(append(dst, prefix...), p.cp...), okStatus...)
	dst = p.at.AppendSeconds(append(dst, stampField...), 1, 6)
	dst = evcp.Stamp(1000*p.latency).AppendSeconds(append(dst, okLatency...), 1, 3)
	dst = append(append(dst, okInstance...), p.instance...)
	dst = append(append(dst, epochField...), p.epoch...)
	dst = strconv.AppendUint(append(dst, seqField...), p.seq, 10)
	dst = append(append(append(dst, okEventID...), p.cp...), '-')
	dst = append(append(dst, p.epoch...), '-')
	return append(strconv.AppendUint(dst, p.seq, 10), `"}`...)
}

// appendArray appends the next line as an array.
func (r *compactRow) appendArray(dst []byte, p plainOK) []byte {
	short := r.follows(p)
	dst = append(dst, '[')
	if !short {
		dst = append(append(append(dst, '"'), p.cp...), `",`...)
		dst = append(append(dst, p.instance...), ',')
		dst = append(append(dst, p.epoch...), ',')
	}
	dst = append(strconv.AppendInt(dst, int64(p.at-r.nominal()), 10), ',')
	dst = strconv.AppendInt(dst, p.latency, 10)
	if !short {
		dst = strconv.AppendUint(append(dst, ','), p.seq, 10)
	}
	return append(dst, ']')
}

// expand appends the line of the next array. It reports false for everything else.
func (r *compactRow) expand(dst, array []byte) ([]byte, plainOK, bool) {
	s := splitter{array, bytes.HasPrefix(array, []byte("["))}
	s.until([]byte("["))
	var p plainOK
	if bytes.HasPrefix(s.rest, quote) {
		s.until(quote)
		p.cp = s.until(quote)
		s.until(comma)
		p.instance = s.text()
		s.until(comma)
		p.epoch = s.until(comma)
		p.at = r.nominal() + evcp.Stamp(s.signed(comma))
		p.latency = s.signed(comma)
		p.seq = s.unsigned(closing)
	} else {
		p.numbered, p.seq = r.first.numbered, r.first.seq+r.lines
		p.at = r.nominal() + evcp.Stamp(s.signed(comma))
		p.latency = s.signed(closing)
	}
	if !s.ok || len(s.rest) > 0 || p.cp == nil {
		return dst, plainOK{}, false
	}
	return p.append(dst), p, true
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

// skip takes what must come next.
func (s *splitter) skip(what []byte) {
	rest, ok := bytes.CutPrefix(s.rest, what)
	s.rest, s.ok = rest, s.ok && ok
}

// to takes what comes before the next c, and leaves c.
func (s *splitter) to(c byte) []byte {
	n := bytes.IndexByte(s.rest, c)
	if n < 0 {
		s.ok = false
		return nil
	}
	part := s.rest[:n]
	s.rest = s.rest[n:]
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
