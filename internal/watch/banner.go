package watch

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"evcp"
	"evcp/internal/console"
	"evcp/internal/display"
	"evcp/internal/language"
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
	if n := r.box.OpenResult().TakenOver; n > 0 {
		r.o.Console.Logger().Info(english.takenOver.In(r.o.Console.Language()).Of(int64(n)), console.Shape(display.Note), slog.String("folder", r.o.Dir()))
	}
	r.warnOfFiles()
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
	o, said, engines, engine := r.o, r.o.Console.Language(), english.engine, r.engines()
	brokers, topic := r.brokers()
	found, _ := r.found()
	if o.lone() == "" {
		engines = english.engines
	}
	wide := min(max(len(engine), len(o.Central), len(brokers)), maxColumn)
	row := func(format, name, text string) string {
		return said.Sprintf(format, fmt.Sprintf("%-*s", wide, name), text)
	}
	return slices.Concat([]string{
		said.Sprintf(english.title, o.Version, o.name(said, o.Targets)),
		"",
		row(engines, engine, said.Sprintf(english.everyCheck, o.Interval, r.inARow())),
		row(english.central, o.Central, r.heartbeats()),
		row(english.kafka, brokers, topic),
	}, display.WrapUnder(said.Sprintf(english.state, console.Path(o.Dir())), "("+found+")", bannerIndent), r.httpLine(), []string{
		said.Sprintf(english.config, o.Origin),
		"",
	})
}

// httpLine is where --http listens: with port 0 only the process itself knows.
func (r *runner) httpLine() []string {
	if r.o.HTTP == nil {
		return nil
	}
	return []string{r.o.Console.Language().Sprintf(english.http, status.Scheme(r.o.HTTP), r.o.HTTP.Addr())}
}

func (r *runner) bannerAttrs() []slog.Attr {
	o := r.o
	found, _ := r.found()
	watched := []slog.Attr{slog.Int("charge_points", len(o.Targets)), slog.String("version", o.Version)}
	if o.Fleet != nil {
		watched = append(watched, slog.String("fleet", o.Fleet.File), slog.Int("sites", sites(o.Targets)))
	}
	if cp := o.lone(); cp != "" {
		watched = []slog.Attr{console.CP(cp), slog.String("version", o.Version), slog.String("engine", r.engines())}
	}
	if o.HTTP != nil {
		watched = append(watched, slog.String(status.Scheme(o.HTTP), o.HTTP.Addr().String()))
	}
	return append(watched, slog.String("central", o.Central), slog.String("kafka", strings.Join(o.Brokers, ",")), slog.String("topic", o.Topic),
		slog.String("state", o.Dir()), slog.String("found", found), slog.String("config", o.Origin))
}

// engines is the address of the only Engine, or how many there are and where they stand.
func (r *runner) engines() string {
	if r.o.Fleet == nil {
		return r.o.Targets[0].Address
	}
	return r.o.Console.Language().Sprintf(english.inFile, len(r.o.Targets), r.o.Fleet.File)
}

// brokers are their addresses, and what is written there.
func (r *runner) brokers() (addresses, topic string) {
	if len(r.o.Brokers) == 0 {
		return r.o.Console.Language().Text(english.noBrokers), r.o.Console.Language().Text(english.onDisk)
	}
	return strings.Join(r.o.Brokers, ","), r.o.Console.Language().Sprintf(english.topic, r.o.Topic)
}

func (r *runner) inARow() string {
	if r.o.Policy.Fall == 1 {
		return r.o.Console.Language().Text(english.oneFails)
	}
	return r.o.Console.Language().Sprintf(english.manyFail, r.o.Policy.Fall)
}

func (r *runner) heartbeats() string {
	if r.o.Heartbeat == 0 {
		return r.o.Console.Language().Text(english.noHeartbeats)
	}
	return r.o.Console.Language().Sprintf(english.heartbeats, r.o.Heartbeat)
}

// found is what the state folder held, for the banner, and a warning for the log, in which
// what matters comes first; "" when nothing was lost.
func (r *runner) found() (found, warning string) {
	origin, said := r.box.OpenResult(), r.o.Console.Language()
	why := said.Rendered(said.Text(origin.Why), outbox.OtherInstance)
	switch {
	case origin.Found == outbox.New:
		return said.Text(english.found), ""
	case origin.Found == outbox.PutAside:
		return said.Sprintf(english.putAside, origin.File, why), said.Sprintf(english.asideAs, origin.File, why)
	case origin.Found == outbox.Refused:
		return said.Sprintf(english.memory, why), said.Sprintf(english.noDisk, why)
	case origin.Renumber:
		found = said.Sprintf(english.anew, why)
		return found, said.Sprintf(english.stateIs, found)
	}
	return r.resumed(), ""
}

// resumed is the last known state of the only charge point, or how many have an
// open incident.
func (r *runner) resumed() string {
	said := r.o.Console.Language()
	if cp := r.o.lone(); cp != "" {
		s := r.box.State(cp)
		return said.Sprintf(english.resumed, lastKnown(said, s, r.o.Policy.Fall), s.Seq+1)
	}
	open := 0
	for _, t := range r.o.Targets {
		if r.box.State(t.CP).Incident.Open {
			open++
		}
	}
	return said.Sprintf(english.resumedAll, open, len(r.o.Targets))
}

// lastKnown is the state of a charge point as an earlier Monitor left it.
func lastKnown(said language.Language, s evcp.State, fall uint32) string {
	switch {
	case s.Incident.Open:
		return said.Sprintf(english.openSince, s.Status, display.TimeOfDay(s.Incident.Since.Time().Local(), time.Now(), time.DateTime))
	case s.Failures > 0:
		return said.Sprintf(english.streak, s.Status, s.Failures, fall)
	case s.LastOK != 0:
		return evcp.OK.String()
	default:
		return evcp.Monitoring.String()
	}
}
