// Package display decides how values look to a person: the shape in front of a
// line, durations, and phrases with a number in them. Values in, texts out; any
// goroutine may call.
package display

import (
	"fmt"
	"time"
)

// Shape says at a glance what a line is about. The same shapes stand on
// Central's page.
type Shape uint8

// Shapes.
const (
	Note        Shape = iota // worth knowing, nothing to do
	Up                       // a charge point, Central or Kafka is well: activated, OK
	Failed                   // it is there and faulted: KO, no answer
	Gone                     // it is not there: disconnected, absent
	Maintenance              // somebody took it out of service
	Unknown                  // nobody can say
	Reported                 // somebody was told
)

// appearance is how a shape is shown.
type appearance struct {
	name  string   // in logfmt and JSON
	mark  rune     // at a terminal
	ascii byte     // at one that knows no better
	color string   // SGR parameters of the 16 colours; "" = the terminal's own
	words []string // the states that share its colour
}

var appearances = [...]appearance{
	Note:        {name: "note", mark: '·', ascii: '-'},
	Up:          {name: "up", mark: '●', ascii: '+', color: "32", words: []string{"OK", "activated"}},
	Failed:      {name: "failed", mark: '▲', ascii: '!', color: "31", words: []string{"KO", "CONNECTION_ERROR", "faulted"}},
	Gone:        {name: "gone", mark: '○', ascii: 'o', color: "90", words: []string{"disconnected", "absent"}},
	Maintenance: {name: "maintenance", mark: '■', ascii: '#', color: "33", words: []string{"maintenance"}},
	Unknown:     {name: "unknown", mark: '?', ascii: '?'},
	Reported:    {name: "told", mark: '→', ascii: '>'},
}

func (s Shape) appearance() appearance {
	if int(s) < len(appearances) {
		return appearances[s]
	}
	return appearances[Note]
}

// shapeOf finds the shape that r stands for. The question mark is none: sentences
// end with it, and it has no colour.
func shapeOf(r rune) (Shape, bool) {
	if r < 0x80 {
		return Note, false
	}
	for sh, l := range appearances {
		if l.mark == r {
			return Shape(sh), true
		}
	}
	return Note, false
}

// String is the name in a machine's log: "failed".
func (s Shape) String() string { return s.appearance().name }

// Mark is the character that stands for s in a text for Print, Live or
// Style.Line, which paint it.
func (s Shape) Mark() string { return string(s.appearance().mark) }

// Milliseconds words a latency: "3 ms", rounded down; "<1 ms" below one.
func Milliseconds(d time.Duration) string {
	if d < time.Millisecond {
		return "<1 ms"
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

// Duration words how long something took or lasted, with the two figures that
// matter: "900ms", "10.2s", "45s", "1m6s", "3h12m", "5d2h". A negative span
// is worded as none.
func Duration(d time.Duration) string {
	switch {
	case d <= 0:
		return "0s"
	case d < 999500*time.Microsecond:
		return fmt.Sprintf("%dms", max(d.Round(time.Millisecond).Milliseconds(), 1))
	case d < 59950*time.Millisecond:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour-time.Second/2:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 48*time.Hour-time.Minute/2:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	d = d.Round(time.Hour)
	const day = 24 * time.Hour
	return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
}

// Plural is a phrase with its number in it.
type Plural struct{ one, many string }

// NewPlural makes a phrase for one and one for any other number; each has a %d.
func NewPlural(one, many string) Plural { return Plural{one, many} }

// Of is the phrase for n, and for what else it names.
func (c Plural) Of(n int64, more ...any) string {
	phrase := c.many
	if n == 1 {
		phrase = c.one
	}
	return fmt.Sprintf(phrase, append([]any{n}, more...)...)
}
