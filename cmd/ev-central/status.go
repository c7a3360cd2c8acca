package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"evcp"
	"evcp/internal/archive"
	"evcp/internal/central"
	"evcp/internal/central/cpstate"
	"evcp/internal/cli"
	"evcp/internal/console"
	"evcp/internal/display"
	"evcp/internal/language"
	"evcp/internal/ledger"
	"evcp/internal/operations"
)

// statusPath is where a running Central says how it does, on the socket in its state folder,
// by POST as the others.
const statusPath = "/api/v1/status"

// statusDocument is what it says. A charge point in maintenance is in no other number, as on the
// page.
type statusDocument struct {
	Activated    int             `json:"activated"`
	Faulted      int             `json:"faulted"`
	Disconnected int             `json:"disconnected"`
	Maintained   int             `json:"maintenance"`
	NotWell      []notWell       `json:"not_well"` // the oldest first, at most maxNotWell
	DiskError    string          `json:"disk_error,omitempty"`
	Lost         string          `json:"lost,omitempty"` // what is not kept any more, and why
	History      *historyReading `json:"history"`        // null: none is kept
}

// notWell is a charge point that is not activated.
type notWell struct {
	CP     string    `json:"cp_id"`
	State  string    `json:"state"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
}

// historyReading is how the reading of the topic goes on.
type historyReading struct {
	Topic    string         `json:"topic"`
	Offsets  ledger.Offsets `json:"offsets"`
	Lag      int64          `json:"lag"`
	Newest   time.Time      `json:"newest"`
	Records  int64          `json:"records"`
	Strange  int64          `json:"strange"`
	Lost     int64          `json:"lost"`
	MadeAnew int64          `json:"made_anew"` // how often the topic was deleted and made anew
	Bytes    int64          `json:"bytes"`     // on disk
	Error    string         `json:"error,omitempty"`
}

// maxNotWell bounds what is listed.
const maxNotWell = 50

func (p *centralProcess) handleStatus(mux *http.ServeMux) {
	mux.HandleFunc("POST "+statusPath, func(w http.ResponseWriter, _ *http.Request) {
		d := statusDocument{DiskError: p.central.Figures().DiskError}
		if err := p.filesLost(); err != nil {
			d.Lost = err.Error()
		}
		d.count(p.central.CPs(), p.board.operations.Overlays(time.Now()))
		if p.follower != nil {
			d.History = readingOf(p.follower.Status(), p.options.stateDir)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(d) // the client may have gone
	})
}

// filesLost is the error of a file of the state folder that was removed or replaced, so that what
// it held is not kept any more. central.db and alerts.db are made anew by themselves.
func (p *centralProcess) filesLost() error {
	var errs []error
	if p.board.file != nil {
		errs = append(errs, p.board.file.Lost())
	}
	if p.follower != nil {
		if s := p.follower.Status(); s.Gone {
			errs = append(errs, errors.New(s.Error))
		}
	}
	return errors.Join(errs...)
}

// count sets the numbers, and lists the charge points that are not well, the oldest state first.
func (d *statusDocument) count(all []central.CPView, entered func(evcp.CPID) operations.Overlay) {
	list := []notWell{}
	for _, v := range all {
		switch {
		case entered(v.ID).Maintenance != nil:
			d.Maintained++
			continue
		case v.State == cpstate.Activated:
			d.Activated++
			continue
		case v.State == cpstate.Faulted:
			d.Faulted++
		case v.State == cpstate.Disconnected:
			d.Disconnected++
		default: // expected: it was never heard
			continue
		}
		list = append(list, notWell{string(v.ID), v.State.String(), v.Reason.String(), v.Since})
	}
	slices.SortStableFunc(list, func(a, b notWell) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.CP, b.CP)) })
	d.NotWell = list[:min(len(list), maxNotWell)]
}

func readingOf(s archive.FollowStatus, dir string) *historyReading {
	r := &historyReading{
		Topic: s.Topic, Offsets: s.Next, Lag: s.Lag, Newest: s.Newest.Time(), Records: s.Records, Strange: s.Strange, Lost: s.Lost, MadeAnew: s.MadeAnew, Error: s.Error,
	}
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(filepath.Join(dir, archive.FileName+suffix)); err == nil {
			r.Bytes += info.Size()
		}
	}
	return r
}

// status prints how the running Central does.
func (c historyCommand) status(ctx context.Context, now time.Time) error {
	if c.operand != "" {
		return cli.UsageError(language.Errorf("unexpected argument %s.", c.operand))
	}
	var d statusDocument
	if err := c.ask(ctx, statusPath, nil, &d); noCentral(err) {
		return language.Errorf("no Central runs in %s", c.dir)
	} else if err != nil {
		return language.Errorf("status: %w", err)
	}
	say := func(format string, args ...any) {
		fmt.Fprintln(c.stdout, display.Safe(c.said.Sprintf(format, args...)))
	}
	numbers := c.said.Sprintf("%d activated, %d faulted, %d disconnected", d.Activated, d.Faulted, d.Disconnected)
	if d.Maintained > 0 {
		numbers += c.said.Sprintf(", %d in maintenance", d.Maintained)
	}
	fmt.Fprintln(c.stdout, numbers)
	for _, cp := range d.NotWell {
		say("  %-16s %s, %s, for %s", cp.CP, c.said.Text(cp.State), cp.Reason, display.Duration(now.Sub(cp.Since)))
	}
	if more := d.Faulted + d.Disconnected - len(d.NotWell); more > 0 {
		say("  and %d more", more)
	}
	if d.DiskError != "" {
		say("can't write to the state folder: %s", d.DiskError)
	}
	if d.Lost != "" {
		say("not healthy: %s", d.Lost)
	}
	h := d.History
	if h == nil {
		say("History: none (--kafka-brokers)")
		return nil
	}
	offsets, err := json.Marshal(h.Offsets)
	if err != nil {
		return err
	}
	say("History: topic %s at %s, %d records behind, newest event %s ago", h.Topic, string(offsets), h.Lag, display.Duration(now.Sub(h.Newest)))
	say("  %d records read, %d of them by no Monitor, %d lost by the topic; %d bytes on disk in %s",
		h.Records, h.Strange, h.Lost, h.Bytes, console.Path(filepath.Join(c.dir, archive.FileName)))
	if h.MadeAnew > 0 {
		say("  the topic was made anew %d times", h.MadeAnew)
	}
	if h.Error != "" {
		say("  can't go on: %s", h.Error)
	}
	return nil
}
