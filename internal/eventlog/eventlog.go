// Package eventlog is `ev-cp-m events`: it prints the events that an outbox keeps, as JSON
// lines or as sentences, and on request those that are added.
//
// It reads beside the Monitor that owns the folder, or without one, and changes nothing.
package eventlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"evcp"
	"evcp/internal/display"
	"evcp/internal/language"
	"evcp/internal/logtext"
	"evcp/internal/outbox"
	"evcp/internal/wait"
)

// Options say which events are printed, and how.
type Options struct {
	Dir    string
	CP     evcp.CPID     // of this charge point alone; "": of all
	Since  time.Time     // zero: from the oldest on
	Follow bool          // until ctx ends
	JSON   bool          // the very lines that Kafka gets; else sentences
	Level  slog.Level    // of sentences: at debug level every check is one
	Wait   time.Duration // the timeout of a check, for "no answer in 900ms"
	Zone   *time.Location

	Language language.Language // of sentences
	// WriteJSON takes a JSON line with its newline; its error ends Run. WriteText takes a
	// sentence without one.
	WriteJSON func([]byte) error
	WriteText func(string)
}

// Summary counts what was read.
type Summary struct {
	Events int // of the charge point, in the time asked for
	Hidden int // of these: below Options.Level
}

// pollEvery is how often the outbox is asked for more.
const pollEvery = 200 * time.Millisecond

// Run prints to the end of what is kept, or with Follow until ctx ends.
// outbox.ErrNothingKept means that there is no outbox.
func Run(ctx context.Context, o Options) (Summary, error) {
	h, err := open(ctx, o)
	if err != nil {
		return Summary{}, err
	}
	p := &printer{o: o, plain: map[string]bool{}, from: evcp.StampOf(o.Since), formatter: logtext.Formatter{Timeout: o.Wait, Zone: o.Zone, Language: o.Language}}
	err = p.read(ctx, h)
	return p.summary, errors.Join(err, h.Close())
}

// open opens the history; with Follow it waits until there is one.
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

// printer is one call of Run.
type printer struct {
	o         Options
	from      evcp.Stamp
	formatter logtext.Formatter
	summary   Summary
	plain     map[string]bool // of which charge points the last event was a plain OK
}

func (p *printer) read(ctx context.Context, h *outbox.History) error {
	for ctx.Err() == nil {
		run, ok, err := h.Next()
		if err != nil {
			return err
		}
		if !ok && (!p.o.Follow || !wait.For(ctx, pollEvery)) {
			return nil
		}
		for line := range run.Each() {
			if p.o.CP != "" && string(line.CP()) != string(p.o.CP) {
				continue
			}
			if err := p.line(line); err != nil {
				return err
			}
		}
	}
	return nil
}

// line prints one event. The formatter needs those before the time asked for, too: what
// it prints depends on them. Of plain OKs in a row there the first is enough.
func (p *printer) line(line outbox.Line) error {
	early, plain := line.At() < p.from, line.Plain()
	if early && (p.o.JSON || plain && p.plain[string(line.CP())]) {
		return nil
	}
	if p.plain[string(line.CP())] != plain {
		p.plain[string(line.CP())] = plain
	}
	if p.o.JSON {
		p.summary.Events++
		return p.o.WriteJSON(append(bytes.Clone(line), '\n'))
	}
	e, err := evcp.ParseEvent(line)
	if err != nil {
		return language.Errorf("read what is kept: %w", err)
	}
	l, logged := p.formatter.Event(e)
	if early {
		return nil
	}
	p.summary.Events++
	if !logged {
		l = unlogged(p.o.Language, e)
	}
	if slog.Level(l.Level) < p.o.Level {
		p.summary.Hidden++
		return nil
	}
	p.o.WriteText(fmt.Sprintf("%s %s %s %s", e.At.Time().In(p.o.Zone).Format(time.DateTime), l.Shape.Mark(), e.CP, l.Text))
	return nil
}

// words are the sentences for events that the log has no line for, so that another
// language is another table. The verbs stand in the order of the call.
type words struct {
	check     string // what, how fast
	connected string // the Engine's response
	registers string
	began     string // which version
	stopped   string // the reason
	accepted  string // Central's response
}

var english = words{
	check:     "%s in %s",
	connected: `connected to the Engine: "%s"`,
	registers: "asks Central for registration",
	began:     "a Monitor began to watch, version %s",
	stopped:   "the Monitor stopped: %s",
	accepted:  `accepted by Central: "%s"`,
}

// unlogged is the line of an event that the log has none for: at debug level, but for the
// start and the end of a Monitor and its registration.
func unlogged(said language.Language, e evcp.Event) logtext.LogLine {
	switch e.Action {
	case evcp.HealthCheck:
		shape := display.Up
		if e.Status.Failed() {
			shape = display.Failed
		}
		return logtext.LogLine{Level: logtext.Debug, Shape: shape, Text: said.Sprintf(english.check, e.Status, display.Milliseconds(e.Latency))}
	case evcp.ConnectedToEngine:
		return logtext.LogLine{Level: logtext.Debug, Text: said.Sprintf(english.connected, e.Response)}
	case evcp.RegisterToCentral:
		return logtext.LogLine{Level: logtext.Debug, Text: said.Text(english.registers)}
	case evcp.MonitorStarted:
		return logtext.LogLine{Text: said.Sprintf(english.began, e.Version)}
	case evcp.MonitorStopped:
		return logtext.LogLine{Text: said.Sprintf(english.stopped, said.Text(e.Reason))}
	case evcp.AuthenticatedWithCentral:
		return logtext.LogLine{Shape: display.Reported, Text: said.Sprintf(english.accepted, e.Response)}
	}
	return logtext.LogLine{Level: logtext.Debug, Text: e.Action.String()}
}
