package operations

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"evcp"
	"evcp/internal/language"
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

// TextError is a field with what can't be taken.
type TextError struct{ *language.CodedError }

// FieldError is the error of a field of what was entered.
func FieldError(field *language.CodedError, why error) TextError {
	return TextError{language.Coded("field", field, why)}
}

// Unwrap is the error as the page knows it.
func (e TextError) Unwrap() error { return e.CodedError }

// MaxText bounds a text of several lines, MaxWord one of a single line, in bytes.
const (
	MaxText = 2000
	MaxWord = 200
)

// CheckText checks what somebody wrote. What a terminal obeys, and what changes the direction of
// the text around it, can't stand in it. A note may have several lines.
func CheckText(field *language.CodedError, text string, limit int, empty bool) error {
	switch {
	case strings.TrimSpace(text) == "" && !empty:
		return FieldError(field, language.Coded("needed"))
	case len(text) > limit:
		return FieldError(field, language.Coded("max_bytes", limit))
	case !utf8.ValidString(text):
		return FieldError(field, language.Coded("no_utf8"))
	}
	for _, r := range text {
		if unicode.IsControl(r) && (r != '\n' || limit != MaxText) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return FieldError(field, language.Coded("no_character", fmt.Sprintf("%U", r)))
		}
	}
	return nil
}

// Fields are the names of fields, as people read them.
var Fields = struct{ CP, Site, Note, Link, Reason, Owner, To, Port, Ports *language.CodedError }{
	language.Coded("field_cp_id"), language.Coded("field_site"), language.Coded("field_note"), language.Coded("field_link"),
	language.Coded("field_reason"), language.Coded("field_owner"), language.Coded("field_to"), language.Coded("field_port"), language.Coded("field_ports"),
}

// Errors.
var (
	ErrNoFile     = language.Coded("no_board")
	ErrNoIncident = language.Coded("no_incident")
	ErrNotTaken   = language.Coded("not_taken")
	ErrNoWindow   = language.Coded("no_window")
	ErrOver       = language.Coded("over")
	ErrTooMany    = language.Coded("too_many")
	ErrUntil      = language.Coded("until")
	ErrWhat       = language.Coded("cp_or_site")
	ErrTimes      = language.Coded("window_times")
)

const (
	maxOwned  = 30 * 24 * time.Hour
	maxWindow = 366 * 24 * time.Hour
)
