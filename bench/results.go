package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// samples are repeated measurements of one quantity.
type samples []float64

func (s *samples) add(v float64) { *s = append(*s, v) }

// percentile returns the smallest sample that is at least as large as the share p
// of all samples; NaN without samples.
func (s samples) percentile(p float64) float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[max(0, int(math.Ceil(p*float64(len(sorted))))-1)]
}

// median of an even number of samples is the mean of the two in the middle.
func (s samples) median() float64 {
	if len(s)%2 == 1 || len(s) == 0 {
		return s.percentile(0.5)
	}
	sorted := slices.Sorted(slices.Values(s))
	return (sorted[len(s)/2-1] + sorted[len(s)/2]) / 2
}

func (s samples) sum() (sum float64) {
	for _, v := range s {
		sum += v
	}
	return sum
}

func (s samples) last() float64 { return s[len(s)-1] }

func (s samples) max() float64 { return s.percentile(1) }

// String is "median (min–max)": "412 (398–455)".
func (s samples) String() string {
	return fmt.Sprintf("%s (%s–%s)", figure(s.median()), figure(s.percentile(0)), figure(s.max()))
}

// figure writes a number with three significant digits, and with all digits before
// the decimal point; NaN is a dash.
func figure(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "–"
	case a >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case a >= 9.995:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// verdict compares a figure with its upper bound.
func verdict(is, atMost float64) string {
	if is <= atMost {
		return "holds"
	}
	return "**MISSES**"
}

// resultTable is a table of the document. There it stands between two markers, the
// first of which has its name.
type resultTable struct {
	name  string
	title string // for the terminal; the document has its own headings
	head  []string
	rows  [][]string
}

func (t *resultTable) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *resultTable) markdown() string {
	width := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	writeRow(&b, t.head, width, " ")
	writeRow(&b, make([]string, len(t.head)), width, "-")
	for _, row := range t.rows {
		writeRow(&b, row, width, " ")
	}
	return b.String()
}

func writeRow(b *strings.Builder, cells []string, width []int, fill string) {
	for i, cell := range cells {
		b.WriteString("| " + cell + strings.Repeat(fill, width[i]-utf8.RuneCountInString(cell)) + " ")
	}
	b.WriteString("|\n")
}

// rewrite puts the tables into the document, each between its markers. If a table
// has no markers, or markers have no table, it is an error and the document stays
// as it was, so that all its figures are always of one run.
func rewrite(document string, tables []resultTable) error {
	text, err := os.ReadFile(document)
	if err != nil {
		return fmt.Errorf("read the document: %w", err)
	}
	for _, t := range tables {
		begin, end := []byte("<!-- measured: "+t.name+" -->\n"), []byte("<!-- end -->")
		before, rest, found := bytes.Cut(text, begin)
		_, after, ended := bytes.Cut(rest, end)
		if !found || !ended {
			return fmt.Errorf("%s has no markers for the table %q", document, t.name)
		}
		text = bytes.Join([][]byte{before, begin, []byte(t.markdown()), end, after}, nil)
	}
	if marked := bytes.Count(text, []byte("<!-- measured: ")); marked != len(tables) {
		return fmt.Errorf("%s has markers for %d tables, not for %d", document, marked, len(tables))
	}
	return os.WriteFile(document, text, 0o644)
}
