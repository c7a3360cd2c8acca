package watch

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"evcp"
	"evcp/internal/console"
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
	o.Console.Print(
		fmt.Sprintf("ev-cp-m %s watches %s. Ctrl-C stops it.", o.Version, o.CP),
		"",
		fmt.Sprintf("  Engine   %s  every %s; %s", w.column(o.Engine), o.Interval, inARow(o.Policy.Fall)),
		fmt.Sprintf("  Central  %s  %s", w.column(o.Central), beats(o.Heartbeat)),
		fmt.Sprintf("  Kafka    %s  %s", w.column(w.brokers()), w.topic()),
		fmt.Sprintf("  State    %s (%s)", console.Path(o.Dir()), w.found()),
		fmt.Sprintf("  Config   %s", o.Origin),
		"",
	)
}

// warn says again, as loudly as it deserves, when the folder did not hold what a
// Monitor needs.
func (w *watcher) warn() {
	origin := w.box.Origin()
	if origin.Found == outbox.New || origin.Found == outbox.Resumed && !origin.Renumber {
		return
	}
	w.o.Console.Logger().Warn("the state is "+w.found(), console.CP(w.o.CP), console.Gone.Attr(),
		slog.String("folder", w.o.Dir()), slog.String("why", origin.Why), slog.String("aside", origin.File))
}

// column pads an address to the longest of the three.
func (w *watcher) column(s string) string {
	wide := max(len(w.o.Engine), len(w.o.Central), len(w.brokers()))
	return fmt.Sprintf("%-*s", min(wide, 30), s)
}

func (w *watcher) brokers() string {
	if len(w.o.Brokers) == 0 {
		return "none"
	}
	return strings.Join(w.o.Brokers, ",")
}

func (w *watcher) topic() string {
	if len(w.o.Brokers) == 0 {
		return "events stay on disk"
	}
	return "topic " + w.o.Topic
}

func inARow(fall uint32) string {
	if fall == 1 {
		return "a failure is reported"
	}
	return fmt.Sprintf("%d failures in a row are reported", fall)
}

func beats(every time.Duration) string {
	if every == 0 {
		return "no signs of life"
	}
	return fmt.Sprintf("a sign of life every %s", every)
}

// found says what the state folder held.
func (w *watcher) found() string {
	origin := w.box.Origin()
	switch origin.Found {
	case outbox.New:
		return "new"
	case outbox.PutAside:
		return fmt.Sprintf("begun anew; the old one is %s: %s", origin.File, origin.Why)
	case outbox.Refused:
		return "in memory only: " + origin.Why
	}
	if origin.Renumber {
		return "begun anew: " + origin.Why
	}
	return fmt.Sprintf("resumed: %s, next event %d", standing(w.state, w.o.Policy.Fall), w.state.Seq+1)
}

// standing is what a resumed charge point was seen as last.
func standing(s evcp.State, fall uint32) string {
	switch {
	case s.Incident.Open:
		return fmt.Sprintf("%s since %s", s.Status, s.Incident.Since.Time().Local().Format(time.DateTime))
	case s.Failures > 0:
		return fmt.Sprintf("%s %d of %d", s.Status, s.Failures, fall)
	case s.LastOK != 0:
		return evcp.OK.String()
	default:
		return evcp.Monitoring.String()
	}
}
