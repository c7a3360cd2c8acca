package console

import (
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"evcp/internal/console/cell"
)

// encode writes e as one line, without its end.
func (f Format) encode(e entry, c *Console) string {
	switch f {
	case JSON:
		return e.json()
	case Logfmt:
		return e.logfmt()
	}
	return e.human(c)
}

// clock is how a person reads the time, stamp how a machine does.
const (
	clock = "15:04:05 "
	stamp = "2006-01-02T15:04:05.000Z07:00"
)

func (e entry) human(c *Console) string {
	head, id, text, columns := "", "", e.text, cell.Columns
	if !e.at.IsZero() {
		head = e.at.In(c.zone).Format(clock)
	}
	if e.cp != "" {
		id = cell.ASCII(e.cp) + " "
	}
	if c.level <= slog.LevelDebug {
		columns = unlimited
		for _, f := range e.fields {
			text += " " + f.key + "=" + logfmtText(machineText(f.value))
		}
	}
	return c.style.Entry(head, e.shape, id, text, c.width(columns))
}

// common are the fields of e in the order of a machine's line.
func (e entry) common() []field {
	var all []field
	if !e.at.IsZero() {
		all = append(all, field{timeKey, slog.TimeValue(e.at)})
	}
	all = append(all, field{levelKey, slog.StringValue(strings.ToLower(e.level.String()))})
	if e.cp != "" {
		all = append(all, field{cpKey, slog.StringValue(e.cp)})
	}
	all = append(all, field{textKey, slog.StringValue(e.text)})
	if e.shaped {
		all = append(all, field{shapeKey, slog.StringValue(e.shape.String())})
	}
	return append(all, e.fields...)
}

func (e entry) logfmt() string {
	var b strings.Builder
	for i, f := range e.common() {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strings.Map(logfmtKey, f.key) + "=" + logfmtText(machineText(f.value)))
	}
	return b.String()
}

func (e entry) json() string {
	var b strings.Builder
	for i, f := range e.common() {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(jsonText(f.key) + ":" + jsonValue(f.value))
	}
	return b.String() + "}"
}

func jsonValue(v slog.Value) string {
	text := machineText(v)
	switch v.Kind() {
	case slog.KindBool, slog.KindInt64, slog.KindUint64:
		return text
	case slog.KindFloat64:
		if f := v.Float64(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return text
		}
	}
	return jsonText(text)
}

// machineText is the value as text: times in UTC, everything else as fmt does,
// which also catches a String method that panics.
func machineText(v slog.Value) string {
	switch v.Kind() {
	case slog.KindTime:
		return v.Time().UTC().Format(stamp)
	case slog.KindDuration:
		return v.Duration().Round(time.Microsecond).String()
	case slog.KindAny:
		return fmt.Sprint(v.Any())
	}
	return v.String()
}

// logfmtText quotes what would not be one plain word.
func logfmtText(s string) string {
	if s == "" || !utf8.ValidString(s) || strings.ContainsFunc(s, needsQuotes) {
		return strconv.Quote(s)
	}
	return s
}

func needsQuotes(r rune) bool {
	return r == ' ' || r == '"' || r == '=' || r == '\\' || !unicode.IsPrint(r)
}

func logfmtKey(r rune) rune {
	if needsQuotes(r) || r == utf8.RuneError {
		return '_'
	}
	return r
}

// jsonText is a JSON string in which everything that doesn't print is escaped:
// encoding/json would let the marks through that turn the direction of writing.
func jsonText(s string) string {
	b := []byte{'"'}
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case unicode.IsPrint(r):
			b = utf8.AppendRune(b, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return string(append(b, '"'))
}
