package console

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"evcp"
	"evcp/internal/display"
	"evcp/internal/language"
)

// Keys of the attributes that have a place of their own in every format, besides slog's.
const (
	shapeKey = "shape"
	cpKey    = "cp"
)

// Keys of the attributes that Text shows too, under the sentence: what it means, and what
// to do first.
const (
	meaningKey = "meaning"
	doKey      = "do"
)

// errorKey is that of the error, which Text shows where nothing says what it means.
const errorKey = "error"

// CP says which charge point a log record is about.
func CP(id evcp.CPID) slog.Attr { return slog.String(cpKey, string(id)) }

// Shape gives a log record its shape. A record without one is a Note.
func Shape(s display.Shape) slog.Attr { return slog.Any(shapeKey, s) }

// Logger writes to c. A record's message is a sentence for a person; in Text its
// attributes besides Shape, CP, "meaning", "do" and "error" show only when Level is debug, in Logfmt
// and JSON always. Groups become prefixes: "kafka.topic".
func (c *Console) Logger() *slog.Logger { return slog.New(logHandler{c: c}) }

// logRecord is a slog.Record whose attributes with a place of their own are fields.
type logRecord struct {
	at     time.Time // zero: unknown
	level  slog.Level
	shape  display.Shape
	shaped bool // it was given a shape
	cp     string
	text   string
	fields []slog.Attr
}

// logHandler is c with the attributes and groups that a Logger has collected. It never
// changes: WithAttrs and WithGroup make new ones.
type logHandler struct {
	c      *Console
	given  logRecord // only shape, cp and fields
	prefix string
}

func (h logHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.c.level }

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.given.fields = slices.Clip(h.given.fields)
	for _, a := range attrs {
		h.given.add(h.prefix, a)
	}
	return h
}

func (h logHandler) WithGroup(name string) slog.Handler {
	if name != "" {
		h.prefix += name + "."
	}
	return h
}

// Handle writes one line. It never fails: see the package comment.
func (h logHandler) Handle(_ context.Context, r slog.Record) error {
	e := h.given
	e.fields = slices.Clip(e.fields)
	e.at, e.level, e.text = r.Time, r.Level, r.Message
	r.Attrs(func(a slog.Attr) bool {
		e.add(h.prefix, a)
		return true
	})
	h.c.keep(strings.Join(Logfmt.encode(e, h.c), " "))
	h.c.above(h.c.format.encode(e, h.c)...)
	return nil
}

func (e *logRecord) add(prefix string, a slog.Attr) {
	if shape, ok := a.Value.Any().(display.Shape); ok && a.Key == shapeKey {
		e.shape, e.shaped = shape, true
		return
	}
	v := a.Value.Resolve()
	switch {
	case a.Equal(slog.Attr{}):
	case v.Kind() == slog.KindGroup:
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, inner := range v.Group() {
			e.add(prefix, inner)
		}
	case prefix == "" && a.Key == cpKey:
		e.cp = v.String()
	default:
		e.fields = append(e.fields, slog.Attr{Key: prefix + a.Key, Value: v})
	}
}

// encode makes e one line for a machine, one or more for a person, without newlines.
func (f Format) encode(e logRecord, c *Console) []string {
	switch f {
	case JSON:
		return []string{e.json()}
	case Logfmt:
		return []string{e.logfmt()}
	}
	return e.human(c)
}

// Times in the log for a person and for a machine.
const (
	clockLayout   = "15:04:05 "
	machineLayout = "2006-01-02T15:04:05.000Z07:00"
)

func (e logRecord) human(c *Console) []string {
	head, id, text, columns := "", "", c.said.Text(e.text), display.Columns
	var details []string
	if !e.at.IsZero() {
		head = e.at.In(c.zone).Format(clockLayout)
	}
	if e.cp != "" {
		id = display.ASCII(e.cp) + " "
	}
	if c.level <= slog.LevelDebug {
		columns = unlimited
		for _, f := range e.fields {
			text += " " + f.Key + "=" + logfmtText(machineText(f.Value))
		}
	} else {
		details = e.details(c.said)
	}
	return c.style.Entry(head, e.shape, id, text, details, c.width(columns))
}

// details are the texts that a person gets under the sentence: what it means and what to do, or,
// where nothing says that, the error.
func (e logRecord) details(said language.Language) (texts []string) {
	failed := ""
	for _, f := range e.fields {
		if err, ok := f.Value.Any().(error); ok && f.Key == errorKey {
			failed = said.Error(err)
		}
		if text := f.Value.String(); (f.Key == meaningKey || f.Key == doKey) && text != "" {
			texts = append(texts, text)
		}
	}
	if texts == nil && failed != "" {
		texts = []string{failed}
	}
	return texts
}

// attributes are all of e, in the order of a machine's line.
func (e logRecord) attributes() []slog.Attr {
	var all []slog.Attr
	if !e.at.IsZero() {
		all = append(all, slog.Time(slog.TimeKey, e.at))
	}
	all = append(all, slog.String(slog.LevelKey, strings.ToLower(e.level.String())))
	if e.cp != "" {
		all = append(all, slog.String(cpKey, e.cp))
	}
	all = append(all, slog.String(slog.MessageKey, e.text))
	if e.shaped {
		all = append(all, slog.String(shapeKey, e.shape.String()))
	}
	return append(all, e.fields...)
}

func (e logRecord) logfmt() string {
	var b strings.Builder
	for i, f := range e.attributes() {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strings.Map(logfmtKey, f.Key) + "=" + logfmtText(machineText(f.Value)))
	}
	return b.String()
}

func (e logRecord) json() string {
	var b strings.Builder
	for i, f := range e.attributes() {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(jsonText(f.Key) + ":" + jsonValue(f.Value))
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

// machineText is the value as text: times in UTC, everything else as fmt writes it;
// fmt survives a String method that panics.
func machineText(v slog.Value) string {
	switch v.Kind() {
	case slog.KindTime:
		return v.Time().UTC().Format(machineLayout)
	case slog.KindDuration:
		return v.Duration().Round(time.Microsecond).String()
	case slog.KindAny:
		return fmt.Sprint(v.Any())
	}
	return v.String()
}

// logfmtText quotes a text that logfmt would not read as one value.
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

// jsonText is a JSON string in which every unprintable character is escaped.
// encoding/json would keep those that change the direction of writing.
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
