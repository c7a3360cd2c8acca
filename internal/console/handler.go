package console

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"evcp/internal/display"

	"evcp"
)

// Keys of the attributes that have a place of their own in every format.
const (
	timeKey  = "time"
	levelKey = "level"
	textKey  = "msg"
	shapeKey = "shape"
	cpKey    = "cp"
)

// CP says which charge point a log record is about.
func CP(id evcp.CPID) slog.Attr { return slog.String(cpKey, string(id)) }

// Shape gives a log record its shape. A record without one is a Note.
func Shape(s display.Shape) slog.Attr { return slog.Any(shapeKey, s) }

// Logger writes to c. A record's message is a sentence for a person; in Text its
// attributes besides Shape and CP show only when Level is debug, in Logfmt
// and JSON always. Groups become prefixes: "kafka.topic".
func (c *Console) Logger() *slog.Logger { return slog.New(handler{c: c}) }

// entry is a record with what has a place of its own taken out.
type entry struct {
	at     time.Time // zero: unknown
	level  slog.Level
	shape  display.Shape
	shaped bool // it was given a shape
	cp     string
	text   string
	fields []field
}

type field struct {
	key   string
	value slog.Value
}

// handler is c with the attributes and groups that a Logger has collected. It is
// immutable: With makes new ones.
type handler struct {
	c      *Console
	given  entry // only shape, cp and fields
	prefix string
}

func (h handler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.c.level }

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.given.fields = slices.Clip(h.given.fields)
	for _, a := range attrs {
		h.given.add(h.prefix, a)
	}
	return h
}

func (h handler) WithGroup(name string) slog.Handler {
	if name != "" {
		h.prefix += name + "."
	}
	return h
}

// Handle writes one line. It never fails: see the package comment.
func (h handler) Handle(_ context.Context, r slog.Record) error {
	e := h.given
	e.fields = slices.Clip(e.fields)
	e.at, e.level, e.text = r.Time, r.Level, r.Message
	r.Attrs(func(a slog.Attr) bool {
		e.add(h.prefix, a)
		return true
	})
	h.c.above(h.c.format.encode(e, h.c) + "\n")
	return nil
}

func (e *entry) add(prefix string, a slog.Attr) {
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
		e.fields = append(e.fields, field{prefix + a.Key, v})
	}
}
