package metrics

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Writer writes Prometheus's text format 0.0.4: one family after the other, each
// with its samples. docs/decisions/0014 says why this is not a library.
type Writer struct {
	text []byte
	name string // of the family in the making
}

// Counter begins a family of what only rises. Its name ends with _total.
func (m *Writer) Counter(name, help string) *Writer { return m.family(name, "counter", help) }

// Gauge begins a family of what rises and falls.
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

// Value writes a sample of the family. Labels are name and value in turns.
func (m *Writer) Value(value float64, labels ...string) *Writer { return m.sample("", value, labels) }

// Time writes a moment, in seconds since 1970; one that never was is no sample.
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
	m.text = append(append(m.text, m.name...), suffix...)
	for i := 0; i+1 < len(labels); i += 2 {
		open := byte(',')
		if i == 0 {
			open = '{'
		}
		m.text = append(m.text, open)
		m.text = append(m.text, labels[i]+`="`+escapeLabel.Replace(strings.ToValidUTF8(labels[i+1], "�"))+`"`...)
	}
	if len(labels) > 1 {
		m.text = append(m.text, '}')
	}
	m.text = append(append(append(m.text, ' '), number(value)...), '\n')
	return m
}

// Text is what was written so far.
func (m *Writer) Text() []byte { return m.text }

var (
	escapeHelp  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	escapeLabel = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// number writes whole numbers whole, and times of day with their microseconds.
func number(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "+Inf"
	case v == math.Trunc(v) && math.Abs(v) < 1<<53:
		return strconv.FormatInt(int64(v), 10)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}
