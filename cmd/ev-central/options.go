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
	listen       string // "" = none
	tlsListen    string // "" = none
	http         string
	registry     string // "" = anyone
	heartbeat    time.Duration
	stateDir     string
	log          cli.LogSettings
	tls, httpTLS cli.ServerTLS
	files        credentials.Store
	authority    authoritySettings
	events       eventSettings
	alerts       alertSettings
	reports      reportSettings
	board        boardSettings
	people       accountSettings
	sources      config.Sources
	said         language.Language
}

// check holds settings to each other.
func (o *options) check() (setting string, why error) {
	switch {
	case o.listen == "" && o.tlsListen == "":
		return "listen", language.New("none needs --tls-listen: Monitors must reach Central somewhere")
	case o.tlsListen != "" && !o.tls.On():
		return "tls-listen", language.New("it goes with --tls-cert and --tls-key")
	}
	if setting, why = o.tls.Check(o.tlsListen != "", "tls-listen"); setting != "" {
		return setting, why
	}
	if setting, why = o.httpTLS.Check(o.http != "", "http"); setting != "" {
		return setting, why
	}
	if setting, why = o.board.check(); setting != "" {
		return setting, why
	}
	return o.events.check()
}

// program is the table that flags, variables, file, defaults and help are made of.
func program(o *options) config.Program {
	const central, secure, run = "Central", "TLS", "Running"
	o.tls.Prefix, o.httpTLS.Prefix = "tls", "http-tls"
	return config.Program{
		Name:  name,
		About: "Registers Monitors, keeps the state of their charge points and shows it.",
		Usage: []config.Usage{
			{Args: "[flags]", Help: "serve until Ctrl-C"},
			{Args: "ca init", Help: "make a private certificate authority"},
			{Args: "ca issue ID", Help: "a certificate for the Monitor of a charge point"},
			{Args: "ca issue --fleet NAME", Help: "… of a fleet"},
			{Args: "ca issue --server HOST", Help: "… for Central or an Engine"},
			{Args: "ca revoke SERIAL", Help: "refuse a certificate from now on"},
			{Args: "ca list", Help: "what was issued"},
			{Args: "forget ID [--state-dir DIR]", Help: "remove a charge point, such as a misspelt one"},
			{Args: "alert test", Help: "a test message to each receiver of alerts"},
			{Args: "status", Help: "how the running Central does"},
			{Args: "cps [TEXT]", Help: "its charge points, or those with TEXT in their id"},
			{Args: "report --definition NAME", Help: "uptime of a month or a year"},
			{Args: "history ID", Help: "what happened to a charge point"},
			{Args: "exclude add ID", Help: "an outage that does not count"},
			{Args: "exclude list", Help: "what was excluded, and by whom"},
			{Args: "exclude withdraw NUMBER", Help: "take an exclusion back"},
			{Args: "user add NAME --role operator", Help: "who can sign in; asks for a password"},
			{Args: "user password NAME", Help: "another password, such as for a lost one"},
			{Args: "user list", Help: "… and user remove NAME"},
			{Args: "token --name NAME --role viewer", Help: "lets a program in; token list, token revoke NAME"},
			{Args: "backup FILE", Help: "copy the history, also while Central runs"},
		},
		Commands: append([]string{"ca init", "ca issue", "ca revoke", "ca list", "forget", "alert test"}, slices.Concat(reportCommands, accountCommands)...), Operand: true,
		Settings: slices.Concat([]config.Setting{
			{Name: "listen", Arg: "HOST:PORT", Default: ":5000", Group: central, Help: "where Monitors connect; none = by TLS only", Scope: config.NotInFile, Set: config.ListenOrNone(&o.listen)},
			{Name: "http", Arg: "HOST:PORT", Default: "127.0.0.1:8080", Group: central, Help: `page and API; ":8080" opens it, "" = none`, Scope: config.NotInFile, Set: config.ListenOrOff(&o.http)},
			{Name: "registry", Arg: "FILE", DefaultText: "anyone", Group: central, Help: "who may register: one id a line", Scope: config.NotInFile, Set: config.Text(&o.registry)},
			{Name: "heartbeat", Arg: "DURATION", Default: "5s", Group: central, Help: "expected sign of life; 3 missed are silence", Set: config.Duration(&o.heartbeat, 0)},
			{Name: "state-dir", Arg: "DIR", DefaultText: "~/.local/state/ev-central", Group: central, Help: "survives restarts", Scope: config.NotInFile, Set: config.Text(&o.stateDir)},
			config.FileFlag(central, "network.yaml here, in .., in /etc/ev-cp-m"),
		}, o.httpTLS.Settings(central, false), []config.Setting{
			{Name: "tls-listen", Arg: "HOST:PORT", DefaultText: "none", Group: secure, Help: "where Monitors connect by TLS", Scope: config.NotInFile, Set: config.ListenOrOff(&o.tlsListen)},
		}, o.tls.Settings(secure, true), o.board.settings(), o.people.settings(), o.events.settings(), o.alerts.settings(), o.authority.settings(), o.reports.settings(), o.log.Settings(run)),
		Check:   o.check,
		Files:   config.NetworkFiles,
		Shared:  config.NetworkKeys,
		Example: "heartbeat",
		Notes: []string{
			"The registry is read again when it changes; # begins a comment.",
			"Exit: 0 stopped as asked, 1 could not go on, 2 wrong usage or configuration.",
		},
	}
}
