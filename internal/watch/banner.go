package watch

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"evcp"
	"evcp/internal/console"
	"evcp/internal/display"
	"evcp/internal/outbox"
)

// banner says what is watched, from where, and what was resumed: to a person in
// a few lines, to a log in one.
func (w *watcher) banner() {
	o := w.o
	defer w.warn()
	if !o.Console.Terminal() {
		o.Console.Logger().Info("watching", console.CP(o.CP), slog.String("version", o.Version), slog.String("engine", o.Engine),
			slog.String("central", o.Central), slog.String("kafka", strings.Join(o.Brokers, ",")), slog.String("topic", o.Topic),
			slog.String("state", o.Dir()), slog.String("found", w.found()), slog.String("config", o.Origin))
		return
	}
	o.Console.Print(slices.Concat([]string{
		fmt.Sprintf(english.title, o.Version, o.CP),
		"",
		fmt.Sprintf(english.engine, w.column(o.Engine), fmt.Sprintf(english.everyCheck, o.Interval, inARow(o.Policy.Fall))),
		fmt.Sprintf(english.central, w.column(o.Central), beats(o.Heartbeat)),
		fmt.Sprintf(english.kafka, w.column(w.brokers()), w.topic()),
	}, w.folder(), []string{
		fmt.Sprintf(english.config, o.Origin),
		"",
	})...)
}

// bannerIndent is where the columns of the banner begin.
const bannerIndent = 11

// folder says where the state is and what was found there, which may be more than
// a line has room for.
func (w *watcher) folder() []string {
	return console.Hang(fmt.Sprintf(english.state, console.Path(w.o.Dir())), "("+w.found()+")", bannerIndent)
}

// warn says again, as loudly as it deserves, when the folder did not hold what a
// Monitor needs.
func (w *watcher) warn() {
	origin := w.box.OpenResult()
	if origin.Found == outbox.New || origin.Found == outbox.Resumed && !origin.Renumber {
		return
	}
	w.o.Console.Logger().Warn(w.loss(), console.CP(w.o.CP), console.Shape(display.Gone),
		slog.String("folder", w.o.Dir()), slog.String("why", origin.Why), slog.String("aside", origin.File))
}

// loss is found for a line that is cut: what it comes to first, and why.
func (w *watcher) loss() string {
	origin := w.box.OpenResult()
	switch origin.Found {
	case outbox.Refused:
		return fmt.Sprintf(english.noDisk, origin.Why)
	case outbox.PutAside:
		return fmt.Sprintf(english.asideAs, origin.File, origin.Why)
	}
	return fmt.Sprintf(english.stateIs, w.found())
}

// column pads an address to the longest of the three.
func (w *watcher) column(s string) string {
	wide := max(len(w.o.Engine), len(w.o.Central), len(w.brokers()))
	return fmt.Sprintf("%-*s", min(wide, 30), s)
}

func (w *watcher) brokers() string {
	if len(w.o.Brokers) == 0 {
		return english.noBrokers
	}
	return strings.Join(w.o.Brokers, ",")
}

func (w *watcher) topic() string {
	if len(w.o.Brokers) == 0 {
		return english.onDisk
	}
	return fmt.Sprintf(english.topic, w.o.Topic)
}

func inARow(fall uint32) string {
	if fall == 1 {
		return english.oneFails
	}
	return fmt.Sprintf(english.manyFail, fall)
}

func beats(every time.Duration) string {
	if every == 0 {
		return english.noBeats
	}
	return fmt.Sprintf(english.beats, every)
}

// found says what the state folder held.
func (w *watcher) found() string {
	origin := w.box.OpenResult()
	switch origin.Found {
	case outbox.New:
		return english.found
	case outbox.PutAside:
		return fmt.Sprintf(english.putAside, origin.File, origin.Why)
	case outbox.Refused:
		return fmt.Sprintf(english.memory, origin.Why)
	}
	if origin.Renumber {
		return fmt.Sprintf(english.anew, origin.Why)
	}
	return fmt.Sprintf(english.resumed, standing(w.state, w.o.Policy.Fall), w.state.Seq+1)
}

// standing is what a resumed charge point was seen as last.
func standing(s evcp.State, fall uint32) string {
	switch {
	case s.Incident.Open:
		return fmt.Sprintf(english.openSince, s.Status, moment(s.Incident.Since.Time().Local(), time.Now()))
	case s.Failures > 0:
		return fmt.Sprintf(english.streak, s.Status, s.Failures, fall)
	case s.LastOK != 0:
		return evcp.OK.String()
	default:
		return evcp.Monitoring.String()
	}
}

// moment is a time of today, another with its date.
func moment(t, now time.Time) string {
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}
