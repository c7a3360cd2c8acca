package watch

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"evcp"
	"evcp/internal/console"
	"evcp/internal/display"
	"evcp/internal/outbox"
	"evcp/internal/status"
)

// banner says what is watched, where its peers are and what the state folder held: to a
// person in a few lines, to a log in one. It warns when the folder did not hold what an
// earlier Monitor had kept there, or the disk refused.
func (r *runner) banner() {
	if r.o.Console.Terminal() {
		r.o.Console.Print(r.bannerLines()...)
	} else {
		r.o.Console.Logger().LogAttrs(context.Background(), slog.LevelInfo, "watching", r.bannerAttrs()...)
	}
	if _, warning := r.found(); warning != "" {
		origin := r.box.OpenResult()
		r.o.Console.Logger().Warn(warning, console.CP(r.o.lone()), console.Shape(display.Gone),
			slog.String("folder", r.o.Dir()), slog.String("why", origin.Why), slog.String("aside", origin.File))
	}
}

// The banner: the cell where its columns begin, and the widest column of addresses.
const (
	bannerIndent = 11
	maxColumn    = 30
)

func (r *runner) bannerLines() []string {
	o, engines, engine := r.o, english.engine, r.engines()
	brokers, topic := r.brokers()
	found, _ := r.found()
	if o.lone() == "" {
		engines = english.engines
	}
	wide := min(max(len(engine), len(o.Central), len(brokers)), maxColumn)
	row := func(format, name, text string) string {
		return fmt.Sprintf(format, fmt.Sprintf("%-*s", wide, name), text)
	}
	return slices.Concat([]string{
		fmt.Sprintf(english.title, o.Version, o.name()),
		"",
		row(engines, engine, fmt.Sprintf(english.everyCheck, o.Interval, inARow(o.Policy.Fall))),
		row(english.central, o.Central, heartbeats(o.Heartbeat)),
		row(english.kafka, brokers, topic),
	}, display.WrapUnder(fmt.Sprintf(english.state, console.Path(o.Dir())), "("+found+")", bannerIndent), r.httpLine(), []string{
		fmt.Sprintf(english.config, o.Origin),
		"",
	})
}

// httpLine is where --http listens: with port 0 only the process itself knows.
func (r *runner) httpLine() []string {
	if r.o.HTTP == nil {
		return nil
	}
	return []string{fmt.Sprintf(english.http, status.Scheme(r.o.HTTP), r.o.HTTP.Addr())}
}

func (r *runner) bannerAttrs() []slog.Attr {
	o := r.o
	found, _ := r.found()
	watched := []slog.Attr{slog.Int("charge_points", len(o.Targets)), slog.String("version", o.Version)}
	if cp := o.lone(); cp != "" {
		watched = []slog.Attr{console.CP(cp), slog.String("version", o.Version), slog.String("engine", r.engines())}
	}
	if o.HTTP != nil {
		watched = append(watched, slog.String(status.Scheme(o.HTTP), o.HTTP.Addr().String()))
	}
	return append(watched, slog.String("central", o.Central), slog.String("kafka", strings.Join(o.Brokers, ",")), slog.String("topic", o.Topic),
		slog.String("state", o.Dir()), slog.String("found", found), slog.String("config", o.Origin))
}

// engines is the address of the only Engine, or how many there are.
func (r *runner) engines() string {
	if r.o.lone() != "" {
		return r.o.Targets[0].Address
	}
	return strconv.Itoa(len(r.o.Targets))
}

// brokers are their addresses, and what is written there.
func (r *runner) brokers() (addresses, topic string) {
	if len(r.o.Brokers) == 0 {
		return english.noBrokers, english.onDisk
	}
	return strings.Join(r.o.Brokers, ","), fmt.Sprintf(english.topic, r.o.Topic)
}

func inARow(fall uint32) string {
	if fall == 1 {
		return english.oneFails
	}
	return fmt.Sprintf(english.manyFail, fall)
}

func heartbeats(every time.Duration) string {
	if every == 0 {
		return english.noHeartbeats
	}
	return fmt.Sprintf(english.heartbeats, every)
}

// found is what the state folder held, for the banner, and a warning for the log, in which
// what matters comes first; "" when nothing was lost.
func (r *runner) found() (found, warning string) {
	switch origin := r.box.OpenResult(); {
	case origin.Found == outbox.New:
		return english.found, ""
	case origin.Found == outbox.PutAside:
		return fmt.Sprintf(english.putAside, origin.File, origin.Why), fmt.Sprintf(english.asideAs, origin.File, origin.Why)
	case origin.Found == outbox.Refused:
		return fmt.Sprintf(english.memory, origin.Why), fmt.Sprintf(english.noDisk, origin.Why)
	case origin.Renumber:
		found = fmt.Sprintf(english.anew, origin.Why)
		return found, fmt.Sprintf(english.stateIs, found)
	}
	return r.resumed(), ""
}

// resumed is the last known state of the only charge point, or how many have an
// open incident.
func (r *runner) resumed() string {
	if cp := r.o.lone(); cp != "" {
		s := r.box.State(cp)
		return fmt.Sprintf(english.resumed, lastKnown(s, r.o.Policy.Fall), s.Seq+1)
	}
	open := 0
	for _, cp := range r.o.cps() {
		if r.box.State(cp).Incident.Open {
			open++
		}
	}
	return fmt.Sprintf(english.resumedAll, open, len(r.o.Targets))
}

// lastKnown is the state of a charge point as an earlier Monitor left it.
func lastKnown(s evcp.State, fall uint32) string {
	switch {
	case s.Incident.Open:
		return fmt.Sprintf(english.openSince, s.Status, display.TimeOfDay(s.Incident.Since.Time().Local(), time.Now(), time.DateTime))
	case s.Failures > 0:
		return fmt.Sprintf(english.streak, s.Status, s.Failures, fall)
	case s.LastOK != 0:
		return evcp.OK.String()
	default:
		return evcp.Monitoring.String()
	}
}
