package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"evcp"
	"evcp/internal/archive"
	"evcp/internal/audit"
	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/console"
	"evcp/internal/dashboard"
	"evcp/internal/display"
	"evcp/internal/kafka"
	"evcp/internal/kafkasettings"
	"evcp/internal/language"
	"evcp/internal/ledger"
	"evcp/internal/link"
	"evcp/internal/status"
)

// eventSettings say where Central reads the Monitors' events.
type eventSettings struct {
	brokers []string // none: no history
	topic   string
	tls     cli.ClientTLS
	login   kafkasettings.LoginSettings
	keep    time.Duration // of minutes
}

// settings are their rows in the program's table.
func (e *eventSettings) settings() []config.Setting {
	const group = "Events"
	e.tls.Prefix = "kafka"
	rows := []config.Setting{
		{Name: "kafka-brokers", Arg: "LIST", DefaultText: "none", Group: group, Help: "HOST:PORT,HOST:PORT: keeps history", Set: config.HostPortList(&e.brokers, 9092)},
		{Name: "kafka-topic", Arg: "NAME", Default: "monitor-events", Group: group, Set: config.Topic(&e.topic)},
		{Name: "keep-minutes", Arg: "DURATION", Default: "168h", Group: group, Help: "how long checks are kept by the minute", Scope: config.NotInFile, Set: config.Duration(&e.keep, 24*time.Hour)},
	}
	rows = append(rows, e.tls.Settings(group, false)...)
	return append(rows, e.login.Settings(group)...)
}

// check is the part of config.Program.Check for these settings.
func (e *eventSettings) check() (setting string, why error) {
	if setting, why = e.tls.Check(); why != nil {
		return setting, why
	}
	return e.login.Check(e.tls.On)
}

// openHistory opens the history and what reads the topic into it; nil without brokers.
func (o *options) openHistory(con *console.Console) (*archive.Follower, func() error, error) {
	if len(o.events.brokers) == 0 {
		return nil, func() error { return nil }, nil
	}
	dialer, err := o.events.tls.Dialer(link.NewDialer(), &o.files)
	if err != nil {
		return nil, nil, err
	}
	login, err := o.events.login.Open(&o.files)
	if err != nil {
		return nil, nil, err
	}
	a, err := archive.Open(o.stateDir, con.Logger())
	if err != nil {
		return nil, nil, language.Errorf("open the history in %s: %w", o.stateDir, err)
	}
	a.KeepMinutes(o.events.keep)
	f, err := archive.NewFollower(a, kafka.Options{
		Brokers: o.events.brokers, Topic: o.events.topic, Login: login, Logger: con.Logger(), Dial: dialer.DialContext,
	}, con.Logger())
	if err != nil {
		return nil, nil, errors.Join(language.Errorf("open the history in %s: %w", o.stateDir, err), a.Close())
	}
	return f, a.Close, nil
}

// past is where the page's server reads the history; nil: none is kept.
func (p *centralProcess) past() *dashboard.HistorySource {
	if p.follower == nil {
		return nil
	}
	h := dashboard.HistoryOf(p.follower, filepath.Join(p.options.stateDir, archive.FileName))
	if file := p.options.reports.ports; file != "" {
		h.Ports = func(zone *time.Location) ([]ledger.ChargingPort, error) { return readPorts(file, zone) }
	}
	return h
}

// What a running Central takes on the socket in its state folder, by POST.
const (
	pinPath      = "/api/v1/history/position"
	annotatePath = "/api/v1/history/annotations"
)

// maxAnnotation bounds the body of annotatePath.
const maxAnnotation = 16 << 10

// handleHistory takes the requests of the commands about the history.
func (p *centralProcess) handleHistory(mux *http.ServeMux) {
	mux.HandleFunc("POST "+pinPath, func(w http.ResponseWriter, r *http.Request) {
		p.answer(w, r, func(a *archive.Archive) (any, error) { return a.Position() })
	})
	mux.HandleFunc("POST "+annotatePath, func(w http.ResponseWriter, r *http.Request) {
		var n archive.Annotation
		if err := json.NewDecoder(io.LimitReader(r.Body, maxAnnotation)).Decode(&n); err != nil {
			status.WriteProblem(w, http.StatusBadRequest, err)
			return
		}
		if p.follower != nil {
			if err := p.page.CheckKnown(r.Context(), n.CP, n.Site); err != nil {
				var sites []string
				if unknown := (*dashboard.UnknownError)(nil); errors.As(err, &unknown) {
					sites = unknown.Sites
				}
				status.WriteProblem(w, http.StatusUnprocessableEntity, err, sites...)
				return
			}
		}
		n.Declared = evcp.StampOf(time.Now())
		p.answer(w, r, func(a *archive.Archive) (any, error) { return a.Annotate(n) })
	})
}

// answer runs do with the history, and writes what it returns.
func (p *centralProcess) answer(w http.ResponseWriter, r *http.Request, do func(*archive.Archive) (any, error)) {
	if p.follower == nil {
		status.WriteProblem(w, http.StatusNotFound, errNoHistory)
		return
	}
	var value any
	err := p.follower.Do(r.Context(), func(a *archive.Archive) (err error) {
		value, err = do(a)
		return err
	})
	if err != nil {
		status.WriteProblem(w, http.StatusServiceUnavailable, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // the client may have gone
}

var (
	errNoHistory = language.Coded("no_history")
	errReadOnly  = syscall.EROFS
)

// withArchive does something with the history: the Central that runs in the state folder does
// it, by a request; where none keeps one, this process does it itself.
func (c historyCommand) withArchive(ctx context.Context, path string, body, answer any, do func(*archive.Archive) error) error {
	err := c.ask(ctx, path, body, answer)
	if !noCentral(err) && err != nil && err.Error() != errNoHistory.Error() || err == nil {
		return err
	}
	if !exists(filepath.Join(c.dir, archive.FileName)) {
		return language.Errorf("no history is kept in %s: ev-central needs --kafka-brokers for it", c.dir)
	}
	a, err := archive.Open(c.dir, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return errors.Join(do(a), a.Close())
}

// ask has the Central that runs in the state folder do something; noCentral is true of the error
// where none runs.
func (c historyCommand) ask(ctx context.Context, path string, body, answer any) error {
	if err := awake(ctx, c.dir); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return status.Dial(ctx, c.dir) },
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://central"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		if why := status.ReadProblem(resp.Body); why != nil {
			return why
		}
		return fmt.Errorf("Central answers %s", resp.Status)
	}
	return json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(answer)
}

// exclude adds, lists or withdraws exclusions.
func (c historyCommand) exclude(ctx context.Context, command string) error {
	switch command {
	case "exclude list":
		return c.listExclusions(ctx)
	case "exclude withdraw":
		id, err := parseID(c.operand)
		if err != nil {
			return cli.UsageError(err)
		}
		return c.annotate(ctx, archive.Annotation{Withdraws: id})
	}
	n := archive.Annotation{Exclusion: ledger.Exclusion{Site: c.site, Reason: c.reason}}
	if c.operand != "" {
		if err := config.CPID(&n.CP)(c.operand); err != nil {
			return cli.UsageError(language.Errorf("exclude %q: %w", c.operand, err))
		}
	}
	var err1, err2 error
	n.From, err1 = parseTime(c.from, c.zone)
	n.To, err2 = parseTime(c.to, c.zone)
	switch {
	case (n.CP == "") == (n.Site == ""):
		return cli.UsageError(language.New("exclude what? ev-central exclude add CP_001, or --site NAME, with --from, --to and --reason"))
	case err1 != nil || err2 != nil || n.From >= n.To:
		return cli.UsageError(language.New("an exclusion needs --from and a later --to, as 2026-10-31 08:00"))
	case n.Reason == "":
		return cli.UsageError(language.New("an exclusion needs --reason grid, vehicle, maintenance, vandalism or disaster"))
	}
	return c.annotate(ctx, n)
}

func parseID(text string) (id int64, err error) {
	if _, err := fmt.Sscanf(text, "%d", &id); err != nil || id < 1 || fmt.Sprint(id) != text {
		return 0, language.New("withdraw which exclusion? its number stands in ev-central exclude list")
	}
	return id, nil
}

func (c historyCommand) annotate(ctx context.Context, n archive.Annotation) error {
	n.Who, n.Note, n.Link = c.who, c.note, c.link
	if n.Who == "" {
		n.Who = userName()
	}
	var id int64
	err := c.withArchive(ctx, annotatePath, n, &id, func(a *archive.Archive) (err error) {
		n.Declared = evcp.StampOf(time.Now())
		id, err = a.Annotate(n)
		return err
	})
	if err != nil {
		return language.Errorf("exclude: %w", err)
	}
	if n.Withdraws != 0 {
		fmt.Fprintln(c.stdout, c.said.Sprintf("exclusion %d is withdrawn", n.Withdraws))
	} else {
		fmt.Fprintln(c.stdout, c.said.Sprintf("exclusion %d; to take it back: ev-central exclude withdraw %d", id, id))
	}
	return nil
}

func (c historyCommand) listExclusions(ctx context.Context) error {
	v, err := c.view(ctx, false)
	if err != nil {
		return language.Errorf("exclude: %w", err)
	}
	defer func() { _ = v.Close() }()
	list, err := v.Annotations()
	if err != nil {
		return language.Errorf("exclude: %w", err)
	}
	return c.printAnnotations(list)
}

// makeBackup copies the history, and what people entered, while a Central writes them.
func (c historyCommand) makeBackup(ctx context.Context) error {
	if c.operand == "" {
		return cli.UsageError(language.New("backup to which file? ev-central backup FILE"))
	}
	board := boardBackup(c.operand)
	for _, file := range []string{c.operand, board} {
		if exists(file) {
			return language.Errorf("backup %s: the file exists", file)
		}
	}
	copied, err := audit.Backup(filepath.Join(c.dir, audit.FileName), board)
	if err != nil {
		return errors.Join(language.Errorf("backup %s: %w", board, err), os.Remove(board))
	}
	if copied {
		fmt.Fprintln(c.stdout, c.said.Sprintf("wrote %s: users, owners, maintenance, ports and the audit log", console.Path(board)))
	}
	if history := filepath.Join(c.dir, archive.FileName); copied && !exists(history) {
		return nil
	}
	position, err := c.pin(ctx)
	if err != nil {
		return language.Errorf("backup: %w", err)
	}
	if err := archive.Backup(filepath.Join(c.dir, archive.FileName), c.operand); err != nil {
		return errors.Join(language.Errorf("backup %s: %w", c.operand, err), os.Remove(c.operand))
	}
	fmt.Fprintln(c.stdout, c.said.Sprintf("wrote %s, at position %s", console.Path(c.operand), position))
	return nil
}

// printAnnotations prints a line for each.
func (c historyCommand) printAnnotations(list []archive.Annotation) error {
	for _, n := range list {
		made := n.Declared.Time().In(c.zone).Format("2006-01-02 15:04:05")
		if n.Withdraws != 0 {
			fmt.Fprintln(c.stdout, display.Safe(c.said.Sprintf("%d  %s withdrew %d at %s %s", n.ID, n.Who, n.Withdraws, made, n.Note)))
			continue
		}
		what := string(n.CP)
		if what == "" {
			what = c.said.Sprintf("site %s", n.Site)
		}
		fmt.Fprintln(c.stdout, display.Safe(c.said.Sprintf("%d  %s, %s to %s, %s: by %s at %s %s %s", n.ID, what,
			n.From.Time().In(c.zone).Format("2006-01-02 15:04:05"), n.To.Time().In(c.zone).Format("2006-01-02 15:04:05"), string(n.Reason), n.Who, made, n.Note, n.Link)))
	}
	return nil
}
