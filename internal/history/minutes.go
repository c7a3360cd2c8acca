package history

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"time"

	"evcp"
)

// Minute is what the checks of one charge point came to in one minute.
type Minute struct {
	At       evcp.Stamp // its begin
	OK       uint64
	KO       uint64
	NoReply  uint64 // CONNECTION_ERROR
	Unknown  uint64
	Answered uint64 // checks that were answered, OK or KO, with a latency: of these are the latencies
	Least    time.Duration
	Median   time.Duration // the lower one of two
	Most     time.Duration
}

const (
	minute = evcp.Stamp(time.Minute / time.Microsecond)
	hour   = evcp.Stamp(time.Hour / time.Microsecond)
	// maxLatencies is of how many checks of a minute the median is computed, the first ones;
	// 4 bytes each.
	maxLatencies = 1024
	// maxPacked is how many bytes of one hour are held; usually it has 500.
	maxPacked = 4 << 10
)

// HourOf is the begin of the hour of a moment.
func HourOf(at evcp.Stamp) evcp.Stamp { return at - at%hour }

// PackedMinutes are minutes of one hour, in the order in which their numbering went through
// them. Two of one hour can be appended to each other. See UnpackMinutes.
type PackedMinutes struct {
	Hour  evcp.Stamp // its begin
	Bytes []byte
}

// MinuteCounter counts the checks of one numbering by the minute. What it holds is a function
// of the records that were applied, in their order. The zero MinuteCounter has counted none.
type MinuteCounter struct {
	settled   []PackedMinutes // of hours that are over, until TakeSettled
	packed    PackedMinutes   // the minutes of this hour that are over
	now       Minute          // the one that goes on; its At is 0: none. Without the median
	latencies []uint32        // of it, in microseconds
}

// add counts a record, if it is a check.
func (c *MinuteCounter) add(r Record) {
	if r.Action != evcp.HealthCheck || r.Status > evcp.ConnectionError {
		return
	}
	if at := r.At - r.At%minute; at != c.now.At {
		c.endMinute()
		if h := HourOf(at); h != c.packed.Hour || len(c.packed.Bytes) > maxPacked {
			c.endHour()
			c.packed.Hour = h
		}
		c.now = Minute{At: at}
	}
	switch r.Status {
	case evcp.OK:
		c.now.OK++
	case evcp.KO:
		c.now.KO++
	case evcp.ConnectionError:
		c.now.NoReply++
		return
	default:
		c.now.Unknown++
		return
	}
	if r.Latency <= 0 {
		return
	}
	if c.now.Answered++; c.now.Answered == 1 || r.Latency < c.now.Least {
		c.now.Least = r.Latency
	}
	c.now.Most = max(c.now.Most, r.Latency)
	if len(c.latencies) < maxLatencies {
		c.latencies = append(c.latencies, uint32(min(r.Latency.Microseconds(), math.MaxUint32)))
	}
}

// finished is the minute that goes on, as if it ended here.
func (c *MinuteCounter) finished() Minute {
	m := c.now
	if len(c.latencies) > 0 {
		sorted := slices.Clone(c.latencies)
		slices.Sort(sorted)
		m.Median = time.Duration(sorted[(len(sorted)-1)/2]) * time.Microsecond
	}
	return m
}

func (c *MinuteCounter) endMinute() {
	if c.now.At != 0 {
		c.packed.Bytes = appendMinute(c.packed.Bytes, c.finished())
	}
	c.now, c.latencies = Minute{}, c.latencies[:0]
}

func (c *MinuteCounter) endHour() {
	if len(c.packed.Bytes) > 0 {
		c.settled = append(c.settled, PackedMinutes{c.packed.Hour, slices.Clone(c.packed.Bytes)})
	}
	c.packed = PackedMinutes{Bytes: c.packed.Bytes[:0]}
}

// TakeSettled returns the hours that are over, once.
func (c *MinuteCounter) TakeSettled() []PackedMinutes {
	s := c.settled
	c.settled = nil
	return s
}

// Hour is the begin of the hour that goes on; 0: no check was counted.
func (c *MinuteCounter) Hour() evcp.Stamp { return c.packed.Hour }

// rest are the minutes that are not settled, as if nothing came but the records that wait.
func (c MinuteCounter) rest(waiting []Record) ([]Minute, error) {
	c.settled, c.packed.Bytes, c.latencies = nil, slices.Clone(c.packed.Bytes), slices.Clone(c.latencies)
	for _, w := range waiting {
		c.add(w)
	}
	c.endMinute()
	c.endHour()
	var all []Minute
	for _, p := range c.settled {
		some, err := UnpackMinutes(p)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// RestMinutes are the minutes of the numbering that are not settled yet.
func (n Numbering) RestMinutes() ([]Minute, error) { return n.Minutes.rest(n.Waiting) }

// A packed minute is a byte, its number in the hour with two marks, and then varints: OK; KO,
// NoReply and Unknown, unless onlyOK; with hasLatency OK + KO - Answered, Least, Median - Least
// and Most - Median, in microseconds.
const (
	onlyOK     = 0x40
	hasLatency = 0x80
)

func appendMinute(b []byte, m Minute) []byte {
	first := byte(m.At % hour / minute)
	if m.KO+m.NoReply+m.Unknown == 0 {
		first |= onlyOK
	}
	if m.Answered > 0 {
		first |= hasLatency
	}
	b = binary.AppendUvarint(append(b, first), m.OK)
	if first&onlyOK == 0 {
		b = binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(b, m.KO), m.NoReply), m.Unknown)
	}
	if m.Answered > 0 {
		b = binary.AppendUvarint(b, m.OK+m.KO-m.Answered)
		for _, d := range []time.Duration{m.Least, m.Median - m.Least, m.Most - m.Median} {
			b = binary.AppendUvarint(b, uint64(max(d, 0).Microseconds()))
		}
	}
	return b
}

// errPacked are bytes that are no packed minutes.
var errPacked = errors.New("unreadable minutes")

// varints reads numbers from left to right. bad is set after the first that is none.
type varints struct {
	rest []byte
	bad  bool
}

func (v *varints) next() uint64 {
	n, size := binary.Uvarint(v.rest)
	if size <= 0 || n > math.MaxInt64/1000 {
		v.bad, v.rest = true, nil
		return 0
	}
	v.rest = v.rest[size:]
	return n
}

func (v *varints) micros() time.Duration { return time.Duration(v.next()) * time.Microsecond }

// UnpackMinutes reads packed minutes.
func UnpackMinutes(p PackedMinutes) (all []Minute, err error) {
	v := varints{rest: p.Bytes}
	for len(v.rest) > 0 {
		first := v.rest[0]
		v.rest = v.rest[1:]
		m := Minute{At: p.Hour + evcp.Stamp(first&0x3f)*minute, OK: v.next()}
		if first&onlyOK == 0 {
			m.KO, m.NoReply, m.Unknown = v.next(), v.next(), v.next()
		}
		if first&hasLatency != 0 {
			without := v.next()
			if without >= m.OK+m.KO {
				return nil, errPacked
			}
			m.Answered = m.OK + m.KO - without
			m.Least = v.micros()
			m.Median = m.Least + v.micros()
			m.Most = m.Median + v.micros()
		}
		if v.bad || m.Most < 0 || m.At >= p.Hour+hour {
			return nil, errPacked
		}
		all = append(all, m)
	}
	return all, nil
}

// MarshalBinary writes what goes on, to be continued. What is settled is not in it.
func (c *MinuteCounter) MarshalBinary() ([]byte, error) {
	var b []byte
	for _, n := range []uint64{
		uint64(c.packed.Hour), uint64(c.now.At), c.now.OK, c.now.KO, c.now.NoReply, c.now.Unknown, c.now.Answered,
		uint64(c.now.Least.Microseconds()), uint64(c.now.Most.Microseconds()), uint64(len(c.latencies)),
	} {
		b = binary.AppendUvarint(b, n)
	}
	for _, l := range c.latencies {
		b = binary.AppendUvarint(b, uint64(l))
	}
	return append(b, c.packed.Bytes...), nil
}

// UnmarshalBinary reads what MarshalBinary wrote.
func (c *MinuteCounter) UnmarshalBinary(b []byte) error {
	v := varints{rest: b}
	*c = MinuteCounter{packed: PackedMinutes{Hour: evcp.Stamp(v.next())}}
	c.now = Minute{At: evcp.Stamp(v.next()), OK: v.next(), KO: v.next(), NoReply: v.next(), Unknown: v.next(), Answered: v.next(), Least: v.micros(), Most: v.micros()}
	count := v.next()
	if count > maxLatencies {
		return errPacked
	}
	for range count {
		c.latencies = append(c.latencies, uint32(min(v.next(), math.MaxUint32)))
	}
	if v.bad {
		return errPacked
	}
	c.packed.Bytes = slices.Clone(v.rest)
	return nil
}

// MergeMinutes makes one of all that are of one minute, by time: a clock that was set, two
// numberings, or two Monitors. Counts add up; the median is that of the one with the most
// answered checks.
func MergeMinutes(all []Minute) []Minute {
	slices.SortFunc(all, func(a, b Minute) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(b.Answered, a.Answered), cmp.Compare(a.Median, b.Median))
	})
	var merged []Minute
	for _, m := range all {
		last := len(merged) - 1
		if last < 0 || merged[last].At != m.At {
			merged = append(merged, m)
			continue
		}
		into := &merged[last]
		into.OK, into.KO, into.NoReply, into.Unknown = into.OK+m.OK, into.KO+m.KO, into.NoReply+m.NoReply, into.Unknown+m.Unknown
		if m.Answered > 0 { // then the first one has, too: it has the most
			into.Least, into.Most = min(into.Least, m.Least), max(into.Most, m.Most)
			into.Answered += m.Answered
		}
	}
	return merged
}

// UnnumberedMinutes are the minutes of the checks of the first EV_CP_M, which say no latency.
func UnnumberedMinutes(checks []Check) (all []Minute) {
	for _, c := range checks {
		m := Minute{At: c.At - c.At%minute}
		switch c.Status {
		case evcp.OK:
			m.OK = 1
		case evcp.KO:
			m.KO = 1
		case evcp.ConnectionError:
			m.NoReply = 1
		default:
			m.Unknown = 1
		}
		all = append(all, m)
	}
	return MergeMinutes(all)
}
