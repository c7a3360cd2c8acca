package operations

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"evcp"
)

// Overlay is what people entered about a charge point, as it holds at one moment.
type Overlay struct {
	Site        string             // of its port, else where the events say it is; "" is not known
	Port        map[string]string  // what the file of ports says of it, by column; nil: nothing
	Owner       *Owner             // nil: nobody has it
	Maintenance *MaintenanceWindow // open now; nil: none. Of several, the one that ends last
}

// Owner is who has taken the open incident of a charge point.
type Owner struct {
	CP       evcp.CPID
	Name     string
	Note     string
	Until    evcp.Stamp // 0: until the recovery
	Incident evcp.Stamp // when the incident began, as Central saw it
	Made     evcp.Stamp
}

// holds reports whether the owner is one still.
func (o Owner) holds(now evcp.Stamp) bool { return o.Until == 0 || now < o.Until }

// MaintenanceWindow is a time of maintenance, of a charge point or of all those of a site.
type MaintenanceWindow struct {
	ID       int64
	CP       evcp.CPID // "" = all of the site
	Site     string
	From, To evcp.Stamp
	Reason   string
	Who      string
	Made     evcp.Stamp
	Ended    evcp.Stamp // by somebody, before its time; 0 = not
}

// end is when the window ends, or ended.
func (w MaintenanceWindow) end() evcp.Stamp {
	if w.Ended != 0 {
		return min(w.Ended, w.To)
	}
	return w.To
}

// open reports whether the window has begun and not ended.
func (w MaintenanceWindow) open(now evcp.Stamp) bool { return w.From <= now && now < w.end() }

// place is what it is about.
func (w MaintenanceWindow) place() Touched { return Touched{w.CP, w.Site} }

// TextError is a text that can't be taken.
type TextError struct{ Field, Why string }

// Error names the field.
func (e TextError) Error() string { return e.Field + ": " + e.Why }

// MaxText bounds a text of several lines, MaxWord one of a single line, in bytes.
const (
	MaxText = 2000
	MaxWord = 200
)

// CheckText checks what somebody wrote. What a terminal obeys, and what changes the direction of
// the text around it, can't stand in it. A note may have several lines.
func CheckText(field, text string, limit int, empty bool) error {
	switch {
	case strings.TrimSpace(text) == "" && !empty:
		return TextError{field, "it is needed"}
	case len(text) > limit:
		return TextError{field, fmt.Sprintf("at most %d bytes", limit)}
	case !utf8.ValidString(text):
		return TextError{field, "it is no UTF-8"}
	}
	for _, r := range text {
		if unicode.IsControl(r) && (r != '\n' || limit != MaxText) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return TextError{field, fmt.Sprintf("it can't hold the character %U", r)}
		}
	}
	return nil
}

// Errors.
var (
	ErrNoFile     = errors.New("board.db is not open: nothing can be entered")
	ErrNoIncident = errors.New("it has no open incident")
	ErrNotTaken   = errors.New("nobody has it")
	ErrNoWindow   = errors.New("there is no such maintenance window")
	ErrOver       = errors.New("it is over")
	ErrTooMany    = errors.New("there are too many")
	ErrUntil      = errors.New("until: a time from now to 30 days from now, or none")
	ErrWhat       = errors.New("one of cp_id and site is needed")
	ErrTimes      = errors.New("to: a time from now to a year from now, after from")
)

const (
	maxOwned  = 30 * 24 * time.Hour
	maxWindow = 366 * 24 * time.Hour
)
