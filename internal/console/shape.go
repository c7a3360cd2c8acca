package console

import "log/slog"

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
	Told                     // somebody was told
)

// look is how a shape is shown.
type look struct {
	name  string   // in logfmt and JSON
	mark  rune     // at a terminal
	ascii byte     // at one that knows no better
	color string   // SGR parameters of the 16 colours; "" = the terminal's own
	words []string // the states that share its colour
}

var looks = [...]look{
	Note:        {name: "note", mark: '·', ascii: '-'},
	Up:          {name: "up", mark: '●', ascii: '+', color: "32", words: []string{"OK", "activated"}},
	Failed:      {name: "failed", mark: '▲', ascii: '!', color: "31", words: []string{"KO", "CONNECTION_ERROR", "faulted"}},
	Gone:        {name: "gone", mark: '○', ascii: 'o', color: "90", words: []string{"disconnected", "absent"}},
	Maintenance: {name: "maintenance", mark: '■', ascii: '#', color: "33", words: []string{"maintenance"}},
	Unknown:     {name: "unknown", mark: '?', ascii: '?'},
	Told:        {name: "told", mark: '→', ascii: '>'},
}

func (s Shape) look() look {
	if int(s) < len(looks) {
		return looks[s]
	}
	return looks[Note]
}

// shapeOf finds the shape that r stands for. The question mark is none: sentences
// end with it, and it has no colour.
func shapeOf(r rune) (Shape, bool) {
	if r < 0x80 {
		return Note, false
	}
	for sh, l := range looks {
		if l.mark == r {
			return Shape(sh), true
		}
	}
	return Note, false
}

// String is the name in a machine's log: "failed".
func (s Shape) String() string { return s.look().name }

// Mark is the character that stands for s in a text for Print, Live or
// Style.Line, which paint it.
func (s Shape) Mark() string { return string(s.look().mark) }

// Attr gives a log record its shape: log.Info("OK …", console.Up.Attr()). A
// record without one is a Note.
func (s Shape) Attr() slog.Attr { return slog.Any(shapeKey, s) }
