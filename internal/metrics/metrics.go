// Package metrics counts durations where they are measured, and writes what was
// counted in Prometheus's text format.
//
// Counting is a few atomic additions: it never waits and never allocates. The numbers of
// one reading are not of one moment; each of them only rises.
package metrics

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Histogram counts durations in buckets with fixed bounds. Make it with NewHistogram; any
// number of goroutines may use it at once.
type Histogram struct {
	bounds []time.Duration
	counts []atomic.Uint64 // one more than bounds: the last has no bound
	sum    atomic.Int64
}

// NewHistogram makes a Histogram with a bucket for each upper bound, which belongs to it,
// and one beyond the last. Bounds rise.
func NewHistogram(bounds ...time.Duration) *Histogram {
	return &Histogram{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
}

// Observe counts one duration. A negative one, which only a clock that was set can make,
// counts as zero.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	i, _ := slices.BinarySearch(h.bounds, d)
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

// Distribution is a reading of a Histogram, or the counts of one owner.
type Distribution struct {
	Bounds []time.Duration // read only: all readings share them
	Counts []uint64        // of each bucket by itself; the last is beyond all bounds
	Sum    time.Duration
}

// Read returns what was counted so far.
func (h *Histogram) Read() Distribution {
	d := Distribution{Bounds: h.bounds, Counts: make([]uint64, len(h.counts)), Sum: time.Duration(h.sum.Load())}
	for i := range h.counts {
		d.Counts[i] = h.counts[i].Load()
	}
	return d
}

// NewDistribution makes a Distribution that one owner counts in; see NewHistogram.
func NewDistribution(bounds ...time.Duration) Distribution {
	return Distribution{Bounds: bounds, Counts: make([]uint64, len(bounds)+1)}
}

// Observe counts one duration, as Histogram.Observe does.
func (d *Distribution) Observe(t time.Duration) {
	t = max(t, 0)
	i := 0
	for i < len(d.Bounds) && d.Bounds[i] < t { // most are among the first
		i++
	}
	d.Counts[i]++
	d.Sum += t
}

// Add adds what another owner counted with the same bounds.
func (d *Distribution) Add(other Distribution) {
	for i, n := range other.Counts {
		d.Counts[i] += n
	}
	d.Sum += other.Sum
}

// Writer writes Prometheus's text format 0.0.4: one family after the other, each with
// its samples. docs/decisions/0014 has the reasons for not using a library.
type Writer struct {
	text []byte
	name string // of the family that samples go to
}

// Counter begins a family of a value that only rises. Its name ends with _total.
func (m *Writer) Counter(name, help string) *Writer { return m.family(name, "counter", help) }

// Gauge begins a family of a value that rises and falls.
func (m *Writer) Gauge(name, help string) *Writer { return m.family(name, "gauge", help) }

// Histogram writes a whole family: a distribution of durations, in seconds.
func (m *Writer) Histogram(name, help string, d Distribution) {
	m.family(name, "histogram", help)
	total := uint64(0)
	for i, n := range d.Counts {
		total += n
		bound := math.Inf(1)
		if i < len(d.Bounds) {
			bound = d.Bounds[i].Seconds()
		}
		m.sample("_bucket", float64(total), []string{"le", number(bound)})
	}
	m.sample("_sum", d.Sum.Seconds(), nil)
	m.sample("_count", float64(total), nil)
}

// Value writes a sample of the family. Labels are names and values in turn.
func (m *Writer) Value(value float64, labels ...string) *Writer { return m.sample("", value, labels) }

// Time writes a time in Unix seconds; the zero time writes no sample.
func (m *Writer) Time(t time.Time, labels ...string) *Writer {
	if t.IsZero() {
		return m
	}
	return m.Value(float64(t.UnixMicro())/1e6, labels...)
}

func (m *Writer) family(name, kind, help string) *Writer {
	m.name = name
	m.text = append(m.text, "# HELP "+name+" "+escapeHelp.Replace(help)+"\n# TYPE "+name+" "+kind+"\n"...)
	return m
}

func (m *Writer) sample(suffix string, value float64, labels []string) *Writer {
	m.text = append(m.text, m.name+suffix...)
	var pairs []string
	for pair := range slices.Chunk(labels, 2) {
		pairs = append(pairs, pair[0]+`="`+escapeLabel.Replace(strings.ToValidUTF8(pair[1], "�"))+`"`)
	}
	if len(pairs) > 0 {
		m.text = append(m.text, "{"+strings.Join(pairs, ",")+"}"...)
	}
	m.text = append(m.text, " "+number(value)+"\n"...)
	return m
}

// Text is everything written so far.
func (m *Writer) Text() []byte { return m.text }

var (
	escapeHelp  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	escapeLabel = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// number writes a whole number without a fraction, and never with an exponent.
func number(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "+Inf"
	case v == math.Trunc(v) && math.Abs(v) < 1<<53:
		return strconv.FormatInt(int64(v), 10)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}
