package explain

import (
	"time"

	"evcp/internal/display"
)

// expiresSoon is how long before its end a certificate stands in status, and not only in
// explain: as the log warns of it.
const expiresSoon = 30 * 24 * time.Hour

// files is a row for each file; with troubled, only for those that need somebody.
func (v view) files(troubled bool) (lines []string) {
	for _, f := range v.Files {
		left := f.Expires.Stamp().Sub(v.Now.Stamp())
		shape, text := display.Up, v.Language.Text(english.inUse)
		switch {
		case f.Unverified:
			shape, text = display.Failed, v.Language.Text(english.unverified)
		case f.Expires == 0:
		case left <= 0:
			shape, text = display.Failed, v.Language.Sprintf(english.expired, v.day(f.Expires))
		case left <= expiresSoon:
			shape, text = display.Unknown, v.Language.Sprintf(english.expires, v.day(f.Expires), display.Duration(left))
		default:
			text = v.Language.Sprintf(english.expires, v.day(f.Expires), display.Duration(left))
		}
		if f.Rejected != "" && shape != display.Failed {
			shape = display.Gone
		}
		if troubled && shape == display.Up {
			continue
		}
		lines = append(lines, v.row(shape, english.file, "--"+f.Use, text)...)
		if f.Rejected != "" {
			lines = append(lines, v.indented(v.Language.Sprintf(english.rejected, f.Rejected))...)
		}
	}
	return lines
}

// day is the date of m as certificates have it.
func (v view) day(m Moment) string { return m.Stamp().Time().UTC().Format(time.DateOnly) }
