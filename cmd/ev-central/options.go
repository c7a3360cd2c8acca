package main

import (
	"slices"
	"time"

	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/credentials"
	"evcp/internal/language"
)

// options are Central's settings, parsed.
type options struct {
	listen, http string
	registry     string // "" = anyone
	heartbeat    time.Duration
	stateDir     string
	log          cli.LogSettings
	httpTLS      cli.ServerTLS
	files        credentials.Store
	sources      config.Sources
	said         language.Language
}

// program is the table that flags, variables, file, defaults and help are made of.
func program(o *options) config.Program {
	const central, run = "Central", "Running"
	o.httpTLS.Prefix = "http-tls"
	return config.Program{
		Name:  name,
		About: "Registers Monitors, keeps the state of their charge points and shows it.",
		Usage: []config.Usage{
			{Args: "[flags]", Help: "serve until Ctrl-C"},
			{Args: "forget ID [--state-dir DIR]", Help: "remove a charge point, such as a misspelt one"},
		},
		Commands: []string{"forget"}, Operand: true,
		Settings: slices.Concat([]config.Setting{
			{Name: "listen", Arg: "HOST:PORT", Default: ":5000", Group: central, Help: "where Monitors connect", Scope: config.NotInFile, Set: config.ListenAddress(&o.listen)},
			{Name: "http", Arg: "HOST:PORT", Default: "127.0.0.1:8080", Group: central, Help: `page and API; ":8080" opens it, "" = none`, Scope: config.NotInFile, Set: config.ListenOrOff(&o.http)},
			{Name: "registry", Arg: "FILE", DefaultText: "anyone", Group: central, Help: "who may register: one id a line", Scope: config.NotInFile, Set: config.Text(&o.registry)},
			{Name: "heartbeat", Arg: "DURATION", Default: "5s", Group: central, Help: "expected sign of life; 3 missed are silence", Set: config.Duration(&o.heartbeat, 0)},
			{Name: "state-dir", Arg: "DIR", DefaultText: "~/.local/state/ev-central", Group: central, Help: "survives restarts", Scope: config.NotInFile, Set: config.Text(&o.stateDir)},
			config.FileFlag(central, "network.yaml here, in .., in /etc/ev-cp-m"),
		}, o.httpTLS.Settings(central, false), o.log.Settings(run)),
		Check:   func() (setting string, why error) { return o.httpTLS.Check(o.http != "", "http") },
		Files:   config.NetworkFiles,
		Shared:  config.NetworkKeys,
		Example: "heartbeat",
		Notes: []string{
			"The registry is read again when it changes; # begins a comment.",
			"Exit: 0 stopped as asked, 1 could not go on, 2 wrong usage or configuration.",
		},
	}
}
