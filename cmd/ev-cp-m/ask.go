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

	"evcp/internal/console"
	"evcp/internal/explain"
	"evcp/internal/launch"
	"evcp/internal/lookback"
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
		return launch.Asked
	case errors.Is(err, errUnwell):
	default:
		fmt.Fprintln(stderr, "ev-cp-m:", err)
		if h := (hint{}); errors.As(err, &h) {
			fmt.Fprintln(stderr, h.do)
		}
	}
	return launch.Failed
}

// hint is an error with what to do first.
type hint struct {
	error
	do string
}

// where says where a Monitor was looked for, and how to look elsewhere.
func (o options) where() string {
	return "Looked in " + o.folder() + ";\n--cp-id and --state-dir (or EVCP_STATE_DIR) say where."
}

// folder is where the Monitor of this charge point keeps its state.
func (o options) folder() string { return filepath.Join(o.stateDir, string(o.cp)) }

// ask asks the running Monitor, or says that there is none and where it was sought.
func (o options) ask(ctx context.Context, path string) (status.Answer, error) {
	a, err := status.Ask(ctx, o.folder(), path)
	switch {
	case errors.Is(err, status.ErrNobody):
		return a, hint{fmt.Errorf("no Monitor of %s runs here", o.cp), o.where()}
	case errors.Is(err, fs.ErrPermission):
		return a, hint{fmt.Errorf("the Monitor of %s belongs to another user: %w", o.cp, err), "Ask as that user, or as root."}
	case err != nil:
		return a, fmt.Errorf("the Monitor of %s does not answer: %w", o.cp, err)
	}
	return a, nil
}

func tellStatus(ctx context.Context, o options, stdout *os.File) error {
	return o.tell(ctx, stdout, explain.Status)
}

func tellWhy(ctx context.Context, o options, stdout *os.File) error {
	return o.tell(ctx, stdout, explain.Explain)
}

// tell prints the Monitor's document, in words or as it came.
func (o options) tell(ctx context.Context, stdout *os.File, words func(explain.Document, *time.Location) []string) error {
	a, err := o.ask(ctx, status.StatusPath)
	if err != nil {
		return err
	}
	if o.json {
		_, err := stdout.Write(a.Body)
		return err
	}
	var d explain.Document
	if err := json.Unmarshal(a.Body, &d); err != nil || a.Code != http.StatusOK {
		return fmt.Errorf("the Monitor of %s answers %d and no status; is it of another version?", o.cp, a.Code)
	}
	o.printer(stdout).Print(words(d, time.Local)...)
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
	say := o.printer(stdout)
	told, err := lookback.Run(ctx, lookback.Options{
		Dir: o.folder(), CP: o.cp, Since: o.since.from(time.Now()), Follow: o.follow, JSON: o.json,
		Level: launch.Level(o.level), Wait: o.timeout, Zone: time.Local,
		Raw: func(b []byte) error { _, err := stdout.Write(b); return err },
		Say: func(line string) { say.Print(line) },
	})
	switch {
	case errors.Is(err, outbox.ErrNothingKept):
		return hint{fmt.Errorf("no Monitor of %s has kept anything here", o.cp), o.where()}
	case errors.Is(err, fs.ErrPermission):
		return hint{fmt.Errorf("the state of %s belongs to another user: %w", o.cp, err), "Read it as that user, or as root."}
	case err != nil:
		return err
	}
	if told.Quiet > 0 && say.Terminal() {
		say.Print("", fmt.Sprintf("%d of %d events are single checks; --log-level debug shows them.", told.Quiet, told.Events))
	}
	return nil
}
