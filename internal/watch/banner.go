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
)

// banner says what is watched, where its peers are and what the state folder held:
// to a person in a few lines, to a log in one.
func (r *runner) banner() {
	defer r.warnOfLoss()
	if r.o.Console.Terminal() {
		r.o.Console.Print(r.bannerLines()...)
		return
	}
	r.o.Console.Logger().LogAttrs(context.Background(), slog.LevelInfo, "watching", r.bannerAttrs()...)
}

func (r *runner) bannerLines() []string {
	o, engines, engine := r.o, english.engine, r.engines()
	if o.lone() == "" {
		engines = english.engines
	}
	return slices.Concat([]string{
		fmt.Sprintf(english.title, o.Version, o.name()),
		"",
		fmt.Sprintf(engines, r.column(engine), fmt.Sprintf(english.everyCheck, o.Interval, inARow(o.Policy.Fall))),
		fmt.Sprintf(english.central, r.column(o.Central), heartbeats(o.Heartbeat)),
		fmt.Sprintf(english.kafka, r.column(r.brokers()), r.topic()),
	}, r.folder(), []string{
		fmt.Sprintf(english.config, o.Origin),
		"",
	})
}

func (r *runner) bannerAttrs() []slog.Attr {
	o := r.o
	watched := []slog.Attr{slog.Int("charge_points", len(o.Targets)), slog.String("version", o.Version)}
	if cp := o.lone(); cp != "" {
		watched = []slog.Attr{console.CP(cp), slog.String("version", o.Version), slog.String("engine", r.engines())}
	}
	return append(watched, slog.String("central", o.Central), slog.String("kafka", strings.Join(o.Brokers, ",")), slog.String("topic", o.Topic),
		slog.String("state", o.Dir()), slog.String("found", r.found()), slog.String("config", o.Origin))
}

// engines is the address of the only Engine, or how many there are.
func (r *runner) engines() string {
	if r.o.lone() != "" {
		return r.o.Targets[0].Address
	}
	return strconv.Itoa(len(r.o.Targets))
}

// bannerIndent is where the columns of the banner begin.
const bannerIndent = 11

// folder says where the state is and what was found there, which may be more than
// a line has room for.
func (r *runner) folder() []string {
	return display.WrapUnder(fmt.Sprintf(english.state, console.Path(r.o.Dir())), "("+r.found()+")", bannerIndent)
}

// warnOfLoss warns when the folder did not hold what an earlier Monitor had kept
// there, or the disk refused.
func (r *runner) warnOfLoss() {
	origin := r.box.OpenResult()
	if origin.Found == outbox.New || origin.Found == outbox.Resumed && !origin.Renumber {
		return
	}
	r.o.Console.Logger().Warn(r.loss(), console.CP(r.o.lone()), console.Shape(display.Gone),
		slog.String("folder", r.o.Dir()), slog.String("why", origin.Why), slog.String("aside", origin.File))
}

// loss is found in a sentence for the log: what matters comes first.
func (r *runner) loss() string {
	origin := r.box.OpenResult()
	switch origin.Found {
	case outbox.Refused:
		return fmt.Sprintf(english.noDisk, origin.Why)
	case outbox.PutAside:
		return fmt.Sprintf(english.asideAs, origin.File, origin.Why)
	}
	return fmt.Sprintf(english.stateIs, r.found())
}

// column pads an address to the longest of the three.
func (r *runner) column(s string) string {
	wide := max(len(r.engines()), len(r.o.Central), len(r.brokers()))
	return fmt.Sprintf("%-*s", min(wide, 30), s)
}

func (r *runner) brokers() string {
	if len(r.o.Brokers) == 0 {
		return english.noBrokers
	}
	return strings.Join(r.o.Brokers, ",")
}

func (r *runner) topic() string {
	if len(r.o.Brokers) == 0 {
		return english.onDisk
	}
	return fmt.Sprintf(english.topic, r.o.Topic)
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

// found says what the state folder held.
func (r *runner) found() string {
	origin := r.box.OpenResult()
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
	return r.resumed()
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
