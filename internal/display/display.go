// Package display decides how values and texts look to a person at a terminal: the shape
// in front of a line, times and durations, phrases with a number in them, how wide a text
// is and where it is cut or wrapped. It escapes what a terminal would obey. Values in,
// texts out; any goroutine may call, with any bytes.
package display

import (
	"fmt"
	"time"

	"evcp"
	"evcp/internal/language"
)

// Shape is the symbol in front of a line. Central's page has the same ones.
type Shape uint8

// Shapes.
const (
	Note        Shape = iota // worth knowing, nothing to do
	Up                       // a charge point is OK, or Central or Kafka answers
	Failed                   // a charge point has failed, or Central refuses it
	Gone                     // a peer or the disk is away
	Maintenance              // somebody took it out of service
	Unknown                  // there is no verdict
	Reported                 // Central has answered a report or a registration
)

// appearance is how a shape is shown.
type appearance struct {
	name  string   // in logfmt and JSON
	mark  rune     // at a terminal
	ascii byte     // at a terminal without UTF-8
	color string   // SGR parameters of the 16 colours; "" = the terminal's own
	words []string // states that are painted with it
}

var appearances = [...]appearance{
	Note:        {name: "note", mark: '·', ascii: '-'},
	Up:          {name: "up", mark: '●', ascii: '+', color: "32", words: []string{"OK", "activated", "activado"}},
	Failed:      {name: "failed", mark: '▲', ascii: '!', color: "31", words: []string{"KO", "CONNECTION_ERROR", "faulted", "averiado"}},
	Gone:        {name: "gone", mark: '○', ascii: 'o', color: "90", words: []string{"disconnected", "absent", "desconectado"}},
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

// shapeOf is the shape with the mark r. The question mark counts as none: sentences
// end with it, and Unknown has no colour.
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

// ShapeOf is the shape of a check's status or of a charge point's state.
func ShapeOf(s evcp.Status) Shape {
	switch {
	case s == evcp.OK:
		return Up
	case s.Failed():
		return Failed
	}
	return Unknown
}

// String is the name in logfmt and JSON: "failed".
func (s Shape) String() string { return s.appearance().name }

// Mark is the character that stands for s in a text; Style.Line paints it.
func (s Shape) Mark() string { return string(s.appearance().mark) }

// Milliseconds formats a latency: "3 ms", rounded down; "<1 ms" below one.
func Milliseconds(d time.Duration) string {
	if d < time.Millisecond {
		return "<1 ms"
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

// Duration formats how long something took, with two units at most: "900ms", "10.2s",
// "45s", "1m6s", "3h12m", "5d2h". A negative one is "0s".
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

// TimeOfDay formats t as a time when now is on the same day, else with layout.
func TimeOfDay(t, now time.Time, layout string) string {
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		layout = time.TimeOnly
	}
	return t.Format(layout)
}

// Plural is a phrase with a number in it, for one and for any other number.
type Plural struct{ one, many string }

// NewPlural takes two formats, each with a %d first.
func NewPlural(one, many string) Plural { return Plural{one, many} }

// In is the phrase in l.
func (c Plural) In(l language.Language) Plural { return Plural{l.Text(c.one), l.Text(c.many)} }

// Of formats n and what follows it in the format.
func (c Plural) Of(n int64, more ...any) string {
	phrase := c.many
	if n == 1 {
		phrase = c.one
	}
	return fmt.Sprintf(phrase, append([]any{n}, more...)...)
}
