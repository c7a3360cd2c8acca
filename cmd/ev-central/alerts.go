package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"evcp"
	"evcp/internal/alert"
	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/credentials"
	"evcp/internal/dashboard"
	"evcp/internal/display"
	"evcp/internal/language"
	"evcp/internal/metrics"
	"evcp/internal/notify"
	"evcp/internal/status"
)

// alertSettings say who is told of charge points that are not well, and when.
type alertSettings struct {
	file              string // "" = nobody
	after             time.Duration
	disconnectedAfter time.Duration
	languages         alertLanguages
	deadmanFile       string // "" = nobody is pinged
	receivers         atomic.Pointer[[]alert.Receiver]
	deadman           atomic.Pointer[alert.Receiver]
}

// repeatEvery is how often people are told again of what nobody has taken.
const repeatEvery = 4 * time.Hour

// settings are their rows in the program's table.
func (a *alertSettings) settings() []config.Setting {
	const group = "Alerts"
	return []config.Setting{
		{Name: "alert-file", Arg: "FILE", DefaultText: "nobody is told", Group: group, Help: "whom to tell: a URL a line; mode 0600", Scope: config.NotInFile, Set: config.Text(&a.file)},
		{Name: "alert-after", Arg: "DURATION", Default: "30s", Group: group, Help: "tell of a fault that lasts so long", Scope: config.NotInFile, Set: config.Duration(&a.after, 0)},
		{Name: "alert-disconnected-after", Arg: "DURATION", Default: "5m", Group: group, Help: "and of a disconnection", Scope: config.NotInFile, Set: config.Duration(&a.disconnectedAfter, 0)},
		{Name: "alert-language", Arg: "LIST", Default: "en", Group: group, Help: "en or es; en,SITE=es for one site", Scope: config.NotInFile, Set: a.languages.set},
		{Name: "deadman-file", Arg: "FILE", DefaultText: "none", Group: group, Help: "a URL to ping while all is well; mode 0600", Scope: config.NotInFile, Set: config.Text(&a.deadmanFile)},
	}
}

// open reads the files, and again when they change.
func (a *alertSettings) open(files *credentials.Store) error {
	if a.file != "" {
		err := files.Private("alert-file", a.file, func(text string) error {
			all, err := alert.ParseReceivers(text)
			if err == nil {
				a.receivers.Store(&all)
			}
			return err
		})
		if err != nil {
			return cli.UsageError(language.Errorf("--alert-file: %w", err))
		}
	}
	if a.deadmanFile != "" {
		err := files.Private("deadman-file", a.deadmanFile, func(text string) error {
			r, err := alert.ParsePing(text)
			if err == nil {
				a.deadman.Store(&r)
			}
			return err
		})
		if err != nil {
			return cli.UsageError(language.Errorf("--deadman-file: %w", err))
		}
	}
	return nil
}

func (a *alertSettings) toTell() []alert.Receiver { return *a.receivers.Load() }

// alerting is what tells people in a running Central.
type alerting struct {
	notifier *notify.Notifier // nil: nobody is told
	deadman  *notify.Deadman  // nil: nobody is pinged
}

// firstFailed is notify.Options.FirstFailed.
func (p *centralProcess) firstFailed(cp evcp.CPID) time.Time {
	s, ok := p.follower.EventStates().CP(cp)
	if !ok || s.Open == nil {
		return time.Time{}
	}
	return s.Open.Since.Time()
}

// lastIncident is notify.Options.LastIncident.
func (p *centralProcess) lastIncident(cp evcp.CPID) (began, recovered time.Time) {
	s, ok := p.follower.EventStates().CP(cp)
	if !ok || s.Last.Recovered == 0 {
		return began, recovered
	}
	return s.Last.Since.Time(), s.Last.Recovered.Time()
}

// startAlerting makes it. run does the work.
func (p *centralProcess) startAlerting() (a alerting) {
	s := &p.options.alerts
	if s.deadmanFile != "" {
		a.deadman = &notify.Deadman{
			URL: func() alert.Receiver { return *s.deadman.Load() }, Alive: p.livelyCheck(), Log: p.console.Logger(),
		}
	}
	if s.file == "" {
		return a
	}
	o := notify.Options{
		Central: p.central, Receivers: s.toTell, Delays: alert.Delays{After: s.after, DisconnectedAfter: s.disconnectedAfter, Repeat: repeatEvery},
		StateDir: p.options.stateDir, Locale: s.languages.locale, Operations: p.board.operations, Logger: p.console.Logger(), Language: p.console.Language(),
	}
	if p.follower != nil {
		o.Checks, o.FirstFailed, o.LastIncident = p.follower.Checks, p.firstFailed, p.lastIncident
	}
	a.notifier = notify.New(o)
	return a
}

// run tells people until ctx ends.
func (a alerting) run(ctx context.Context) {
	var running sync.WaitGroup
	if a.notifier != nil {
		running.Go(func() { a.notifier.Run(ctx) })
	}
	if a.deadman != nil {
		running.Go(func() { a.deadman.Run(ctx) })
	}
	running.Wait()
}

// source is what the page's server says of it.
func (a alerting) source() (s dashboard.AlertSource) {
	if a.notifier != nil {
		s.Report = a.notifier.Report
	}
	if a.deadman != nil {
		s.Deadman = a.deadman.Report
	}
	return s
}

// metrics are what counts it.
func (a alerting) metrics() (all []func(*metrics.Writer)) {
	if a.notifier != nil {
		all = append(all, a.notifier.Metrics)
	}
	if a.deadman != nil {
		all = append(all, a.deadman.Metrics)
	}
	return all
}

// heardWithin is how old the last message of any Monitor may be while all is well. Monitors
// send one every --heartbeat.
const heardWithin = time.Minute

// livelyCheck reports why the dead man's ping is withheld: Central hears no Monitor, or its
// history does not move. It is called once a minute, by one goroutine.
func (p *centralProcess) livelyCheck() func(now time.Time) error {
	var records int64
	if p.follower != nil {
		records = p.follower.Status().Records
	}
	return func(now time.Time) error {
		read := records
		if p.follower != nil {
			read = p.follower.Status().Records
		}
		moved := read > records
		records = read
		switch last := p.central.Counts().LastSeen; {
		case last.IsZero() || now.Sub(last) > max(heardWithin, 3*p.options.heartbeat):
			return errors.New("Central hears no Monitor")
		case p.follower != nil && !moved:
			return errors.New("no event has come by Kafka for a minute")
		}
		return nil
	}
}

// alertLanguages are the languages of alerts, by site; "" has that of all others.
type alertLanguages map[string]language.Language

func (l *alertLanguages) set(text string) error {
	all := alertLanguages{}
	for part := range strings.SplitSeq(text, ",") {
		site, name, found := strings.Cut(part, "=")
		if !found {
			site, name = "", part
		}
		said, ok := language.Parse(strings.TrimSpace(name))
		if site = strings.TrimSpace(site); !ok || found && site == "" {
			return language.New("en or es is needed, then SITE=es for a site that speaks another, separated by commas")
		}
		all[site] = said
	}
	*l = all
	return nil
}

func (l alertLanguages) locale(site string) alert.Locale {
	said, ok := l[site]
	if !ok {
		said = l[""]
	}
	return alert.Locale{Language: said, Zone: time.Local}
}

// alertTestPath is where a running Central sends test messages, by POST, on the socket in its state
// folder.
const alertTestPath = "/api/v1/alerts/test"

// handleAlertTest answers with what came of a test message to each receiver.
func (p *centralProcess) handleAlertTest(mux *http.ServeMux) {
	mux.HandleFunc("POST "+alertTestPath, func(w http.ResponseWriter, r *http.Request) {
		if p.alerts.notifier == nil {
			status.WriteProblem(w, http.StatusNotFound, errNobodyToTell)
			return
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(2 * notify.TestLimit)) // it says what hangs, too
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(p.alerts.notifier.SendTest(r.Context())) // the client may have gone
	})
}

var errNobodyToTell = language.New("the running Central tells nobody: it was started without --alert-file")

// alertTest sends a test message to each receiver: the running Central to its own, else, and
// where --alert-file is given, this process.
func (o *options) alertTest(ctx context.Context, said language.Language, stdout io.Writer) error {
	var results []notify.TestResult
	if o.alerts.file != "" {
		if err := o.alerts.open(&o.files); err != nil {
			return err
		}
		results = notify.SendTest(ctx, o.alerts.toTell(), o.alerts.languages.locale, nil)
	} else if err := (historyCommand{dir: o.stateDir}).ask(ctx, alertTestPath, nil, &results); noCentral(err) {
		return cli.UsageError(language.Errorf("alert test: no Central runs in %s; without one --alert-file says whom to tell", o.stateDir))
	} else if err != nil {
		return language.Errorf("alert test: %w", err)
	}
	failed := 0
	for _, r := range results {
		if r.Error != "" {
			failed++
			fmt.Fprintln(stdout, display.Safe(said.Sprintf("%s %s did not take it, after %s: %s", display.Failed.Mark(), r.Receiver, display.Duration(r.Took), r.Error)))
			continue
		}
		fmt.Fprintln(stdout, display.Safe(said.Sprintf("%s %s took it in %s", display.Up.Mark(), r.Receiver, display.Duration(r.Took))))
	}
	if failed > 0 {
		return language.Errorf("alert test: %d of %d receivers did not take it", failed, len(results))
	}
	return nil
}
