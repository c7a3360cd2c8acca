package outbox

import (
	"bytes"
	"iter"
	"strconv"

	"evcp"
)

// Run is a row of events, in the order of Append. It never changes.
type Run struct {
	ID    int64 // of the last row it holds; rises
	Count int   // events in it
	First evcp.Stamp
	Last  evcp.Stamp

	body   []byte // as rowEncoder wrote it
	after  int64  // the run before
	events int64  // events ever appended, with this run
}

// Lines reads the events of the run one by one.
func (r Run) Lines() LineReader { return LineReader{rest: r.body, at: r.First} }

// appendLines appends the events as JSON lines, each closed by a newline.
func (r Run) appendLines(dst []byte) []byte {
	l := r.Lines()
	for ok := true; ok; {
		if dst, ok = l.Next(dst); ok {
			dst = append(dst, '\n')
		}
	}
	return dst
}

// Each walks the events of the run.
func (r Run) Each() iter.Seq[Line] {
	return func(yield func(Line) bool) {
		l := r.Lines()
		for {
			line, ok := l.Next(nil)
			if !ok || !yield(line) {
				return
			}
		}
	}
}

// runRow is one row of the file, also before it is written.
type runRow struct {
	Run
	facts   int   // events that are no plain OK
	reports int   // events that are reportable
	bytes   int64 // bytes ever appended, with this run, as they go to Kafka

	encoder rowEncoder // before it is written
}

// add encodes the events of one batch. They are never split over two runs.
func (r *runRow) add(events []evcp.Event) {
	if r.Count == 0 {
		r.First = events[0].At
	}
	for i := range events {
		r.body = r.encoder.append(r.body, &events[i])
		if events[i].Fact() {
			r.facts++
		}
		if reportable(events[i].Action) {
			r.reports++
		}
	}
	r.Count += len(events)
	r.Last = events[len(events)-1].At
}

// reportable reports whether Facts hands out an event: the uplink needs it.
func reportable(a evcp.Action) bool {
	switch a {
	case evcp.EngineFailed, evcp.EngineRecovered, evcp.ReportEngineFailure, evcp.ReportEngineRecovery:
		return true
	}
	return false
}

// Line is one event as Event.AppendJSON wrote it. Its methods find a field without
// parsing the rest. That is exact: a quote inside a JSON string is escaped, so no text
// can look like the name of a field.
type Line []byte

var (
	prefix  = []byte(okPrefix)
	plain   = []byte(`","monitor_id":"EV_CP_M","action":"health_check","status":"OK"`)
	quote   = []byte(`"`)
	newline = []byte("\n")

	droppedAction = []byte(`","action":"events_dropped",`)

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

// Plain reports whether the event is a plain health_check OK, which is no fact.
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
func (l Line) At() evcp.Stamp { return parseSeconds(l.number(stampField)) }

// parseSeconds reads seconds with at most six decimals.
func parseSeconds(text []byte) evcp.Stamp {
	whole, rest, _ := bytes.Cut(text, []byte("."))
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
