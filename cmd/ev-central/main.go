// Command ev-central is EV_Central: Monitors register with it, it keeps the state
// of every charge point, and shows it in a browser. Try ev-central --help.
package main

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"evcp"
	"evcp/internal/central"
	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/dashboard"
	"evcp/internal/language"
	"evcp/internal/status"
	"evcp/internal/systemd"
	"evcp/internal/version"
)

const name = "ev-central"

func main() {
	var o options
	cli.Main(program(&o), o.run)
}

const (
	// httpDrain is how long open requests of the page may take at a stop.
	httpDrain = time.Second
	// stopLimit is how long a stop may take even if a disk hangs.
	stopLimit = 1900 * time.Millisecond
)

func (o *options) run(ctx context.Context, in config.Invocation) (err error) {
	o.sources, o.said = in.Sources, in.Language
	if setting := o.authority.given(); setting != "" && in.Command != "ca issue" {
		return cli.UsageError(language.Errorf("--%s: it goes with ca issue", setting))
	}
	switch in.Command {
	case "":
		return o.serve(ctx)
	case "forget":
	case "user add", "user password", "user list", "user remove", "token", "token list", "token revoke":
		if o.stateDir, err = cli.StateDir(o.stateDir, name, os.Getenv); err != nil {
			return err
		}
		return accountCommand{o.people, o.stateDir, in.Operand, in.Language, os.Stdin, os.Stdout}.run(ctx, in.Command)
	case "alert test":
		if in.Operand != "" {
			return cli.UsageError(language.Errorf("unexpected argument %s.", in.Operand))
		}
		if o.stateDir, err = cli.StateDir(o.stateDir, name, os.Getenv); err != nil {
			return err
		}
		return o.alertTest(ctx, in.Language, os.Stdout)
	case "ca init", "ca issue", "ca revoke", "ca list":
		return o.authority.run(in, os.Stdout)
	default:
		if o.stateDir, err = cli.StateDir(o.stateDir, name, os.Getenv); err != nil {
			return err
		}
		return historyCommand{o.reports, o.stateDir, o.board.notice, in.Operand, in.Language, os.Stdout}.run(ctx, in.Command)
	}
	if in.Operand == "" {
		return cli.UsageError(language.New("forget which charge point? ev-central forget CP_001"))
	}
	var id evcp.CPID
	if err := config.CPID(&id)(in.Operand); err != nil {
		return cli.UsageError(language.Errorf("forget %s: %w", strconv.Quote(in.Operand), err))
	}
	if o.stateDir, err = cli.StateDir(o.stateDir, name, os.Getenv); err != nil {
		return err
	}
	return forget(ctx, o.stateDir, id, o.said, os.Stdout)
}

// serve runs Central and its page until ctx ends. The ports come first: they are most
// often wrong, and the state folder must not be written then.
func (o *options) serve(ctx context.Context) (err error) {
	if o.stateDir, err = cli.StateDir(o.stateDir, name, os.Getenv); err != nil {
		return err
	}
	monitors, err := o.listenToMonitors(ctx)
	defer closeAll(monitors)
	if err != nil {
		return err
	}
	pages, err := cli.ListenHTTP(ctx, o.http, &o.httpTLS, &o.files)
	if err != nil {
		return err
	}
	if pages != nil {
		defer pages.Close()
	}
	co := central.Options{Heartbeat: o.heartbeat, StateDir: o.stateDir}
	if o.registry != "" {
		if co.Registry, err = central.OpenRegistry(o.registry); err != nil {
			return cli.UsageError(language.Errorf("--registry: %w", err))
		}
	}
	if o.reports.ports != "" {
		if _, err := readPorts(o.reports.ports, time.UTC); err != nil {
			return cli.UsageError(err)
		}
	}
	if err := o.alerts.open(&o.files); err != nil {
		return err
	}
	if err := o.board.openSecret(&o.files); err != nil {
		return cli.UsageError(language.Errorf("--oidc-client-secret-file: %w", err))
	}
	con := o.log.OpenLog(o.said)
	defer con.Close()
	defer cli.WatchFiles(ctx, &o.files, con.Logger(), con.Language())()
	co.Logger, co.LogLost, co.Language = con.Logger(), con.Lost, con.Language()
	if con.Terminal() {
		co.LogLines = linesAtATerminal
	}
	c, err := central.New(co)
	if err != nil {
		return err
	}
	board := o.openBoard(con)
	follower, closeHistory, err := o.openHistory(con)
	if err != nil {
		return errors.Join(err, board.Close(), c.Close())
	}
	ctx, end := cli.Attend(ctx, con, con.Language().Text("Keys: q or Ctrl-C stops it, ? shows this."))
	defer end()
	p := &centralProcess{console: con, central: c, options: o, registry: co.Registry, follower: follower, board: board, notify: systemd.Open(os.Getenv, con.Logger())}
	p.socket = status.OpenSocket(ctx, o.stateDir) // before the log says that it started: commands may follow at once
	p.alerts = p.startAlerting()
	p.showStarted(monitors, pages)
	if pages != nil {
		p.offerFirstToken(pageURL(pages))
	}
	return bounded(ctx, func() error {
		return errors.Join(p.run(ctx, monitors, pages), closeHistory(), board.Close(), c.Close())
	})
}

// linesAtATerminal is central.Options.LogLines for a person.
const linesAtATerminal = 3

// listenToMonitors opens the ports for Monitors, without TLS and with, as far as they are asked for.
func (o *options) listenToMonitors(ctx context.Context) (all []net.Listener, err error) {
	server, err := o.tls.Open(&o.files)
	if err != nil {
		return nil, err
	}
	for _, port := range []struct{ address, flag string }{{o.listen, "--listen"}, {o.tlsListen, "--tls-listen"}} {
		if port.address == "" {
			continue
		}
		ln, err := cli.Listen(ctx, port.address, port.flag)
		if err != nil {
			return all, err
		}
		if port.flag == "--tls-listen" {
			ln = &central.SecureListener{Listener: ln, Server: server}
		}
		all = append(all, ln)
	}
	return all, nil
}

func closeAll(listeners []net.Listener) {
	for _, ln := range listeners {
		ln.Close()
	}
}

// bounded runs f, and stops waiting for it stopLimit after ctx has ended.
func bounded(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(stopLimit):
		return language.New("stopped without waiting any longer: the state folder does not answer")
	}
}

// run serves Monitors and pages at once. When one of them fails, both end.
func (p *centralProcess) run(ctx context.Context, monitors []net.Listener, pages net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var pageErr error
	p.page = dashboard.New(dashboard.Options{
		Central: p.central, Version: version.String(), Notice: p.options.board.notice, History: p.past(), Metrics: append(p.alerts.metrics(), p.options.files.Metrics), Alerts: p.alerts.source(),
		Accounts: p.board.accounts, Operations: p.board.operations, Access: p.options.board.rules(pages), FirstUsed: p.dropFirstToken, FilesLost: p.filesLost, PortsFile: p.options.reports.portsFile(),
		Party: p.options.board.party, PageURL: p.options.board.pageURL, Provider: p.options.board.signInProvider(),
	})
	wg.Go(func() { p.page.Run(ctx) }) // alerts need the sites, also where no page is served
	if pages != nil {
		wg.Go(func() {
			defer cancel()
			pageErr = dashboard.Serve(ctx, pages, p.page, httpDrain)
		})
	}
	wg.Go(func() { p.refreshLive(ctx) })
	wg.Go(func() { p.serveSocket(ctx) })
	if p.follower != nil {
		wg.Go(func() { p.follower.Run(ctx) })
	}
	wg.Go(func() { p.alerts.run(ctx) })
	wg.Go(func() { p.notify.Run(ctx, p.watchdog()) })
	err := p.central.Serve(ctx, monitors...)
	cancel()
	wg.Wait()
	p.showStopped()
	return errors.Join(err, pageErr)
}
