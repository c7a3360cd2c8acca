package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"evcp"
	"evcp/internal/archive"
	"evcp/internal/audit"
	"evcp/internal/central"
	"evcp/internal/central/cpstate"
	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/dashboard"
	"evcp/internal/history"
	"evcp/internal/language"
	"evcp/internal/ledger"
	"evcp/internal/operations"
	"evcp/internal/report"
	"evcp/internal/sqlite"
	"evcp/internal/version"
)

// reportSettings are the settings of ev-central report, history and exclude.
type reportSettings struct {
	definition                       ledger.Definition
	month, year, cpID, site          string
	zone                             *time.Location
	format, at, until, ports, backup string
	offlineIsOutage                  bool
	from, to, who, note, link, since string
	reason                           ledger.ExclusionReason
	state                            string
}

// formats are those of a report.
var formats = []string{"text", "csv", "json", "html"}

// settings are their rows in the program's table.
func (r *reportSettings) settings() []config.Setting {
	const group = "Reports"
	text := func(name, arg, help string, to *string) config.Setting {
		return config.Setting{Name: name, Arg: arg, Group: group, Help: help, Scope: config.FlagOnly, Set: config.Text(to)}
	}
	return []config.Setting{
		{Name: "definition", Arg: "NAME", Group: group, Help: "nevi, uk or plain", Scope: config.FlagOnly, Set: config.Choice(&r.definition, ledger.Definitions...)},
		text("month", "2026-10", "under nevi the year that ends with it", &r.month),
		text("year", "2026", "a calendar year", &r.year),
		text("cp-id", "ID", "one charge point alone", &r.cpID),
		text("site", "NAME", "one site alone", &r.site),
		{Name: "zone", Arg: "NAME", DefaultText: "UTC", Group: group, Help: "as Europe/London", Scope: config.FlagOnly, Set: r.setZone},
		{Name: "format", Arg: "NAME", Default: "text", Group: group, Help: "text, csv, json or html", Scope: config.FlagOnly, Set: config.Choice(&r.format, formats...)},
		text("at", "POSITION", "repeats the report made there", &r.at),
		text("until", "TIME", "cuts a window that has not ended", &r.until),
		text("ports", "FILE", "CSV: port, cp_id, commissioned, …", &r.ports),
		{Name: "offline-is-outage", Group: group, Help: "time without Central counts", Scope: config.FlagOnly, Set: config.Switch(&r.offlineIsOutage)},
		text("backup", "FILE", "of a backup, not of --state-dir", &r.backup),
		{Name: "state", Arg: "NAME", DefaultText: "any", Group: group, Help: "of cps: activated, faulted, disconnected, expected", Scope: config.FlagOnly, Set: config.Choice(&r.state, cpstate.Activated.String(), cpstate.Faulted.String(), cpstate.Disconnected.String(), expected)},
		text("since", "TIME", "of history: 7d, 12h or a date", &r.since),
		text("from", "TIME", "of an exclusion", &r.from),
		text("to", "TIME", "of an exclusion", &r.to),
		{Name: "reason", Arg: "NAME", Group: group, Help: "grid, vehicle, maintenance, vandalism, disaster", Scope: config.FlagOnly, Set: config.Choice(&r.reason, ledger.ExclusionReasons...)},
		{Name: "who", Arg: "NAME", DefaultText: "the user", Group: group, Help: "who excludes", Scope: config.FlagOnly, Set: config.Text(&r.who)},
		text("note", "TEXT", "why", &r.note),
		text("link", "URL", "to the evidence", &r.link),
	}
}

func (r *reportSettings) setZone(name string) error {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return language.New("a zone is UTC or a name as Europe/London")
	}
	r.zone = zone
	return nil
}

// reportCommands are the commands about the history.
var reportCommands = []string{"status", "cps", "report", "history", "exclude add", "exclude list", "exclude withdraw", "backup"}

// historyCommand is one command about the history.
type historyCommand struct {
	reportSettings
	dir     string // Central's state folder
	notice  string // of Central, for its reports
	operand string
	said    language.Language
	stdout  io.Writer
}

func (c historyCommand) run(ctx context.Context, command string) error {
	c.zone = cmp.Or(c.zone, time.UTC)
	switch command {
	case "status":
		return c.status(ctx, time.Now())
	case "cps":
		return c.list(ctx, time.Now())
	case "report":
		return c.report(ctx)
	case "history":
		return c.history(ctx)
	case "backup":
		return c.makeBackup(ctx)
	}
	return c.exclude(ctx, command)
}

// view opens the history at the position that is asked for, else at the newest one. That is
// pinned, so that it can be asked for again.
func (c historyCommand) view(ctx context.Context, pin bool) (*archive.HistoryView, error) {
	if c.backup != "" {
		return archive.OpenView(c.backup, c.at, false)
	}
	position := c.at
	if position == "" && pin {
		var err error
		if position, err = c.pin(ctx); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(c.dir, archive.FileName)
	v, err := archive.OpenView(path, position, sqlite.HasWAL(path))
	if errors.Is(err, fs.ErrNotExist) || err != nil && !exists(path) {
		return nil, language.Errorf("no history is kept in %s: ev-central needs --kafka-brokers for it", c.dir)
	}
	return v, err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// pin makes the newest position one that can be asked for again. A disk that takes no writes
// is none that changes either.
func (c historyCommand) pin(ctx context.Context) (position string, err error) {
	err = c.withArchive(ctx, pinPath, nil, &position, func(a *archive.Archive) (err error) {
		position, err = a.Position()
		return err
	})
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, errReadOnly) {
		return "", nil
	}
	return position, err
}

func (c historyCommand) report(ctx context.Context) error {
	if c.operand != "" {
		return cli.UsageError(language.Errorf("unexpected argument %s.", strconv.Quote(c.operand)))
	}
	q, ports, err := c.question()
	if err != nil {
		return cli.UsageError(err)
	}
	v, err := c.view(ctx, true)
	if err != nil {
		return language.Errorf("report: %w", err)
	}
	defer func() { _ = v.Close() }()
	d := report.Document{Position: v.Position(), Notice: c.notice}
	if d.Until, err = c.cut(&q, v.Progress.Newest); err != nil {
		return err
	}
	d.Uptime, err = v.Uptime(ctx, q, ports, archive.PortSelection{CP: evcp.CPID(c.cpID), Site: c.site}, version.String())
	if errors.Is(err, archive.ErrNoPort) {
		err = language.Errorf("no port is %s", strings.TrimSpace(c.cpID+" "+c.site))
	}
	if err != nil {
		return language.Errorf("report: %w", err)
	}
	return c.print(d)
}

// question is what is asked, without the history. ports are those of --ports.
func (c historyCommand) question() (q ledger.Question, ports []ledger.ChargingPort, err error) {
	q = ledger.Question{Definition: c.definition, Zone: c.zone, OfflineIsOutage: c.offlineIsOutage}
	switch {
	case c.definition == "":
		return q, nil, language.New("report needs --definition nevi, uk or plain")
	case (c.month == "") == (c.year == ""):
		return q, nil, language.New("report needs --month or --year")
	case c.month != "":
		q.From, q.To, err = ledger.MonthWindow(q.Definition, c.month, q.Zone)
	default:
		q.From, q.To, err = ledger.YearWindow(c.year, q.Zone)
	}
	if err == nil {
		ports, err = c.portsInUse()
	}
	if err == nil && c.definition == ledger.UK && ports == nil {
		err = language.New("uk needs --ports: it is about public ports of 50 kW and more")
	}
	return q, ports, err
}

// portsInUse are those of --ports, else those that people entered at the page; nil without any.
func (c historyCommand) portsInUse() ([]ledger.ChargingPort, error) {
	if c.ports != "" {
		return readPorts(c.ports, c.zone)
	}
	path := filepath.Join(c.dir, audit.FileName)
	if c.backup != "" {
		path = boardBackup(c.backup)
	}
	lines, err := operations.ReadPorts(path)
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	return ledger.PortsOf(lines, c.zone)
}

// boardBackup is the copy of board.db beside a backup of the history.
func boardBackup(path string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + "-board" + ext
}

// portsFile reads the file of --ports; nil without one.
func (r *reportSettings) portsFile() func() ([]ledger.PortCells, error) {
	if r.ports == "" {
		return nil
	}
	return func() ([]ledger.PortCells, error) {
		data, err := readLimited(r.ports)
		if err != nil {
			return nil, err
		}
		return ledger.ReadPortCells(data)
	}
}

// readPorts reads the file of --ports.
func readPorts(path string, zone *time.Location) (ports []ledger.ChargingPort, err error) {
	data, err := readLimited(path)
	if err == nil {
		ports, err = ledger.ParsePorts(data, zone)
	}
	if err != nil {
		return nil, language.Errorf("--ports %s: %w", path, err)
	}
	return ports, nil
}

// maxPortsFile bounds the file of ports.
const maxPortsFile = 64 << 20

func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxPortsFile+1))
	if err == nil && len(data) > maxPortsFile {
		err = language.Errorf("longer than %d bytes", maxPortsFile)
	}
	return data, err
}

// cut ends a window that has not ended at --until. Whether it has ended is said by the
// newest event.
func (c historyCommand) cut(q *ledger.Question, newest evcp.Stamp) (cut bool, err error) {
	if c.until != "" {
		until, err := parseTime(c.until, c.zone)
		if err != nil || until <= q.From {
			return false, cli.UsageError(language.Errorf("--until %s: a time in the window, as 2026-10-31 or 2026-10-31T08:00:00Z", c.until))
		}
		if until < q.To {
			q.To, cut = until, true
		}
	}
	if q.To > newest {
		most := evcp.StampOf(newest.Time().Truncate(time.Second))
		if most <= q.From {
			return false, language.Errorf("the window begins at %s, and the newest event is of %s: nothing of it has been read yet", ledger.RFC3339(q.From), ledger.RFC3339(newest))
		}
		return false, language.Errorf("the window ends at %s, and has not ended: for what is known of it give --until %s", ledger.RFC3339(q.To), ledger.RFC3339(most))
	}
	return cut, nil
}

func (c historyCommand) print(d report.Document) (err error) {
	var text []byte
	switch c.format {
	case "csv":
		text, err = d.CSV()
	case "json":
		text, err = d.JSON()
	case "html":
		text, err = d.HTML(c.said)
	default:
		text = []byte(d.Text(c.said))
	}
	if err == nil {
		_, err = c.stdout.Write(text)
	}
	return err
}

func (c historyCommand) history(ctx context.Context) error {
	var id evcp.CPID
	if err := config.CPID(&id)(c.operand); err != nil {
		return cli.UsageError(language.New("history of which charge point? ev-central history CP_001 --since 7d"))
	}
	v, err := c.view(ctx, true)
	if err != nil {
		return language.Errorf("history: %w", err)
	}
	defer func() { _ = v.Close() }()
	since := evcp.Stamp(0)
	if c.since != "" {
		if since, err = parseAgo(c.since, v.Progress.Newest, c.zone); err != nil {
			return cli.UsageError(err)
		}
	}
	r, err := v.CP(id)
	if err != nil {
		return language.Errorf("history: %w", err)
	}
	segments := r.Segments()
	if len(segments) == 0 {
		return language.Errorf("history: no event of %s is known", id)
	}
	reports, err := c.reported(id)
	if err != nil {
		return language.Errorf("history: %w", err)
	}
	text := report.CPStory{CP: id, Segments: segments, Incidents: r.Incidents(), Reports: reports}.Text(since, c.zone, c.said)
	for _, note := range v.Notes() {
		text += c.said.Text(note) + "\n"
	}
	_, err = io.WriteString(c.stdout, text)
	return err
}

// reported is what was reported of a charge point by the text protocol. A backup does not have it.
func (c historyCommand) reported(id evcp.CPID) (all []history.TCPReport, err error) {
	if c.backup != "" {
		return nil, nil
	}
	words, err := central.OpenWords(c.dir)
	if err != nil {
		return nil, err
	}
	all, err = dashboard.ReportsOf(words, id)
	return all, errors.Join(err, words.Close())
}

// parseAgo reads a time as so long before the newest event, or as a date.
func parseAgo(text string, newest evcp.Stamp, zone *time.Location) (evcp.Stamp, error) {
	if days, found := strings.CutSuffix(text, "d"); found {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return newest.Add(-time.Duration(n) * 24 * time.Hour), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return newest.Add(-ago), nil
	}
	at, err := parseTime(text, zone)
	if err != nil {
		return 0, language.Errorf("--since %s: 7d, 12h or 2026-10-31", text)
	}
	return at, nil
}

// parseTime reads a date or a local time in the zone, or a time with its zone.
func parseTime(text string, zone *time.Location) (evcp.Stamp, error) {
	for _, layout := range []string{time.RFC3339, time.DateTime, "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil && at.Year() >= 1971 && at.Year() < 2200 {
			return evcp.StampOf(at), nil
		}
	}
	return 0, language.New("a time is 2026-10-31, 2026-10-31 08:00 or 2026-10-31T08:00:00Z")
}

// userName is who runs this.
func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "uid " + strconv.Itoa(os.Getuid())
}
