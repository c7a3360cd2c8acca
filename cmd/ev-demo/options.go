package main

import (
	"evcp/internal/config"
	"evcp/internal/console"
)

// options are what flags say.
type options struct {
	page, kafka, central uint16
	color                console.ColorMode
}

// program is the table that flags, defaults and help are made of.
func program(o *options) config.Program {
	const ports, run = "Ports that are wanted; one that is taken gives way to the next", "Running"
	return config.Program{
		Name:  name,
		About: "Shows EV_CP_M at work: six charge points, Central, a broker, and faults.",
		Usage: []config.Usage{{Args: "[flags]", Help: "play until Ctrl-C; leaves nothing behind"}},
		Settings: []config.Setting{
			{Name: "page", Arg: "PORT", Default: "8080", Group: ports, Help: "Central's page", Scope: config.FlagOnly, Set: config.Port(&o.page)},
			{Name: "kafka", Arg: "PORT", Default: "9092", Group: ports, Help: "the broker", Scope: config.FlagOnly, Set: config.Port(&o.kafka)},
			{Name: "central", Arg: "PORT", Default: "5000", Group: ports, Help: "Central itself", Scope: config.FlagOnly, Set: config.Port(&o.central)},
			{Name: "color", Arg: "WHEN", Default: "auto", Group: run, Help: "auto, always or never", Scope: config.NotInFile,
				Set: config.Choice(&o.color, console.ColorAuto, console.ColorAlways, console.ColorNever)},
		},
		Notes: []string{"Exit: 0 stopped as asked, 1 could not go on, 2 wrong usage."},
	}
}
