// Command ev-cp-e is a simulated Engine of a charge point. Keys, a script or HTTP choose
// its faults. Try ev-cp-e --help.
package main

import (
	"context"
	"errors"
	"slices"

	"evcp"
	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/credentials"
	"evcp/internal/engine"
)

const name = "ev-cp-e"

// options are what flags and variables say.
type options struct {
	listen    string
	http      string              // "" = off
	cps       []evcp.CPID         // nil: one charge point with any id
	behaviour []engine.Assignment // at the start; the later ones win
	script    []engine.Step       // empty: none
	written   string              // the script as given
	closes    bool
	tls       cli.ServerTLS
	httpTLS   cli.ServerTLS
	files     credentials.Store
	log       cli.LogSettings
}

func main() {
	var o options
	cli.Main(o.table(), o.serve)
}

// serve runs an Engine and its controller until ctx is done or q is pressed.
func (o *options) serve(ctx context.Context, in config.Invocation) error {
	secure, err := o.tls.Open(&o.files)
	if err != nil {
		return err
	}
	binding, err := engine.Bind(ctx, o.listen)
	if err != nil {
		return cli.PortError(err, o.listen, "--listen")
	}
	con := o.log.OpenLog(in.Language)
	defer con.Close()
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	eo := engine.Options{Listen: binding.Listen, CPs: o.cps, Behaviour: o.first(), CloseAfterReply: o.closes, Log: con.Logger(), Language: con.Language()}
	if secure != nil {
		eo.TLS = secure.Config()
	}
	e := engine.New(eo)
	for _, a := range o.rest() {
		if err := e.Assign(a); err != nil {
			return err // check has tried them
		}
	}
	playing, stopScript := context.WithCancel(ctx)
	c := controller{Engine: e, console: con, quit: quit, stopScript: stopScript, scriptDone: make(chan struct{})}
	pages, err := cli.ListenHTTP(ctx, o.http, &o.httpTLS, &o.files)
	if err != nil {
		return err
	}
	defer cli.WatchFiles(ctx, &o.files, con.Logger(), con.Language())()
	httpEnded := c.serveHTTP(ctx, pages)
	keys, restore := cli.Keys(ctx, con)
	defer restore()
	ended := make(chan error, 1)
	go func() { ended <- e.Serve(ctx) }()
	c.start(binding.Addr().String(), o, keys != nil)
	c.run(ctx, playing, o.script, keys)
	quit()
	err = errors.Join(<-ended, <-httpEnded)
	c.finish()
	return err
}

func (o *options) table() config.Program {
	const play, run = "Engine", "Running"
	o.tls.Prefix, o.httpTLS.Prefix = "tls", "http-tls"
	return config.Program{
		Name:  name,
		About: "Plays the Engine of a charge point, with faults on command.",
		Usage: []config.Usage{
			{Args: "[flags]", Help: "answers; keys change how"},
			{Args: `--script "ok 10s, ko 5s, mute"`, Help: "the same without hands"},
			{Args: `--cps "CP_[0001-10000]"`, Help: "ten thousand on one port"},
		},
		Settings: slices.Concat([]config.Setting{
			{Name: "listen", Arg: "HOST:PORT", Default: ":5001", Group: play, Scope: config.NotInFile, Set: config.ListenAddress(&o.listen)},
			{Name: "cps", Arg: "LIST", DefaultText: "one, with any id", Group: play, Scope: config.NotInFile, Help: "ids and ranges: many on one port", Set: o.setCPs},
			{Name: "behaviour", Arg: "LIST", Default: "ok", Group: play, Scope: config.NotInFile, Help: "how it answers at first", Set: o.setBehaviour},
			{Name: "script", Arg: "LIST", Group: play, Scope: config.NotInFile, Help: "behaviours and how long each lasts; the last stays", Set: o.setScript},
			{Name: "close-after-reply", Group: play, Scope: config.NotInFile, Help: "one question per connection, as some Engines", Set: config.Switch(&o.closes)},
			{Name: "http", Arg: "HOST:PORT", DefaultText: "off", Group: run, Scope: config.NotInFile, Help: "GET and PUT /api/v1/behaviour", Set: config.ListenOrOff(&o.http)},
		}, o.httpTLS.Settings(run, false), o.log.Settings(run), o.tls.Settings("TLS for Monitors", true)),
		Check:   o.check,
		Example: "listen",
		Notes: []string{
			"Behaviours: ok, ko, intermittent, delayed-ko, mute, slow=DURATION, drip, reset, close, garbage, split, refuse, say=TEXT.",
			`With --cps each behaviour may say of which: "ok, CP_00* ko, CP_[0101-0200] slow=2s, 5% mute". The later ones win. A share is always the same ones.`,
			"Exit: 0 stopped as asked, 1 could not go on, 2 wrong usage.",
		},
	}
}

// check holds settings to each other.
func (o *options) check() (setting string, why error) {
	if setting, why = o.tls.Check(true, "listen"); why != nil {
		return setting, why
	}
	if setting, why = o.httpTLS.Check(o.http != "", "http"); why != nil {
		return setting, why
	}
	tried := engine.New(engine.Options{CPs: o.cps})
	for _, a := range o.behaviour {
		if err := tried.Assignable(a); err != nil {
			return "behaviour", err
		}
	}
	for _, step := range o.script {
		if err := tried.Assignable(step.Assignment); err != nil {
			return "script", err
		}
	}
	return "", nil
}

// first is the behaviour of all charge points with which the list begins; the zero Behaviour
// if it begins with some.
func (o *options) first() engine.Behaviour {
	if o.behaviour[0].Of == (engine.Selection{}) {
		return o.behaviour[0].Behaviour
	}
	return engine.Behaviour{}
}

// rest are the assignments behind first.
func (o *options) rest() []engine.Assignment {
	if o.behaviour[0].Of == (engine.Selection{}) {
		return o.behaviour[1:]
	}
	return o.behaviour
}

func (o *options) setCPs(s string) (err error) {
	o.cps, err = engine.ParseCPs(s)
	return err
}

func (o *options) setBehaviour(s string) (err error) {
	o.behaviour, err = engine.ParseAssignments(s)
	return err
}

func (o *options) setScript(s string) (err error) {
	o.written = s
	o.script, err = engine.ParseScript(s)
	return err
}
