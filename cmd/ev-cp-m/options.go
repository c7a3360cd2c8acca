package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"evcp"
	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/console"
	"evcp/internal/wire"
)

// options are the Monitor's settings, parsed.
type options struct {
	cp                      evcp.CPID
	centralIP, engineIP     string
	centralPort, enginePort uint16
	instance                string
	framing                 string

	interval, timeout      time.Duration
	fall, rise             int
	reportEvery, heartbeat time.Duration

	brokers            []string
	topic, compression string
	stateDir           string
	stateMax, keep     int64
	syncEvery          time.Duration

	test bool
	http string

	follow, json bool
	since        since

	format console.Format
	level  string
	color  console.ColorMode
}

// program is the table that flags, variables, file, defaults and help are made of.
func program(o *options) config.Program {
	const charge, judge, events, run, asking = "Charge point", "Judgement", "Events", "Running", "Asking"
	return config.Program{
		Name:  "ev-cp-m",
		About: "Watches the Engine of a charge point and tells Central when it fails.",
		Usage: []config.Usage{
			{Args: "[flags]", Help: "watch until Ctrl-C"},
			{Args: "--test", Help: "try Central, Engine and Kafka, and stop"},
			{Args: "status", Help: "how the running Monitor does"},
			{Args: "explain", Help: "why, and what happens next"},
			{Args: "healthcheck", Help: "exit 0 while it watches, else 1"},
			{Args: "events [flags]", Help: "what it has kept, also without one"},
		},
		Settings: []config.Setting{
			{Name: "cp-id", Arg: "ID", Default: "CP_001", EnvAliases: []string{"CP_ID"}, Group: charge, Help: "1 to 64 of A-Z a-z 0-9 . _ -", Set: config.CPID(&o.cp)},
			{Name: "central-ip", Arg: "HOST", Default: "localhost", EnvAliases: []string{"CENTRAL_IP"}, Group: charge, Set: config.Host(&o.centralIP)},
			{Name: "central-port", Arg: "PORT", Default: "5000", EnvAliases: []string{"CENTRAL_PORT"}, Group: charge, Set: config.Port(&o.centralPort)},
			{Name: "engine-ip", Arg: "HOST", Default: "localhost", EnvAliases: []string{"ENGINE_IP"}, Group: charge, Set: config.Host(&o.engineIP)},
			{Name: "engine-port", Arg: "PORT", Default: "5001", EnvAliases: []string{"ENGINE_PORT"}, Group: charge, Set: config.Port(&o.enginePort)},
			{Name: "instance", Arg: "NAME", DefaultText: "host name", Group: charge, Help: "tells two Monitors of one id apart", Set: config.Text(&o.instance)},
			{Name: "framing", Arg: "NAME", Default: "raw", Group: charge, Help: "raw or stx, towards Central and Engine", Set: config.Choice(&o.framing, "raw", "stx")},
			config.FileFlag(charge, "network.yaml here, in .., in /etc/ev-cp-m"),
			{Name: "interval", Arg: "DURATION", Default: "1s", Group: judge, Help: "from check to check", Set: config.Duration(&o.interval, 10*time.Millisecond)},
			{Name: "timeout", Arg: "DURATION", DefaultText: "0.9 of --interval", Group: judge, Help: "longest wait for an answer", Set: config.Duration(&o.timeout, time.Millisecond)},
			{Name: "fall", Arg: "N", Default: "3", Group: judge, Help: "failures in a row that open an incident", Set: config.Count(&o.fall)},
			{Name: "rise", Arg: "N", Default: "1", Group: judge, Help: "OKs in a row that close it", Set: config.Count(&o.rise)},
			{Name: "report-every", Arg: "DURATION", Default: "30s", Group: judge, Help: "repeats an open report to Central; 0 = never", Set: config.Duration(&o.reportEvery, 0)},
			{Name: "heartbeat", Arg: "DURATION", Default: "5s", Group: judge, Help: "sign of life to Central; 0 = never", Set: config.Duration(&o.heartbeat, 0)},
			{Name: "kafka-brokers", Arg: "LIST", Default: "localhost:9092", EnvAliases: []string{"KAFKA_BROKERS", "KAFKA_BROKER"}, Group: events, Help: `HOST:PORT,HOST:PORT; "" = none`, Set: config.HostPortList(&o.brokers, 9092)},
			{Name: "kafka-topic", Arg: "NAME", Default: "monitor-events", Group: events, Set: config.Topic(&o.topic)},
			{Name: "kafka-compression", Arg: "NAME", Default: "none", Group: events, Help: "none, gzip, snappy, lz4 or zstd", Set: config.Choice(&o.compression, "none", "gzip", "snappy", "lz4", "zstd")},
			{Name: "state-dir", Arg: "DIR", DefaultText: "~/.local/state/ev-cp-m", Group: events, Help: "survives restarts", Scope: config.NotInFile, Set: config.Text(&o.stateDir)},
			{Name: "state-max-size", Arg: "SIZE", Default: "512MiB", Group: events, Help: "oldest plain OKs go first", Set: config.ByteSize(&o.stateMax, 4<<20)},
			{Name: "sync-every", Arg: "DURATION", Default: "100ms", Group: events, Help: "plain OKs reach the disk together", Set: config.Duration(&o.syncEvery, 10*time.Millisecond)},
			{Name: "keep", Arg: "SIZE", Default: "64MiB", Group: events, Help: "delivered events kept for looking back", Set: config.ByteSize(&o.keep, 1<<20)},
			{Name: "json", Group: asking, Help: "status, explain and events as data", Scope: config.FlagOnly, Set: config.Switch(&o.json)},
			{Name: "follow", Group: asking, Help: "events go on as they come", Scope: config.FlagOnly, Set: config.Switch(&o.follow)},
			{Name: "since", Arg: "TIME", DefaultText: "all events", Group: asking, Help: `10m, 08:00 or "2026-11-24 08:00"`, Scope: config.FlagOnly, Set: o.since.set},
			{Name: "test", Group: run, Help: "exit 0 if Central and Engine answer well, else 1", Scope: config.FlagOnly, Set: config.Switch(&o.test)},
			{Name: "http", Arg: "HOST:PORT", DefaultText: "off", Group: run, Help: "/metrics /healthz /readyz /api/v1/status", Scope: config.NotInFile, Set: config.HostPort(&o.http)},
			{Name: "log-format", Arg: "NAME", Default: "auto", Group: run, Help: "auto, text, logfmt or json", Scope: config.NotInFile, Set: config.Choice(&o.format, console.Auto, console.Text, console.Logfmt, console.JSON)},
			{Name: "log-level", Arg: "NAME", Default: "info", Group: run, Help: "debug, info, warn or error", Scope: config.NotInFile, Set: config.Choice(&o.level, "debug", "info", "warn", "error")},
			{Name: "color", Arg: "WHEN", Default: "auto", Group: run, Help: "auto, always or never", Scope: config.NotInFile, Set: config.Choice(&o.color, console.ColorAuto, console.ColorAlways, console.ColorNever)},
		},
		Checks: []config.Check{{Setting: "timeout", Why: func() string {
			if o.timeout > o.interval {
				return "it must not exceed --interval (" + o.interval.String() + ")"
			}
			return ""
		}}},
		Files:   []string{"network.yaml", "../network.yaml", "/etc/ev-cp-m/network.yaml"},
		MaxArgs: 1, Commands: slices.Sorted(maps.Keys(commands)),
		Shared:  config.NetworkKeys,
		Example: "engine-port",
		Notes: []string{"Exit: 0 stopped as asked, 1 could not go on, 2 wrong usage or configuration, " +
			"3 Central refused the registration."},
	}
}

// misplaced says which flag does not go with the command, "" for none.
func (o *options) misplaced(command string) string {
	from := o.since != (since{})
	switch {
	case command == "" && (o.follow || o.json || from):
		return english.noCommand
	case command != "" && o.test:
		return fmt.Sprintf(english.noTest, command)
	case command == "healthcheck" && o.json:
		return fmt.Sprintf(english.misplaced, "--json", "status, explain and events")
	case command != "events" && o.follow:
		return fmt.Sprintf(english.misplaced, "--follow", "events")
	case command != "events" && from:
		return fmt.Sprintf(english.misplaced, "--since", "events")
	}
	return ""
}

// fill sets what has no fixed default.
func (o *options) fill(hostname func() (string, error), getenv func(string) string) {
	if o.timeout == 0 {
		o.timeout = o.interval * 9 / 10
	}
	if o.instance == "" {
		if name, err := hostname(); err == nil {
			o.instance = name
		}
	}
	if o.stateDir == "" {
		o.stateDir = cli.StateDir("ev-cp-m", getenv)
	}
}

// form is how messages are wrapped on both links.
func (o *options) form() wire.Framing {
	if o.framing == "stx" {
		return wire.STX
	}
	return wire.Raw
}
