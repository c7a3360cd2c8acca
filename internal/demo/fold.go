package demo

import (
	"time"

	"evcp/internal/display"
	"evcp/internal/language"
)

// linesPerSecond is how many lines of one shape about single charge points are written in
// one second. Six charge points have fewer, and a fifth of a fleet has thousands.
const linesPerSecond = 6

// lineFold leaves lines of a storm out and counts them. The zero lineFold is ready.
type lineFold struct {
	until   time.Time // the end of the second that is counted
	written map[display.Shape]int
}

// The lines that count.
var (
	moreFailed    = display.NewPlural("%d more failed in this second", "%d more failed in this second")
	moreActivated = display.NewPlural("%d more activated in this second", "%d more activated in this second")
	moreLines     = display.NewPlural("%d more line in this second", "%d more lines in this second")
)

// take returns the lines to be written. What was left out of a second is counted in the first
// call after it.
func (f *lineFold) take(said language.Language, lines []unwrittenLine, now time.Time) (all []unwrittenLine) {
	if !now.Before(f.until) {
		all = f.counted(said)
		f.until, f.written = now.Add(time.Second), map[display.Shape]int{}
	}
	for _, l := range lines {
		if l.cp != "" {
			f.written[l.shape]++
		}
		if l.cp == "" || f.written[l.shape] <= linesPerSecond {
			all = append(all, l)
		}
	}
	return all
}

// counted is a line for each shape of which lines were left out.
func (f *lineFold) counted(said language.Language) (all []unwrittenLine) {
	for _, shape := range []display.Shape{display.Failed, display.Gone, display.Up, display.Note, display.Unknown} {
		n := f.written[shape] - linesPerSecond
		if n <= 0 {
			continue
		}
		what := moreLines
		switch shape {
		case display.Failed:
			what = moreFailed
		case display.Up:
			what = moreActivated
		}
		all = append(all, unwrittenLine{shape: shape, text: what.In(said).Of(int64(n))})
	}
	return all
}
