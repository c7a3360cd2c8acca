// Package lookback tells what an outbox keeps: the events of the past, as their
// own JSON lines or in the words of the log, and on request those that come.
//
// It reads beside the Monitor that owns the folder, or without one, and changes
// nothing.
package eventlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"evcp"
	"evcp/internal/logtext"
	"evcp/internal/outbox"
	"evcp/internal/wait"
)

// Options say what is told.
type Options struct {
	Dir    string
	CP     evcp.CPID     // of this charge point alone
	Since  time.Time     // zero: from the oldest on
	Follow bool          // until ctx ends
	JSON   bool          // the very lines that Kafka gets; else sentences
	Level  slog.Level    // of sentences: at debug every check is one
	Wait   time.Duration // of a check; for "no answer in 900ms"
	Zone   *time.Location
	// WriteJSON takes JSON lines, Say a sentence.
	WriteJSON func([]byte) error
	WriteText func(string)
}

// Summary counts what was read.
type Summary struct {
	Events int // of the charge point, in the time asked for
	Hidden int // of these: too small for a sentence
}

// pollEvery is how long an event waits to be followed.
const pollEvery = 200 * time.Millisecond

// Run tells until the end of what is kept, or with Follow until ctx ends.
func Run(ctx context.Context, o Options) (Summary, error) {
	h, err := open(ctx, o)
	if err != nil {
		return Summary{}, err
	}
	r := &printer{o: o, from: evcp.StampOf(o.Since), teller: logtext.Formatter{Timeout: o.Wait, Zone: o.Zone}}
	err = r.read(ctx, h)
	return r.told, errors.Join(err, h.Close())
}

// open waits with Follow until there is something.
func open(ctx context.Context, o Options) (*outbox.History, error) {
	for {
		h, err := outbox.OpenHistory(o.Dir)
		if err == nil && o.JSON && !o.Since.IsZero() {
			err = h.Since(evcp.StampOf(o.Since))
		}
		if !errors.Is(err, outbox.ErrNothingKept) || !o.Follow || !wait.For(ctx, pollEvery) {
			return h, err
		}
	}
}

// printer is one walk.
type printer struct {
	o      Options
	from   evcp.Stamp
	teller logtext.Formatter
	told   Summary
	plain  bool // the last event was one more OK
}

func (r *printer) read(ctx context.Context, h *outbox.History) error {
	for ctx.Err() == nil {
		run, ok, err := h.Next()
		switch {
		case err != nil:
			return err
		case ok:
			if err := r.run(run); err != nil {
				return err
			}
		case !r.o.Follow || !wait.For(ctx, pollEvery):
			return nil
		}
	}
	return nil
}

func (r *printer) run(run outbox.Run) error {
	for line := range run.Each() {
		if string(line.CP()) != string(r.o.CP) {
			continue
		}
		if err := r.line(line); err != nil {
			return err
		}
	}
	return nil
}

// line tells one event. Those before the time asked for teach the teller only, and
// of a row of plain OKs the first is enough: they are nearly all there is.
func (r *printer) line(line outbox.Line) error {
	early := r.from > 0 && line.At() < r.from
	plain := line.Plain()
	if early && plain && r.plain {
		return nil
	}
	r.plain = plain
	if r.o.JSON {
		if early {
			return nil
		}
		r.told.Events++
		return r.o.WriteJSON(append(bytes.Clone(line), '\n'))
	}
	e, err := evcp.ParseEvent(line)
	if err != nil {
		return fmt.Errorf("read what is kept: %w", err)
	}
	l, worth := r.teller.Event(e)
	if early {
		return nil
	}
	r.told.Events++
	if !worth {
		l = small(e)
	}
	if slog.Level(l.Level) < r.o.Level {
		r.told.Hidden++
		return nil
	}
	r.o.WriteText(fmt.Sprintf("%s %s %s %s", e.At.Time().In(r.o.Zone).Format(time.DateTime), l.Shape.Mark(), e.CP, l.Text))
	return nil
}
