package main

import (
	"cmp"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"time"

	"evcp"

	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/credentials"
	"evcp/internal/explain"
	"evcp/internal/kafkasettings"
	"evcp/internal/language"
	"evcp/internal/link"
	"evcp/internal/probe"
	"evcp/internal/version"
	"evcp/internal/watch"
	"evcp/internal/wire"
)

// options are the Monitor's settings, parsed. The table sets the fields of watch.Options
// directly; complete sets those that no single setting has.
type options struct {
	watch.Options
	cp                      evcp.CPID
	fleetFile               string    // "" = the charge point cp alone
	only                    evcp.CPID // of whom a command speaks; "": of all
	fleet                   *fleetFile
	hangups                 chan os.Signal // SIGHUP off a terminal
	tcp                     *link.TCPDialer
	centralIP, engineIP     string
	centralPort, enginePort uint16

	engineTLS, centralTLS, kafkaTLS cli.ClientTLS
	login                           kafkasettings.LoginSettings
	files                           credentials.Store

	test    bool
	http    string // "" = off
	httpTLS cli.ServerTLS

	operand      string // what follows the command
	follow, json bool
	since        time.Time // zero: from the first event on

	log     cli.LogSettings
	said    language.Language // of answers
	sources config.Sources
}

// program is the table that flags, variables, file, defaults and help are made of.
func program(o *options) config.Program {
	o.centralTLS.Prefix, o.engineTLS.Prefix, o.kafkaTLS.Prefix = "central", "engine", "kafka"
	o.httpTLS.Prefix = "http-tls"
	const charge, judge, events, run, asking, kafkaLogin, secure = "Charge point", "Judgement", "Events", "Running", "Asking", "Login at Kafka (SASL)", "TLS to Central; the same with engine- and kafka- instead of central-"
	return config.Program{
		Name:  name,
		About: "Watches the Engine of a charge point and tells Central when it fails.",
		Usage: []config.Usage{
			{Args: "[flags]", Help: "watch until Ctrl-C"},
			{Args: "--test", Help: "try Central, Engine and Kafka, and stop"},
			{Args: "status", Help: "how the running Monitor does"},
			{Args: "explain [ID]", Help: "why, and what happens next"},
			{Args: "healthcheck", Help: "exit 0 while it watches, else 1"},
			{Args: "events [flags]", Help: "what it has kept, also without one"},
			{Args: "support FILE.zip", Help: "what to attach to a question, no secrets"},
		},
		Settings: slices.Concat([]config.Setting{
			{Name: "cp-id", Arg: "ID", Default: "CP_001", EnvAliases: []string{"CP_ID"}, Group: charge, Help: "1 to 64 of A-Z a-z 0-9 . _ -", Set: config.CPID(&o.cp)},
			{Name: "central-ip", Arg: "HOST", Default: "localhost", EnvAliases: []string{"CENTRAL_IP"}, Group: charge, Set: config.Host(&o.centralIP)},
			{Name: "central-port", Arg: "PORT", Default: "5000", EnvAliases: []string{"CENTRAL_PORT"}, Group: charge, Set: config.Port(&o.centralPort)},
			{Name: "engine-ip", Arg: "HOST", Default: "localhost", EnvAliases: []string{"ENGINE_IP"}, Group: charge, Set: config.Host(&o.engineIP)},
			{Name: "engine-port", Arg: "PORT", Default: "5001", EnvAliases: []string{"ENGINE_PORT"}, Group: charge, Set: config.Port(&o.enginePort)},
			{Name: "instance", Arg: "NAME", DefaultText: "host name", Group: charge, Help: "tells two Monitors of one id apart", Set: config.Text(&o.Policy.Instance)},
			{Name: "framing", Arg: "NAME", Default: "raw", Group: charge, Help: "raw, line or stx, towards Central and Engine", Set: o.setFraming},
			{Name: "fleet", Arg: "FILE", DefaultText: "one charge point", Group: charge, Help: "YAML or CSV with many of them", Scope: config.NotInFile, Set: config.Text(&o.fleetFile)},
			{Name: "central-connections", Arg: "N", Default: "16", Group: charge, Help: "of a fleet at first; up to 256 as needed", Set: config.Count(&o.CentralConnections)},
			config.FileFlag(charge, "network.yaml here, in .., in /etc/ev-cp-m"),
			{Name: "interval", Arg: "DURATION", Default: "1s", Group: judge, Help: "from check to check", Set: config.Duration(&o.Interval, 10*time.Millisecond)},
			{Name: "timeout", Arg: "DURATION", DefaultText: "0.9 of --interval", Group: judge, Help: "longest wait for an answer", Set: config.Duration(&o.Timeout, time.Millisecond)},
			{Name: "recheck-after", Arg: "DURATION", Default: "0s", Group: judge, Help: "two checks so soon after a failure; 0 = off", Set: config.Duration(&o.RecheckAfter, 0)},
			{Name: "fall", Arg: "N", Default: "3", Group: judge, Help: "failures in a row that open an incident", Set: config.Count(&o.Policy.Fall)},
			{Name: "rise", Arg: "N", Default: "1", Group: judge, Help: "OKs in a row that close it", Set: config.Count(&o.Policy.Rise)},
			{Name: "report-every", Arg: "DURATION", Default: "30s", Group: judge, Help: "repeats an open report to Central; 0 = never", Set: config.Duration(&o.ReportEvery, 0)},
			{Name: "heartbeat", Arg: "DURATION", Default: "5s", Group: judge, Help: "sign of life to Central; 0 = never", Set: config.Duration(&o.Heartbeat, 0)},
			{Name: "kafka-brokers", Arg: "LIST", Default: "localhost:9092", EnvAliases: []string{"KAFKA_BROKERS", "KAFKA_BROKER"}, Group: events, Help: `HOST:PORT,HOST:PORT; "" = none`, Set: config.HostPortList(&o.Brokers, 9092)},
			{Name: "kafka-topic", Arg: "NAME", Default: "monitor-events", Group: events, Set: config.Topic(&o.Topic)},
			{Name: "kafka-compression", Arg: "NAME", Default: "none", Group: events, Help: "none, gzip, snappy, lz4 or zstd", Set: config.Choice(&o.Compression, "none", "gzip", "snappy", "lz4", "zstd")},
			{Name: "state-dir", Arg: "DIR", DefaultText: "~/.local/state/ev-cp-m", Group: events, Help: "survives restarts", Scope: config.NotInFile, Set: config.Text(&o.StateDir)},
			{Name: "state-max-size", Arg: "SIZE", Default: "512MiB", Group: events, Help: "oldest plain OKs go first", Set: config.ByteSize(&o.StateMax, 4<<20)},
			{Name: "sync-every", Arg: "DURATION", Default: "100ms", Group: events, Help: "plain OKs reach the disk together", Set: config.Duration(&o.SyncEvery, 10*time.Millisecond)},
			{Name: "keep", Arg: "SIZE", Default: "64MiB", Group: events, Help: "delivered events kept for looking back", Set: config.ByteSize(&o.Keep, 1<<20)},
			{Name: "json", Group: asking, Help: "status, explain and events as data", Scope: config.FlagOnly, Set: config.Switch(&o.json)},
			{Name: "follow", Group: asking, Help: "events go on as they come", Scope: config.FlagOnly, Set: config.Switch(&o.follow)},
			{Name: "since", Arg: "TIME", DefaultText: "all events", Group: asking, Help: `10m, 08:00 or "2026-11-24 08:00"`, Scope: config.FlagOnly, Set: o.setSince},
			{Name: "test", Group: run, Help: "exit 0 if a Monitor would do its work, else 1", Scope: config.FlagOnly, Set: config.Switch(&o.test)},
			{Name: "probe", Arg: "NAME", Default: "auto", Group: run, Help: "auto, portable or raw sockets to Engines", Set: o.setProbe},
			{Name: "http", Arg: "HOST:PORT", DefaultText: "off", Group: run, Help: "/metrics /healthz /readyz /api/v1/status", Scope: config.NotInFile, Set: config.ListenOrOff(&o.http)},
		}, o.httpTLS.Settings(run, false), o.log.Settings(run), o.centralTLS.Settings(secure, false), o.engineTLS.Settings(secure, true), o.kafkaTLS.Settings(secure, true), o.login.Settings(kafkaLogin)),
		Check:    o.check,
		Files:    config.NetworkFiles,
		Commands: slices.Sorted(maps.Keys(commands)), Operand: true,
		Shared:  config.NetworkKeys,
		Example: "engine-port",
		Notes: []string{"Exit: 0 stopped as asked, 1 could not go on, 2 wrong usage or configuration, " +
			"3 Central refused the registration."},
	}
}

// check holds settings to each other.
func (o *options) check() (setting string, why error) {
	if o.Timeout > o.Interval {
		return "timeout", language.Errorf("it must not exceed --interval (%s)", o.Interval)
	}
	for _, t := range []*cli.ClientTLS{&o.centralTLS, &o.engineTLS, &o.kafkaTLS} {
		if setting, why = t.Check(); why != nil {
			return setting, why
		}
	}
	if setting, why = o.httpTLS.Check(o.http != "", "http"); why != nil {
		return setting, why
	}
	return o.login.Check(o.kafkaTLS.On)
}

// openDialers opens the files of the TLS settings.
func (o *options) openDialers() (err error) {
	o.tcp = link.NewDialer()
	if o.Dialers.Central, err = o.centralTLS.Dialer(o.tcp, &o.files); err != nil {
		return err
	}
	if o.Dialers.Engine, err = o.engineTLS.Dialer(o.tcp, &o.files); err != nil {
		return err
	}
	if o.Dialers.Kafka, err = o.kafkaTLS.Dialer(o.tcp, &o.files); err != nil {
		return err
	}
	o.Login, err = o.login.Open(&o.files)
	return err
}

func (o *options) setFraming(s string) error {
	framings := map[string]wire.Framing{"raw": wire.Raw, "line": wire.Line, "stx": wire.STX}
	var word string
	err := config.Choice(&word, "raw", "line", "stx")(s)
	o.Framing = framings[word]
	return err
}

func (o *options) setProbe(s string) error {
	var word string
	if err := config.Choice(&word, probe.DriverNames...)(s); err != nil {
		return err
	}
	o.Probe = probe.Driver(slices.Index(probe.DriverNames, word))
	return nil
}

func (o *options) setSince(s string) (err error) {
	o.since, err = parseSince(s, time.Now())
	return err
}

// misplacedFlag is the error of a flag that does not go with the command.
func (o *options) misplacedFlag(command string) error {
	since := !o.since.IsZero()
	var why error
	switch {
	case command == "" && (o.follow || o.json || since):
		why = language.New(english.needsCommand)
	case command != "" && o.test:
		why = language.Errorf(english.noTest, command)
	case command != "support" && command != "explain" && o.operand != "":
		why = language.Errorf("unexpected argument %s.", o.operand)
	case (command == "healthcheck" || command == "support") && o.json:
		why = language.Errorf(english.goesWith, "--json", language.New("status, explain and events"))
	case command != "events" && o.follow:
		why = language.Errorf(english.goesWith, "--follow", "events")
	case command != "events" && since:
		why = language.Errorf(english.goesWith, "--since", "events")
	default:
		return nil
	}
	return cli.UsageError(why)
}

// complete sets what has no fixed default, and what follows from several settings.
func (o *options) complete(in config.Invocation) (err error) {
	if o.StateDir, err = cli.StateDir(o.StateDir, name, os.Getenv); err != nil {
		return err
	}
	if o.Policy.Instance == "" {
		o.Policy.Instance, _ = os.Hostname() // "" if it has none
	}
	o.Central = hostPort(o.centralIP, o.centralPort)
	if err := o.chooseTargets(in); err != nil {
		return err
	}
	o.Timeout = cmp.Or(o.Timeout, o.Interval*9/10)
	o.Version, o.said, o.sources = version.String(), in.Language, in.Sources
	o.Slept = watch.Slept
	o.operand = in.Operand
	for _, v := range in.Values {
		o.Settings = append(o.Settings, explain.SettingValue{Name: v.Name, Value: v.Text, Source: v.Source})
	}
	if in.Command != "" { // which connects to no peer: its user need not be able to read the files
		return o.misplacedFlag(in.Command)
	}
	if err := o.openDialers(); err != nil {
		return err
	}
	if err := o.openFleet(); err != nil {
		return err
	}
	return o.misplacedFlag(in.Command)
}

func hostPort(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// dateLayouts are the ways to write a date and time; without a zone it is local, as in
// the answers of the commands.
var dateLayouts = []string{time.RFC3339, time.DateTime, "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly}

// parseSince reads a time as a person writes it: so long before now, a date and time, or a
// time of day; one that is still to come was yesterday's. The zero time is that of the
// first event.
func parseSince(text string, now time.Time) (time.Time, error) {
	switch ago, err := time.ParseDuration(text); {
	case err == nil && ago > 0:
		return now.Add(-ago), nil
	case err == nil && ago == 0:
		return time.Time{}, nil
	}
	for _, layout := range dateLayouts {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil && at.Year() >= 1970 {
			return at, nil
		}
	}
	for _, layout := range []string{time.TimeOnly, "15:04"} {
		clock, err := time.ParseInLocation(layout, text, time.Local)
		if err != nil {
			continue
		}
		year, month, day := now.Date()
		at := time.Date(year, month, day, clock.Hour(), clock.Minute(), clock.Second(), 0, now.Location())
		if at.After(now) {
			at = time.Date(year, month, day-1, clock.Hour(), clock.Minute(), clock.Second(), 0, now.Location())
		}
		return at, nil
	}
	return time.Time{}, language.New(`a time is so long ago, as 10m, or a moment, as 08:00, "2026-11-24 08:00" or 2026-11-24T08:00:00Z`)
}
