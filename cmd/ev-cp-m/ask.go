package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"evcp/internal/cli"
	"evcp/internal/console"
	"evcp/internal/console/cell"
	"evcp/internal/eventlog"
	"evcp/internal/explain"
	"evcp/internal/outbox"
	"evcp/internal/status"
)

// commands are the words that may stand behind the program's name. Each answers
// on stdout.
var commands = map[string]func(context.Context, options, *os.File) error{
	"status": tellStatus, "explain": tellWhy, "healthcheck": tellHealth, "events": tellEvents,
}

// errUnwell is a Monitor that is there and not healthy; it has said why.
var errUnwell = errors.New("")

// obey runs a command and makes its error an exit code.
func obey(ctx context.Context, command string, o options, stdout, stderr *os.File) int {
	err := commands[command](ctx, o, stdout)
	switch {
	case err == nil:
		return cli.ExitOK
	case errors.Is(err, errUnwell):
	default:
		cli.PrintError(stderr, name, err)
		if h := (hint{}); errors.As(err, &h) {
			fmt.Fprintln(stderr, h.do)
		}
	}
	return cli.ExitFailed
}

// hint is an error with what to do first.
type hint struct {
	error
	do string
}

// Unwrap is the error itself.
func (h hint) Unwrap() error { return h.error }

// folder is where the Monitor of this charge point keeps its state.
func (o options) folder() string { return filepath.Join(o.stateDir, string(o.cp)) }

// ask asks the running Monitor, or says that there is none and where it was sought.
func (o options) ask(ctx context.Context, path string) (status.Response, error) {
	a, err := status.Get(ctx, o.folder(), path)
	switch {
	case errors.Is(err, status.ErrNotRunning):
		return a, hint{fmt.Errorf(english.nobody, o.cp), o.where()}
	case errors.Is(err, fs.ErrPermission):
		return a, hint{fmt.Errorf(english.foreign, o.cp, fs.ErrPermission), english.askAs}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return a, hint{fmt.Errorf(english.mute, o.cp, status.GetTimeout), english.restart}
	case err != nil:
		return a, fmt.Errorf(english.garbled, o.cp, err)
	}
	return a, nil
}

func tellStatus(ctx context.Context, o options, stdout *os.File) error {
	return o.tell(ctx, stdout, explain.StatusLines)
}

func tellWhy(ctx context.Context, o options, stdout *os.File) error {
	return o.tell(ctx, stdout, explain.ExplainLines)
}

// tell prints the Monitor's document, in words or as it came.
func (o options) tell(ctx context.Context, stdout *os.File, words func(explain.MonitorStatus, *time.Location, int) []string) error {
	a, err := o.ask(ctx, status.StatusPath)
	if err != nil {
		return err
	}
	if o.json {
		_, err := stdout.Write(a.Body)
		return err
	}
	var d explain.MonitorStatus
	if err := json.Unmarshal(a.Body, &d); err != nil || a.Code != http.StatusOK {
		return fmt.Errorf(english.stranger, o.cp, a.Code)
	}
	say := o.printer(stdout)
	say.Print(words(d, time.Local, say.Columns())...)
	return nil
}

func (o options) printer(stdout *os.File) *console.Console {
	return console.Open(console.Options{Out: stdout, Getenv: os.Getenv, Color: o.color})
}

func tellHealth(ctx context.Context, o options, stdout *os.File) error {
	a, err := o.ask(ctx, status.HealthPath)
	if err != nil {
		return err
	}
	if _, err := stdout.Write(a.Body); err != nil {
		return err
	}
	if a.Code != http.StatusOK {
		return errUnwell
	}
	return nil
}

func tellEvents(ctx context.Context, o options, stdout *os.File) error {
	say, from := o.printer(stdout), o.since.from(time.Now())
	if o.follow && say.Terminal() && !o.json {
		say.Print(english.following, "")
	}
	told, err := eventlog.Run(ctx, eventlog.Options{
		Dir: o.folder(), CP: o.cp, Since: from, Follow: o.follow, JSON: o.json,
		Level: cli.ParseLevel(o.level), Wait: o.timeout, Zone: time.Local,
		WriteJSON: func(b []byte) error { _, err := stdout.Write(b); return err },
		WriteText: func(line string) { say.Print(fitting(line, say)...) },
	})
	switch {
	case errors.Is(err, outbox.ErrNothingKept):
		return hint{fmt.Errorf(english.nothing, o.cp), o.where()}
	case errors.Is(err, fs.ErrPermission):
		return hint{fmt.Errorf(english.unread, o.cp, fs.ErrPermission), english.readAs}
	case err != nil:
		return err
	}
	if say.Terminal() && !o.json {
		say.Print(o.rest(told, from)...)
	}
	return nil
}

// eventIndent is where the words of an event stand, behind date, time and shape.
const eventIndent = 22

// fitting is a line as it is printed: whole, and at a terminal broken to its width.
// The log may cut its lines, since they are told in full here.
func fitting(line string, at *console.Console) []string {
	if !at.Terminal() {
		return []string{line}
	}
	return broken(line, at.Columns())
}

func broken(line string, columns int) []string {
	if cell.Width(line) <= columns {
		return []string{line}
	}
	return cell.WrapHanging(line, columns, max(columns-eventIndent, eventIndent), eventIndent)
}

// rest says to a person what the lines before did not: that there were none, and
// which were left out.
func (o options) rest(told eventlog.Summary, from time.Time) []string {
	switch {
	case told.Events == 0 && from.IsZero():
		return []string{fmt.Sprintf(english.none, o.cp)}
	case told.Events == 0:
		return []string{fmt.Sprintf(english.noneSince, o.cp, from.Local().Format(time.DateTime))}
	case told.Hidden > 0:
		zone, _ := time.Now().Zone()
		return []string{"", fmt.Sprintf(english.singles, told.Events, told.Hidden), fmt.Sprintf(english.times, zone)}
	}
	return nil
}
