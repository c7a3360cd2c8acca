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
	"slices"
	"strings"
	"time"

	"evcp"

	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/console"
	"evcp/internal/display"
	"evcp/internal/eventlog"
	"evcp/internal/explain"
	"evcp/internal/language"
	"evcp/internal/outbox"
	"evcp/internal/status"
)

// commands are the arguments that may follow the program's name. Each prints to stdout.
var commands = map[string]func(*options, context.Context) error{
	"status":      func(o *options, ctx context.Context) error { return o.printDocument(ctx, explain.StatusLines) },
	"explain":     (*options).printExplanation,
	"healthcheck": (*options).printHealth, "events": (*options).printEvents, "support": (*options).writeSupport,
}

// runCommand runs a command. An error with advice is printed here.
func (o *options) runCommand(ctx context.Context, in config.Invocation) error {
	err := commands[in.Command](o, ctx)
	if a, ok := errors.AsType[advisedError](err); ok {
		said := cli.ErrorLanguage(in)
		code := cli.PrintError(os.Stderr, name, said, a.error)
		fmt.Fprintln(os.Stderr, said.Error(a.advice))
		return cli.ExitError{Code: code}
	}
	return err
}

// advisedError is an error with what to do first.
type advisedError struct {
	error
	advice error
}

// Unwrap is the error itself.
func (e advisedError) Unwrap() error { return e.error }

// get reads a path of the running Monitor. If there is none the error says so, with where
// it was looked for.
func (o *options) get(ctx context.Context, path string) (status.SocketReply, error) {
	a, err := status.Get(ctx, o.Dir(), path)
	switch {
	case errors.Is(err, status.ErrNotRunning):
		return a, advisedError{language.Errorf(english.notRunning, o.subject()), o.whereLooked()}
	case errors.Is(err, fs.ErrPermission):
		return a, advisedError{language.Errorf(english.otherUser, o.subject(), fs.ErrPermission), language.New(english.askAsUser)}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return a, advisedError{language.Errorf(english.noReply, o.subject(), status.GetTimeout), language.New(english.restart)}
	case err != nil:
		return a, language.Errorf(english.badReply, o.subject(), err)
	}
	return a, nil
}

// subject is what the Monitor watches, for a sentence: its charge point, or the file of a
// fleet.
func (o *options) subject() string {
	if o.Fleet != nil {
		return o.Fleet.File
	}
	return string(o.cp)
}

// printExplanation prints all that is known of one charge point. Of a fleet somebody must say
// which.
func (o *options) printExplanation(ctx context.Context) error {
	id := o.only
	if o.operand != "" {
		var err error
		if id, err = evcp.ParseCPID(o.operand); err != nil {
			return cli.UsageError(err)
		}
	}
	switch {
	case o.Fleet == nil && id == o.cp:
		return o.printDocument(ctx, explain.Lines)
	case o.Fleet != nil && id == "":
		return cli.UsageError(language.New(english.explainWhich))
	}
	a, err := o.get(ctx, "/api/v1/cps/"+string(id))
	if err != nil {
		return err
	}
	var c explain.ChargePointStatus
	if err := json.Unmarshal(a.Body, &c); err != nil || a.Code != http.StatusOK {
		return language.Errorf(english.notWatched, id, o.subject())
	}
	o.addPast(ctx, &c)
	if o.json {
		body, err := json.MarshalIndent(c, "", "  ")
		if err == nil {
			_, err = os.Stdout.Write(append(body, '\n'))
		}
		return err
	}
	return o.printDocument(ctx, func(d explain.MonitorStatus, how explain.View) []string {
		d.Fleet, d.ChargePoints = nil, []explain.ChargePointStatus{c}
		return explain.Lines(d, how)
	})
}

// pastIntervals is how far back the last 20 checks are, with some to spare.
const pastIntervals = 25

// addPast takes the last checks of one of many from the folder: the Monitor has those of all in
// memory for less than a second. What can't be read is left out.
func (o *options) addPast(ctx context.Context, c *explain.ChargePointStatus) {
	back := min(time.Duration(c.IntervalMS*pastIntervals)*time.Millisecond, time.Hour)
	var events []evcp.Event
	_, _ = eventlog.Run(ctx, eventlog.Options{
		Dir: o.Dir(), CP: c.CP, Since: time.Now().Add(-back), JSON: true, WriteJSON: func(line []byte) error {
			if e, err := evcp.ParseEvent(line); err == nil {
				events = append(events, e)
			}
			return nil
		},
	})
	var past explain.Past
	for _, e := range slices.Backward(events) {
		past.Add(e)
	}
	c.SetPast(past)
}

// printDocument prints the Monitor's status document, as text or as it came.
func (o *options) printDocument(ctx context.Context, text func(explain.MonitorStatus, explain.View) []string) error {
	a, err := o.get(ctx, status.StatusPath)
	if err != nil {
		return err
	}
	if o.json {
		_, err := os.Stdout.Write(a.Body)
		return err
	}
	var d explain.MonitorStatus
	if err := json.Unmarshal(a.Body, &d); err != nil || a.Code != http.StatusOK {
		return language.Errorf(english.noStatus, o.subject(), a.Code)
	}
	out := o.log.OpenAnswer()
	out.Print(text(d, explain.View{Zone: time.Local, Columns: out.Columns(), Language: o.said})...)
	return nil
}

func (o *options) printHealth(ctx context.Context) error {
	a, err := o.get(ctx, status.HealthPath)
	if err != nil {
		return err
	}
	if _, err := os.Stdout.Write(a.Body); err != nil {
		return err
	}
	if a.Code != http.StatusOK {
		return cli.ExitError{Code: cli.ExitFailed} // the reason is printed already
	}
	return nil
}

func (o *options) printEvents(ctx context.Context) error {
	out := o.log.OpenAnswer()
	if o.follow && out.Terminal() && !o.json {
		out.Print(o.said.Text(english.following), "")
	}
	shown, err := eventlog.Run(ctx, eventlog.Options{
		Dir: o.Dir(), CP: o.only, Since: o.since, Follow: o.follow, JSON: o.json,
		Level: o.log.Level, Wait: o.Timeout, Zone: time.Local, Language: o.said,
		WriteJSON: func(b []byte) error { _, err := os.Stdout.Write(b); return err },
		WriteText: func(line string) { out.Print(wrapEvent(line, out)...) },
	})
	switch {
	case errors.Is(err, outbox.ErrNothingKept):
		return advisedError{language.Errorf(english.noState, o.subject()), o.whereLooked()}
	case errors.Is(err, fs.ErrPermission):
		return advisedError{language.Errorf(english.unreadable, o.subject(), fs.ErrPermission), language.New(english.readAsUser)}
	case err != nil:
		return err
	case o.only != "" && shown.Events == 0 && o.since.IsZero() && !o.follow:
		return language.Errorf(english.noneOf, o.only, o.Dir())
	}
	if out.Terminal() && !o.json {
		out.Print(o.summary(shown)...)
	}
	return nil
}

// eventIndent is the column at which the text of an event begins, behind date, time and
// shape.
const eventIndent = 22

// wrapEvent breaks a line to the width of the terminal; elsewhere it stays whole. The log
// may cut its lines, since they are printed in full here.
func wrapEvent(line string, out *console.Console) []string {
	if !out.Terminal() {
		return []string{line}
	}
	return wrapTo(line, out.Columns())
}

func wrapTo(line string, columns int) []string {
	if display.Width(line) <= columns {
		return []string{line}
	}
	return display.WrapHanging(line, columns, max(columns, 2*eventIndent), eventIndent)
}

// summary is what a person reads behind the events: that there were none, or how many
// were left out.
func (o *options) summary(shown eventlog.Summary) []string {
	switch {
	case shown.Events == 0 && o.since.IsZero():
		return []string{o.said.Sprintf(english.noEvents, o.subject())}
	case shown.Events == 0:
		return []string{o.said.Sprintf(english.noEventsSince, o.subject(), o.since.Local().Format(time.DateTime))}
	case shown.Hidden > 0:
		zone, _ := time.Now().Zone()
		return []string{"", o.said.Sprintf(english.leftOut, shown.Events, shown.Hidden), o.said.Sprintf(english.zone, zone)}
	}
	return nil
}

// outboxFile is the file in a state folder that holds the events.
const outboxFile = "outbox.db"

// systemdDir is where the units of packaging/systemd keep state.
const systemdDir = "/var/lib/ev-cp-m"

// whereLooked says in which folder a Monitor was looked for, which others are there, and
// how to look elsewhere.
func (o *options) whereLooked() error {
	looked := english.lookedIn
	if o.Fleet != nil {
		looked = english.fleetLookedIn
	}
	lines := []error{language.Errorf(looked, o.Dir())}
	if others := o.otherCPs(); len(others) > 0 {
		lines = append(lines, language.Errorf(english.others, o.StateDir, strings.Join(others, ", ")))
	}
	if _, err := os.Stat(filepath.Join(o.Dir(), outboxFile)); err == nil {
		lines = append(lines, language.New(english.ranBefore))
	}
	unit := o.Options
	unit.StateDir = systemdDir
	if _, err := os.Lstat(unit.Dir()); err == nil && o.StateDir != systemdDir {
		lines = append(lines, language.Errorf(english.bySystemd, systemdDir))
	}
	return errors.Join(lines...)
}

// maxOtherCPs are named.
const maxOtherCPs = 5

// otherCPs are the charge points whose Monitors keep their state in the same folder.
func (o *options) otherCPs() (ids []string) {
	entries, _ := os.ReadDir(o.StateDir) // on an error there is none, or it is not ours to see
	for _, e := range entries {
		if id, err := evcp.ParseCPID(e.Name()); err != nil || !e.IsDir() || string(id) == filepath.Base(o.Dir()) {
			continue
		}
		if len(ids) == maxOtherCPs {
			return append(ids, "…")
		}
		ids = append(ids, display.Safe(e.Name()))
	}
	return ids
}

// words are the sentences of this program, so that another language is another table.
// Each comment names the arguments in order. What a Monitor answers has its sentences in
// internal/explain, and events have theirs in internal/eventlog.
type words struct {
	notRunning    string // charge point
	noState       string // charge point
	lookedIn      string // folder
	fleetLookedIn string // folder
	others        string // folder, charge points
	ranBefore     string
	bySystemd     string // folder
	otherUser     string // charge point, error
	askAsUser     string
	unreadable    string // charge point, error
	readAsUser    string
	noReply       string // charge point, limit
	restart       string
	badReply      string // charge point, error
	following     string
	noStatus      string // charge point, HTTP status code
	explainWhich  string
	notWatched    string // charge point, fleet
	leftOut       string // number of events, number left out
	zone          string // time zone
	noneOf        string // charge point, folder
	noEvents      string // charge point
	noEventsSince string // charge point, start
	needsCommand  string
	goesWith      string // flag, commands
	noTest        string // command
	keys, ask     string // the answer to ?

	// Of --test.
	stateRow, stateMeaning, stateDo string
	httpRow, httpMeaning            string
}

var english = words{
	notRunning:    "no Monitor of %s runs here",
	noState:       "no Monitor of %s has kept anything here",
	lookedIn:      "Looked in %s;\n--cp-id and --state-dir (or EVCP_STATE_DIR) say where.",
	fleetLookedIn: "Looked in %s;\n--fleet and --state-dir (or EVCP_STATE_DIR) say where.",
	others:        "In %s there are: %s.",
	ranBefore:     "One ran there before: ev-cp-m events says what it saw.",
	bySystemd:     "The one that systemd starts is asked with --state-dir %s, as root.",
	otherUser:     "the Monitor of %s belongs to another user: %w",
	askAsUser:     "Ask as that user, or as root.",
	unreadable:    "the state of %s belongs to another user: %w",
	readAsUser:    "Read it as that user, or as root.",
	noReply:       "the Monitor of %s does not answer within %s",
	restart:       "It stands still. Stop it and start it again: it resumes where it was.",
	badReply:      "the Monitor of %s does not answer as it should: %w",
	following:     "What comes is added as it comes; Ctrl-C ends it.",
	noStatus:      "the Monitor of %s answers %d and no status; is it of another version?",
	explainWhich:  "which charge point? ev-cp-m explain ID says all of one; ev-cp-m status lists those that are not well",
	notWatched:    "there is no charge point %s in %s",
	leftOut:       "%[2]d of %[1]d events are left out, mostly single checks: --log-level debug.",
	zone:          "Times are %s.",
	noneOf:        "no event of %s is kept in %s",
	noEvents:      "No event of %s is kept.",
	noEventsSince: "No event of %s is kept since %s.",
	needsCommand:  "--json, --follow and --since go with a command: ev-cp-m events --follow",
	goesWith:      "%s goes with %s",
	noTest:        "--test is no part of %s: ev-cp-m --test",
	keys:          "Keys: q or Ctrl-C stops it, ? shows this.",
	stateRow:      "State",
	stateMeaning:  "Events would be kept in memory alone: a restart would lose them.",
	stateDo:       "Let this user write there, and free some space, or choose another --state-dir.",
	httpRow:       "Pages",
	httpMeaning:   "A Monitor does not start without the address that --http names.",
	ask:           "In another terminal: ev-cp-m status, ev-cp-m explain, ev-cp-m events.",
}
