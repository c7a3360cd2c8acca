package main

import (
	"strings"
	"sync/atomic"
	"time"

	"evcp/internal/alert"
	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/credentials"
	"evcp/internal/language"
	"evcp/internal/notify"
)

// alertSettings say who is told of charge points that are not well, and when.
type alertSettings struct {
	file              string // "" = nobody
	after             time.Duration
	disconnectedAfter time.Duration
	languages         alertLanguages
	receivers         atomic.Pointer[[]alert.Receiver]
}

// repeatEvery is how often people are told again of what nobody has taken.
const repeatEvery = 4 * time.Hour

// settings are their rows in the program's table.
func (a *alertSettings) settings() []config.Setting {
	const group = "Alerts"
	return []config.Setting{
		{Name: "alert-file", Arg: "FILE", DefaultText: "nobody is told", Group: group, Help: "whom to tell: a URL a line; mode 0600", Scope: config.NotInFile, Set: config.Text(&a.file)},
		{Name: "alert-after", Arg: "DURATION", Default: "30s", Group: group, Help: "how long a fault lasts before", Scope: config.NotInFile, Set: config.Duration(&a.after, 0)},
		{Name: "alert-disconnected-after", Arg: "DURATION", Default: "5m", Group: group, Help: "and a disconnection", Scope: config.NotInFile, Set: config.Duration(&a.disconnectedAfter, 0)},
		{Name: "alert-language", Arg: "LIST", Default: "en", Group: group, Help: "en or es; en,SITE=es for one site", Scope: config.NotInFile, Set: a.languages.set},
	}
}

// open reads the file of receivers, and again when it changes.
func (a *alertSettings) open(files *credentials.Store) error {
	if a.file == "" {
		return nil
	}
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
	return nil
}

// notifier is what tells people; nil: nobody is told.
func (p *centralProcess) notifier() *notify.Notifier {
	a := &p.options.alerts
	if a.file == "" {
		return nil
	}
	return notify.New(notify.Options{
		Central: p.central, Receivers: func() []alert.Receiver { return *a.receivers.Load() },
		Delays:   alert.Delays{After: a.after, DisconnectedAfter: a.disconnectedAfter, Repeat: repeatEvery},
		StateDir: p.options.stateDir, Speech: a.languages.speech, Logger: p.console.Logger(), Language: p.console.Language(),
	})
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

func (l alertLanguages) speech(site string) alert.Speech {
	said, ok := l[site]
	if !ok {
		said = l[""]
	}
	return alert.Speech{Language: said, Zone: time.Local}
}
